// Large TCP packets of virtual machines, cut by the uplink's card behind their tunnel's headers. No
// device here does that: what the card offers is made up, and cut_as_card() does what DPDK's
// documentation says of it (rte_mbuf_core.h) with what came by the uplink's ring.
#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>

#include <gtest/gtest.h>
#include <rte_ethdev.h>
#include <rte_ring.h>

#include "dataplane/ports/tunnel_segmentation.hpp"
#include "dataplane/vhost/large_tcp_packet.hpp"
#include "dataplane/vhost/left_to_device.hpp"
#include "tests/pipeline/buffer_chain.hpp"
#include "tests/pipeline/frames.hpp"
#include "tests/pipeline/ipv6_network.hpp"
#include "tests/pipeline/made_up_device.hpp"
#include "tests/pipeline/vhost_lab.hpp"

namespace alkaid::test {
namespace {

using namespace net;

constexpr std::uint64_t kCard = RTE_ETH_TX_OFFLOAD_VXLAN_TNL_TSO | RTE_ETH_TX_OFFLOAD_TCP_TSO |
                                RTE_ETH_TX_OFFLOAD_OUTER_IPV4_CKSUM |
                                RTE_ETH_TX_OFFLOAD_IPV4_CKSUM | RTE_ETH_TX_OFFLOAD_TCP_CKSUM |
                                RTE_ETH_TX_OFFLOAD_MULTI_SEGS;
constexpr std::uint64_t kCardWithOuterUdp = kCard | RTE_ETH_TX_OFFLOAD_OUTER_UDP_CKSUM;
constexpr std::uint8_t kPush = 0x08;
constexpr std::uint8_t kAckPush = TcpFields::kAck | kPush;
constexpr std::uint16_t kSegment = 1300;
const IpAddress kPeerV6 = IpAddress::from_numbers(0x20010db800000000, 2);

std::uint16_t word_at(const Bytes& frame, std::size_t offset) {
  return static_cast<std::uint16_t>(frame.at(offset) << 8 | frame.at(offset + 1));
}

void put_word(Bytes& frame, std::size_t offset, std::size_t value) {
  frame.at(offset) = static_cast<std::uint8_t>(value >> 8);
  frame.at(offset + 1) = static_cast<std::uint8_t>(value);
}

// What a card writes into a checksum's field at `field`, which counts with what it holds: over all
// from `begin` to `end`, and a length that is in no byte (of a pseudo-header).
void finish_checksum(Bytes& frame, std::size_t field, std::size_t begin, std::size_t end,
                     std::size_t length = 0) {
  std::uint64_t sum = length;
  for (std::size_t i = begin; i < end; ++i) {
    sum += (i - begin) % 2 == 0 ? static_cast<std::uint64_t>(frame[i]) << 8 : frame[i];
  }
  while (sum > 0xffff) {
    sum = (sum & 0xffff) + (sum >> 16);
  }
  put_word(frame, field, ~sum & 0xffff);
}

// Identification and checksums of IPv4, or the length of IPv6, whose payload ends with the frame.
void finish_ip(Bytes& frame, std::size_t l3, std::size_t header_length, std::uint64_t is_v4,
               std::uint64_t computes_checksum, std::size_t number) {
  if (is_v4 == 0) {
    put_word(frame, l3 + 4, frame.size() - l3 - header_length);
    return;
  }
  put_word(frame, l3 + 2, frame.size() - l3);
  put_word(frame, l3 + 4, word_at(frame, l3 + 4) + number);
  if (computes_checksum != 0) {
    finish_checksum(frame, l3 + 10, l3, l3 + header_length);
  }
}

Frames cut_as_card(const rte_mbuf* packet) {
  const Bytes whole = bytes_of_chain(packet);
  const std::uint64_t flags = packet->ol_flags;
  if ((flags & RTE_MBUF_F_TX_TCP_SEG) == 0) {
    return {whole};
  }
  EXPECT_EQ(flags & RTE_MBUF_F_TX_TUNNEL_MASK, RTE_MBUF_F_TX_TUNNEL_VXLAN);
  EXPECT_EQ(flags & kLeftToDevice, 0U);
  const std::size_t outer = packet->outer_l2_len;
  const std::size_t udp = outer + packet->outer_l3_len;
  const std::size_t inner = udp + packet->l2_len;
  const std::size_t tcp = inner + packet->l3_len;
  const std::size_t end = tcp + packet->l4_len;
  Frames frames;
  for (std::size_t offset = 0; end + offset < whole.size(); offset += packet->tso_segsz) {
    const std::size_t size = std::min<std::size_t>(packet->tso_segsz, whole.size() - end - offset);
    const auto from = whole.begin() + static_cast<std::ptrdiff_t>(end + offset);
    Bytes frame(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(end));
    frame.insert(frame.end(), from, from + static_cast<std::ptrdiff_t>(size));
    const std::size_t number = frames.size();
    finish_ip(frame, inner, packet->l3_len, flags & RTE_MBUF_F_TX_IPV4,
              flags & RTE_MBUF_F_TX_IP_CKSUM, number);
    const std::uint32_t sequence =
        static_cast<std::uint32_t>(word_at(frame, tcp + 4)) << 16 | word_at(frame, tcp + 6);
    put_word(frame, tcp + 4, (sequence + offset) >> 16);
    put_word(frame, tcp + 6, sequence + offset);
    if (end + offset + size < whole.size()) {
      frame.at(tcp + 13) &= static_cast<std::uint8_t>(~0x09);  // FIN, PSH
    }
    finish_checksum(frame, tcp + 16, tcp, frame.size(), frame.size() - tcp);
    // Outer identifications stay as they are: no VXLAN packet of ours may be cut.
    finish_ip(frame, outer, packet->outer_l3_len, flags & RTE_MBUF_F_TX_OUTER_IPV4,
              flags & RTE_MBUF_F_TX_OUTER_IP_CKSUM, 0);
    put_word(frame, udp + 4, frame.size() - udp);
    if ((flags & RTE_MBUF_F_TX_OUTER_UDP_CKSUM) != 0) {
      finish_checksum(frame, udp + 6, udp, frame.size(), frame.size() - udp);
    }
    frames.push_back(frame);
  }
  return frames;
}

struct Underlay {
  const char* name;
  bool is_v6 = false;
  bool zero_checksum = false;
  std::uint16_t vlan = 0;
};

struct Way {
  Underlay underlay;
  bool is_v6 = false;  // what the tunnel carries
};

// What came of what a guest sent, and how it was counted.
struct Outcome {
  Frames frames;
  std::uint64_t rx_packets = 0;  // of the guest's port
  std::uint64_t rx_bytes = 0;
  std::uint64_t tx_packets = 0;  // of the uplink
  std::uint64_t tx_bytes = 0;
  unsigned packets = 0;  // by the uplink's ring
};

// "vm-1", which leaves segments to its device, and a card.
class Lab {
 public:
  Lab(const Way& way, const MadeUpDevice& card, bool is_used = true)
      : card_(card),
        way_(way),
        vhost_("vhost-user-server", settings(way.underlay, is_used), vtep()) {
    program_ipv6_behind(*vhost_.lab, vtep());
    auto first = vhost_.port();
    first.fixed_ips.push_back(green_v6(0x1f));
    EXPECT_FALSE(vhost_.lab->programmer().set(first));
    vhost_.connect({.leaves_work = true});
    // The connection is known then.
    for (const int time : {1, 2}) {
      SCOPED_TRACE(time);
      EXPECT_TRUE(vhost_.guest->send(Frames{tcp(Bytes(8, 1))}));
      vhost_.walk();
    }
    EXPECT_EQ(vhost_.lab->take("up").size(), 2U);
    before_ = counters();
  }

