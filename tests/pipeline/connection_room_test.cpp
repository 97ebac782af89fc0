// A table that others fill: what they can't take from whom.
#include <cstdlib>

#include "tests/pipeline/policy_network.hpp"

namespace alkaid::test {
namespace {

using namespace net;

constexpr std::uint8_t kSyn = tcp_flag::kSyn;
constexpr std::uint8_t kAck = tcp_flag::kAck;

// Room for 1,024 connections and as many that wait for their grace period. green-1 enforces a
// policy that lets everything out; TCP that is forgotten once is not picked up again.
class ConnectionRoom : public ::testing::Test {
 protected:
  ConnectionRoom() : lab(settings()) {
    lab.program_network();
    enforce(lab, "green-1", {"out"});
    set_rules(lab, "out", {policy_rule("any", false, false)});
  }
  static DataplaneSettings settings() {
    auto settings = PipelineLab::default_settings();
    settings.flows.connections = 1024;
    settings.flows.mid_stream = MidStreamPickup::kNever;
    return settings;
  }

  static Bytes udp(const Station& from, const MacAddress& destination_mac, const Station& to,
                   std::uint16_t source_port, std::uint16_t destination_port) {
    return packet()
        .ethernet({.source = from.mac, .destination = destination_mac})
        .ipv4({.source = from.ip, .destination = to.ip})
        .udp({.source_port = source_port, .destination_port = destination_port})
        .build();
  }
  static Bytes flow(std::uint16_t port) { return udp(kGreen1, kGreen3.mac, kGreen3, port, 80); }
  static Bytes answer(std::uint16_t port) { return udp(kGreen3, kGreen1.mac, kGreen1, 80, port); }

  // Answered at once: in the same burst.
  bool settle(std::uint16_t port) {
    lab.enqueue("green-1", {flow(port)});
    lab.enqueue("green-3", {answer(port)});
    lab.walk();
    lab.take("green-1");
    return !lab.take("green-3").empty();
  }

