// Broadcast and multicast: dropped, or replicated to the segment's ports and hosts.
#include <algorithm>

#include <gtest/gtest.h>

#include "dataplane/packet/link_local.hpp"
#include "tests/pipeline/case.hpp"
#include "tests/pipeline/frames.hpp"

namespace alkaid::test {
namespace {

using namespace net;

constexpr Ipv4Address kThirdVtep{0x0a000003};
constexpr Station kGreen4{Ipv4Address{0x0a01000e}, MacAddress::from_number(0x02000001000e)};
constexpr Station kNobody{Ipv4Address{0x0a0100fe}, MacAddress::from_number(0x0200000100fe)};

Bytes broadcast(const Station& from) {
  return udp_frame(from, kBroadcastMac, Ipv4Address{0xffffffff});
}

Bytes multicast(const Station& from) {
  return udp_frame(from, MacAddress::from_number(0x01005e010203), Ipv4Address{0xef010203});
}

Bytes ipv6_multicast(const Station& from) {
  const IpAddress group = *IpAddress::parse("ff02::fb");
  return packet()
      .ethernet({.source = from.mac, .destination = multicast_mac(group)})
      .ipv6({.source = link_local_address(from.mac), .destination = group})
      .udp({.source_port = 5353, .destination_port = 5353})
      .payload(Bytes(16))
      .build();
}

// The lab with a second port on green (red-1 moved there as it is), and green-4 on a third host.
class Broadcast : public ::testing::Test {
 protected:
  Broadcast() {
    auto settings = PipelineLab::default_settings();
    settings.underlay_neighbors.emplace_back(kThirdVtep, MacAddress::from_number(0x0200000000b3));
    lab = std::make_unique<PipelineLab>(settings);
    lab->program_network();
    EXPECT_FALSE(lab->programmer().set(neighbor(kGreen4)));
  }

  static NeighborConfig neighbor(const Station& station) {
    auto config = PipelineLab::neighbor_config(kGreen, station);
    config.vtep = IpAddress{kThirdVtep};
    return config;
  }

  void replicate(std::uint32_t rate = 0, Vni vni = kGreen) {
    auto segment = PipelineLab::segment_config(vni);
    segment.broadcast = BroadcastMode::kReplicate;
    segment.broadcast_rate = rate;
    ASSERT_FALSE(lab->programmer().set(segment));
  }

  // How many packets come out where; of "up", by the last byte of the outer destination.
  std::map<std::string, std::size_t> sent(const std::string& port, const Frames& frames) {
    lab->send(port, frames);
    std::map<std::string, std::size_t> counts;
    for (const char* name : {"green-1", "green-3", "red-1"}) {
      if (const std::size_t count = lab->take(name).size()) {
        counts[name] = count;
      }
    }
    for (const Bytes& frame : lab->take("up")) {
      ++counts["vtep-" + std::to_string(frame[33])];
    }
    return counts;
  }

