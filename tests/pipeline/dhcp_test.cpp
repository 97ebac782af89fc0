// DHCPv4 through the pipeline: who is answered, where to, and what is not.
#include <map>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dataplane/packet/checksum.hpp"
#include "dataplane/packet/parse.hpp"
#include "tests/pipeline/case.hpp"
#include "tests/pipeline/frames.hpp"
#include "tests/support/dhcp_messages.hpp"

namespace alkaid::test {
namespace {

using namespace net;
using Type = DhcpMessageType;

constexpr Ipv4Address kEverybody{0xffffffff};
constexpr MacAddress kNestedMac = MacAddress::from_number(0x0200000000ee);
constexpr Ipv4Address kNestedIp{0x0a0100ee};
constexpr std::size_t kMessageOffset = 42;

DhcpClientMessage message_of(Type type, DhcpClientFields fields = {}) {
  if (fields.client_mac == DhcpClientFields{}.client_mac) {
    fields.client_mac = kGreen1.mac;
  }
  DhcpClientMessage message{fields};
  message.type(type);
  return message;
}

struct FrameFields {
  MacAddress destination_mac = kBroadcastMac;
  Ipv4Address source;
  Ipv4Address destination = kEverybody;
  std::uint16_t source_port = 68;
  std::optional<std::uint16_t> checksum;
};

Bytes frame_of(const Bytes& message, const FrameFields& fields = {}) {
  return packet()
      .ethernet({.source = kGreen1.mac, .destination = fields.destination_mac})
      .ipv4({.source = fields.source, .destination = fields.destination})
      .udp({.source_port = fields.source_port, .destination_port = 67, .checksum = fields.checksum})
      .payload(message)
      .build();
}

struct Reply {
  EthernetHeader ethernet;
  Ipv4Header ip;
  UdpHeader udp;
  DhcpReply message;
};

// The one reply in `frames`, checked as a receiver would.
std::optional<Reply> read_reply(const Frames& frames) {
  if (frames.size() != 1 || frames[0].size() < kMessageOffset) {
    ADD_FAILURE() << frames.size() << " frames";
    return std::nullopt;
  }
  const Bytes& frame = frames[0];
  FrameHeaders headers;
  EXPECT_EQ(parse_frame(frame, frame.size(), headers), DropReason::kNone);
  Reply reply;
  std::memcpy(&reply.ethernet, frame.data(), sizeof(reply.ethernet));
  std::memcpy(&reply.ip, frame.data() + 14, sizeof(reply.ip));
  std::memcpy(&reply.udp, frame.data() + 34, sizeof(reply.udp));
  const auto udp_length = static_cast<std::uint16_t>(frame.size() - 34);
  EXPECT_EQ(reply.udp.length.host(), udp_length);
  EXPECT_EQ(checksum_fold(checksum_add(ipv4_pseudo_header_sum(reply.ip, udp_length),
                                       frame.data() + 34, udp_length)),
            0xffff);
  EXPECT_EQ(reply.udp.source_port.host(), 67);
  EXPECT_EQ(reply.ethernet.source, kGreenGatewayMac);
  EXPECT_EQ(reply.ip.source, kGreenGateway);
  std::string error;
  const auto message = read_dhcp_reply(std::span{frame}.subspan(kMessageOffset), error);
  EXPECT_TRUE(message) << error;
  if (!message) {
    return std::nullopt;
  }
  reply.message = *message;
  return reply;
}

TEST(Dhcp, DiscoverIsOfferedTheBinding) {
  PipelineLab lab;
  lab.send("green-1", {frame_of(message_of(Type::kDiscover, {.flags = 0x8000}).build())});
  const auto reply = read_reply(lab.take("green-1"));
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->ethernet.destination, kBroadcastMac);
  EXPECT_EQ(reply->ip.destination, kEverybody);
  EXPECT_EQ(reply->udp.destination_port.host(), 68);
  EXPECT_EQ(reply->message.type(), Type::kOffer);
  EXPECT_EQ(reply->message.header.your_ip, kGreen1.ip);
  EXPECT_EQ(reply->message.number(54), kGreenGateway.host());
  EXPECT_EQ(reply->message.number(1), 0xffffff00U);
  EXPECT_EQ(reply->message.number(3), kGreenGateway.host());
  EXPECT_EQ(reply->message.number(6), 0x08080808U);
  EXPECT_EQ(reply->message.number(51), 86400U);
  // The underlay's 1,500 less the encapsulation's 50.
  EXPECT_EQ(*reply->message.find(26), (Bytes{1450 >> 8, 1450 & 0xff}));
  EXPECT_EQ(*reply->message.find(12), (Bytes{'g', 'r', 'e', 'e', 'n', '-', '1'}));
  EXPECT_EQ(lab.dataplane().workers().front()->dhcp_counters().received[1].read(), 1U);
  EXPECT_EQ(lab.dataplane().workers().front()->dhcp_counters().sent[2].read(), 1U);
}

struct RequestCase {
  std::string name;
  DhcpClientFields fields;
  std::optional<Ipv4Address> requested;
  std::optional<Ipv4Address> server;
  FrameFields frame;
  // expected
  Type reply;
  MacAddress destination_mac;
  Ipv4Address destination;
};

class DhcpRequestState : public testing::TestWithParam<RequestCase> {};

TEST_P(DhcpRequestState, IsAnswered) {
  const RequestCase& c = GetParam();
  PipelineLab lab;
  auto message = message_of(Type::kRequest, c.fields);
  if (c.requested) {
    message.option(50, *c.requested);
  }
  if (c.server) {
    message.option(54, *c.server);
  }
  lab.send("green-1", {frame_of(message.build(), c.frame)});
  const auto reply = read_reply(lab.take("green-1"));
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->message.type(), c.reply);
  EXPECT_EQ(reply->ethernet.destination, c.destination_mac);
  EXPECT_EQ(reply->ip.destination, c.destination);
  EXPECT_TRUE(lab.all_drops().empty());
}