  [[nodiscard]] Bytes tcp(const Bytes& payload, std::uint8_t flags = kAckPush) const {
    const auto ethernet = packet().ethernet({.source = kMachine.mac, .destination = kGreen2.mac});
    const TcpFields fields{.sequence = 0xffffe000, .flags = flags};
    return way_.is_v6 ? ethernet.ipv6({.source = green_v6(0x1f), .destination = kGreen2v6.ip})
                            .tcp(fields)
                            .payload(payload)
                            .build()
                      : ethernet.ipv4({.source = kMachine.ip, .destination = kGreen2.ip})
                            .tcp(fields)
                            .payload(payload)
                            .build();
  }
  // segment: bytes of payload of what the guest leaves to be cut; 0: it leaves nothing.
  Outcome exchange(const Frames& frames, std::uint16_t segment = 0) {
    const std::uint64_t buffers = vhost_.lab->buffers_in_use();
    EXPECT_TRUE(vhost_.guest->send(frames, {.segment_size = segment}));
    vhost_.walk();
    Outcome outcome;
    void* object = nullptr;
    while (rte_ring_dequeue(rte_ring_lookup("up_tx"), &object) == 0) {
      auto* packet = static_cast<rte_mbuf*>(object);
      const Frames cut = cut_as_card(packet);
      outcome.frames.insert(outcome.frames.end(), cut.begin(), cut.end());
      ++outcome.packets;
      rte_pktmbuf_free(packet);
    }
    const Outcome now = counters();
    outcome.rx_packets = now.rx_packets - before_.rx_packets;
    outcome.rx_bytes = now.rx_bytes - before_.rx_bytes;
    outcome.tx_packets = now.tx_packets - before_.tx_packets;
    outcome.tx_bytes = now.tx_bytes - before_.tx_bytes;
    before_ = now;
    EXPECT_EQ(vhost_.lab->buffers_in_use(), buffers);
    return outcome;
  }
  // What the guest's kernel would have made of it.
  Frames cut(const Bytes& large, std::uint16_t segment = kSegment) {
    rte_mempool* pool = lab().dataplane().pool();
    rte_mbuf* packet = chain_of(large, pool, 2048);
    const auto parsed = LargeTcpPacket::parse(packet, segment);
    Frames frames;
    for (std::uint32_t i = 0; parsed && i < parsed->segments(); ++i) {
      rte_mbuf* one = parsed->segment(i, pool);
      frames.push_back(bytes_of_chain(one));
      rte_pktmbuf_free(one);
    }
    rte_pktmbuf_free(packet);
    return frames;
  }
  [[nodiscard]] std::uint64_t asked() {
    return configurations.at(uplink().device.ethdev).txmode.offloads;
  }
  const Port& uplink() { return *vhost_.lab->dataplane().ports().views().front().port; }
  PipelineLab& lab() { return *vhost_.lab; }
  // Whether packets stay as they are; the slow path always has them cut.
  bool is_fast() { return lab().dataplane().flows().settings.fast_path; }

