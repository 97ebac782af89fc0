// DHCPv6 and router advertisements, answered on the host.
#include <set>
#include <string>

#include <gtest/gtest.h>

#include "dataplane/packet/checksum.hpp"
#include "dataplane/packet/link_local.hpp"
#include "dataplane/packet/parse.hpp"
#include "tests/pipeline/frames.hpp"
#include "tests/support/dhcpv6_messages.hpp"

namespace alkaid::test {
namespace {

using namespace net;
using Type = Dhcpv6MessageType;

const IpAddress kGreen1V6 = *IpAddress::parse("2001:db8:1::b");
const IpAddress kServers = *IpAddress::parse("ff02::1:2");
const IpAddress kGatewayLinkLocal = link_local_address(kGreenGatewayMac);
const IpAddress kGreen1LinkLocal = link_local_address(kGreen1.mac);

SegmentConfig dual_stack_segment() {
  auto segment = PipelineLab::segment_config(kGreen);
  segment.prefixes.push_back(*IpPrefix::parse("2001:db8:1::/64"));
  segment.gateways.push_back({*IpAddress::parse("2001:db8:1::1"), kGreenGatewayMac});
  segment.dns_servers.push_back(*IpAddress::parse("2001:db8::53"));
  return segment;
}

struct Lab : PipelineLab {
  Lab() {
    EXPECT_FALSE(programmer().set(dual_stack_segment()));
    EXPECT_FALSE(programmer().set(
        DhcpBindingConfig{{kGreen, kGreen1.mac}, IpAddress{kGreen1.ip}, kGreen1V6, "green-1"}));
    walk();
    take("green-1");
  }
};

struct Dhcpv6FrameFields {
  MacAddress source_mac = kGreen1.mac;
  MacAddress destination_mac = multicast_mac(kServers);
  IpAddress source = kGreen1LinkLocal;
  IpAddress destination = kServers;
  std::optional<std::uint16_t> checksum;
};

Bytes dhcpv6_frame(const Dhcpv6ClientMessage& message, const Dhcpv6FrameFields& fields = {}) {
  return packet()
      .ethernet({.source = fields.source_mac, .destination = fields.destination_mac})
      .ipv6({.source = fields.source, .destination = fields.destination, .hop_limit = 1})
      .udp({.source_port = 546, .destination_port = 547, .checksum = fields.checksum})
      .payload(message.build())
      .build();
}

Dhcpv6ClientMessage solicit() {
  return Dhcpv6ClientMessage{Type::kSolicit}.client().asks_for({23}).ia_na(1);
}

TEST(Dhcpv6, SolicitIsAdvertised) {
  Lab lab;
  lab.send("green-1", {dhcpv6_frame(solicit())});
  const auto out = lab.take("green-1");
  ASSERT_EQ(out.size(), 1U);
  FrameHeaders headers;
  ASSERT_EQ(parse_frame(out[0], out[0].size(), headers), DropReason::kNone);
  EXPECT_EQ(headers.source_port.host(), 547);
  EXPECT_EQ(headers.destination_port.host(), 546);
  const auto& ethernet = *reinterpret_cast<const EthernetHeader*>(out[0].data());
  EXPECT_EQ(ethernet.source, kGreenGatewayMac);
  EXPECT_EQ(ethernet.destination, kGreen1.mac);
  const auto& ip = *reinterpret_cast<const Ipv6Header*>(&out[0][14]);
  EXPECT_EQ(IpAddress{ip.source}, kGatewayLinkLocal);
  EXPECT_EQ(IpAddress{ip.destination}, kGreen1LinkLocal);
  const auto udp = std::span{out[0]}.subspan(54);
  EXPECT_EQ(checksum_fold(
                checksum_add(ipv6_pseudo_header_sum(ip, 17, static_cast<std::uint32_t>(udp.size())),
                             udp.data(), udp.size())),
            0xffff);
  std::string error;
  const auto reply = read_dhcpv6_reply(udp.subspan(8), error);
  ASSERT_TRUE(reply) << error;
  EXPECT_EQ(reply->type, Type::kAdvertise);
  EXPECT_EQ(reply->associations.at(0).addresses.at(0).address, kGreen1V6);
  EXPECT_EQ(reply->associations[0].addresses[0].valid, 86400U);
  EXPECT_NE(reply->find(23), nullptr);
  const auto& counters = lab.dataplane().workers().front()->dhcpv6_counters();
  EXPECT_EQ(counters.received[1].read(), 1U);
  EXPECT_EQ(counters.sent[2].read(), 1U);
  EXPECT_EQ(lab.buffers_in_use(), 0U);
}

TEST(Dhcpv6, TheServerStaysTheSameWhereverTheGuestIs) {
  Lab lab;
  lab.send("green-1", {dhcpv6_frame(Dhcpv6ClientMessage{Type::kRenew}
                                        .client()
                                        .server(kGreenGatewayMac)
                                        .ia_na(1, {kGreen1V6}))});
  EXPECT_EQ(lab.take("green-1").size(), 1U);
}

TEST(Dhcpv6, RefusalsNameTheirReason) {
  Lab lab;
  ASSERT_FALSE(lab.programmer().set(unguarded(*lab.dataplane().ports().find_config("green-1"))));
  const auto relay = Dhcpv6ClientMessage{Type::kRelayForward};
  const auto wrong_server =
      Dhcpv6ClientMessage{Type::kRequest}.client().server(kGreen3.mac).ia_na(1);
  lab.send("green-1",
           {dhcpv6_frame(solicit(), {.checksum = 0x1234}), dhcpv6_frame(solicit(), {.checksum = 0}),
            dhcpv6_frame(solicit(), {.source = kGreen1V6}),
            dhcpv6_frame(Dhcpv6ClientMessage{Type::kSolicit}), dhcpv6_frame(relay),
            dhcpv6_frame(Dhcpv6ClientMessage{Type::kAdvertise}), dhcpv6_frame(wrong_server)});
  EXPECT_TRUE(lab.take("green-1").empty());
  const std::map<std::string, std::uint64_t> expected{{"green-1 dhcpv6_malformed", 4},
                                                      {"green-1 dhcpv6_relayed", 1},
                                                      {"green-1 dhcpv6_message_type", 1},
                                                      {"green-1 dhcpv6_other_server", 1}};
  EXPECT_EQ(lab.all_drops(), expected);
  EXPECT_EQ(lab.buffers_in_use(), 0U);
}

TEST(Dhcpv6, OnePortIsNotAnsweredForAnother) {
  Lab lab;
  // green-3 has no binding.
  lab.send("green-3", {dhcpv6_frame(solicit(), {.source_mac = kGreen3.mac,
                                                .source = link_local_address(kGreen3.mac)})});
  EXPECT_EQ(lab.drops("green-3", DropReason::dhcpv6_no_binding), 1U);
  EXPECT_TRUE(lab.take("green-3").empty());
}

TEST(Dhcpv6, ConfirmOfNothingIsNoDrop) {
  Lab lab;
  lab.send("green-1", {dhcpv6_frame(Dhcpv6ClientMessage{Type::kConfirm}.client().ia_na(1))});
  EXPECT_TRUE(lab.take("green-1").empty());
  EXPECT_TRUE(lab.all_drops().empty());
}

TEST(Dhcpv6, UnicastToTheServerIsSentBackToMulticast) {
  Lab lab;
  const auto renew =
      Dhcpv6ClientMessage{Type::kRenew}.client().server(kGreenGatewayMac).ia_na(1, {kGreen1V6});
  lab.send("green-1", {dhcpv6_frame(renew, {.destination_mac = kGreenGatewayMac,
                                            .destination = kGatewayLinkLocal})});
  const auto out = lab.take("green-1");
  ASSERT_EQ(out.size(), 1U);
  std::string error;
  const auto reply = read_dhcpv6_reply(std::span{out[0]}.subspan(62), error);
  ASSERT_TRUE(reply) << error;
  EXPECT_EQ(reply->status(), 5);
}

TEST(Dhcpv6, AnotherServerIsReachedLikeAnyStation) {
  Lab lab;
  const auto frame = dhcpv6_frame(
      solicit(), {.destination_mac = kGreen3.mac, .destination = link_local_address(kGreen3.mac)});
  lab.send("green-1", {frame});
  EXPECT_EQ(lab.take("green-3"), Frames{frame});
}

TEST(Dhcpv6, ModesThatLeaveItUnanswered) {
  Lab lab;
  auto segment = dual_stack_segment();
  segment.ipv6_address_mode = Ipv6AddressMode::kSlaac;
  ASSERT_FALSE(lab.programmer().set(segment));
  lab.send("green-1", {dhcpv6_frame(solicit())});
  EXPECT_EQ(lab.drops("green-1", DropReason::dhcpv6_mode), 1U);
  segment.dhcp_enabled = false;
  ASSERT_FALSE(lab.programmer().set(segment));
  lab.send("green-1", {dhcpv6_frame(solicit())});
  EXPECT_EQ(lab.drops("green-1", DropReason::dhcp_disabled), 1U);
}

TEST(Dhcpv6, OptionsThatTheProtocolOwnsAreRefused) {
  Lab lab;
  auto segment = dual_stack_segment();
  segment.dhcpv6_options = {{3, "x"}};
  const auto error = lab.programmer().set(segment);
  ASSERT_TRUE(error);
  EXPECT_EQ(error->field, "dhcpv6_options.code");
}

Bytes solicitation_frame(const IpAddress& source, std::uint8_t hop_limit = 255) {
  Bytes frame = packet()
                    .ethernet({.source = kGreen1.mac, .destination = multicast_mac(kAllRouters)})
                    .ipv6({.source = source,
                           .destination = kAllRouters,
                           .hop_limit = hop_limit,
                           .next_header = 58})
                    .payload(Bytes{133, 0, 0, 0, 0, 0, 0, 0})
                    .build();
  const auto& ip = *reinterpret_cast<const Ipv6Header*>(&frame[14]);
  const auto checksum =
      checksum_finish(checksum_add(ipv6_pseudo_header_sum(ip, 58, 8), &frame[54], 8));
  std::memcpy(&frame[56], &checksum, 2);
  return frame;
}

void expect_advertisement(const Frames& frames, const MacAddress& mac, const IpAddress& address) {
  ASSERT_EQ(frames.size(), 1U);
  const auto& ethernet = *reinterpret_cast<const EthernetHeader*>(frames[0].data());
  EXPECT_EQ(ethernet.source, kGreenGatewayMac);
  EXPECT_EQ(ethernet.destination, mac);
  const auto& ip = *reinterpret_cast<const Ipv6Header*>(&frames[0][14]);
  EXPECT_EQ(IpAddress{ip.source}, kGatewayLinkLocal);
  EXPECT_EQ(IpAddress{ip.destination}, address);
  EXPECT_EQ(frames[0][54], 134);
  // The MTU comes last: the underlay's 1,500 less the encapsulation's 50.
  EXPECT_EQ(Bytes(frames[0].end() - 8, frames[0].end()),
            (Bytes{5, 1, 0, 0, 0, 0, 1450 >> 8, 1450 & 0xff}));
}

TEST(RouterAdvertisements, AnswerASolicitation) {
  Lab lab;
  lab.send("green-1", {solicitation_frame(kGreen1LinkLocal)});
  expect_advertisement(lab.take("green-1"), kGreen1.mac, kGreen1LinkLocal);
  EXPECT_TRUE(lab.take("green-3").empty());
  EXPECT_TRUE(lab.all_drops().empty());
  EXPECT_EQ(lab.buffers_in_use(), 0U);
}

TEST(RouterAdvertisements, AnswerAGuestWithoutAddressToAllNodes) {
  Lab lab;
  lab.send("green-1", {solicitation_frame(IpAddress{})});
  expect_advertisement(lab.take("green-1"), multicast_mac(kAllNodes), kAllNodes);
  EXPECT_TRUE(lab.take("green-3").empty()) << "only the port that asked";
}

TEST(RouterAdvertisements, RefusalsNameTheirReason) {
  Lab lab;
  lab.send("green-1", {solicitation_frame(kGreen1LinkLocal, 64)});
  EXPECT_EQ(lab.drops("green-1", DropReason::router_solicitation_malformed), 1U);
  ASSERT_FALSE(lab.programmer().set(PipelineLab::segment_config(kGreen)));
  lab.send("green-1", {solicitation_frame(kGreen1LinkLocal)});
  EXPECT_EQ(lab.drops("green-1", DropReason::router_solicitation_no_ipv6), 1U);
  EXPECT_TRUE(lab.take("green-1").empty());
}

// The advertiser by itself, with a clock of the test's own.
class Unsolicited : public ::testing::Test {
 protected:
  void set_up(std::chrono::seconds interval = std::chrono::seconds{600}) {
    advertiser_ = std::make_unique<RouterAdvertiser>(
        lab_.dataplane().tables().segments, lab_.dataplane().port_table(), interval,
        [this](const Port& port, std::span<const std::uint8_t> frame) {
          sent_.push_back(port.id);
          EXPECT_EQ(frame[54], 134);
          return true;
        });
  }
  const Port& port(const std::string& id) { return *lab_.dataplane().ports().find(id); }
  // Ticks once a second.
  std::vector<std::string> run(std::chrono::seconds time) {
    sent_.clear();
    for (const auto end = now_ + time; now_ < end; now_ += std::chrono::seconds{1}) {
      advertiser_->tick(now_);
    }
    return sent_;
  }

