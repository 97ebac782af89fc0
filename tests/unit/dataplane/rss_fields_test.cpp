#include "dataplane/ports/rss_fields.hpp"

#include <gtest/gtest.h>

namespace alkaid {
namespace {

constexpr std::uint64_t kUdp = RTE_ETH_RSS_NONFRAG_IPV4_UDP;

TEST(RssFields, AreAmongTheOnesOffered) {
  EXPECT_EQ(rss_fields(0, false), 0U);
  EXPECT_EQ(rss_fields(kUdp, false), kUdp);
  EXPECT_EQ(rss_fields(kUdp | RTE_ETH_RSS_L2_PAYLOAD | RTE_ETH_RSS_ESP, false), kUdp);
}

TEST(RssFields, AreTheInnerOnesOfTunnelsWhereTheCardCan) {
  constexpr std::uint64_t kBoth = kUdp | RTE_ETH_RSS_LEVEL_MASK;
  EXPECT_EQ(rss_fields(kBoth, true), kUdp | RTE_ETH_RSS_LEVEL_INNERMOST);
  EXPECT_EQ(rss_fields(kBoth, false), kUdp);
  EXPECT_EQ(rss_fields(kUdp | RTE_ETH_RSS_LEVEL_OUTERMOST, true), kUdp);
  EXPECT_EQ(rss_fields(RTE_ETH_RSS_LEVEL_INNERMOST, true), 0U) << "of no fields";
}

}  // namespace
}  // namespace alkaid
