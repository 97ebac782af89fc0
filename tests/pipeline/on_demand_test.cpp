// Packets whose neighbor is not known yet: they wait, somebody is told, they go on in order.
#include "dataplane/on_demand/on_demand.hpp"

#include <chrono>
#include <future>
#include <thread>

#include <gtest/gtest.h>

#include "dataplane/explain/explainer.hpp"
#include "dataplane/on_demand/neighbor_use.hpp"
#include "tests/pipeline/frames.hpp"
#include "tests/pipeline/ipv6_network.hpp"

namespace alkaid::test {
namespace {

using namespace net;

constexpr Station kGreen9{Ipv4Address{0x0a010063}, MacAddress::from_number(0x020000010063)};
constexpr Station kRed9{Ipv4Address{0x0a020063}, MacAddress::from_number(0x020000020063)};

Bytes numbered(const MacAddress& destination_mac, Ipv4Address destination, std::uint16_t number,
               const Station& from = kGreen1) {
  return packet()
      .ethernet({.source = from.mac, .destination = destination_mac})
      .ipv4({.source = from.ip, .destination = destination})
      .udp({.source_port = 1000, .destination_port = 53})
      .payload(Bytes{static_cast<std::uint8_t>(number >> 8), static_cast<std::uint8_t>(number)})
      .build();
}

// The numbers of those that left by the uplink.
std::vector<int> numbers(const std::vector<Bytes>& frames) {
  std::vector<int> result;
  for (const Bytes& frame : frames) {
    result.push_back(frame[frame.size() - 2] << 8 | frame[frame.size() - 1]);
  }
  return result;
}

class OnDemandPipeline : public ::testing::Test {
 protected:
  OnDemandPipeline() {
    in_use_before_ = lab_.buffers_in_use();
    watch_ = demand().begin_watch();
  }

  OnDemand& demand() { return lab_.dataplane().on_demand(); }
  std::vector<ToldMiss> told() { return demand().take_news().misses; }
  std::uint64_t waiting() { return demand().totals().waiting; }
  void let_time_pass(Milliseconds time) {
    lab_.dataplane().flows().clock.advance(time);
    lab_.walk();
  }
  void expect_nothing_is_kept() {
    for (const char* port : {"green-1", "green-3", "red-1", "up"}) {
      lab_.take(port);
    }
    EXPECT_EQ(waiting(), 0U);
    EXPECT_EQ(lab_.buffers_in_use(), in_use_before_);
  }

