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
  EXPECT_EQ(packet->queues, 0);
  const auto queues = Attachment::parse("af_packet:up0,queues=64", error);
  ASSERT_TRUE(queues) << error;
  EXPECT_EQ(queues->device, "up0");
  EXPECT_EQ(queues->queues, 64);
  const auto xdp = Attachment::parse("af_xdp:eth1", error);
  ASSERT_TRUE(xdp) << error;
  EXPECT_EQ(xdp->kind, AttachmentKind::kAfXdp);
  EXPECT_EQ(xdp->xdp_mode, XdpMode::kAutomatic);
  const auto generic = Attachment::parse("af_xdp:eth1,mode=generic", error);
  ASSERT_TRUE(generic) << error;
  EXPECT_EQ(generic->device, "eth1");
  EXPECT_EQ(generic->xdp_mode, XdpMode::kGeneric);
  EXPECT_EQ(Attachment::parse("af_xdp:eth1,mode=native", error)->xdp_mode, XdpMode::kNative);
  EXPECT_EQ(Attachment::parse("tap:t0", error)->kind, AttachmentKind::kTap);
  EXPECT_EQ(Attachment::parse("ring:r", error)->kind, AttachmentKind::kRing);
  EXPECT_EQ(Attachment::parse("null:", error)->kind, AttachmentKind::kNull);
  const auto pcap = Attachment::parse("pcap:rx=in.pcap,tx=out.pcap,loop=1", error);
  ASSERT_TRUE(pcap) << error;
  EXPECT_EQ(pcap->rx_file, "in.pcap");
  EXPECT_EQ(pcap->tx_file, "out.pcap");
  EXPECT_TRUE(pcap->pcap_loop);
  const auto vlan = Attachment::parse("vlan:trunk0/4094", error);
  ASSERT_TRUE(vlan) << error;
  EXPECT_EQ(vlan->kind, AttachmentKind::kVlan);
  EXPECT_EQ(vlan->device, "trunk0");
  EXPECT_EQ(vlan->vlan, 4094);
  const auto device = Attachment::parse("dev:0000:3b:00.0_representor_vf0", error);
  ASSERT_TRUE(device) << error;
  EXPECT_EQ(device->kind, AttachmentKind::kDevice);
  EXPECT_EQ(device->device, "0000:3b:00.0_representor_vf0");
  const auto one_queue = Attachment::parse("dev:0000:3b:00.0,queues=1", error);
  ASSERT_TRUE(one_queue) << error;
  EXPECT_EQ(one_queue->device, "0000:3b:00.0");
  EXPECT_EQ(one_queue->queues, 1);
  const auto guest = Attachment::parse("vhost-user:/run/alkaid/vhost/p-1.sock", error);
  ASSERT_TRUE(guest) << error;
  EXPECT_EQ(guest->kind, AttachmentKind::kVhost);
  EXPECT_EQ(guest->device, "/run/alkaid/vhost/p-1.sock");
  EXPECT_FALSE(guest->is_server);
  EXPECT_TRUE(guest->is_for_guests_only());
  EXPECT_TRUE(Attachment::parse("vhost-user-server:/run/p-1.sock", error)->is_server);
}

class BadAttachment : public ::testing::TestWithParam<const char*> {};

TEST_P(BadAttachment, IsRefusedWithATextThatNamesIt) {
  std::string error;
  EXPECT_FALSE(Attachment::parse(GetParam(), error));
  EXPECT_FALSE(error.empty());
}

INSTANTIATE_TEST_SUITE_P(
    Texts, BadAttachment,
    ::testing::Values("", "af_packet", "af_packet:", "af_packet:a/b", "af_packet:a,qpairs=9",
                      "af_packet:a,queues=", "af_packet:a,queues=0", "af_packet:a,queues=65",
                      "af_packet:a,queues=-1", "af_packet:a,queues=2,queues=2",
                      "af_packet:,queues=2", "af_xdp:a,queues=2", "dev:a,queues=x",
                      "tap:a,queues=2", "af_packet:sixteen-letters-", "af_xdp:a,",
                      "af_xdp:a,mode=", "af_xdp:,mode=native", "af_xdp:a,mode=native,",
                      "af_xdp:a,mode=fast", "af_packet:..", "tap:a b", "floppy:0",
                      "pcap:", "pcap:rx=", "pcap:infinite_rx=1", "vhost:/run/x", "vhost-user:",
                      "vhost-user:x.sock", "vhost-user:/", "vhost-user:/run/", "vhost-user:/run//x",
                      "vhost-user:/run/../x", "vhost-user:/run/./x", "vhost-user:/run/a b",
                      "vhost-user:/run/a,server=1", "vhost-user:/run/\n", "vhost-user-server:/a/..",
                      "vhost-user:/0123456789012345678901234567890123456789012345678901234567890123"
                      "45678901234567890123456789012345678901234567",
                      "vlan:", "vlan:trunk0", "vlan:trunk0/", "vlan:/5", "vlan:trunk0/0",
                      "vlan:trunk0/4095", "vlan:trunk0/-1", "vlan:trunk0/5x", "vlan:trunk0/65541",
                      "vlan:a,b/5", "vlan:trunk0/5/6", "dev:", "dev:a,b", "dev:a b", "dev:a/b"));

}  // namespace
}  // namespace alkaid
