// Guest ports that are VLANs of a trunk.
#include <algorithm>
#include <chrono>
#include <functional>
#include <stop_token>
#include <thread>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/pipeline/case.hpp"
#include "tests/pipeline/frames.hpp"

namespace alkaid::test {
namespace {

using namespace net;

constexpr std::uint16_t kVlan = 5;
constexpr Station kTrunk1{Ipv4Address{0x0a010015}, MacAddress::from_number(0x020000010015)};
constexpr Station kTrunk2{Ipv4Address{0x0a010016}, MacAddress::from_number(0x020000010016)};
constexpr Station kTrunkRed{Ipv4Address{0x0a020015}, MacAddress::from_number(0x020000020015)};

TrunkSettings ring_trunk(const std::string& name) {
  return {.name = name,
          .attachment = {.kind = AttachmentKind::kRing, .device = name},
          .text = "ring:" + name};
}

DataplaneSettings trunk_settings() {
  auto settings = PipelineLab::default_settings();
  settings.trunks = {ring_trunk("trunk0")};
  return settings;
}

PortConfig vlan_port(const std::string& id, Vni vni, const Station& station, std::uint16_t vlan,
                     const std::string& trunk = "trunk0") {
  auto config = PipelineLab::port_config(id, vni, station);
  config.attachment = fmt::format("vlan:{}/{}", trunk, vlan);
  return config;
}

// Two ports of the green subnet and one of the red one.
void program_trunk(PipelineLab& lab) {
  lab.program_network();
  ASSERT_FALSE(lab.programmer().set(vlan_port("t-1", kGreen, kTrunk1, kVlan)));
  ASSERT_FALSE(lab.programmer().set(vlan_port("t-2", kGreen, kTrunk2, kHighestVlan)));
  ASSERT_FALSE(lab.programmer().set(vlan_port("t-red", kRed, kTrunkRed, 1)));
}

Bytes tagged(Bytes frame, std::uint16_t control, std::uint16_t type = 0x8100) {
  const auto high = [](std::uint16_t number) { return static_cast<std::uint8_t>(number >> 8); };
  const auto low = [](std::uint16_t number) { return static_cast<std::uint8_t>(number); };
  frame.insert(frame.begin() + 12, {high(type), low(type), high(control), low(control)});
  return frame;
}

Bytes cut(Bytes frame, std::size_t size) {
  frame.resize(size);
  return frame;
}

Bytes routed(Bytes frame, const MacAddress& source, const MacAddress& destination) {
  std::copy_n(destination.bytes().begin(), 6, frame.begin());
  std::copy_n(source.bytes().begin(), 6, frame.begin() + 6);
  --frame[22];  // TTL
  const std::uint32_t sum = (frame[24] << 8 | frame[25]) + 0x100;
  frame[24] = static_cast<std::uint8_t>((sum + (sum >> 16)) >> 8);
  frame[25] = static_cast<std::uint8_t>(sum + (sum >> 16));
  return frame;
}

struct TrunkCase {
  std::string name;
  std::string ring;
  std::function<Bytes(PipelineLab&)> in;
  // By ring; of what the uplink sends, the tenant's frame.
  std::map<std::string, Frames> out;
  std::map<std::string, std::uint64_t> drops;
};

class VlanTrunk : public ::testing::TestWithParam<TrunkCase> {};

// Twice: the second packet finds what the first one left.
TEST_P(VlanTrunk, Case) {
  PipelineLab lab(trunk_settings());
  program_trunk(lab);
  lab.walk();
  const std::uint64_t buffers = lab.buffers_in_use();
  auto drops = GetParam().drops;
  for (const int time : {1, 2}) {
    SCOPED_TRACE(time);
    lab.send(GetParam().ring, {GetParam().in(lab)});
    for (const char* ring : {"up", "trunk0", "green-1", "green-3", "red-1"}) {
      auto frames = lab.take(ring);
      if (ring == std::string_view{"up"}) {
        for (Bytes& frame : frames) {
          ASSERT_GT(frame.size(), 50U);
          frame.erase(frame.begin(), frame.begin() + 50);
        }
      }
      const auto expected = GetParam().out.find(ring);
      EXPECT_EQ(frames, expected == GetParam().out.end() ? Frames{} : expected->second) << ring;
    }
    EXPECT_EQ(lab.all_drops(), drops);
    for (auto& [name, count] : drops) {
      count *= 2;
    }
  }
  EXPECT_EQ(lab.buffers_in_use(), buffers);
}

const Bytes kOut = udp_frame(kTrunk1, kGreen2.mac, kGreen2.ip);
const Bytes kHere = udp_frame(kTrunk1, kGreen1.mac, kGreen1.ip);
const Bytes kThere = udp_frame(kGreen1, kTrunk1.mac, kTrunk1.ip);
const Bytes kAcross = udp_frame(kTrunk1, kTrunk2.mac, kTrunk2.ip);
const Bytes kUp = udp_frame(kTrunk1, kGreenGatewayMac, kTrunkRed.ip);
const Bytes kSpoofed = udp_frame(kTrunk2, kGreen2.mac, kGreen2.ip);

TrunkCase frame_case(std::string name, Bytes frame, std::map<std::string, Frames> out,
                     std::map<std::string, std::uint64_t> drops = {}) {
  return {std::move(name), "trunk0", [frame = std::move(frame)](PipelineLab&) { return frame; },
          std::move(out), std::move(drops)};
}

INSTANTIATE_TEST_SUITE_P(
    Ways, VlanTrunk,
    ::testing::Values(
        frame_case("ToTheWire", tagged(kOut, kVlan), {{"up", {kOut}}}),
        TrunkCase{"FromTheWire",
                  "up",
                  [](PipelineLab& lab) {
                    return tunnelled(udp_frame(kGreen2, kTrunk1.mac, kTrunk1.ip), uplink_mac(lab));
                  },
                  {{"trunk0", {tagged(udp_frame(kGreen2, kTrunk1.mac, kTrunk1.ip), kVlan)}}},
                  {}},
        frame_case("ToAnotherDevice", tagged(kHere, kVlan), {{"green-1", {kHere}}}),
        TrunkCase{"FromAnotherDevice",
                  "green-1",
                  [](PipelineLab&) { return kThere; },
                  {{"trunk0", {tagged(kThere, kVlan)}}},
                  {}},
        frame_case("FromVlanToVlan", tagged(kAcross, kVlan),
                   {{"trunk0", {tagged(kAcross, kHighestVlan)}}}),
        frame_case("RoutedFromVlanToVlan", tagged(kUp, kVlan),
                   {{"trunk0", {tagged(routed(kUp, kRedGatewayMac, kTrunkRed.mac), 1)}}}),
        frame_case("PriorityDoesNotMatter", tagged(kOut, 0xf000 | kVlan), {{"up", {kOut}}}),
        frame_case("ArpIsAnsweredInTheVlan", tagged(arp_request(kTrunk1, kGreenGateway), kVlan),
                   {{"trunk0",
                     {tagged(arp_reply(kGreenGatewayMac, kGreenGateway, kTrunk1), kVlan)}}})),
    [](const auto& info) { return info.param.name; });

INSTANTIATE_TEST_SUITE_P(
    Drops, VlanTrunk,
    ::testing::Values(
        frame_case("Untagged", kOut, {}, {{"trunk:trunk0 vlan_missing", 1}}),
        frame_case("PriorityTagOnly", tagged(kOut, 0xe000), {}, {{"trunk:trunk0 vlan_unknown", 1}}),
        frame_case("NobodysVlan", tagged(kOut, 6), {}, {{"trunk:trunk0 vlan_unknown", 1}}),
        frame_case("ReservedVlan", tagged(kOut, 4095), {}, {{"trunk:trunk0 vlan_unknown", 1}}),
        frame_case("ServiceTag", tagged(kOut, kVlan, 0x88a8), {},
                   {{"trunk:trunk0 vlan_missing", 1}}),
        frame_case("TwoTags", tagged(tagged(kOut, kVlan), kVlan), {},
                   {{"t-1 vlan_unsupported", 1}}),
        frame_case("AnothersVlan", tagged(kOut, kHighestVlan), {}, {{"t-2 spoofed_mac", 1}}),
        frame_case("AnothersMac", tagged(kSpoofed, kVlan), {}, {{"t-1 spoofed_mac", 1}}),
        frame_case("CutInsideTheAddresses", cut(kOut, 11), {}, {{"trunk:trunk0 vlan_missing", 1}}),
        frame_case("CutInsideTheTag", cut(tagged(kOut, kVlan), 15), {},
                   {{"trunk:trunk0 vlan_missing", 1}}),
        frame_case("CutBehindTheTag", cut(tagged(kOut, kVlan), 16), {},
                   {{"trunk:trunk0 vlan_missing", 1}}),
        frame_case("OnlyTheEthernetHeader", cut(tagged(kOut, kVlan), 18), {},
                   {{"t-1 ipv4_truncated", 1}}),
        frame_case("Empty", {}, {}, {{"trunk:trunk0 vlan_missing", 1}})),
    [](const auto& info) { return info.param.name; });

TEST(VlanTrunkPort, CountsItsOwnAndTheTrunksPackets) {
  PipelineLab lab(trunk_settings());
  program_trunk(lab);
  lab.walk();
  const auto counters = [&lab](std::size_t position) {
    return lab.dataplane().ports().views().at(position).port->counters;
  };
  lab.send("trunk0", Frames(3, tagged(kOut, kVlan)));
  lab.send("green-1", Frames(2, kThere));
  const PortCounters* trunk = counters(1);
  const PortCounters* guest = lab.dataplane().ports().find("t-1")->counters;
  EXPECT_EQ(trunk->rx_packets.read(), 3U);
  EXPECT_EQ(trunk->rx_bytes.read(), 3 * (kOut.size() + 4));
  EXPECT_EQ(trunk->tx_packets.read(), 2U);
  EXPECT_EQ(trunk->tx_bytes.read(), 2 * (kThere.size() + 4));
  EXPECT_EQ(guest->rx_packets.read(), 3U);
  EXPECT_EQ(guest->rx_bytes.read(), 3 * kOut.size());
  EXPECT_EQ(guest->tx_packets.read(), 2U);
  EXPECT_EQ(guest->tx_bytes.read(), 2 * kThere.size());
}

TEST(VlanTrunkPort, AdminStateIsThePortsOwn) {
  PipelineLab lab(trunk_settings());
  program_trunk(lab);
  auto down = vlan_port("t-1", kGreen, kTrunk1, kVlan);
  down.admin_up = false;
  ASSERT_FALSE(lab.programmer().set(down));
  lab.send("trunk0", {tagged(kOut, kVlan)});
  EXPECT_TRUE(lab.take("up").empty());
  EXPECT_EQ(lab.drops("t-1", DropReason::port_admin_down), 1U);
  lab.send("trunk0", {tagged(kSpoofed, kHighestVlan)});
  EXPECT_EQ(lab.take("up").size(), 1U) << "the others are up";
}

TEST(VlanTrunkPort, AVlanIsOnePorts) {
  PipelineLab lab(trunk_settings());
  program_trunk(lab);
  const auto state = [&lab](const std::string& id) { return lab.dataplane().ports().view(id); };
  auto second = vlan_port("late", kGreen, kGreen2, kVlan);
  lab.programmer().remove_neighbor({kGreen, IpAddress{kGreen2.ip}});
  ASSERT_FALSE(lab.programmer().set(second));
  EXPECT_EQ(state("late").state, PortAttachState::kFailed);
  EXPECT_EQ(state("late").detail, "VLAN 5 of trunk0 is port t-1's");
  EXPECT_FALSE(state("late").port->attached);
  lab.send("trunk0", {tagged(kHere, kVlan)});
  EXPECT_EQ(lab.take("green-1"), Frames{kHere}) << "the first one keeps it";

  ASSERT_FALSE(lab.programmer().set(vlan_port("t-1", kGreen, kTrunk1, 7)));
  EXPECT_EQ(state("late").state, PortAttachState::kAttached);
  const auto from_late = udp_frame(kGreen2, kGreen1.mac, kGreen1.ip);
  lab.send("trunk0", {tagged(from_late, kVlan), tagged(kHere, 7)});
  EXPECT_EQ(lab.take("green-1"), (Frames{from_late, kHere}));

  // And when the holder goes.
  ASSERT_FALSE(lab.programmer().set(vlan_port("t-1", kGreen, kTrunk1, kVlan)));
  EXPECT_EQ(state("t-1").state, PortAttachState::kFailed);
  lab.programmer().remove_port("late");
  EXPECT_EQ(state("t-1").state, PortAttachState::kAttached);
  lab.send("green-1", {kThere});
  EXPECT_EQ(lab.take("trunk0"), Frames{tagged(kThere, kVlan)});
}

TEST(VlanTrunkPort, MovesToADeviceOfItsOwnAndBack) {
  PipelineLab lab(trunk_settings());
  program_trunk(lab);
  lab.make_rings("own");
  auto config = vlan_port("t-1", kGreen, kTrunk1, kVlan);
  config.attachment = "ring:own";
  ASSERT_FALSE(lab.programmer().set(config));
  lab.send("own", {kHere});
  lab.send("trunk0", {tagged(kHere, kVlan)});
  EXPECT_EQ(lab.take("green-1"), Frames{kHere});
  EXPECT_EQ(lab.drops("trunk:trunk0", DropReason::vlan_unknown), 1U);
  lab.send("green-1", {kThere});
  EXPECT_EQ(lab.take("own"), Frames{kThere});
  EXPECT_TRUE(lab.take("trunk0").empty());

  ASSERT_FALSE(lab.programmer().set(vlan_port("t-1", kGreen, kTrunk1, 8)));
  lab.send("green-1", {kThere});
  EXPECT_EQ(lab.take("trunk0"), Frames{tagged(kThere, 8)});
  EXPECT_TRUE(lab.take("own").empty());
}

TEST(VlanTrunkPort, AnUnknownTrunkIsRefused) {
  PipelineLab lab(trunk_settings());
  lab.program_network();
  const auto refused = lab.programmer().set(vlan_port("t-1", kGreen, kTrunk1, kVlan, "trunk9"));
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->field, "attachment");
  EXPECT_NE(refused->message.find("trunk9"), std::string::npos) << refused->message;
  EXPECT_NE(refused->message.find("trunk0"), std::string::npos) << refused->message;
}

// What comes from another device has little room in front of it; a tag needs four bytes.
TEST(VlanTrunkPort, AFrameWithoutRoomForTheTagIsACountedDrop) {
  PipelineLab lab(trunk_settings());
  program_trunk(lab);
  lab.send("green-1", {kThere});
  EXPECT_EQ(lab.take("trunk0").size(), 1U);
  rte_mbuf* packet = rte_pktmbuf_alloc(lab.dataplane().pool());
  ASSERT_NE(packet, nullptr);
  packet->data_off = 3;
  std::copy(kThere.begin(), kThere.end(),
            reinterpret_cast<std::uint8_t*>(
                rte_pktmbuf_append(packet, static_cast<std::uint16_t>(kThere.size()))));
  ASSERT_EQ(rte_ring_enqueue(rte_ring_lookup("green-1_rx"), packet), 0);
  lab.walk();
  EXPECT_TRUE(lab.take("trunk0").empty());
  EXPECT_EQ(lab.drops("green-1", DropReason::vlan_no_room), 1U);
}

TEST(VlanTrunkPort, AnotherWorkersPacketsAreHandedToTheTrunks) {
  auto settings = trunk_settings();
  settings.worker_lcores = {0, 1};
  PipelineLab lab(settings);
  program_trunk(lab);
  const auto& ports = lab.dataplane().ports();
  const unsigned owner = ports.find("t-1")->device.worker;
  EXPECT_EQ(ports.find("t-2")->device.worker, owner);
  const auto sent_by = [&](const std::string& id, const Station& station) {
    EXPECT_NE(ports.find(id), nullptr);
    const Frames frames(40, udp_frame(station, kTrunk1.mac, kTrunk1.ip));
    lab.send(id, frames);
    EXPECT_EQ(lab.take("trunk0"), Frames(40, tagged(frames[0], kVlan)));
    return ports.find(id)->device.worker;
  };
  EXPECT_NE(sent_by("green-1", kGreen1), sent_by("green-3", kGreen3)) << "one of them is another's";
  EXPECT_TRUE(lab.all_drops().empty());
}

TEST(VlanTrunkPort, ManyOnSeveralTrunks) {
  constexpr std::uint32_t kPerTrunk = kHighestVlan;
  auto settings = trunk_settings();
  settings.trunks.push_back(ring_trunk("trunk1"));
  settings.tables.ports = 2 * kPerTrunk + 8;
  settings.tables.neighbors = 3 * settings.tables.ports;
  PipelineLab lab(settings);
  lab.program_network();
  auto segment = PipelineLab::segment_config(kGreen);
  segment.prefixes = {*IpPrefix::parse("10.1.0.0/16")};
  ASSERT_FALSE(lab.programmer().set(segment));
  const auto station = [](std::uint32_t number) {
    return Station{Ipv4Address{0x0a014000 + number},
                   MacAddress::from_number(0x020000014000 + number)};
  };
  for (std::uint32_t number = 0; number < 2 * kPerTrunk; ++number) {
    ASSERT_FALSE(
        lab.programmer().set(vlan_port(fmt::format("many-{}", number), kGreen, station(number),
                                       static_cast<std::uint16_t>(1 + number % kPerTrunk),
                                       number < kPerTrunk ? "trunk0" : "trunk1")));
  }
  lab.walk();
  const std::uint64_t buffers = lab.buffers_in_use();
  constexpr std::uint32_t kAtOnce = 400;
  for (const std::uint32_t trunk : {0U, 1U}) {
    const std::string ring = fmt::format("trunk{}", trunk);
    for (std::uint32_t first = 0; first < kPerTrunk; first += kAtOnce) {
      Frames in;
      Frames back;
      for (std::uint32_t i = first; i < std::min(first + kAtOnce, kPerTrunk); ++i) {
        const Station own = station(trunk * kPerTrunk + i);
        in.push_back(udp_frame(own, kGreen1.mac, kGreen1.ip));
        back.push_back(udp_frame(kGreen1, own.mac, own.ip));
      }
      const auto in_vlans = [first](Frames frames) {
        for (std::size_t i = 0; i < frames.size(); ++i) {
          frames[i] = tagged(frames[i], static_cast<std::uint16_t>(1 + first + i));
        }
        return frames;
      };
      lab.send(ring, in_vlans(in));
      ASSERT_EQ(lab.take("green-1"), in);
      lab.send("green-1", back);
      ASSERT_EQ(lab.take(ring), in_vlans(back));
    }
  }
  EXPECT_TRUE(lab.all_drops().empty());
  EXPECT_EQ(lab.buffers_in_use(), buffers);

  // A list of them comes in parts, each port once.
  std::vector<std::string> seen;
  std::string after;
  do {
    std::size_t count = 0;
    after = lab.dataplane().ports().visit(after, [&](const PortView& view) {
      seen.push_back(view.port->id);
      return ++count < 1000;
    });
    EXPECT_LE(count, 1000U);
  } while (!after.empty());
  EXPECT_EQ(seen.size(), lab.dataplane().ports().size());
  std::sort(seen.begin(), seen.end());
  EXPECT_EQ(std::unique(seen.begin(), seen.end()), seen.end());
}

// The worker goes on while ports of its trunk come and go; those that stay lose nothing.
TEST(VlanTrunkPort, OthersComeAndGoWhilePacketsPass) {
  PipelineLab lab(trunk_settings());
  program_trunk(lab);
  lab.walk();
  Worker& worker = *lab.dataplane().workers().front();
  const std::uint64_t buffers = lab.buffers_in_use();
  std::jthread thread([&](const std::stop_token& stop) {
    lab.dataplane().quiescence().register_worker(0);
    while (!stop.stop_requested()) {
      worker.step();
    }
    lab.dataplane().quiescence().unregister_worker(0);
  });
  std::size_t received = 0;
  const auto receive = [&] {
    received += lab.take("trunk0").size() + lab.take("green-1").size();
    lab.take("up");
  };
  constexpr std::size_t kRounds = 200;
  for (std::size_t round = 0; round < kRounds; ++round) {
    lab.enqueue("trunk0", {tagged(kAcross, kVlan), tagged(kOut, 100), tagged(kHere, kVlan)});
    auto passing = vlan_port("passing", kGreen, kGreen3, 100);
    lab.programmer().remove_port("green-3");
    ASSERT_FALSE(lab.programmer().set(passing));
    lab.dataplane().tick();
    lab.programmer().remove_port("passing");
    lab.dataplane().tick();
    receive();
  }
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (received < 2 * kRounds && std::chrono::steady_clock::now() < deadline) {
    receive();
  }
  thread.request_stop();
  thread.join();
  EXPECT_EQ(received, 2 * kRounds);
  lab.walk();
  lab.take("up");
  EXPECT_EQ(lab.buffers_in_use(), buffers);
}

}  // namespace
}  // namespace alkaid::test