  PipelineLab lab_;
  std::uint64_t watch_ = 0;
  std::uint64_t in_use_before_ = 0;
};

TEST_F(OnDemandPipeline, RoutedPacketsWaitAndGoOnInOrder) {
  lab_.send("green-1",
            {numbered(kGreenGatewayMac, kRed9.ip, 1), numbered(kGreenGatewayMac, kRed9.ip, 2)});
  lab_.send("green-1", {numbered(kGreenGatewayMac, kRed9.ip, 3)});
  EXPECT_TRUE(lab_.take("up").empty());
  EXPECT_EQ(waiting(), 3U);
  const auto misses = told();
  ASSERT_EQ(misses.size(), 1U);
  EXPECT_EQ(misses[0].port, "green-1");
  EXPECT_EQ(misses[0].miss.key.address, (AwaitedAddress{.ip = IpAddress{kRed9.ip}, .vni = kRed}));
  EXPECT_EQ(misses[0].miss.source_vni, kGreen);
  EXPECT_EQ(misses[0].miss.source, IpAddress{kGreen1.ip});
  EXPECT_EQ(misses[0].miss.destination, IpAddress{kRed9.ip});
  EXPECT_EQ(misses[0].miss.destination_port, 53);
  EXPECT_EQ(misses[0].miss.protocol, ip_protocol::kUdp);

  // What comes when the neighbor is known already, but the others have not gone, doesn't overtake.
  lab_.enqueue("green-1", {numbered(kGreenGatewayMac, kRed9.ip, 4)});
  ASSERT_FALSE(lab_.programmer().set(PipelineLab::neighbor_config(kRed, kRed9)));
  lab_.walk();
  EXPECT_EQ(numbers(lab_.take("up")), (std::vector<int>{1, 2, 3, 4}));
  EXPECT_TRUE(lab_.all_drops().empty());
  expect_nothing_is_kept();

  // And from then on nothing waits.
  lab_.send("green-1", {numbered(kGreenGatewayMac, kRed9.ip, 5)});
  EXPECT_EQ(numbers(lab_.take("up")), (std::vector<int>{5}));
}

TEST_F(OnDemandPipeline, APacketThatFindsItsNeighborJoinsThoseThatStillWait) {
  lab_.send("green-1", {numbered(kGreenGatewayMac, kRed9.ip, 1)});
  ASSERT_FALSE(lab_.dataplane().tables().neighbors.find(kRed, IpAddress{kRed9.ip}));
  // Published, but nobody has been told to go on.
  lab_.programmer().on_neighbor_set([](Vni, const IpAddress&, const MacAddress&) {});
  ASSERT_FALSE(lab_.programmer().set(PipelineLab::neighbor_config(kRed, kRed9)));
  lab_.send("green-1", {numbered(kGreenGatewayMac, kRed9.ip, 2)});
  EXPECT_TRUE(lab_.take("up").empty());
  EXPECT_EQ(waiting(), 2U);
  demand().neighbor_set(kRed, IpAddress{kRed9.ip}, kRed9.mac);
  lab_.walk();
  EXPECT_EQ(numbers(lab_.take("up")), (std::vector<int>{1, 2}));
  expect_nothing_is_kept();
}

// A connection whose neighbor has been forgotten meanwhile.
TEST_F(OnDemandPipeline, PacketsOfAKnownConnectionDontOvertakeThoseThatWait) {
  ASSERT_FALSE(lab_.programmer().set(PipelineLab::neighbor_config(kRed, kRed9)));
  const auto send = [&](std::uint16_t number) {
    lab_.send("green-1", {numbered(kGreenGatewayMac, kRed9.ip, number)});
  };
  send(1);
  send(2);
  lab_.programmer().remove_neighbor({kRed, IpAddress{kRed9.ip}});
  send(3);
  EXPECT_EQ(waiting(), 1U);
  // Published, but nobody has been told to go on.
  lab_.programmer().on_neighbor_set([](Vni, const IpAddress&, const MacAddress&) {});
  ASSERT_FALSE(lab_.programmer().set(PipelineLab::neighbor_config(kRed, kRed9)));
  send(4);
  EXPECT_EQ(waiting(), 2U);
  lab_.enqueue("green-1", {numbered(kGreenGatewayMac, kRed9.ip, 5)});
  demand().neighbor_set(kRed, IpAddress{kRed9.ip}, kRed9.mac);
  lab_.walk();
  send(6);
  EXPECT_EQ(numbers(lab_.take("up")), (std::vector<int>{1, 2, 3, 4, 5, 6}));
  expect_nothing_is_kept();
}

// The first neighbor of a host: its tunnel has no next hop yet.
TEST_F(OnDemandPipeline, PacketsWaitForTheNextHopOfTheirNeighborsHost) {
  const Ipv4Address host{0x0a000003};
  const MacAddress host_mac = MacAddress::from_number(0x0200000000d3);
  lab_.send("green-1", {numbered(kGreenGatewayMac, kRed9.ip, 1)});
  const auto misses = told();
  ASSERT_EQ(misses.size(), 1U);
  ASSERT_FALSE(lab_.programmer().set(PipelineLab::neighbor_config(kRed, kRed9, IpAddress{host})));
  lab_.walk();
  EXPECT_EQ(waiting(), 1U);
  EXPECT_TRUE(lab_.all_drops().empty());
  EXPECT_TRUE(demand().take_news().found.empty());
  lab_.take("up");  // the question for the host's MAC
  const Port* uplink =
      lab_.dataplane().port_table().find(lab_.dataplane().underlay().uplink.load());
  const Station self{kOwnVtep, uplink->mac};
  lab_.send("up", {arp_reply(host_mac, host, self)});
  EXPECT_EQ(numbers(lab_.take("up")), (std::vector<int>{1}));
  EXPECT_EQ(demand().take_news().found, (std::vector<std::uint64_t>{misses[0].id}));
  expect_nothing_is_kept();
}

TEST_F(OnDemandPipeline, BridgedPacketsWaitForAMac) {
  lab_.send("green-1", {numbered(kGreen9.mac, kGreen9.ip, 7)});
  EXPECT_EQ(waiting(), 1U);
  const auto misses = told();
  ASSERT_EQ(misses.size(), 1U);
  EXPECT_EQ(misses[0].miss.key.address, (AwaitedAddress{.vni = kGreen, .mac = kGreen9.mac}));
  EXPECT_EQ(misses[0].miss.destination, IpAddress{kGreen9.ip});
  ASSERT_FALSE(lab_.programmer().set(PipelineLab::neighbor_config(kGreen, kGreen9)));
  lab_.walk();
  EXPECT_EQ(numbers(lab_.take("up")), (std::vector<int>{7}));
  EXPECT_EQ(demand().take_news().found, (std::vector<std::uint64_t>{misses[0].id}));
  expect_nothing_is_kept();
}

TEST_F(OnDemandPipeline, ArpRequestsWaitAndAreAnswered) {
  lab_.send("green-1", {arp_request(kGreen1, kGreen9.ip)});
  EXPECT_TRUE(lab_.take("green-1").empty());
  const auto misses = told();
  ASSERT_EQ(misses.size(), 1U);
  EXPECT_EQ(misses[0].miss.ether_type, 0x0806);
  EXPECT_EQ(misses[0].miss.destination, IpAddress{kGreen9.ip});
  ASSERT_FALSE(lab_.programmer().set(PipelineLab::neighbor_config(kGreen, kGreen9)));
  lab_.walk();
  EXPECT_EQ(lab_.take("green-1"),
            (std::vector<Bytes>{arp_reply(kGreen9.mac, kGreen9.ip, kGreen1)}));
  expect_nothing_is_kept();
}

TEST_F(OnDemandPipeline, WhoAsksForAFreeAddressIsNotMadeToWait) {
  Station probing = kGreen1;
  probing.ip = Ipv4Address{};
  lab_.send("green-1", {arp_request(probing, kGreen9.ip)});
  EXPECT_EQ(waiting(), 0U);
}

TEST_F(OnDemandPipeline, AStationOfThisHostReleasesToo) {
  lab_.send("green-1", {numbered(kGreenGatewayMac, kRed9.ip, 1)});
  EXPECT_EQ(told().size(), 1U);
  lab_.make_rings("red-9");
  ASSERT_FALSE(lab_.programmer().set(PipelineLab::port_config("red-9", kRed, kRed9)));
  lab_.walk();
  EXPECT_EQ(lab_.take("red-9").size(), 1U);
  expect_nothing_is_kept();
}

// A MAC that belongs to no address, or to a pair of the port.
TEST_F(OnDemandPipeline, AStationOfThisHostReleasesWhatWaitsForItsMacs) {
  const MacAddress other = MacAddress::from_number(0x020000010077);
  lab_.send("green-1", {numbered(kGreen9.mac, kGreen9.ip, 1), numbered(other, kGreen9.ip, 2)});
  EXPECT_EQ(told().size(), 2U);
  lab_.make_rings("green-9");
  auto config = PipelineLab::port_config("green-9", kGreen, kGreen9);
  config.fixed_ips.clear();
  config.allowed_address_pairs = {{*IpPrefix::parse("10.1.0.128/25"), other}};
  ASSERT_FALSE(lab_.programmer().set(config));
  lab_.walk();
  EXPECT_EQ(lab_.take("green-9").size(), 2U);
  expect_nothing_is_kept();
}

// Nobody asks for news, and the miss has not been told when its neighbor comes.
TEST_F(OnDemandPipeline, AWatcherThatDoesNotReadDelaysNobody) {
  lab_.enqueue("green-1", {numbered(kGreenGatewayMac, kRed9.ip, 1)});
  lab_.dataplane().workers()[0]->step();
  EXPECT_EQ(waiting(), 1U);
  ASSERT_FALSE(lab_.programmer().set(PipelineLab::neighbor_config(kRed, kRed9)));
  lab_.walk();
  EXPECT_EQ(numbers(lab_.take("up")), (std::vector<int>{1}));
  EXPECT_TRUE(told().empty());
  expect_nothing_is_kept();
}

// By the worker, for nobody ticks; and by who watches next.
TEST_F(OnDemandPipeline, WhoWaitsForNewsIsWoken) {
  using Clock = std::chrono::steady_clock;
  constexpr std::chrono::seconds kLongest{20};
  const auto wait = [&] {
    return std::async(std::launch::async, [&] {
      const auto start = Clock::now();
      demand().wait_for_news(kLongest);
      return Clock::now() - start;
    });
  };
  auto woken = wait();
  lab_.enqueue("green-1", {numbered(kGreenGatewayMac, kRed9.ip, 1)});
  lab_.dataplane().workers()[0]->step();
  EXPECT_LT(woken.get(), kLongest / 2);
  EXPECT_EQ(told().size(), 1U);
  ASSERT_FALSE(lab_.programmer().set(PipelineLab::neighbor_config(kRed, kRed9)));
  woken = wait();
  while (woken.wait_for(std::chrono::milliseconds{1}) != std::future_status::ready) {
    demand().begin_watch();
  }
  EXPECT_LT(woken.get(), kLongest / 2) << "who watched before";
  lab_.walk();
  lab_.take("up");
  expect_nothing_is_kept();
}

TEST(OnDemandWorker, DoesNotSleepLongWhilePacketsWait) {
  auto settings = PipelineLab::default_settings();
  settings.idle_backoff_microseconds = 100'000;
  PipelineLab lab{settings};
  lab.program_network();
  OnDemand& demand = lab.dataplane().on_demand();
  demand.begin_watch();
  Worker& worker = *lab.dataplane().workers()[0];
  std::thread thread{[&worker] { worker.run(); }};
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{30};
  const auto wait_until_waiting = [&](std::uint64_t packets) {
    while (demand.totals().waiting != packets && std::chrono::steady_clock::now() < deadline) {
      std::this_thread::sleep_for(std::chrono::microseconds{100});
    }
  };
  std::chrono::steady_clock::duration spent{};
  constexpr std::uint32_t kRounds = 4;
  for (std::uint32_t i = 0; i < kRounds; ++i) {
    const Station station{Ipv4Address{kRed9.ip.host() + i},
                          MacAddress::from_number(kRed9.mac.number() + i)};
    lab.enqueue("green-1", {numbered(kGreenGatewayMac, station.ip, 1)});
    wait_until_waiting(1);
    EXPECT_EQ(demand.take_news().misses.size(), 1U);
    // By now its sleeps are as long as they may be.
    std::this_thread::sleep_for(std::chrono::milliseconds{400});
    const auto start = std::chrono::steady_clock::now();
    EXPECT_FALSE(lab.programmer().set(PipelineLab::neighbor_config(kRed, station)));
    wait_until_waiting(0);
    spent += std::chrono::steady_clock::now() - start;
  }
  worker.stop();
  thread.join();
  EXPECT_EQ(numbers(lab.take("up")).size(), kRounds);
  EXPECT_LT(spent, kRounds * std::chrono::milliseconds{25});
}

TEST_F(OnDemandPipeline, WhatWaitsTooLongIsDecidedWithoutItsNeighbor) {
  lab_.send("green-1", {numbered(kGreenGatewayMac, kRed9.ip, 1)});
  let_time_pass(1900);
  EXPECT_EQ(waiting(), 1U);
  let_time_pass(200);
  EXPECT_EQ(lab_.drops("green-1", DropReason::neighbor_unknown), 1U);
  EXPECT_EQ(lab_.take("green-1").size(), 1U);  // the ICMP error
  EXPECT_EQ(demand().totals().expired, 1U);
  expect_nothing_is_kept();
}

TEST_F(OnDemandPipeline, WhatTheAgentGivesUpIsDecidedAtOnce) {
  lab_.send("green-1", {numbered(kGreenGatewayMac, kRed9.ip, 1)});
  const auto misses = told();
  ASSERT_EQ(misses.size(), 1U);
  demand().end_miss(misses[0].id);
  demand().end_miss(misses[0].id);
  demand().end_miss(12345);
  lab_.walk();
  EXPECT_EQ(lab_.drops("green-1", DropReason::neighbor_unknown), 1U);
  expect_nothing_is_kept();
  // The next one is told of again.
  lab_.send("green-1", {numbered(kGreenGatewayMac, kRed9.ip, 2)});
  EXPECT_EQ(told().size(), 1U);
}

TEST_F(OnDemandPipeline, NothingWaitsUnlessSomebodyWatches) {
  lab_.send("green-1", {numbered(kGreenGatewayMac, kRed9.ip, 1)});
  EXPECT_EQ(waiting(), 1U);
  const std::uint64_t other = demand().begin_watch();
  EXPECT_EQ(told().size(), 1U);  // whoever was told before may have told nobody
  demand().end_watch(watch_);    // not the one in force any more
  lab_.walk();
  EXPECT_EQ(waiting(), 1U);
  demand().end_watch(other);
  lab_.walk();
  EXPECT_EQ(lab_.drops("green-1", DropReason::neighbor_unknown), 1U);
  lab_.send("green-1", {numbered(kGreenGatewayMac, kRed9.ip, 2),
                        numbered(kGreen9.mac, kGreen9.ip, 3), arp_request(kGreen1, kGreen9.ip)});
  EXPECT_EQ(lab_.drops("green-1", DropReason::neighbor_unknown), 2U);
  EXPECT_EQ(lab_.drops("green-1", DropReason::destination_mac_unknown), 1U);
  EXPECT_EQ(lab_.drops("green-1", DropReason::arp_target_unknown), 1U);
  expect_nothing_is_kept();
}

TEST_F(OnDemandPipeline, ANewWatchTakesOverWhatWaits) {
  lab_.send("green-1", {numbered(kGreenGatewayMac, kRed9.ip, 1)});
  EXPECT_EQ(told().size(), 1U);
  demand().end_watch(watch_);
  demand().begin_watch();  // before the workers have noticed
  lab_.walk();
  EXPECT_EQ(waiting(), 1U);
  EXPECT_EQ(told().size(), 1U);
  ASSERT_FALSE(lab_.programmer().set(PipelineLab::neighbor_config(kRed, kRed9)));
  lab_.walk();
  EXPECT_EQ(numbers(lab_.take("up")), (std::vector<int>{1}));
  expect_nothing_is_kept();
}

TEST_F(OnDemandPipeline, APortTakesWhatWaitsWithIt) {
  lab_.send("green-1",
            {numbered(kGreenGatewayMac, kRed9.ip, 1), numbered(kGreenGatewayMac, kRed9.ip, 2)});
  lab_.send("green-3", {numbered(kGreenGatewayMac, kRed9.ip, 3, kGreen3)});
  EXPECT_EQ(waiting(), 3U);
  lab_.programmer().remove_port("green-1");
  lab_.walk();
  EXPECT_EQ(waiting(), 1U);
  EXPECT_EQ(lab_.all_drops().at("none awaited_port_gone"), 2U);
  EXPECT_EQ(demand().totals().purged, 2U);
  EXPECT_EQ(demand().take_news().gone_ports, (std::vector<std::string>{"green-1"}));
  ASSERT_FALSE(lab_.programmer().set(PipelineLab::neighbor_config(kRed, kRed9)));
  lab_.walk();
  EXPECT_EQ(numbers(lab_.take("up")), (std::vector<int>{3}));
  expect_nothing_is_kept();
}

TEST_F(OnDemandPipeline, SecurityGroupsAreAskedWhenThePacketGoesOn) {
  lab_.send("green-1", {numbered(kGreenGatewayMac, kRed9.ip, 1)});
  EXPECT_EQ(told().size(), 1U);
  PortConfig port = PipelineLab::port_config("green-1", kGreen, kGreen1);
  port.policy_enforced = true;  // and no group allows anything
  ASSERT_FALSE(lab_.programmer().set(port));
  ASSERT_FALSE(lab_.programmer().set(PipelineLab::neighbor_config(kRed, kRed9)));
  lab_.walk();
  EXPECT_TRUE(lab_.take("up").empty());
  EXPECT_EQ(lab_.drops("green-1", DropReason::policy_egress), 1U);
  expect_nothing_is_kept();
}

TEST_F(OnDemandPipeline, WhatThePolicyDeniesDoesNotWait) {
  lab_.send("green-1", {numbered(kGreen9.mac, kGreen9.ip, 1)});
  EXPECT_EQ(told().size(), 1U);
  PortConfig port = PipelineLab::port_config("green-1", kGreen, kGreen1);
  port.policy_enforced = true;  // and no group allows anything
  ASSERT_FALSE(lab_.programmer().set(port));
  lab_.send("green-1",
            {numbered(kGreenGatewayMac, kRed9.ip, 1), numbered(kGreen9.mac, kGreen9.ip, 2)});
  EXPECT_EQ(lab_.drops("green-1", DropReason::policy_egress), 2U);
  EXPECT_EQ(waiting(), 1U);
  EXPECT_TRUE(told().empty());
  let_time_pass(2100);
}

// Chains of buffers: a small one is copied into one buffer, of large ones there are few.
TEST_F(OnDemandPipeline, ChainsOfBuffersCountAsManyBuffers) {
  const auto send_chain = [&](Ipv4Address destination, std::uint16_t more, std::uint16_t segments) {
    const Bytes frame = packet()
                            .ethernet({.source = kGreen1.mac, .destination = kGreenGatewayMac})
                            .ipv4({.source = kGreen1.ip, .destination = destination})
                            .udp({.source_port = 1, .destination_port = 2})
                            .payload(Bytes(std::size_t{more} * segments, 0x33))
                            .build();
    const std::size_t first = frame.size() - std::size_t{more} * segments;
    rte_mbuf* head = rte_pktmbuf_alloc(lab_.dataplane().pool());
    std::memcpy(rte_pktmbuf_append(head, static_cast<std::uint16_t>(first)), frame.data(), first);
    for (std::uint16_t i = 0; i < segments; ++i) {
      rte_mbuf* next = rte_pktmbuf_alloc(lab_.dataplane().pool());
      std::memcpy(rte_pktmbuf_append(next, more), frame.data() + first + std::size_t{more} * i,
                  more);
      ASSERT_EQ(rte_pktmbuf_chain(head, next), 0);
    }
    ASSERT_EQ(rte_ring_enqueue(rte_ring_lookup("green-1_rx"), head), 0);
    lab_.walk();
  };
  const std::uint64_t before = lab_.buffers_in_use();
  send_chain(kRed9.ip, 20, 3);
  EXPECT_EQ(waiting(), 1U);
  EXPECT_EQ(lab_.buffers_in_use() - before, 1U);
  // Of four buffers each.
  for (std::uint32_t i = 0; i < 40; ++i) {
    send_chain(Ipv4Address{0x0a020080 + i}, 1000, 3);
  }
  EXPECT_EQ(waiting(), 17U);
  EXPECT_EQ(lab_.drops("green-1", DropReason::awaited_too_many), 24U);
  let_time_pass(2100);
  EXPECT_EQ(waiting(), 0U);
  send_chain(kRed9.ip, 1000, 3);
  EXPECT_EQ(waiting(), 1U);
  let_time_pass(2100);
  expect_nothing_is_kept();
}

TEST_F(OnDemandPipeline, PacketsFromTheWireDontWait) {
  const auto inner = numbered(kGreen9.mac, kGreen9.ip, 1, kGreen2);
  lab_.send(
      "up",
      {tunnelled(
          inner,
          lab_.dataplane().port_table().find(lab_.dataplane().underlay().uplink.load())->mac)});
  EXPECT_EQ(waiting(), 0U);
  EXPECT_EQ(lab_.drops("up", DropReason::destination_mac_unknown), 1U);
}

TEST_F(OnDemandPipeline, FragmentsWaitAndAreNotSeenTwice) {
  const auto fragment = [](std::uint16_t offset, bool more) {
    return packet()
        .ethernet({.source = kGreen1.mac, .destination = kGreenGatewayMac})
        .ipv4({.source = kGreen1.ip,
               .destination = kRed9.ip,
               .identification = 7,
               .more_fragments = more,
               .fragment_offset = offset})
        .udp({.source_port = 1, .destination_port = 2})
        .payload(Bytes(64, 0x33))
        .build();
  };
  lab_.send("green-1", {fragment(0, true)});
  EXPECT_EQ(waiting(), 1U);
  EXPECT_EQ(told().size(), 1U);
  ASSERT_FALSE(lab_.programmer().set(PipelineLab::neighbor_config(kRed, kRed9)));
  lab_.walk();
  EXPECT_EQ(lab_.take("up").size(), 1U);
  EXPECT_TRUE(lab_.all_drops().empty());

  // The source is checked as it is then.
  lab_.programmer().remove_neighbor({kRed, IpAddress{kRed9.ip}});
  lab_.send("green-1", {fragment(9, true)});
  EXPECT_EQ(waiting(), 1U);
  PortConfig port = PipelineLab::port_config("green-1", kGreen, kGreen1);
  port.fixed_ips = {IpAddress{Ipv4Address{0x0a010044}}};
  ASSERT_FALSE(lab_.programmer().set(port));
  ASSERT_FALSE(lab_.programmer().set(PipelineLab::neighbor_config(kRed, kRed9)));
  lab_.walk();
  EXPECT_TRUE(lab_.take("up").empty());
  EXPECT_EQ(lab_.drops("green-1", DropReason::spoofed_ip), 1U);
}

// A guest that looks for everybody.
TEST_F(OnDemandPipeline, AScanningGuestIsBoundedAndOthersDontNotice) {
  constexpr std::uint32_t kAddresses = 4000;
  for (std::uint32_t i = 0; i < kAddresses; i += 250) {
    std::vector<Bytes> frames;
    for (std::uint32_t j = 0; j < 250; ++j) {
      MacAddress mac = MacAddress::from_number(0x020000aa0000 + i + j);
      frames.push_back(numbered(mac, Ipv4Address{0x0a010000 + i + j}, 1));
    }
    lab_.send("green-1", frames);
  }
  // Half of what may wait, which is half of the buffers.
  const std::uint64_t share = demand().capacity() / 2;
  EXPECT_EQ(waiting(), share);
  EXPECT_EQ(lab_.drops("green-1", DropReason::awaited_too_many), kAddresses - share);
  EXPECT_LE(demand().destinations(), std::size_t{2} * demand().capacity());

  // Another tenant's first packet still waits, is told of, and goes out.
  lab_.send("red-1", {numbered(kRed9.mac, kRed9.ip, 9, kRed1)});
  std::size_t told_of_red = 0;
  for (const ToldMiss& miss : told()) {
    told_of_red += miss.port == "red-1" ? 1 : 0;
  }
  EXPECT_EQ(told_of_red, 1U);
  ASSERT_FALSE(lab_.programmer().set(PipelineLab::neighbor_config(kRed, kRed9)));
  lab_.walk();
  EXPECT_EQ(numbers(lab_.take("up")), (std::vector<int>{9}));
  let_time_pass(5000);
  expect_nothing_is_kept();
}

TEST_F(OnDemandPipeline, ExplainSaysThatItWaitsAndKeepsNothing) {
  const DescribedPacket described{.port = "green-1",
                                  .protocol = ip_protocol::kUdp,
                                  .source = IpAddress{kGreen1.ip},
                                  .destination = IpAddress{kRed9.ip},
                                  .source_port = 1,
                                  .destination_port = 2};
  const auto result = explain(lab_.dataplane(), described);
  const auto& explanation = std::get<Explanation>(result);
  EXPECT_EQ(explanation.outcome, Explanation::Outcome::kWaits);
  EXPECT_EQ(explanation.stages.back().node, NodeId::kAwaitNeighbor);
  EXPECT_EQ(told().size(), 0U);
  expect_nothing_is_kept();
}

TEST_F(OnDemandPipeline, UseOfNeighborsIsReadFromConnections) {
  ASSERT_FALSE(lab_.programmer().set(PipelineLab::neighbor_config(kRed, kRed9)));
  ASSERT_FALSE(lab_.programmer().set(PipelineLab::neighbor_config(kGreen, kGreen9)));
  lab_.send("green-1", {numbered(kGreenGatewayMac, kRed9.ip, 1)});
  let_time_pass(3000);
  lab_.send("green-1", {numbered(kGreen9.mac, kGreen9.ip, 1)});
  let_time_pass(1000);
  NeighborUse use(lab_.dataplane().flows(), lab_.dataplane().tables().neighbors,
                  {{kRed, IpAddress{kRed9.ip}},
                   {kGreen, IpAddress{kGreen9.ip}},
                   {kGreen, IpAddress{kGreen2.ip}},
                   {kGreen, IpAddress{Ipv4Address{1}}}});
  while (use.advance()) {
  }
  EXPECT_GE(use.idle()[0], 4000U);
  EXPECT_LT(use.idle()[0], 60000U);
  EXPECT_GE(use.idle()[1], 1000U);
  EXPECT_LT(use.idle()[1], use.idle()[0]);
  EXPECT_EQ(use.idle()[2], NeighborUse::kNever);
  EXPECT_EQ(use.idle()[3], NeighborUse::kNever);
}

}  // namespace
}  // namespace alkaid::test