constexpr Ipv4Address kWrong{0x0a010063};
const FrameFields kToTheServer{
    .destination_mac = kGreenGatewayMac, .source = kGreen1.ip, .destination = kGreenGateway};

INSTANTIATE_TEST_SUITE_P(
    All, DhcpRequestState,
    testing::Values(
        RequestCase{
            "selecting", {}, kGreen1.ip, kGreenGateway, {}, Type::kAck, kGreen1.mac, kGreen1.ip},
        RequestCase{"selecting_broadcast",
                    {.flags = 0x8000},
                    kGreen1.ip,
                    kGreenGateway,
                    {},
                    Type::kAck,
                    kBroadcastMac,
                    kEverybody},
        RequestCase{"selecting_wrong",
                    {},
                    kWrong,
                    kGreenGateway,
                    {},
                    Type::kNak,
                    kBroadcastMac,
                    kEverybody},
        RequestCase{"init_reboot", {}, kGreen1.ip, {}, {}, Type::kAck, kGreen1.mac, kGreen1.ip},
        RequestCase{"init_reboot_wrong", {}, kWrong, {}, {}, Type::kNak, kBroadcastMac, kEverybody},
        RequestCase{"renewing",
                    {.client_ip = kGreen1.ip},
                    {},
                    {},
                    kToTheServer,
                    Type::kAck,
                    kGreen1.mac,
                    kGreen1.ip},
        RequestCase{"rebinding",
                    {.client_ip = kGreen1.ip},
                    {},
                    {},
                    {.source = kGreen1.ip},
                    Type::kAck,
                    kGreen1.mac,
                    kGreen1.ip},
        RequestCase{"rebinding_wrong",
                    {.client_ip = kWrong},
                    {},
                    {},
                    {.source = kWrong},
                    Type::kNak,
                    kBroadcastMac,
                    kEverybody}),
    [](const auto& instance) { return instance.param.name; });

TEST(Dhcp, RefusalsNameTheirReason) {
  PipelineLab lab;
  const Bytes good = message_of(Type::kDiscover).build();
  const auto unknown = [](MacAddress mac) {
    return message_of(Type::kDiscover, {.client_mac = mac}).build();
  };
  lab.send("green-1",
           {
               frame_of(message_of(static_cast<Type>(255)).build()),
               frame_of(DhcpClientMessage{{.client_mac = kGreen1.mac}}.build()),
               frame_of(message_of(Type::kDiscover).option(12, Bytes(2)).raw({12, 200}).build()),
               frame_of(Bytes(17)),
               frame_of(unknown(kGreen3.mac)),
               frame_of(good, {.checksum = 0x1234}),
               frame_of(message_of(Type::kRequest).option(54, kWrong).build()),
           });
  EXPECT_TRUE(lab.take("green-1").empty());
  const std::map<std::string, std::uint64_t> expected{
      {"green-1 dhcp_message_type", 1}, {"green-1 dhcp_bootp", 1},
      {"green-1 dhcp_malformed", 2},    {"green-1 dhcp_no_binding", 1},
      {"green-1 dhcp_checksum", 1},     {"green-1 dhcp_other_server", 1}};
  EXPECT_EQ(lab.all_drops(), expected);
  EXPECT_EQ(lab.buffers_in_use(), 0U);
}