 private:
  // While the lab lives.
  class Card {
   public:
    explicit Card(const MadeUpDevice& card) { made_up_device = card; }
    ~Card() { made_up_device = {}; }
    Card(const Card&) = delete;
    Card& operator=(const Card&) = delete;
  };

  static DataplaneSettings settings(const Underlay& underlay, bool is_used) {
    auto settings = PipelineLab::default_settings();
    settings.uplink_segmentation = is_used;
    settings.uplink_vlan = underlay.vlan;
    settings.udp6_zero_checksum = underlay.zero_checksum;
    if (underlay.is_v6) {
      settings.vteps = {*IpPrefix::parse("2001:db8::1/64")};
      settings.underlay_neighbors = {{kPeerV6, kPeerVtepMac}};
    }
    return settings;
  }
  [[nodiscard]] IpAddress vtep() const {
    return way_.underlay.is_v6 ? kPeerV6 : IpAddress{kPeerVtep};
  }
  [[nodiscard]] Outcome counters() {
    const PortCounters& guest = vhost_.view("vm-1").port->counters[0];
    const PortCounters& wire = uplink().counters[0];
    return {.rx_packets = guest.rx_packets.read(),
            .rx_bytes = guest.rx_bytes.read(),
            .tx_packets = wire.tx_packets.read(),
            .tx_bytes = wire.tx_bytes.read()};
  }

