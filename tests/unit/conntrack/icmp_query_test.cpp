#include "dataplane/conntrack/icmp_query.hpp"

#include <gtest/gtest.h>

namespace alkaid::test {
namespace {

constexpr BigEndian16 kIdentifier{0x1234};

TEST(IcmpQuery, RequestAndReplyAreEachOthersOpposite) {
  struct Pair {
    std::uint8_t protocol;
    std::uint8_t request;
    std::uint8_t reply;
    std::uint16_t port;
  };
  for (const Pair& pair : {Pair{ip_protocol::kIcmp, 8, 0, 0x0800},
                           {ip_protocol::kIcmp, 13, 14, 0x0d00},
                           {ip_protocol::kIcmp, 15, 16, 0x0f00},
                           {ip_protocol::kIcmp, 17, 18, 0x1100},
                           {ip_protocol::kIcmpv6, 128, 129, 0x8000}}) {
    const auto request = icmp_query_ports(pair.protocol, pair.request, kIdentifier);
    const auto reply = icmp_query_ports(pair.protocol, pair.reply, kIdentifier);
    ASSERT_TRUE(request && reply);
    EXPECT_TRUE(request->is_request);
    EXPECT_FALSE(reply->is_request);
    EXPECT_EQ(request->source_port, kIdentifier);
    EXPECT_EQ(request->destination_port, BigEndian16{pair.port});
    EXPECT_EQ(reply->source_port, request->destination_port);
    EXPECT_EQ(reply->destination_port, request->source_port);
  }
}

TEST(IcmpQuery, NothingElseIsOne) {
  int queries = 0;
  for (unsigned type = 0; type < 256; ++type) {
    const auto number = static_cast<std::uint8_t>(type);
    queries += icmp_query_ports(ip_protocol::kIcmp, number, kIdentifier).has_value() ? 1 : 0;
    queries += icmp_query_ports(ip_protocol::kIcmpv6, number, kIdentifier).has_value() ? 1 : 0;
    EXPECT_FALSE(icmp_query_ports(ip_protocol::kUdp, number, kIdentifier));
  }
  EXPECT_EQ(queries, 10);
}

}  // namespace
}  // namespace alkaid::test