TEST(Dhcp, AZeroChecksumIsNone) {
  PipelineLab lab;
  lab.send("green-1", {frame_of(message_of(Type::kDiscover).build(), {.checksum = 0})});
  EXPECT_TRUE(read_reply(lab.take("green-1")));
}

// The defect of keying leases by option 61: a guest could take another's.
TEST(Dhcp, TheClientIdentifierIdentifiesNobody) {
  PipelineLab lab;
  ASSERT_FALSE(lab.programmer().set(
      DhcpBindingConfig{{kGreen, kGreen3.mac}, IpAddress{kGreen3.ip}, {}, "green-3"}));
  Bytes claim{1};
  claim.insert(claim.end(), kGreen3.mac.bytes().begin(), kGreen3.mac.bytes().end());
  lab.send("green-1", {frame_of(message_of(Type::kDiscover).option(61, claim).build())});
  const auto reply = read_reply(lab.take("green-1"));
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->message.header.your_ip, kGreen1.ip);
  EXPECT_EQ(*reply->message.find(61), claim);
  // Nor is another's hardware address believed, even of one that has a binding.
  lab.send("green-1", {frame_of(message_of(Type::kDiscover, {.client_mac = kGreen3.mac}).build())});
  EXPECT_TRUE(lab.take("green-1").empty());
  EXPECT_EQ(lab.drops("green-1", DropReason::dhcp_no_binding), 1U);
}

// A relay inside a guest, for stations behind it (RFC 1542, RFC 3046).
TEST(Dhcp, AGuestsRelayIsAnsweredForItsClients) {
  PipelineLab lab;
  ASSERT_FALSE(lab.programmer().set(
      DhcpBindingConfig{{kGreen, kNestedMac}, IpAddress{kNestedIp}, {}, "nested"}));
  const Bytes information{1, 2, 0, 7};
  const auto relayed = [&](MacAddress client) {
    return message_of(Type::kDiscover, {.hops = 1, .relay_ip = kGreen1.ip, .client_mac = client})
        .option(82, information)
        .build();
  };
  FrameFields fields = kToTheServer;
  fields.source_port = 67;
  lab.send("green-1", {frame_of(relayed(kNestedMac), fields)});
  const auto reply = read_reply(lab.take("green-1"));
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->ethernet.destination, kGreen1.mac);
  EXPECT_EQ(reply->ip.destination, kGreen1.ip);
  EXPECT_EQ(reply->udp.destination_port.host(), 67);
  EXPECT_EQ(reply->message.header.relay_ip, kGreen1.ip);
  EXPECT_EQ(reply->message.header.your_ip, kNestedIp);
  EXPECT_EQ(*reply->message.find(82), information);
  // Without a binding, or without being a relay, it gets nothing.
  lab.send("green-1",
           {frame_of(relayed(MacAddress::from_number(0x0200000000ef)), fields),
            frame_of(message_of(Type::kDiscover, {.client_mac = kNestedMac}).build(), fields)});
  EXPECT_TRUE(lab.take("green-1").empty());
  EXPECT_EQ(lab.drops("green-1", DropReason::dhcp_no_binding), 2U);
}

TEST(Dhcp, InformGetsSettingsAndNoLease) {
  PipelineLab lab;
  lab.send(
      "green-1",
      {frame_of(message_of(Type::kInform, {.client_ip = kGreen1.ip}).option(55, {1, 51, 6}).build(),
                {.source = kGreen1.ip})});
  const auto reply = read_reply(lab.take("green-1"));
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->message.type(), Type::kAck);
  EXPECT_TRUE(reply->message.header.your_ip.is_zero());
  EXPECT_THAT(reply->message.codes(), testing::ElementsAre(53, 54, 1, 6));
  EXPECT_EQ(reply->ip.destination, kGreen1.ip);
}

TEST(Dhcp, ReleaseAndDeclineAreNoDrops) {
  PipelineLab lab;
  lab.send(
      "green-1",
      {frame_of(
           message_of(Type::kRelease, {.client_ip = kGreen1.ip}).option(54, kGreenGateway).build(),
           kToTheServer),
       frame_of(
           message_of(Type::kDecline).option(50, kGreen1.ip).option(54, kGreenGateway).build())});
  EXPECT_TRUE(lab.take("green-1").empty());
  EXPECT_TRUE(lab.all_drops().empty());
  const DhcpCounters& counters = lab.dataplane().workers().front()->dhcp_counters();
  EXPECT_EQ(counters.received[7].read(), 1U);
  EXPECT_EQ(counters.received[4].read(), 1U);
}

