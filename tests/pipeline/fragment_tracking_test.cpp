// Tenants' fragments in the pipeline. What is done with them in detail: tests/unit/conntrack.
#include <gtest/gtest.h>
#include <rte_cycles.h>

#include "dataplane/conntrack/fragment_tracker.hpp"
#include "dataplane/conntrack/fragment_tracking_node.hpp"
#include "tests/pipeline/case.hpp"
#include "tests/pipeline/frames.hpp"

namespace alkaid::test {
namespace {

using namespace net;

struct Path {
  MacAddress source_mac;
  MacAddress destination_mac;
  Ipv4Address source;
  Ipv4Address destination;
  std::uint8_t ttl = 64;
};

// A datagram of 1,608 bytes in three pieces, in the order that they stand in it.
Frames datagram(const Path& path, std::uint16_t identification = 7) {
  const auto piece = [&](std::uint16_t offset, bool more) {
    return packet()
        .ethernet({.source = path.source_mac, .destination = path.destination_mac})
        .ipv4({.source = path.source,
               .destination = path.destination,
               .ttl = path.ttl,
               .identification = identification,
               .more_fragments = more,
               .fragment_offset = static_cast<std::uint16_t>(offset / 8),
               .protocol = ip_protocol::kUdp});
  };
  return {piece(0, true).udp({.length = 1608, .checksum = 0}).payload(Bytes(792, 1)).build(),
          piece(800, true).payload(Bytes(800, 2)).build(),
          piece(1600, false).payload(Bytes(8, 3)).build()};
}

constexpr Path kBridged{kGreen1.mac, kGreen3.mac, kGreen1.ip, kGreen3.ip};
constexpr Path kRouted{kGreen1.mac, kGreenGatewayMac, kGreen1.ip, kRed1.ip};
constexpr Path kRoutedOut{kRedGatewayMac, kRed1.mac, kGreen1.ip, kRed1.ip, 63};
constexpr Path kRemote{kGreen1.mac, kGreen2.mac, kGreen1.ip, kGreen2.ip};
constexpr Path kFromRemote{kGreen2.mac, kGreen1.mac, kGreen2.ip, kGreen1.ip};

Frames in_order(const Frames& frames, const std::vector<std::size_t>& order) {
  Frames result;
  for (const std::size_t i : order) {
    result.push_back(frames[i]);
  }
  return result;
}

Frames wrapped(const Frames& frames, PipelineLab& lab) {
  Frames result;
  for (const Bytes& frame : frames) {
    result.push_back(tunnelled(frame, uplink_mac(lab)));
  }
  return result;
}

class Fragments : public ::testing::TestWithParam<Case> {};

TEST_P(Fragments, Case) {
  run_case(GetParam());
}

Case local_case(std::string name, const Frames& in, const std::string& out_port, const Frames& out,
                std::map<std::string, std::uint64_t> drops = {}) {
  return {.name = std::move(name),
          .port = "green-1",
          .in = [in](auto&) { return in; },
          .out =
              [out, out_port](auto&) {
                return std::map<std::string, Frames>{{out_port, out}};
              },
          .drops = std::move(drops),
          // Of a datagram that was dropped once, everything is.
          .once = in.size() != out.size()};
}

// The second piece once more, 8 bytes further on.
Frames overlapping() {
  Frames frames = datagram(kBridged);
  auto& ip = *reinterpret_cast<Ipv4Header*>(frames[1].data() + sizeof(EthernetHeader));
  Bytes other = frames[1];
  auto& other_ip = *reinterpret_cast<Ipv4Header*>(other.data() + sizeof(EthernetHeader));
  other_ip.flags_offset = BigEndian16{static_cast<std::uint16_t>(ip.flags_offset.host() + 1)};
  ipv4_checksum_set(other_ip);
  return {frames[0], frames[1], other, frames[2]};
}

INSTANTIATE_TEST_SUITE_P(
    Tenant, Fragments,
    ::testing::Values(local_case("bridged", datagram(kBridged), "green-3", datagram(kBridged)),
                      local_case("bridged_last_first", in_order(datagram(kBridged), {2, 1, 0}),
                                 "green-3", in_order(datagram(kBridged), {0, 2, 1})),
                      local_case("routed", datagram(kRouted), "red-1", datagram(kRoutedOut)),
                      local_case("routed_last_first", in_order(datagram(kRouted), {2, 0, 1}),
                                 "red-1", in_order(datagram(kRoutedOut), {0, 2, 1})),
                      local_case("overlapping", overlapping(), "green-3",
                                 in_order(datagram(kBridged), {0, 1}),
                                 {{"green-1 fragment_overlap", 2}}),
                      Case{.name = "to_the_wire_last_first",
                           .port = "green-1",
                           .in =
                               [](auto&) {
                                 return in_order(datagram(kRemote), {2, 1, 0});
                               },
                           .out =
                               [](PipelineLab& lab) {
                                 Frames out;
                                 for (const Bytes& frame : in_order(datagram(kRemote), {0, 2, 1})) {
                                   out.push_back(encapsulated(uplink_mac(lab), frame, kGreen));
                                 }
                                 return std::map<std::string, Frames>{{"up", out}};
                               },
                           .drops = {}},
                      Case{.name = "from_the_wire_last_first",
                           .port = "up",
                           .in =
                               [](PipelineLab& lab) {
                                 return wrapped(in_order(datagram(kFromRemote), {2, 1, 0}), lab);
                               },
                           .out =
                               [](auto&) {
                                 return std::map<std::string, Frames>{
                                     {"green-1", in_order(datagram(kFromRemote), {0, 2, 1})}};
                               },
                           .drops = {}}),
    name_of_case);

// Lets the time pass that fragments may wait.
void expire(PipelineLab& lab) {
  Worker& worker = *lab.dataplane().workers().front();
  const std::uint64_t later = rte_rdtsc() + 3 * rte_get_tsc_hz();
  for (std::size_t i = 0; i < worker.fragments().bucket_count(); ++i) {
    drop_orphaned_fragments(worker, later);
  }
}

TEST(FragmentTracking, WhatWaitsInVainIsDropped) {
  PipelineLab lab;
  const std::uint64_t buffers = lab.buffers_in_use();
  const Frames frames = datagram(kBridged);
  lab.send("green-1", {frames[2], frames[1]});
  EXPECT_EQ(lab.buffers_in_use(), buffers + 2);
  expire(lab);
  EXPECT_EQ(lab.buffers_in_use(), buffers);
  EXPECT_EQ(lab.all_drops(),
            (std::map<std::string, std::uint64_t>{{"green-1 fragment_orphan", 2}}));
  lab.send("green-1", {frames[0]});
  EXPECT_EQ(lab.take("green-3"), Frames{frames[0]});
}

TEST(FragmentTracking, APortMayGoWhileItsFragmentsWait) {
  PipelineLab lab;
  const std::uint64_t buffers = lab.buffers_in_use();
  const Frames frames = datagram(kBridged);
  lab.send("green-1", {frames[2]});
  lab.programmer().remove_port("green-1");
  lab.walk();
  expire(lab);
  EXPECT_EQ(lab.buffers_in_use(), buffers);
}

TEST(FragmentTracking, TheDestinationMayGoWhileFragmentsWait) {
  PipelineLab lab;
  const std::uint64_t buffers = lab.buffers_in_use();
  const Frames frames = wrapped(datagram(kFromRemote), lab);
  lab.send("up", {frames[2]});
  lab.programmer().remove_port("green-1");
  lab.send("up", {frames[0]});
  EXPECT_EQ(lab.buffers_in_use(), buffers);
  EXPECT_EQ(lab.drops("up", DropReason::destination_mac_unknown), 2U);
}

TEST(FragmentTracking, GuestsDoNotShareDatagrams) {
  PipelineLab lab;
  for (const auto& [port, station] : {std::pair{"green-1", kGreen1}, {"green-3", kGreen3}}) {
    ASSERT_FALSE(lab.programmer().set(unguarded(PipelineLab::port_config(port, kGreen, station))));
  }
  const Frames frames = datagram(kRemote);
  lab.send("green-1", {frames[0]});
  EXPECT_EQ(lab.take("up").size(), 1U);
  lab.send("green-3", {frames[1]});
  EXPECT_TRUE(lab.take("up").empty()) << "in another guest's name";
  lab.send("green-1", {frames[1]});
  EXPECT_EQ(lab.take("up").size(), 1U);
}

TEST(FragmentTracking, NothingIsKeptAtTheEnd) {
  PipelineLab lab;
  lab.send("green-1", {datagram(kBridged)[1], datagram(kBridged, 8)[2]});
  EXPECT_EQ(lab.dataplane().workers().front()->fragments().waiting(), 2U);
  free_waiting_fragments(lab.dataplane().workers().front()->fragments());
  EXPECT_TRUE(lab.dataplane().workers().front()->fragments().is_empty());
}

}  // namespace
}  // namespace alkaid::test
