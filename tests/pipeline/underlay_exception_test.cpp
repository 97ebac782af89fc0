// What the uplink carries beside VXLAN goes to the host's kernel and comes from it.
#include <gtest/gtest.h>

#include "dataplane/packet/link_local.hpp"
#include "tests/pipeline/case.hpp"
#include "tests/pipeline/frames.hpp"
#include "tests/pipeline/neighbor_messages.hpp"

namespace alkaid::test {
namespace {

using namespace net;

constexpr MacAddress kOther = MacAddress::from_number(0x020000000055);
constexpr Ipv4Address kOtherIp{0x0a000055};
constexpr std::uint32_t kRate = 20;
const std::string kTap = "host";

DataplaneSettings settings() {
  auto settings = PipelineLab::default_settings();
  settings.exception = Attachment{.kind = AttachmentKind::kRing, .device = kTap};
  settings.exception_text = "ring:" + kTap;
  settings.exception_rate = kRate;
  return settings;
}

Bytes tcp_frame(const MacAddress& destination_mac, std::uint8_t protocol = ip_protocol::kTcp) {
  return packet()
      .ethernet({.source = kOther, .destination = destination_mac})
      .ipv4({.source = kOtherIp, .destination = kOwnVtep, .protocol = protocol})
      .tcp({.destination_port = 50001})
      .build();
}

class Exception : public ::testing::Test {
 protected:
  Exception() : lab_(settings()) { lab_.program_network(); }
  PipelineLab lab_;
};

TEST_F(Exception, TheKernelGetsWhatIsNotOurs) {
  const MacAddress mac = uplink_mac(lab_);
  const auto fragment = packet()
                            .ethernet({.source = kOther, .destination = mac})
                            .ipv4({.source = kOtherIp,
                                   .destination = kOwnVtep,
                                   .more_fragments = true,
                                   .protocol = ip_protocol::kUdp})
                            .payload_of_size(16)
                            .build();
  const auto broadcast = packet()
                             .ethernet({.source = kOther, .destination = kBroadcastMac})
                             .ipv4({.source = kOtherIp, .destination = Ipv4Address{0xffffffff}})
                             .udp({.source_port = 67, .destination_port = 68})
                             .build();
  const auto lldp = packet()
                        .ethernet({.source = kOther,
                                   .destination = MacAddress::from_number(0x0180c200000e),
                                   .type = 0x88cc})
                        .payload_of_size(40)
                        .build();
  const auto other_address = tunnelled(udp_frame(kGreen2, kGreen1.mac, kGreen1.ip), mac,
                                       {.destination = Ipv4Address{0x0a000002}});
  const auto ipv6 = packet().ethernet({.source = kOther, .destination = mac}).ipv6().tcp().build();
  const Frames frames{tcp_frame(mac), fragment, broadcast, lldp, other_address, ipv6};
  lab_.send("up", frames);
  EXPECT_EQ(lab_.take(kTap), frames);
  EXPECT_TRUE(lab_.take("up").empty());
  EXPECT_TRUE(lab_.all_drops().empty());
}

TEST_F(Exception, OursStaysOurs) {
  const MacAddress mac = uplink_mac(lab_);
  const auto inner = udp_frame(kGreen2, kGreen1.mac, kGreen1.ip);
  lab_.send("up", {tunnelled(inner, mac), tunnelled(inner, mac, {.flags = 0}),
                   tunnelled(inner, mac, {.vni = 4242}), tcp_frame(kOther)});
  EXPECT_EQ(lab_.take("green-1"), Frames{inner});
  EXPECT_TRUE(lab_.take(kTap).empty());
  EXPECT_EQ(lab_.all_drops(), (std::map<std::string, std::uint64_t>{
                                  {"up vxlan_flags", 1},
                                  {"up vxlan_vni_unknown", 1},
                                  {"up underlay_protocol", 1},  // to another station
                              }));
}

TEST_F(Exception, BothLearnFromArp) {
  const net::Station other{kOtherIp, kOther};
  const net::Station self{kOwnVtep, uplink_mac(lab_)};
  lab_.send("up", {arp_request(other, kOwnVtep)});
  EXPECT_EQ(lab_.take("up"), Frames{arp_reply(uplink_mac(lab_), kOwnVtep, other)});
  EXPECT_TRUE(lab_.take(kTap).empty()) << "one answer is enough";
  const Frames for_kernel{arp_reply(kOther, kOtherIp, self),
                          arp_request(other, Ipv4Address{0x0a000063})};
  lab_.send("up", for_kernel);
  EXPECT_EQ(lab_.take(kTap), for_kernel);
}

TEST(ExceptionV6, BothLearnFromNeighborDiscovery) {
  auto with_v6 = settings();
  const IpAddress own = IpAddress::from_numbers(0x20010db800000000, 1);
  const IpAddress other = IpAddress::from_numbers(0x20010db800000000, 0x55);
  with_v6.vteps.push_back({own, 64});
  PipelineLab lab(with_v6);
  NeighborMessageFields message{.type = icmpv6_type::kNeighborAdvertisement,
                                .link_source = kOther,
                                .link_destination = uplink_mac(lab),
                                .source = other,
                                .destination = own,
                                .target = other,
                                .flags = 0x60000000,
                                .option_mac = kOther};
  const auto advertisement = neighbor_message(message);
  const IpAddress kernels = IpAddress::from_numbers(0xfe80000000000000, 0x1234);
  message = {.link_source = kOther,
             .link_destination = multicast_mac(solicited_node(kernels)),
             .source = other,
             .destination = solicited_node(kernels),
             .target = kernels,
             .option_mac = kOther};
  const auto question = neighbor_message(message);
  message.target = own;
  lab.send("up", {advertisement, question, neighbor_message(message)});
  EXPECT_EQ(lab.take(kTap), (Frames{advertisement, question}));
  EXPECT_EQ(lab.take("up").size(), 1U) << "the answer for the endpoint";
}

TEST_F(Exception, TheKernelsFramesLeaveUntouched) {
  const auto frame = packet()
                         .ethernet({.source = uplink_mac(lab_), .destination = kOther})
                         .ipv4({.source = kOwnVtep, .destination = kOtherIp})
                         .tcp()
                         .build();
  lab_.send(kTap, {frame, arp_request({kOwnVtep, uplink_mac(lab_)}, kOtherIp)});
  EXPECT_EQ(lab_.take("up"), (Frames{frame, arp_request({kOwnVtep, uplink_mac(lab_)}, kOtherIp)}));
}

TEST_F(Exception, TheTapHasTheUplinksAddressAndMtu) {
  const auto views = lab_.dataplane().ports().views();
  EXPECT_TRUE(views.at(0).port->is_uplink);
  EXPECT_TRUE(views.at(1).port->is_exception);
  EXPECT_EQ(views[1].port->mac, views[0].port->mac);
  EXPECT_EQ(views[1].port->mtu, views[0].port->mtu);
}

TEST_F(Exception, FloodsAreLimitedAndCounted) {
  lab_.send("up", Frames(50, tcp_frame(uplink_mac(lab_))));
  EXPECT_EQ(lab_.take(kTap).size(), kRate);
  EXPECT_EQ(lab_.drops("up", DropReason::exception_rate_limited), 50 - kRate);
}

TEST(ExceptionVlan, TheKernelSeesNoTag) {
  auto tagged_settings = settings();
  tagged_settings.uplink_vlan = 100;
  PipelineLab lab(tagged_settings);
  const auto tagged = [](Bytes frame) {
    frame.insert(frame.begin() + 12, {0x81, 0x00, 0x00, 100});
    return frame;
  };
  const auto frame = tcp_frame(uplink_mac(lab));
  lab.send("up", {tagged(frame), frame});
  EXPECT_EQ(lab.take(kTap), Frames{frame});
  EXPECT_EQ(lab.drops("up", DropReason::underlay_vlan), 1U);
  lab.send(kTap, {frame});
  EXPECT_EQ(lab.take("up"), Frames{tagged(frame)});
}

TEST(ExceptionOff, NothingIsHandedOver) {
  PipelineLab lab;
  lab.send("up", {tcp_frame(uplink_mac(lab))});
  EXPECT_EQ(lab.drops("up", DropReason::underlay_protocol), 1U);
}

}  // namespace
}  // namespace alkaid::test