TEST(Dhcp, AnotherServerIsReachedLikeAnyStation) {
  PipelineLab lab;
  const auto frame = packet()
                         .ethernet({.source = kGreen1.mac, .destination = kGreen3.mac})
                         .ipv4({.source = kGreen1.ip, .destination = kGreen3.ip})
                         .udp({.source_port = 68, .destination_port = 67})
                         .payload(message_of(Type::kRequest).build())
                         .build();
  lab.send("green-1", {frame});
  EXPECT_EQ(lab.take("green-3"), Frames{frame});
}

TEST(Dhcp, SwitchedOff) {
  PipelineLab lab;
  auto segment = PipelineLab::segment_config(kGreen);
  segment.dhcp_enabled = false;
  ASSERT_FALSE(lab.programmer().set(segment));
  lab.send("green-1", {frame_of(message_of(Type::kDiscover).build())});
  EXPECT_TRUE(lab.take("green-1").empty());
  EXPECT_EQ(lab.drops("green-1", DropReason::dhcp_disabled), 1U);
}

TEST(Dhcp, ThePortsOwnMtuIsTold) {
  PipelineLab lab;
  PortConfig port = PipelineLab::port_config("green-1", kGreen, kGreen1);
  port.mtu = 1280;
  ASSERT_FALSE(lab.programmer().set(port));
  lab.send("green-1", {frame_of(message_of(Type::kDiscover).option(55, {26}).build())});
  const auto reply = read_reply(lab.take("green-1"));
  ASSERT_TRUE(reply);
  EXPECT_EQ(*reply->message.find(26), (Bytes{1280 >> 8, 1280 & 0xff}));
}

TEST(Dhcp, AReplyIsNoLargerThanThePortsMtu) {
  for (const std::uint16_t mtu : {1000, 1450}) {
    SCOPED_TRACE(mtu);
    PipelineLab lab;
    auto segment = PipelineLab::segment_config(kGreen);
    segment.dhcpv4_options = {{200, std::string(1000, 'x')}};
    ASSERT_FALSE(lab.programmer().set(segment));
    PortConfig port = PipelineLab::port_config("green-1", kGreen, kGreen1);
    port.mtu = mtu;
    ASSERT_FALSE(lab.programmer().set(port));
    lab.send(
        "green-1",
        {frame_of(
            message_of(Type::kDiscover).option(57, {0xff, 0xff}).option(55, {200, 1}).build())});
    const auto reply = read_reply(lab.take("green-1"));
    ASSERT_TRUE(reply);
    EXPECT_EQ(reply->message.find(200) != nullptr, mtu == 1450);
    EXPECT_NE(reply->message.find(1), nullptr);
  }
}

TEST(Dhcp, OptionsOfTheSubnetAreInForceAtOnce) {
  PipelineLab lab;
  auto segment = PipelineLab::segment_config(kGreen);
  segment.domain_name = "green.example";
  segment.dhcpv4_options = {{42, std::string("\x0a\x01\x00\x07", 4)}};
  ASSERT_FALSE(lab.programmer().set(segment));
  lab.send("green-1", {frame_of(message_of(Type::kDiscover).option(55, {42, 15}).build())});
  auto reply = read_reply(lab.take("green-1"));
  ASSERT_TRUE(reply);
  EXPECT_THAT(reply->message.codes(), testing::ElementsAre(53, 54, 51, 42, 15, 58, 59));
  segment.dhcpv4_options = {};
  ASSERT_FALSE(lab.programmer().set(segment));
  lab.send("green-1", {frame_of(message_of(Type::kDiscover).option(55, {42, 15}).build())});
  reply = read_reply(lab.take("green-1"));
  ASSERT_TRUE(reply);
  EXPECT_THAT(reply->message.codes(), testing::ElementsAre(53, 54, 51, 15, 58, 59));
}

TEST(Dhcp, BadOptionsOfASubnetAreRefusedAndChangeNothing) {
  PipelineLab lab;
  auto segment = PipelineLab::segment_config(kGreen);
  segment.dhcpv4_options = {{53, "\x02"}};
  const auto error = lab.programmer().set(segment);
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code, ObjectErrorCode::kInvalid);
  EXPECT_EQ(error->field, "dhcpv4_options");
  EXPECT_EQ(error->message, "option 53 can't be configured");
  lab.send("green-1", {frame_of(message_of(Type::kDiscover).build())});
  EXPECT_TRUE(read_reply(lab.take("green-1")));
}

}  // namespace
}  // namespace alkaid::test