  Card card_;
  Way way_;
  VhostLab vhost_;
  Outcome before_;
};

Bytes numbered(std::size_t size) {
  Bytes data(size);
  for (std::size_t i = 0; i < size; ++i) {
    data[i] = static_cast<std::uint8_t>(i * 7 + i / 256);
  }
  return data;
}

void expect_same(const Outcome& one, const Outcome& other) {
  EXPECT_EQ(one.frames, other.frames);
  EXPECT_EQ(one.rx_packets, other.rx_packets);
  EXPECT_EQ(one.rx_bytes, other.rx_bytes);
  EXPECT_EQ(one.tx_packets, other.tx_packets);
  EXPECT_EQ(one.tx_bytes, other.tx_bytes);
}

class UplinkSegmentation : public ::testing::TestWithParam<Way> {};

TEST_P(UplinkSegmentation, GivesWhatTheGuestCouldHaveSent) {
  Lab lab(GetParam(), {.transmit_offloads = kCardWithOuterUdp});
  const Bytes large = lab.tcp(numbered(20000));
  const Outcome expected = lab.exchange(lab.cut(large));
  ASSERT_EQ(expected.frames.size(), 16U);
  ASSERT_EQ(expected.packets, 16U);
  for (const int time : {1, 2}) {
    SCOPED_TRACE(time);
    const Outcome outcome = lab.exchange({large}, kSegment);
    expect_same(outcome, expected);
    EXPECT_EQ(outcome.packets, lab.is_fast() ? 1U : 16U);
  }
  EXPECT_TRUE(lab.lab().all_drops().empty());
}

INSTANTIATE_TEST_SUITE_P(
    Ways, UplinkSegmentation,
    ::testing::Values(Way{{"OverIPv4"}, false}, Way{{"OverIPv4InAVlan", false, false, 100}, true},
                      Way{{"OverIPv6", true}, false}, Way{{"OverIPv6", true}, true},
                      Way{{"OverIPv6WithoutChecksumInAVlan", true, true, 100}, false}),
    [](const auto& info) {
      return std::string{info.param.is_v6 ? "IPv6" : "IPv4"} + info.param.underlay.name;
    });

TEST(UplinkSegmentation, IsSoftwaresWhereTheCardWouldNotDoIt) {
  Lab lab({{"OverIPv4"}}, {.transmit_offloads = kCard, .most_buffers = 31});
  const auto expect_cut = [&](const char* what, const Bytes& large, std::uint16_t segment) {
    SCOPED_TRACE(what);
    const Outcome expected = lab.exchange(lab.cut(large, segment));
    const Outcome outcome = lab.exchange({large}, segment);
    expect_same(outcome, expected);
    EXPECT_EQ(outcome.packets, expected.frames.size());
    EXPECT_GT(outcome.packets, 1U);
  };
  expect_cut("CWR, which is the first segment's", lab.tcp(numbered(20000), kAckPush | 0x80),
             kSegment);
  expect_cut("crumbs", lab.tcp(numbered(20000)), 255);
  for (const std::size_t size : {std::size_t{0}, std::size_t{8}, std::size_t{kSegment}}) {
    SCOPED_TRACE(size);
    const Bytes single = lab.tcp(numbered(size));
    expect_same(lab.exchange({single}, kSegment), lab.exchange({single}));
  }
  constexpr std::size_t kBuffer = 2048;  // of what the guest's memory is copied to
  const std::size_t most = 31 * kBuffer - lab.tcp({}).size();
  expect_cut("more buffers than it takes", lab.tcp(numbered(most + 1)), kSegment);
  EXPECT_EQ(lab.exchange({lab.tcp(numbered(most))}, kSegment).packets,
            lab.is_fast() ? 1U : most / kSegment + 1);
}

// A segment that the underlay can't carry is nobody's to cut.
TEST(UplinkSegmentation, KeepsToWhatTheUnderlayCarries) {
  Lab lab({{"OverIPv4"}}, {.transmit_offloads = kCard});
  const Bytes large = lab.tcp(numbered(2U * 1411));
  const Outcome outcome = lab.exchange({large}, 1410);
  EXPECT_EQ(outcome.packets, lab.is_fast() ? 1U : 3U);
  ASSERT_EQ(outcome.frames.size(), 3U);
  EXPECT_EQ(outcome.frames.front().size(), 1514U);
  // An outer header's length has 16 bits, whoever writes others.
  constexpr std::size_t kMost = 65535 - 36 - 54;
  EXPECT_EQ(lab.exchange({lab.tcp(numbered(kMost))}, kSegment).packets, lab.is_fast() ? 1U : 51U);
  EXPECT_EQ(lab.exchange({lab.tcp(numbered(kMost + 1))}, kSegment).packets, 51U);
  EXPECT_TRUE(lab.lab().all_drops().empty());
  EXPECT_EQ(lab.exchange({large}, 1411).packets, 0U);
  EXPECT_FALSE(lab.lab().all_drops().empty());
}

TEST(UplinkSegmentation, IsOfACardThatFinishesAllThatDiffers) {
  const auto of = [](std::uint64_t offered) {
    rte_eth_dev_info info{};
    info.tx_offload_capa = offered;
    info.tx_desc_lim.nb_seg_max = 40;
    return tunnel_segmentation(info);
  };
  const TunnelSegmentation card = of(kCard);
  EXPECT_TRUE(card.over_v4 && card.over_v6 && !card.over_v6_with_checksum);
  EXPECT_EQ(card.most_buffers, 40);
  EXPECT_TRUE(of(kCardWithOuterUdp).over_v6_with_checksum);
  for (const std::uint64_t missing :
       {RTE_ETH_TX_OFFLOAD_VXLAN_TNL_TSO, RTE_ETH_TX_OFFLOAD_OUTER_IPV4_CKSUM,
        RTE_ETH_TX_OFFLOAD_IPV4_CKSUM, RTE_ETH_TX_OFFLOAD_TCP_CKSUM,
        RTE_ETH_TX_OFFLOAD_MULTI_SEGS}) {
    EXPECT_FALSE(of(kCardWithOuterUdp & ~missing).is_any()) << missing;
  }
}

TEST(UplinkSegmentation, IsAskedForOfTheUplinkAlone) {
  Lab lab({{"OverIPv4"}}, {.transmit_offloads = kCardWithOuterUdp});
  EXPECT_EQ(lab.asked() & kCardWithOuterUdp, kCardWithOuterUdp);
  const Port& guest = *lab.lab().dataplane().ports().find("green-1");
  EXPECT_EQ(configurations.at(guest.device.ethdev).txmode.offloads & kCard &
                ~RTE_ETH_TX_OFFLOAD_MULTI_SEGS,
            0U);
}

TEST(UplinkSegmentation, CanBeSwitchedOff) {
  Lab lab({{"OverIPv4"}}, {.transmit_offloads = kCard}, false);
  EXPECT_EQ(lab.asked() & kCard & ~RTE_ETH_TX_OFFLOAD_MULTI_SEGS, 0U);
  EXPECT_EQ(lab.exchange({lab.tcp(numbered(20000))}, kSegment).packets, 16U);
}

// UDP's over IPv6, of every segment.
TEST(UplinkSegmentation, IsSoftwaresWhereOuterChecksumsAreNotTheCards) {
  Lab lab({{"OverIPv6", true}}, {.transmit_offloads = kCard});
  EXPECT_EQ(lab.exchange({lab.tcp(numbered(20000))}, kSegment).packets, 16U);
}

// Refuses what has more than 15,000 bytes.
std::uint16_t refuse_some(void* /*queue*/, rte_mbuf** packets, std::uint16_t count) {
  for (std::uint16_t i = 0; i < count; ++i) {
    if (packets[i]->pkt_len > 15000) {
      return i;
    }
  }
  return count;
}

TEST(UplinkSegmentation, WhatTheDriverRefusesIsDroppedAlone) {
  Lab lab({{"OverIPv4"}}, {.transmit_offloads = kCard});
  rte_eth_fp_ops[lab.uplink().device.ethdev].tx_pkt_prepare = refuse_some;
  const Bytes large = lab.tcp(numbered(20000));
  const Bytes small = lab.tcp(numbered(10000));
  const Bytes least = lab.tcp(numbered(2000));
  const Outcome outcome = lab.exchange({large, small, large, least}, kSegment);
  // The slow path leaves nothing to the card.
  const unsigned frames = lab.is_fast() ? 8U + 2U : 16U + 8U + 16U + 2U;
  EXPECT_EQ(outcome.packets, lab.is_fast() ? 2U : frames);
  ASSERT_EQ(outcome.frames.size(), frames);
  EXPECT_LT(outcome.frames.back().size(), outcome.frames.front().size());
  EXPECT_EQ(outcome.tx_packets, frames);
  EXPECT_EQ(lab.lab().drops("vm-1", DropReason::egress_refused), lab.is_fast() ? 2U : 0U);
}

}  // namespace
}  // namespace alkaid::test