  PipelineLab lab;
};

TEST_F(ConnectionRoom, ASynFloodOfOneTenantCostsAnotherNoPacket) {
  constexpr std::uint16_t kBurst = 32;
  constexpr std::uint16_t kBursts = 200;
  constexpr std::uint16_t kPort = 1234;
  EXPECT_EQ(send_tcp(lab, kPort, kSyn, false), 1U);
  EXPECT_EQ(send_tcp(lab, kPort, kSyn | kAck, true), 1U);
  EXPECT_EQ(send_tcp(lab, kPort, kAck, false), 1U);
  std::uint16_t flooded = 0;
  std::size_t flood_delivered = 0;
  const auto flood = [&] {
    Frames burst;
    for (int i = 0; i < kBurst; ++i) {
      burst.push_back(packet()
                          .ethernet({.source = kRed1.mac, .destination = kRed2.mac})
                          .ipv4({.source = kRed1.ip, .destination = kRed2.ip})
                          .tcp({.source_port = ++flooded, .flags = kSyn})
                          .build());
    }
    lab.send("red-1", burst);
    flood_delivered += lab.take("up").size();
  };
  std::size_t delivered = 0;
  for (std::uint16_t i = 0; i < kBursts; ++i) {
    flood();
    delivered += send_tcp(lab, kPort, kAck, false) + send_tcp(lab, kPort, kAck, true);
  }
  EXPECT_EQ(delivered, 2U * kBursts);
  EXPECT_EQ(flood_delivered, std::size_t{kBurst} * kBursts);
  EXPECT_GT(lab.dataplane().workers()[0]->flow_counters(false).evicted.read(), 3000U);
  // And others get in.
  EXPECT_EQ(send_tcp(lab, 99, kSyn, false), 1U);
  flood();
  EXPECT_EQ(send_tcp(lab, 99, kSyn | kAck, true), 1U);
  flood();
  EXPECT_EQ(send_tcp(lab, 99, kAck, false), 1U);
  flood();
  EXPECT_EQ(send_tcp(lab, 99, kAck, true), 1U);
  EXPECT_TRUE(lab.all_drops().empty());
}

TEST_F(ConnectionRoom, TrafficThatFillsTheTableIsToldOf) {
  using Told = std::vector<bool>;
  Told told;
  lab.dataplane().on_table_level([&](const TableOccupancy& occupancy, bool is_high) {
    EXPECT_EQ(occupancy.name, "connections IPv4");
    EXPECT_EQ(occupancy.capacity, 1024U);
    EXPECT_EQ(occupancy.used * 100 >= occupancy.capacity * 75, is_high);
    told.push_back(is_high);
  });
  const auto open = [&](std::uint16_t first, std::uint16_t last) {
    for (std::uint16_t port = first; port <= last; ++port) {
      lab.send("green-1", {flow(port)});
      ASSERT_EQ(lab.take("green-3").size(), 1U);
    }
  };
  open(1001, 1819);
  EXPECT_EQ(told, Told{}) << "79.98 %";
  open(1820, 2000);
  EXPECT_EQ(told, Told({true}));
  pass_time(lab, 60, 15);  // what a card has is asked for, and then ends
  EXPECT_EQ(connections_of(lab), 0);
  EXPECT_EQ(told, Told({true, false}));
}

// Room is short, and nobody else can make some.
TEST_F(ConnectionRoom, WhoIsNewIsSparedUntilItsAnswer) {
  for (std::uint16_t port = 1001; port <= 2800; ++port) {
    ASSERT_TRUE(settle(port));
  }
  for (std::uint16_t port = 20001; port <= 20020; ++port) {
    lab.send("green-1", {flow(port)});
    ASSERT_EQ(lab.take("green-3").size(), 1U);
    for (std::uint16_t other = 1001; other <= 1010; ++other) {
      ASSERT_TRUE(settle(other));
    }
    lab.send("green-3", {answer(port)});
    EXPECT_EQ(lab.take("green-1").size(), 1U) << port;
  }
  EXPECT_EQ(lab.dataplane().workers()[0]->flow_counters(false).evicted.read(), 0U);
}

TEST_F(ConnectionRoom, OfSettledConnectionsOnlyNoneMakesRoom) {
  // Both directions in one burst: no connection is ever seen without an answer. Before the table is
  // full, one may find that the few places that its key can have are.
  constexpr std::uint16_t kFirst = 10001;
  constexpr std::uint16_t kTries = 2500;
  std::vector<std::uint16_t> known;
  for (std::uint16_t port = kFirst; port < kFirst + kTries; ++port) {
    if (settle(port)) {
      known.push_back(port);
    }
  }
  EXPECT_EQ(known.size(), 2048U) << "its 1,024 and the reserve";
  EXPECT_EQ(connections_of(lab), 2048);
  const std::uint64_t refused = kTries - 2048U;
  const auto& counters = lab.dataplane().workers()[0]->flow_counters(false);
  EXPECT_EQ(lab.drops("green-1", DropReason::connection_table_full), refused);
  EXPECT_EQ(counters.refused.read(), refused);
  for (const std::uint16_t port : known) {
    lab.send("green-1", {flow(port)});
    ASSERT_EQ(lab.take("green-3").size(), 1U) << port;
    lab.send("green-3", {answer(port)});
    ASSERT_EQ(lab.take("green-1").size(), 1U) << port;
  }
  EXPECT_EQ(counters.evicted.read(), 0U);

  // Between ports without groups.
  lab.send("green-3", {udp(kGreen3, kGreenGatewayMac, kRed1, 1, 2)});
  EXPECT_EQ(lab.take("red-1").size(), 1U);
  lab.send("red-1", {udp(kRed1, kRedGatewayMac, kGreen3, 2, 1)});
  EXPECT_EQ(lab.take("green-3").size(), 1U);
  EXPECT_EQ(connections_of(lab), 2048) << "untracked";

  pass_time(lab, 300, 50);
  EXPECT_EQ(connections_of(lab), 0);
  lab.send("green-1", {flow(40001)});
  EXPECT_EQ(lab.take("green-3").size(), 1U) << "there is room again";
}

// As many as the table is made for, through the whole path, half of them answered: all are there.
// ALKAID_TEST_CONNECTIONS=4000000 takes half a minute and 1 GiB.
TEST(ManyConnections, AreAllTracked) {
  const char* const given = std::getenv("ALKAID_TEST_CONNECTIONS");
  const auto count =
      static_cast<std::uint32_t>(given != nullptr ? std::strtoul(given, nullptr, 10) : 10'000);
  constexpr std::uint32_t kBurst = 256;
  constexpr std::uint32_t kFirstPort = 1000;  // none of a service's
  constexpr std::uint32_t kSourcePorts = 60'000;
  auto settings = PipelineLab::default_settings();
  settings.flows.connections = count;
  settings.flows.timeouts.udp_one_way = 86'400;
  settings.flows.timeouts.udp_two_way = 86'400;
  PipelineLab lab{settings};
  lab.program_network();
  enforce(lab, "green-1", {"out"});
  set_rules(lab, "out", {policy_rule("any", false, false)});

  const auto frame = [](std::uint32_t number, bool reply) {
    static const Bytes kBoth[] = {udp_frame(kGreen1, kGreen3.mac, kGreen3.ip),
                                  udp_frame(kGreen3, kGreen1.mac, kGreen1.ip)};
    Bytes bytes = kBoth[reply ? 1 : 0];
    const BigEndian16 client{static_cast<std::uint16_t>(kFirstPort + number % kSourcePorts)};
    const BigEndian16 server{static_cast<std::uint16_t>(kFirstPort + number / kSourcePorts)};
    auto& header =
        *reinterpret_cast<UdpHeader*>(bytes.data() + sizeof(EthernetHeader) + sizeof(Ipv4Header));
    header.source_port = reply ? server : client;
    header.destination_port = reply ? client : server;
    header.checksum = BigEndian16{};  // none
    return bytes;
  };
  // Every `each`th of them; how many did not come out.
  const auto send = [&](std::uint32_t first, std::uint32_t end, std::uint32_t each, bool reply) {
    Frames frames;
    for (std::uint32_t number = first; number < end; number += each) {
      frames.push_back(frame(number, reply));
    }
    lab.enqueue(reply ? "green-3" : "green-1", frames);
    lab.walk();
    return frames.size() - lab.take(reply ? "green-1" : "green-3").size();
  };
  std::size_t refused = 0;
  std::size_t unanswered = 0;
  for (std::uint32_t first = 0; first < count; first += kBurst) {
    const std::uint32_t end = std::min(count, first + kBurst);
    refused += send(first, end, 1, false);
    unanswered += send(first, end, 2, true);
  }
  // Before a large table is full, few find that the places that their keys can have are.
  EXPECT_LE(refused, count / 100'000);
  EXPECT_LE(unanswered, refused);
  EXPECT_EQ(lab.drops("green-1", DropReason::connection_table_full), refused);
  EXPECT_EQ(connections_of(lab), static_cast<int>(count - refused));
  for (std::uint32_t first = 0; first < count; first += 40 * kBurst) {
    EXPECT_LE(send(first, std::min(count, first + kBurst), 2, true), unanswered);
  }
  EXPECT_EQ(connections_of(lab), static_cast<int>(count - refused));
  EXPECT_EQ(lab.dataplane().workers()[0]->flow_counters(false).evicted.read(), 0U);
}

}  // namespace
}  // namespace alkaid::test
