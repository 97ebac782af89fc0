#include "dataplane/ports/attachment.hpp"

#include <gtest/gtest.h>

namespace alkaid {
namespace {

TEST(Attachment, KnownKinds) {
  std::string error;
  const auto packet = Attachment::parse("af_packet:tapgreen-1", error);
  ASSERT_TRUE(packet) << error;
  EXPECT_EQ(packet->kind, AttachmentKind::kAfPacket);
  EXPECT_EQ(packet->device, "tapgreen-1");
  EXPECT_EQ(Attachment::parse("af_xdp:eth1", error)->kind, AttachmentKind::kAfXdp);
  EXPECT_EQ(Attachment::parse("tap:t0", error)->kind, AttachmentKind::kTap);
  EXPECT_EQ(Attachment::parse("ring:r", error)->kind, AttachmentKind::kRing);
  EXPECT_EQ(Attachment::parse("null:", error)->kind, AttachmentKind::kNull);
  const auto pcap = Attachment::parse("pcap:rx=in.pcap,tx=out.pcap,loop=1", error);
  ASSERT_TRUE(pcap) << error;
  EXPECT_EQ(pcap->rx_file, "in.pcap");
  EXPECT_EQ(pcap->tx_file, "out.pcap");
  EXPECT_TRUE(pcap->pcap_loop);
}

class BadAttachment : public ::testing::TestWithParam<const char*> {};

TEST_P(BadAttachment, IsRefusedWithATextThatNamesIt) {
  std::string error;
  EXPECT_FALSE(Attachment::parse(GetParam(), error));
  EXPECT_FALSE(error.empty());
}

INSTANTIATE_TEST_SUITE_P(Texts, BadAttachment,
                         ::testing::Values("", "af_packet", "af_packet:", "af_packet:a/b",
                                           "af_packet:a,qpairs=9", "af_packet:sixteen-letters-",
                                           "af_packet:..", "tap:a b", "floppy:0", "pcap:",
                                           "pcap:rx=", "pcap:infinite_rx=1", "vhost-user:/run/x"));

}  // namespace
}  // namespace alkaid
