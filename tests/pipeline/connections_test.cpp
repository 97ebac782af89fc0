// Connections: what makes them, what the fast path takes, what looks at them again.
#include <set>

#include <gtest/gtest.h>

#include "dataplane/flow/connection_keeper.hpp"
#include "tests/pipeline/case.hpp"
#include "tests/pipeline/frames.hpp"
#include "tests/pipeline/merged_counts.hpp"

namespace alkaid::test {
namespace {

using namespace net;

// What is known of the lab's one IPv4 connection.
struct Snapshot {
  int connections = 0;
  ConnectionState state = ConnectionState::kNone;
  std::uint64_t original_packets = 0;
  std::uint64_t reply_packets = 0;
  bool original_is_fast = false;
  bool reply_is_fast = false;
};

Snapshot snapshot(PipelineLab& lab) {
  Snapshot result;
  read_card(lab);
  lab.dataplane().connections().for_each<FlowKeyV4>(
      [&](ConnectionTable<FlowKeyV4>& table, ConnectionNumber number) {
        ++result.connections;
        result.state = table.record(number).word().state();
        const auto is_fast = [&](Direction direction) {
          return (table.half(number, direction).fields.flags.load() & flow_flag::kFast) != 0;
        };
        result.original_packets = packets_of<FlowKeyV4>(lab, number, Direction::kOriginal);
        result.reply_packets = packets_of<FlowKeyV4>(lab, number, Direction::kReply);
        result.original_is_fast = is_fast(Direction::kOriginal);
        result.reply_is_fast = is_fast(Direction::kReply);
      });
  return result;
}

Bytes tcp_frame(const Station& from, const MacAddress& destination_mac, const Station& to,
                std::uint8_t flags, bool reply = false) {
  return packet()
      .ethernet({.source = from.mac, .destination = destination_mac})
      .ipv4({.source = from.ip, .destination = to.ip})
      .tcp({.source_port = static_cast<std::uint16_t>(reply ? 80 : 1234),
            .destination_port = static_cast<std::uint16_t>(reply ? 1234 : 80),
            .flags = flags})
      .payload(Bytes(16, 0x5a))
      .build();
}

Bytes udp_reply(const Station& from, const Station& to) {
  return packet()
      .ethernet({.source = from.mac, .destination = to.mac})
      .ipv4({.source = from.ip, .destination = to.ip})
      .udp({.source_port = 5678, .destination_port = 1234})
      .payload(Bytes(32, 0x5a))
      .build();
}

constexpr std::uint8_t kSyn = tcp_flag::kSyn;
constexpr std::uint8_t kAck = tcp_flag::kAck;
constexpr std::uint8_t kFin = tcp_flag::kFin;
constexpr std::uint8_t kRst = tcp_flag::kRst;

TEST(Connections, UdpBetweenLocalGuests) {
  PipelineLab lab;
  const auto frame = udp_frame(kGreen1, kGreen3.mac, kGreen3.ip);
  lab.send("green-1", {frame, frame, frame});
  EXPECT_EQ(lab.take("green-3").size(), 3U);
  auto now = snapshot(lab);
  EXPECT_EQ(now.connections, 1);
  EXPECT_EQ(now.state, ConnectionState::one_way);
  EXPECT_EQ(now.original_packets, 3U);
  EXPECT_TRUE(now.original_is_fast);
  EXPECT_FALSE(now.reply_is_fast);
  lab.send("green-3", {udp_reply(kGreen3, kGreen1)});
  EXPECT_EQ(lab.take("green-1").size(), 1U);
  now = snapshot(lab);
  EXPECT_EQ(now.connections, 1) << "the answer belongs to the same connection";
  EXPECT_EQ(now.state, ConnectionState::two_way);
  EXPECT_EQ(now.reply_packets, 1U);
  EXPECT_TRUE(now.reply_is_fast);
}

TEST(Connections, RepliesFromTheWireAndRoutedFlows) {
  PipelineLab lab;
  lab.send("green-1", {udp_frame(kGreen1, kGreenGatewayMac, kRed2.ip)});
  ASSERT_EQ(lab.take("up").size(), 1U);
  const auto inner = packet()
                         .ethernet({.source = kDvrMac, .destination = kGreen1.mac})
                         .ipv4({.source = kRed2.ip, .destination = kGreen1.ip, .ttl = 63})
                         .udp({.source_port = 5678, .destination_port = 1234})
                         .payload(Bytes(32, 0x5a))
                         .build();
  for (int i = 0; i < 3; ++i) {
    lab.send("up", {tunnelled(inner, uplink_mac(lab))});
    const auto out = lab.take("green-1");
    ASSERT_EQ(out.size(), 1U);
    EXPECT_EQ(MacAddress({out[0][6], out[0][7], out[0][8], out[0][9], out[0][10], out[0][11]}),
              kGreenGatewayMac)
        << "packet " << i << ": the gateway's MAC is put in place of the other host's";
  }
  const auto now = snapshot(lab);
  EXPECT_EQ(now.connections, 1);
  EXPECT_EQ(now.reply_packets, 3U);
  EXPECT_TRUE(now.reply_is_fast);
}

TEST(Connections, TcpFromSynToReset) {
  PipelineLab lab;
  const auto there = [&](std::uint8_t flags) {
    lab.send("green-1", {tcp_frame(kGreen1, kGreen3.mac, kGreen3, flags)});
    return lab.take("green-3").size();
  };
  const auto back = [&](std::uint8_t flags) {
    lab.send("green-3", {tcp_frame(kGreen3, kGreen1.mac, kGreen1, flags, true)});
    return lab.take("green-1").size();
  };
  EXPECT_EQ(there(kSyn), 1U);
  EXPECT_EQ(snapshot(lab).state, ConnectionState::syn_sent);
  EXPECT_FALSE(snapshot(lab).original_is_fast);
  EXPECT_EQ(back(kSyn | kAck), 1U);
  EXPECT_EQ(snapshot(lab).state, ConnectionState::syn_received);
  EXPECT_EQ(there(kAck), 1U);
  EXPECT_EQ(snapshot(lab).state, ConnectionState::established);
  EXPECT_TRUE(snapshot(lab).original_is_fast);
  EXPECT_EQ(back(kAck), 1U);
  EXPECT_TRUE(snapshot(lab).reply_is_fast);
  EXPECT_EQ(there(kAck), 1U);
  EXPECT_EQ(back(kAck), 1U);
  EXPECT_EQ(there(kFin | kAck), 1U);
  EXPECT_EQ(snapshot(lab).state, ConnectionState::fin_wait);
  EXPECT_EQ(back(kRst), 1U);
  EXPECT_EQ(snapshot(lab).state, ConnectionState::closed);
  EXPECT_EQ(snapshot(lab).connections, 1);
}

TEST(Connections, ANeighborThatMovesIsFollowedWithoutAnotherLook) {
  PipelineLab lab;
  const auto frame = udp_frame(kGreen1, kGreen2.mac, kGreen2.ip);
  lab.send("green-1", {frame, frame});
  EXPECT_EQ(lab.take("up").size(), 2U);
  auto neighbor = PipelineLab::neighbor_config(kGreen, kGreen2, IpAddress{Ipv4Address{0x0a000003}});
  ASSERT_FALSE(lab.programmer().set(neighbor));
  lab.send("green-1", {frame});
  EXPECT_EQ(lab.drops("green-1", DropReason::next_hop_unresolved), 1U)
      << "it goes to the new host, whose MAC is not known";
  lab.take("up");
  lab.programmer().remove_neighbor({kGreen, IpAddress{kGreen2.ip}});
  lab.send("green-1", {frame});
  EXPECT_EQ(lab.drops("green-1", DropReason::destination_mac_unknown), 1U);
}

TEST(Connections, ASpoofedPacketNeverHits) {
  PipelineLab lab;
  const auto frame = udp_frame(kGreen1, kGreen3.mac, kGreen3.ip);
  lab.send("green-1", {frame, frame});
  EXPECT_EQ(lab.take("green-3").size(), 2U);
  lab.send("red-1", {frame});
  EXPECT_EQ(lab.drops("red-1", DropReason::spoofed_mac), 1U);
  auto other_mac = frame;
  other_mac[11] ^= 1;
  lab.send("green-1", {other_mac});
  EXPECT_EQ(lab.drops("green-1", DropReason::spoofed_mac), 1U);
  EXPECT_TRUE(lab.take("green-3").empty());
}

std::uint32_t stamp_of(PipelineLab& lab, const std::string& port) {
  return lab.dataplane().flows().stamps.of(lab.dataplane().ports().find(port)->index);
}

// Changes a port in such a way that it has the stamp afterwards.
void bring_to_stamp(PipelineLab& lab, const PortConfig& config, std::uint32_t stamp) {
  lab.dataplane().flows().stamps.set_counter(stamp - 1);
  ASSERT_FALSE(lab.programmer().set(config));
  ASSERT_EQ(stamp_of(lab, config.id), stamp);
}

// Key, MACs and stamps are those of the connection: only the port is another one.
TEST(Connections, ASpoofedPacketFromAnotherPortOfTheSegmentNeverHits) {
  PipelineLab lab;
  const auto frame = udp_frame(kGreen1, kGreen2.mac, kGreen2.ip);
  lab.send("green-1", {frame, frame});
  EXPECT_EQ(lab.take("up").size(), 2U);
  EXPECT_TRUE(snapshot(lab).original_is_fast);
  auto config = PipelineLab::port_config("green-3", kGreen, kGreen3);
  config.mtu = 1400;
  bring_to_stamp(lab, config, stamp_of(lab, "green-1"));
  lab.send("green-3", {frame});
  EXPECT_EQ(lab.drops("green-3", DropReason::spoofed_mac), 1U);
  EXPECT_TRUE(lab.take("up").empty());
}

TEST(Connections, ARouteThatChangesIsSeenByEstablishedFlows) {
  PipelineLab lab;
  const auto frame = udp_frame(kGreen1, kGreenGatewayMac, kRed1.ip);
  lab.send("green-1", {frame, frame});
  EXPECT_EQ(lab.take("red-1").size(), 2U);
  ASSERT_FALSE(lab.programmer().set(
      RouteConfig{{kRouter, *IpPrefix::parse("10.2.0.11/32")}, BlackholeAction{}}));
  lab.send("green-1", {frame});
  EXPECT_EQ(lab.drops("green-1", DropReason::route_blackhole), 1U);
  lab.programmer().remove_route({kRouter, *IpPrefix::parse("10.2.0.11/32")});
  lab.send("green-1", {frame});
  EXPECT_EQ(lab.take("red-1").size(), 1U);
}

// Two fragments of a whole frame, whose IP payload is longer than 24 bytes.
Frames fragments_of(const Bytes& frame) {
  constexpr std::size_t kHeaders = sizeof(EthernetHeader) + sizeof(Ipv4Header);
  constexpr std::size_t kFirst = 24;
  Bytes first(frame.begin(), frame.begin() + kHeaders + kFirst);
  Bytes second(frame.begin(), frame.begin() + kHeaders);
  second.insert(second.end(), frame.begin() + kHeaders + kFirst, frame.end());
  const auto finish = [](Bytes& bytes, std::uint16_t flags_offset) {
    auto& ip = *reinterpret_cast<Ipv4Header*>(bytes.data() + sizeof(EthernetHeader));
    ip.flags_offset = BigEndian16{flags_offset};
    ip.total_length =
        BigEndian16{static_cast<std::uint16_t>(bytes.size() - sizeof(EthernetHeader))};
    ipv4_checksum_set(ip);
  };
  finish(first, Ipv4Header::kMoreFragments);
  finish(second, kFirst / 8);
  return {first, second};
}

// The fragments go the new way; that must not make the old way good again for the others.
TEST(Connections, FragmentsVouchForNoOldWay) {
  PipelineLab lab;
  const auto frame = udp_frame(kGreen1, kGreenGatewayMac, kRed1.ip);
  lab.send("green-1", {frame, frame});
  EXPECT_EQ(lab.take("red-1").size(), 2U);
  ASSERT_FALSE(lab.programmer().set(RouteConfig{{kRouter, *IpPrefix::parse("10.2.0.11/32")},
                                                NextHopAction{IpAddress{kRed2.ip}}}));
  lab.send("green-1", fragments_of(frame));
  EXPECT_EQ(lab.take("up").size(), 2U);
  lab.send("green-1", {frame, frame});
  EXPECT_EQ(lab.take("up").size(), 2U);
  EXPECT_TRUE(lab.take("red-1").empty());
}

TEST(Connections, WhatLooksLikeADhcpServerIsNeverFast) {
  PipelineLab lab;
  const auto message = [](std::uint8_t operation) {
    Bytes body(240);
    body[0] = operation;
    return packet()
        .ethernet({.source = kGreen1.mac, .destination = kGreen3.mac})
        .ipv4({.source = kGreen1.ip, .destination = kGreen3.ip})
        .udp({.source_port = 67, .destination_port = 67})
        .payload(body)
        .build();
  };
  lab.send("green-1", {message(1), message(1)});
  EXPECT_EQ(lab.take("green-3").size(), 2U);
  lab.send("green-1", {message(2)});
  EXPECT_TRUE(lab.take("green-3").empty());
  EXPECT_EQ(lab.drops("green-1", DropReason::rogue_dhcp_server), 1U);
}

TEST(Connections, AreForgottenWhenIdleAndWithTheirPort) {
  PipelineLab lab;
  lab.send("green-1", {udp_frame(kGreen1, kGreen3.mac, kGreen3.ip)});
  EXPECT_EQ(snapshot(lab).connections, 1);
  const auto pass = [&](Milliseconds time) {
    lab.dataplane().flows().clock.advance(time);
    lab.walk();
    lab.dataplane().flows().clock.advance(2000);  // a round of the keeper
    lab.walk();
  };
  pass(25'000);
  EXPECT_EQ(snapshot(lab).connections, 1);
  pass(10'000);
  EXPECT_EQ(snapshot(lab).connections, 0) << "one way: 30 s";
  lab.send("green-1", {udp_frame(kGreen1, kGreen3.mac, kGreen3.ip)});
  EXPECT_EQ(snapshot(lab).connections, 1);
  lab.programmer().remove_port("green-3");
  pass(0);
  EXPECT_EQ(snapshot(lab).connections, 0);
  EXPECT_EQ(lab.dataplane().flows().port_connections.of(1), 0U);
}

TEST(Connections, TheOldestEmbryonicOnesMakeRoom) {
  auto settings = PipelineLab::default_settings();
  settings.flows.connections = 1024;
  PipelineLab lab(settings);
  lab.program_network();
  const auto flow = [](std::uint16_t port) {
    return packet()
        .ethernet({.source = kGreen1.mac, .destination = kGreen3.mac})
        .ipv4({.source = kGreen1.ip, .destination = kGreen3.ip})
        .udp({.source_port = port, .destination_port = 80})
        .build();
  };
  const auto answer = [](std::uint16_t port) {
    return packet()
        .ethernet({.source = kGreen3.mac, .destination = kGreen1.mac})
        .ipv4({.source = kGreen3.ip, .destination = kGreen1.ip})
        .udp({.source_port = 80, .destination_port = port})
        .build();
  };
  constexpr std::uint16_t kFirst = 10001;
  constexpr std::uint16_t kAnswered = 16;  // the first ones
  constexpr std::uint16_t kLast = 15000;
  std::size_t delivered = 0;
  for (std::uint16_t port = kFirst; port <= kLast; ++port) {
    lab.send("green-1", {flow(port)});
    delivered += lab.take("green-3").size();
    if (port < kFirst + kAnswered) {
      lab.send("green-3", {answer(port)});
      EXPECT_EQ(lab.take("green-1").size(), 1U);
    }
  }
  EXPECT_EQ(delivered, 5000U);
  const auto& counters = lab.dataplane().workers()[0]->flow_counters(false);
  EXPECT_EQ(counters.created.read(), 5000U);
  EXPECT_GT(counters.evicted.read(), 2500U);
  EXPECT_EQ(counters.refused.read(), 0U);
  EXPECT_LE(snapshot(lab).connections, 1024 + 1024);
  std::set<std::uint16_t> settled;
  std::set<std::uint16_t> embryonic;
  lab.dataplane().connections().for_each<FlowKeyV4>(
      [&](ConnectionTable<FlowKeyV4>& table, ConnectionNumber number) {
        auto& ports =
            table.record(number).word().state() == ConnectionState::two_way ? settled : embryonic;
        ports.insert(source_port_of(table.half(number, Direction::kOriginal).key.ports));
      });
  EXPECT_EQ(settled.size(), kAnswered) << "settled ones never make room";
  EXPECT_EQ(*settled.rbegin(), kFirst + kAnswered - 1);
  ASSERT_FALSE(embryonic.empty());
  EXPECT_EQ(*embryonic.rbegin(), kLast);
  EXPECT_EQ(*embryonic.begin(), kLast + 1 - embryonic.size()) << "those that are left are newest";
}

TEST(Connections, StampsThatWrapAreNobodysOldOnes) {
  PipelineLab lab;
  lab.dataplane().flows().stamps.set_counter(UINT32_MAX - 3);
  const auto frame = udp_frame(kGreen1, kGreen3.mac, kGreen3.ip);
  for (int i = 0; i < 8; ++i) {
    auto config = PipelineLab::port_config("green-1", kGreen, kGreen1);
    config.mtu = 1400 + static_cast<std::uint32_t>(i);
    ASSERT_FALSE(lab.programmer().set(config));
    const std::uint32_t stamp = stamp_of(lab, "green-1");
    EXPECT_NE(stamp, 0U);
    EXPECT_NE(stamp, PortStamps::kNever);
    lab.send("green-1", {frame, frame});
    EXPECT_EQ(lab.take("green-3").size(), 2U);
  }
}

// Four thousand million changes later a port has a stamp again with which a connection was looked
// at; meanwhile the keeper has voided it.
TEST(Connections, AStampThatComesAgainVouchesForNothing) {
  PipelineLab lab;
  const auto frame = udp_frame(kGreen1, kGreen3.mac, kGreen3.ip);
  lab.send("green-1", {frame, frame});
  EXPECT_EQ(lab.take("green-3").size(), 2U);
  EXPECT_TRUE(snapshot(lab).original_is_fast);
  const std::uint32_t old_stamp = stamp_of(lab, "green-1");
  auto config = PipelineLab::port_config("green-1", kGreen, kGreen1);
  config.mtu = 1400;
  bring_to_stamp(lab, config, old_stamp + PortStamps::kNever / 2);
  for (int i = 0; i < 2; ++i) {
    lab.dataplane().flows().clock.advance(2000);  // a round of the keeper
    lab.walk();
  }
  config.policy_enforced = true;  // by no group: nothing may leave
  bring_to_stamp(lab, config, old_stamp);
  lab.send("green-1", {frame});
  EXPECT_TRUE(lab.take("green-3").empty());
  EXPECT_EQ(lab.drops("green-1", DropReason::policy_egress), 1U);
}

// Packets and bytes have 48 bits each; in the others is a part of the neighbor's signature. By
// software, whose counters they are, also where a card would forward the packets.
TEST(Connections, CountersThatWrapLeadNoPacketAstray) {
  PipelineLab lab;
  const auto frame = udp_frame(kGreen1, kGreen3.mac, kGreen3.ip);
  const auto send = [&] {
    lab.enqueue("green-1", {frame});
    lab.walk();
    EXPECT_EQ(lab.take("green-3"), Frames{frame});
    EXPECT_TRUE(lab.take("up").empty());
  };
  send();
  send();
  FlowFields* fields = nullptr;
  lab.dataplane().connections().for_each<FlowKeyV4>(
      [&](ConnectionTable<FlowKeyV4>& table, ConnectionNumber number) {
        fields = &table.half(number, Direction::kOriginal).fields;
      });
  ASSERT_NE(fields, nullptr);
  const std::uint32_t signature = fields->hop_signature();
  ASSERT_NE(signature, 0U);
  for (auto* const counter : {&fields->packets, &fields->bytes}) {
    counter->store(counter->load() | (FlowFields::kCounterMask - 1));
    for (int i = 0; i < 4; ++i) {
      send();
    }
    EXPECT_LT(counter->load() & FlowFields::kCounterMask, 4 * frame.size()) << "it has wrapped";
    EXPECT_EQ(fields->hop_signature(), signature);
    EXPECT_TRUE(snapshot(lab).original_is_fast);
  }
  EXPECT_EQ(snapshot(lab).connections, 1);
  EXPECT_TRUE(lab.all_drops().empty());
}

}  // namespace
}  // namespace alkaid::test