  Lab lab_;
  RouterAdvertiser::Time now_{std::chrono::hours{1}};
  std::unique_ptr<RouterAdvertiser> advertiser_;
  std::vector<std::string> sent_;
};

TEST_F(Unsolicited, APortThatComesUpGetsThreeSoonThenNowAndThen) {
  set_up();
  advertiser_->port_changed(nullptr, &port("green-1"), now_);
  EXPECT_EQ(run(std::chrono::seconds{1}).size(), 1U) << "at once";
  EXPECT_EQ(run(std::chrono::seconds{15}).size(), 2U);
  const auto hour = run(std::chrono::seconds{3600}).size();
  EXPECT_GE(hour, 6U);
  EXPECT_LE(hour, 18U);
  EXPECT_EQ(advertiser_->sent(), 3 + hour);
}

TEST_F(Unsolicited, NothingIsSentToPortsThatAreDownOrWithoutIpv6) {
  set_up();
  Port down;  // green-3, but for its admin state
  down.index = port("green-3").index;
  down.generation = port("green-3").generation;
  down.attached = true;
  down.zone_v6 = port("green-3").zone_v6;
  advertiser_->port_changed(nullptr, &down, now_);
  advertiser_->port_changed(nullptr, &port("red-1"), now_);
  EXPECT_TRUE(run(std::chrono::seconds{3600}).empty());
  advertiser_->port_changed(nullptr, &port("green-3"), now_);
  advertiser_->port_changed(&port("green-3"), &down, now_);
  EXPECT_TRUE(run(std::chrono::seconds{3600}).empty());
  advertiser_->port_changed(nullptr, &port("green-3"), now_);
  advertiser_->port_changed(&port("green-3"), nullptr, now_);
  EXPECT_TRUE(run(std::chrono::seconds{3600}).empty());
}

TEST_F(Unsolicited, AChangedSegmentIsToldSoon) {
  set_up();
  advertiser_->port_changed(nullptr, &port("green-1"), now_);
  run(std::chrono::seconds{20});
  const auto& segments = lab_.dataplane().tables().segments;
  const Segment before = *segments.find(kGreen);
  advertiser_->segment_changed(&before, before, now_);
  EXPECT_TRUE(run(std::chrono::seconds{2}).empty()) << "nothing new";
  auto config = dual_stack_segment();
  config.ipv6_address_mode = Ipv6AddressMode::kSlaac;
  ASSERT_FALSE(lab_.programmer().set(config));
  advertiser_->segment_changed(&before, *segments.find(kGreen), now_);
  EXPECT_EQ(run(std::chrono::seconds{15}).size(), 3U);
}

TEST_F(Unsolicited, ChangesInARowAreNotABurst) {
  set_up();
  for (int i = 0; i < 10; ++i) {
    advertiser_->port_changed(nullptr, &port("green-1"), now_);
    run(std::chrono::seconds{1});
  }
  EXPECT_LE(advertiser_->sent(), 4U) << "three seconds lie between two";
}

TEST_F(Unsolicited, ManyPortsAreServedOneAfterTheOther) {
  set_up();
  constexpr std::uint8_t kPorts = 20;
  for (std::uint8_t i = 0; i < kPorts; ++i) {
    const std::string id = "many-" + std::to_string(i);
    auto config = PipelineLab::port_config(
        id, kGreen, {Ipv4Address{0x0a010080U + i}, MacAddress::from_number(0x020000010080U + i)});
    config.attachment = "null:";
    ASSERT_FALSE(lab_.programmer().set(config));
    advertiser_->port_changed(nullptr, &port(id), now_);
  }
  advertiser_->tick(now_);
  EXPECT_EQ(sent_.size(), RouterAdvertiser::kMostPerTick);
  for (int i = 0; i < 10; ++i) {
    advertiser_->tick(now_);
  }
  EXPECT_EQ((std::set<std::string>{sent_.begin(), sent_.end()}).size(), kPorts);
}

TEST_F(Unsolicited, CanBeSwitchedOff) {
  set_up(std::chrono::seconds{0});
  advertiser_->port_changed(nullptr, &port("green-1"), now_);
  EXPECT_TRUE(run(std::chrono::seconds{3600}).empty());
}

TEST(RouterAdvertisements, ComeWithThePort) {
  auto settings = PipelineLab::default_settings();
  settings.ra_interval = std::chrono::seconds{600};
  PipelineLab lab{settings};
  ASSERT_FALSE(lab.programmer().set(dual_stack_segment()));
  lab.make_rings("green-1");
  ASSERT_FALSE(lab.programmer().set(PipelineLab::port_config("green-1", kGreen, kGreen1)));
  lab.walk();
  expect_advertisement(lab.take("green-1"), multicast_mac(kAllNodes), kAllNodes);
}

}  // namespace
}  // namespace alkaid::test