  using Counts = std::map<std::string, std::size_t>;
  std::unique_ptr<PipelineLab> lab;
};

TEST_F(Broadcast, IsDroppedUnlessTheSegmentReplicates) {
  EXPECT_TRUE(sent("green-1", {broadcast(kGreen1), multicast(kGreen1)}).empty());
  EXPECT_TRUE(sent("up", {tunnelled(broadcast(kGreen2), uplink_mac(*lab))}).empty());
  EXPECT_EQ(lab->drops("green-1", DropReason::multicast_unsupported), 2U);
  EXPECT_EQ(lab->drops("up", DropReason::multicast_unsupported), 1U);
}

TEST_F(Broadcast, GoesOnceToEveryOtherStation) {
  replicate();
  const Counts everybody{{"green-3", 1}, {"vtep-2", 1}, {"vtep-3", 1}};
  for (const Bytes& frame : {broadcast(kGreen1), multicast(kGreen1), ipv6_multicast(kGreen1)}) {
    EXPECT_EQ(sent("green-1", {frame}), everybody);
  }
  EXPECT_TRUE(lab->all_drops().empty());
  // The copies are whole.
  lab->send("green-1", {broadcast(kGreen1)});
  EXPECT_EQ(lab->take("green-3"), Frames{broadcast(kGreen1)});
  const auto out = lab->take("up");
  ASSERT_EQ(out.size(), 2U);
  for (const Bytes& frame : out) {
    EXPECT_EQ(Bytes(frame.begin() + 50, frame.end()), broadcast(kGreen1));
  }
  EXPECT_EQ(lab->buffers_in_use(), 0U);
}

TEST_F(Broadcast, FromTheWireGoesToLocalPortsOnly) {
  replicate();
  EXPECT_EQ(sent("up", {tunnelled(broadcast(kGreen2), uplink_mac(*lab))}),
            (Counts{{"green-1", 1}, {"green-3", 1}}));
  EXPECT_TRUE(lab->all_drops().empty());
}

TEST_F(Broadcast, ServicesAreNotFlooded) {
  replicate();
  EXPECT_EQ(sent("green-1", {arp_request(kGreen1, kGreen3.ip)}), (Counts{{"green-1", 1}}));
  EXPECT_TRUE(sent("green-1", {arp_request(kGreen1, kGreen1.ip)}).empty());
  EXPECT_EQ(sent("green-1", {udp_frame(kGreen1, kNobody.mac, kNobody.ip)}), Counts{});
  EXPECT_EQ(lab->drops("green-1", DropReason::destination_mac_unknown), 1U);
}

TEST_F(Broadcast, ArpForNobodyKnownIsFlooded) {
  replicate();
  EXPECT_EQ(sent("green-1", {arp_request(kGreen1, kNobody.ip)}),
            (Counts{{"green-3", 1}, {"vtep-2", 1}, {"vtep-3", 1}}));
  EXPECT_EQ(sent("up", {tunnelled(arp_request(kGreen2, kNobody.ip), uplink_mac(*lab))}),
            (Counts{{"green-1", 1}, {"green-3", 1}}));
}

TEST_F(Broadcast, TheListFollowsItsMembers) {
  replicate();
  const auto now = [this] { return sent("green-1", {broadcast(kGreen1)}); };
  // A second neighbor behind the same VTEP changes nothing, nor does one of the two that goes.
  ASSERT_FALSE(lab->programmer().set(neighbor(kNobody)));
  EXPECT_EQ(now()["vtep-3"], 1U);
  lab->programmer().remove_neighbor({kGreen, IpAddress{kNobody.ip}});
  EXPECT_EQ(now()["vtep-3"], 1U);
  // The last one does, and one that moves.
  auto moved = neighbor(kGreen4);
  moved.vtep = IpAddress{kPeerVtep};
  ASSERT_FALSE(lab->programmer().set(moved));
  EXPECT_EQ(now(), (Counts{{"green-3", 1}, {"vtep-2", 1}}));
  lab->programmer().remove_neighbor({kGreen, IpAddress{kGreen4.ip}});
  EXPECT_EQ(now(), (Counts{{"green-3", 1}, {"vtep-2", 1}}));
  lab->programmer().remove_neighbor({kGreen, IpAddress{kGreen2.ip}});
  EXPECT_EQ(now(), (Counts{{"green-3", 1}}));
  // Ports: one more, one that is down, one that left the segment, none.
  const auto red1 = PipelineLab::port_config("red-1", kGreen, kRed1);
  ASSERT_FALSE(lab->programmer().set(red1));
  EXPECT_EQ(now(), (Counts{{"green-3", 1}, {"red-1", 1}}));
  auto down = red1;
  down.admin_up = false;
  ASSERT_FALSE(lab->programmer().set(down));
  EXPECT_EQ(now(), (Counts{{"green-3", 1}}));
  ASSERT_FALSE(lab->programmer().set(PipelineLab::port_config("red-1", kRed, kRed1)));
  EXPECT_EQ(now(), (Counts{{"green-3", 1}}));
  lab->programmer().remove_port("green-3");
  EXPECT_TRUE(now().empty());
  EXPECT_TRUE(lab->all_drops().empty()) << "to have nobody to tell is no drop";
  // And no longer.
  ASSERT_FALSE(lab->programmer().set(PipelineLab::segment_config(kGreen)));
  EXPECT_TRUE(now().empty());
  EXPECT_EQ(lab->drops("green-1", DropReason::multicast_unsupported), 1U);
  replicate();
  lab->programmer().remove_segment(kGreen);
  EXPECT_TRUE(now().empty());
}

TEST_F(Broadcast, OfEachFamilyGoesToThePortsThatHaveItThere) {
  replicate();
  auto green3 = PipelineLab::port_config("green-3", kGreen, kGreen3);
  green3.vni_v6 = kRed;
  ASSERT_FALSE(lab->programmer().set(green3));
  EXPECT_EQ(sent("green-1", {broadcast(kGreen1)})["green-3"], 1U);
  EXPECT_EQ(sent("green-1", {ipv6_multicast(kGreen1)})["green-3"], 0U);
  replicate(0, kRed);
  EXPECT_EQ(sent("red-1", {ipv6_multicast(kRed1)})["green-3"], 1U);
  EXPECT_EQ(sent("red-1", {broadcast(kRed1)})["green-3"], 0U);
}

TEST_F(Broadcast, IsRateLimited) {
  replicate(200);  // a tenth of it at once; the time stands still when walks are made by hand
  const Frames many(30, broadcast(kGreen1));
  EXPECT_EQ(sent("green-1", many), (Counts{{"green-3", 20}, {"vtep-2", 20}, {"vtep-3", 20}}));
  EXPECT_EQ(lab->drops("green-1", DropReason::broadcast_rate_limited), 10U);
  // Other hosts have a share of their own.
  EXPECT_EQ(sent("up", {tunnelled(broadcast(kGreen2), uplink_mac(*lab))}),
            (Counts{{"green-1", 1}, {"green-3", 1}}));
}

TEST_F(Broadcast, WithoutBuffersIsCounted) {
  replicate(10000);
  std::vector<rte_mbuf*> taken;
  while (lab->buffers_in_use() < 2000) {
    taken.push_back(rte_pktmbuf_alloc(lab->dataplane().pool()));
  }
  // In one burst; each would need two more.
  lab->enqueue("green-1", Frames(30, broadcast(kGreen1)));
  lab->walk();
  lab->take("green-3");
  lab->take("up");
  const std::uint64_t missing = lab->drops("green-1", DropReason::no_buffer);
  EXPECT_GT(missing, 0U);
  for (rte_mbuf* packet : taken) {
    rte_pktmbuf_free(packet);
  }
  EXPECT_EQ(sent("green-1", {broadcast(kGreen1)}),
            (Counts{{"green-3", 1}, {"vtep-2", 1}, {"vtep-3", 1}}));
  EXPECT_EQ(lab->buffers_in_use(), 0U);
}

}  // namespace
}  // namespace alkaid::test
