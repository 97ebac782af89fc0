// Packets too big for the underlay: fragmented outside where that is configured, put together on
// the other side; TCP's segment size lowered.
#include <algorithm>
#include <map>
#include <string>

#include <gtest/gtest.h>
#include <rte_cycles.h>

#include "dataplane/packet/checksum.hpp"
#include "tests/pipeline/case.hpp"
#include "tests/pipeline/frames.hpp"

namespace alkaid::test {
namespace {

using namespace net;

constexpr std::size_t kL2 = sizeof(EthernetHeader);
constexpr std::size_t kOuter = kL2 + sizeof(Ipv4Header);

DataplaneSettings settings_with(bool fragment, bool clamp = false) {
  auto settings = PipelineLab::default_settings();
  settings.fragment_outside = fragment;
  settings.clamp_mss = clamp;
  return settings;
}

// UDP between the green guests; `size` counts the IP packet.
Bytes udp_of_size(const Station& from, const Station& to, std::size_t size, bool dont_fragment) {
  Bytes payload(size - sizeof(Ipv4Header) - sizeof(UdpHeader));
  for (std::size_t i = 0; i < payload.size(); ++i) {
    payload[i] = static_cast<std::uint8_t>(i * 31);
  }
  return packet()
      .ethernet({.source = from.mac, .destination = to.mac})
      .ipv4({.source = from.ip, .destination = to.ip, .dont_fragment = dont_fragment})
      .udp({})
      .payload(payload)
      .build();
}

const Ipv4Header& outer_ip(const Bytes& frame) {
  return *reinterpret_cast<const Ipv4Header*>(frame.data() + kL2);
}

// What IP fragments that come in order make together: Ethernet, IP's payload.
Bytes joined(const Frames& frames) {
  Bytes whole;
  std::size_t expected_offset = 0;
  for (std::size_t i = 0; i < frames.size(); ++i) {
    const Ipv4Header& ip = outer_ip(frames[i]);
    EXPECT_TRUE(ipv4_checksum_ok(ip));
    EXPECT_EQ(ip.total_length.host() + kL2, frames[i].size());
    EXPECT_LE(ip.total_length.host(), 1500);
    EXPECT_EQ(ip.identification.raw(), outer_ip(frames[0]).identification.raw());
    const bool more = (ip.flags_offset.host() & Ipv4Header::kMoreFragments) != 0;
    EXPECT_EQ(more, i + 1 < frames.size());
    EXPECT_EQ((ip.flags_offset.host() & Ipv4Header::kFragmentOffset) * 8U, expected_offset);
    EXPECT_EQ(ip.flags_offset.host() & Ipv4Header::kDontFragment, 0);
    expected_offset += frames[i].size() - kOuter;
    whole.insert(whole.end(), frames[i].begin() + kOuter, frames[i].end());
  }
  return whole;
}

TEST(Fragment, APacketTooBigIsCutOutside) {
  PipelineLab lab{settings_with(true)};
  lab.program_network();
  std::uint16_t last_identification = 0;
  for (const std::size_t size : {1451, 1452, 1500, 2000}) {
    SCOPED_TRACE(size);
    const Bytes frame = udp_of_size(kGreen1, kGreen2, size, false);
    lab.send("green-1", {frame});
    const auto out = lab.take("up");
    ASSERT_EQ(out.size(), 2U);
    const Bytes payload = joined(out);
    ASSERT_EQ(payload.size(), sizeof(UdpHeader) + sizeof(VxlanHeader) + frame.size());
    EXPECT_TRUE(std::equal(frame.begin(), frame.end(),
                           payload.end() - static_cast<std::ptrdiff_t>(frame.size())));
    EXPECT_NE(outer_ip(out[0]).identification.host(), last_identification);
    last_identification = outer_ip(out[0]).identification.host();
  }
  EXPECT_TRUE(lab.all_drops().empty());
  EXPECT_EQ(lab.buffers_in_use(), 0U);
}

TEST(Fragment, WhatFitsIsLeftWhole) {
  PipelineLab lab{settings_with(true)};
  lab.program_network();
  lab.send("green-1", {udp_of_size(kGreen1, kGreen2, 1450, false)});
  const auto out = lab.take("up");
  ASSERT_EQ(out.size(), 1U);
  EXPECT_FALSE(outer_ip(out[0]).is_fragment());
}

TEST(Fragment, DontFragmentIsHonored) {
  PipelineLab lab{settings_with(true)};
  lab.program_network();
  lab.send("green-1", {udp_of_size(kGreen1, kGreen2, 1500, true)});
  EXPECT_TRUE(lab.take("up").empty());
  EXPECT_EQ(lab.take("green-1").size(), 1U) << "ICMP: fragmentation needed";
  EXPECT_EQ(lab.drops("green-1", DropReason::underlay_too_big), 1U);
}

TEST(Fragment, SwitchedOffItIsACountedDrop) {
  PipelineLab lab;
  lab.send("green-1", {udp_of_size(kGreen1, kGreen2, 1500, false)});
  EXPECT_TRUE(lab.take("up").empty());
  EXPECT_TRUE(lab.take("green-1").empty());
  EXPECT_EQ(lab.drops("green-1", DropReason::underlay_too_big), 1U);
}

// Cuts a frame's outer IP packet after every `piece` bytes of its payload.
Frames cut(const Bytes& frame, std::size_t piece, std::uint16_t identification) {
  Frames fragments;
  const std::size_t payload = frame.size() - kOuter;
  for (std::size_t offset = 0; offset < payload; offset += piece) {
    const std::size_t size = std::min(piece, payload - offset);
    Bytes fragment(frame.begin(), frame.begin() + kOuter);
    const auto from = frame.begin() + static_cast<std::ptrdiff_t>(kOuter + offset);
    fragment.insert(fragment.end(), from, from + static_cast<std::ptrdiff_t>(size));
    auto& ip = *reinterpret_cast<Ipv4Header*>(fragment.data() + kL2);
    ip.total_length = BigEndian16{static_cast<std::uint16_t>(sizeof(Ipv4Header) + size)};
    ip.identification = BigEndian16{identification};
    ip.flags_offset = BigEndian16{static_cast<std::uint16_t>(
        offset / 8 | (offset + size < payload ? Ipv4Header::kMoreFragments : 0U))};
    ipv4_checksum_set(ip);
    fragments.push_back(std::move(fragment));
  }
  return fragments;
}

TEST(Reassemble, FragmentsInAnyOrderAreDelivered) {
  PipelineLab lab{settings_with(true)};
  lab.program_network();
  const Bytes frame = udp_of_size(kGreen2, kGreen1, 1450, false);
  auto order = cut(tunnelled(frame, uplink_mac(lab)), 512, 7);
  ASSERT_EQ(order.size(), 3U);
  std::sort(order.begin(), order.end());
  std::uint16_t identification = 100;
  do {
    Frames fragments = order;
    for (Bytes& fragment : fragments) {
      auto& ip = *reinterpret_cast<Ipv4Header*>(fragment.data() + kL2);
      ip.identification = BigEndian16{identification};
      ipv4_checksum_set(ip);
    }
    ++identification;
    lab.send("up", fragments);
    EXPECT_EQ(lab.take("green-1"), Frames{frame});
  } while (std::next_permutation(order.begin(), order.end()));
  EXPECT_TRUE(lab.all_drops().empty());
  EXPECT_EQ(lab.buffers_in_use(), 0U);
}

TEST(Reassemble, OurOwnFragmentsComeOutAsTheyWentIn) {
  PipelineLab lab{settings_with(true)};
  lab.program_network();
  for (const char* id : {"green-1", "green-3"}) {
    PortConfig port =
        PipelineLab::port_config(id, kGreen, std::string{id} == "green-1" ? kGreen1 : kGreen3);
    port.mtu = 1500;
    ASSERT_FALSE(lab.programmer().set(port));
  }
  const Bytes frame = udp_of_size(kGreen1, kGreen2, 1500, false);
  lab.send("green-1", {frame});
  Frames fragments = lab.take("up");
  ASSERT_EQ(fragments.size(), 2U);
  // The peer's, to us and for green-1.
  for (Bytes& fragment : fragments) {
    auto& ethernet = *reinterpret_cast<EthernetHeader*>(fragment.data());
    std::swap(ethernet.source, ethernet.destination);
    auto& ip = *reinterpret_cast<Ipv4Header*>(fragment.data() + kL2);
    std::swap(ip.source, ip.destination);
    ipv4_checksum_set(ip);
  }
  auto& inner = *reinterpret_cast<EthernetHeader*>(fragments[0].data() + kOuter + 16);
  inner.destination = kGreen3.mac;
  Bytes expected = frame;
  std::copy_n(kGreen3.mac.bytes().begin(), 6, expected.begin());
  lab.send("up", fragments);
  EXPECT_EQ(lab.take("green-3"), Frames{expected});
}

TEST(Reassemble, SwitchedOffFragmentsAreDropped) {
  PipelineLab lab;
  const auto fragments =
      cut(tunnelled(udp_of_size(kGreen2, kGreen1, 1400, false), uplink_mac(lab)), 1024, 7);
  lab.send("up", fragments);
  EXPECT_TRUE(lab.take("green-1").empty());
  EXPECT_EQ(lab.drops("up", DropReason::underlay_fragment), fragments.size());
}

TEST(Reassemble, OthersFragmentsAreNotKept) {
  PipelineLab lab{settings_with(true)};
  lab.program_network();
  const Bytes frame = udp_of_size(kGreen2, kGreen1, 1400, false);
  const auto to_another =
      tunnelled(frame, uplink_mac(lab), {.destination = Ipv4Address{0x0a000063}});
  lab.send("up", {cut(to_another, 1024, 7)[0]});
  EXPECT_EQ(lab.buffers_in_use(), 0U);
  EXPECT_EQ(lab.drops("up", DropReason::underlay_fragment), 1U);
}

TEST(Reassemble, WhatNeverCompletesIsGivenUpAndCounted) {
  PipelineLab lab{settings_with(true)};
  lab.program_network();
  const auto fragments =
      cut(tunnelled(udp_of_size(kGreen2, kGreen1, 1400, false), uplink_mac(lab)), 512, 7);
  lab.send("up", {fragments[0], fragments[2]});
  EXPECT_EQ(lab.buffers_in_use(), 2U);
  Worker& worker = *lab.dataplane().workers().front();
  worker.reassembler()->expire(rte_rdtsc() + 2 * rte_get_tsc_hz());
  worker.count_given_up_fragments();
  EXPECT_EQ(lab.buffers_in_use(), 0U);
  const std::map<std::string, std::uint64_t> expected{{"none underlay_reassembly", 2}};
  EXPECT_EQ(lab.all_drops(), expected);
}

TEST(Reassemble, AFloodOfFirstFragmentsIsBounded) {
  PipelineLab lab{settings_with(true)};
  lab.program_network();
  const auto whole = tunnelled(udp_of_size(kGreen2, kGreen1, 1400, false), uplink_mac(lab));
  for (std::uint16_t i = 0; i < 1500; i += 100) {
    Frames flood;
    for (std::uint16_t k = 0; k < 100; ++k) {
      flood.push_back(cut(whole, 512, static_cast<std::uint16_t>(i + k))[0]);
    }
    lab.send("up", flood);
  }
  EXPECT_LE(lab.buffers_in_use(), 512U);
  EXPECT_TRUE(lab.take("green-1").empty());
}

Bytes syn(const Station& from, const Station& to, std::uint16_t mss) {
  return packet()
      .ethernet({.source = from.mac, .destination = to.mac})
      .ipv4({.source = from.ip, .destination = to.ip})
      .tcp({.options = {2, 4, static_cast<std::uint8_t>(mss >> 8), static_cast<std::uint8_t>(mss)}})
      .build();
}

TEST(ClampMss, BothWaysAcrossTheUnderlay) {
  PipelineLab lab{settings_with(false, true)};
  lab.program_network();
  lab.send("green-1", {syn(kGreen1, kGreen2, 1460)});
  const auto out = lab.take("up");
  ASSERT_EQ(out.size(), 1U);
  EXPECT_EQ(Bytes(out[0].begin() + 50, out[0].end()), syn(kGreen1, kGreen2, 1410));
  lab.send("up", {tunnelled(syn(kGreen2, kGreen1, 1460), uplink_mac(lab))});
  EXPECT_EQ(lab.take("green-1"), Frames{syn(kGreen2, kGreen1, 1410)});
  // Two guests here have no tunnel between them.
  lab.send("green-1", {syn(kGreen1, kGreen3, 1460)});
  EXPECT_EQ(lab.take("green-3"), Frames{syn(kGreen1, kGreen3, 1460)});
}

TEST(ClampMss, SwitchedOff) {
  PipelineLab lab;
  lab.send("up", {tunnelled(syn(kGreen2, kGreen1, 1460), uplink_mac(lab))});
  EXPECT_EQ(lab.take("green-1"), Frames{syn(kGreen2, kGreen1, 1460)});
}

}  // namespace
}  // namespace alkaid::test
