#include "dataplane/vhost/segment_merger.hpp"

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "dataplane/vhost/large_tcp_packet.hpp"
#include "dataplane/vhost/left_to_device.hpp"
#include "tests/pipeline/buffer_chain.hpp"
#include "tests/pipeline/pipeline_lab.hpp"
#include "tests/support/packet_builder.hpp"

namespace alkaid::test {
namespace {

constexpr DriverOffloads kBoth{
    .checksums = true, .large_v4 = true, .large_v6 = true, .merges_buffers = true};
constexpr std::uint8_t kPush = 0x08;
constexpr std::size_t kPayload = 1000;

// A segment, and what may be different about it.
struct Part {
  std::uint32_t number = 0;  // how many are before it
  std::size_t payload = kPayload;
  bool is_v6 = false;
  EthernetFields ethernet = {};
  Ipv4Fields ipv4 = {};
  Ipv6Fields ipv6 = {};
  TcpFields tcp = {.flags = TcpFields::kAck, .options = Bytes(12, 1)};
};

Bytes bytes_of_part(Part part) {
  Bytes payload(part.payload);
  for (std::size_t i = 0; i < payload.size(); ++i) {
    payload[i] = static_cast<std::uint8_t>(i * 7 + part.number);
  }
  part.tcp.sequence += part.number * static_cast<std::uint32_t>(kPayload);
  part.ipv4.identification =
      static_cast<std::uint16_t>(part.ipv4.identification + 0xfffe + part.number);
  const auto ethernet = packet().ethernet(part.ethernet);
  return part.is_v6 ? ethernet.ipv6(part.ipv6).tcp(part.tcp).payload(payload).build()
                    : ethernet.ipv4(part.ipv4).tcp(part.tcp).payload(payload).build();
}

class SegmentMerger : public ::testing::Test {
 protected:
  struct Deleter {
    void operator()(rte_mempool* pool) const { rte_mempool_free(pool); }
  };

  SegmentMerger() {
    start_eal();
    pool_.reset(rte_pktmbuf_pool_create("segment-merger", 1023, 0, 0, RTE_PKTMBUF_HEADROOM + 2048,
                                        SOCKET_ID_ANY));
  }
  ~SegmentMerger() override { EXPECT_EQ(rte_mempool_in_use_count(pool_.get()), 0U); }

  // What comes out, large ones cut again: they must be what came in.
  struct Result {
    std::vector<std::uint32_t> sizes;  // segments of each packet
    std::vector<Bytes> frames;
  };
  Result merge(const std::vector<Bytes>& frames, const DriverOffloads& offloads = kBoth,
               std::uint16_t room = 2048) {
    std::vector<rte_mbuf*> packets;
    for (const Bytes& frame : frames) {
      packets.push_back(chain_of(frame, pool_.get(), room));
    }
    const auto [left, merged] =
        merge_segments(packets.data(), static_cast<std::uint16_t>(packets.size()), offloads);
    MergedSegments seen;
    Result result;
    for (std::uint16_t i = 0; i < left; ++i) {
      rte_mbuf* packet = packets[i];
      rte_mbuf_sanity_check(packet, 1);
      if (!is_left_to_driver(packet)) {
        result.sizes.push_back(1);
        result.frames.push_back(bytes_of_chain(packet));
      } else {
        const auto large = LargeTcpPacket::parse(packet, packet->tso_segsz);
        EXPECT_TRUE(large);
        result.sizes.push_back(large ? large->segments() : 0);
        seen.segments += result.sizes.back();
        ++seen.packets;
        EXPECT_EQ(more_frames(&packet, 1).frames + 1, result.sizes.back());
        for (std::uint32_t part = 0; large && part < large->segments(); ++part) {
          rte_mbuf* segment = large->segment(part, pool_.get());
          EXPECT_NE(segment, nullptr);
          result.frames.push_back(bytes_of_chain(segment));
          rte_pktmbuf_free(segment);
        }
      }
      rte_pktmbuf_free(packet);
    }
    EXPECT_EQ(merged.segments, seen.segments);
    EXPECT_EQ(merged.packets, seen.packets);
    return result;
  }
  static std::vector<Bytes> parts(std::uint32_t count, const Part& like = {}) {
    std::vector<Bytes> frames;
    for (std::uint32_t i = 0; i < count; ++i) {
      Part part = like;
      part.number = i;
      frames.push_back(bytes_of_part(part));
    }
    return frames;
  }
  // Two of which the second is different: they stay two.
  void expect_apart(const std::string& what, const std::function<void(Part&)>& change,
                    bool is_v6 = false) {
    SCOPED_TRACE(what);
    Part second{.number = 1, .is_v6 = is_v6};
    change(second);
    const std::vector<Bytes> frames{bytes_of_part({.is_v6 = is_v6}), bytes_of_part(second)};
    const Result result = merge(frames);
    EXPECT_EQ(result.sizes, (std::vector<std::uint32_t>{1, 1}));
    EXPECT_EQ(result.frames, frames);
  }

  std::unique_ptr<rte_mempool, Deleter> pool_;
};

TEST_F(SegmentMerger, SegmentsBecomeOnePacket) {
  for (const bool is_v6 : {false, true}) {
    for (const std::uint16_t room : {std::uint16_t{400}, std::uint16_t{2048}}) {
      SCOPED_TRACE(is_v6);
      const auto frames = parts(40, {.is_v6 = is_v6});
      const Result result = merge(frames, kBoth, room);
      EXPECT_EQ(result.sizes, std::vector<std::uint32_t>{40});
      EXPECT_EQ(result.frames, frames);
    }
  }
}

TEST_F(SegmentMerger, WhatIsAnotherConnectionsOrHasAnotherHeaderStaysApart) {
  const MacAddress other = MacAddress::from_number(0x020000000099);
  expect_apart("source MAC", [&](Part& part) { part.ethernet.source = other; });
  expect_apart("destination MAC", [&](Part& part) { part.ethernet.destination = other; });
  expect_apart("source", [](Part& part) { part.ipv4.source = Ipv4Address{0x0a000009}; });
  expect_apart("destination", [](Part& part) { part.ipv4.destination = Ipv4Address{0x0a000009}; });
  expect_apart("TTL", [](Part& part) { part.ipv4.ttl = 63; });
  expect_apart("TOS", [](Part& part) { part.ipv4.tos = 3; });
  expect_apart("DF", [](Part& part) { part.ipv4.dont_fragment = true; });
  expect_apart("fragment", [](Part& part) { part.ipv4.more_fragments = true; });
  expect_apart("IP options", [](Part& part) { part.ipv4.options = Bytes(4, 1); });
  expect_apart("identification", [](Part& part) { part.ipv4.identification = 1; });
  expect_apart("same identification", [](Part& part) { part.ipv4.identification = 0xffff; });
  expect_apart("IPv4 checksum", [](Part& part) { part.ipv4.checksum = 1; });
  expect_apart("source port", [](Part& part) { part.tcp.source_port = 9; });
  expect_apart("destination port", [](Part& part) { part.tcp.destination_port = 9; });
  expect_apart("sequence", [](Part& part) { part.tcp.sequence = 2; });
  expect_apart("the same again", [](Part& part) { part.number = 0; });
  expect_apart("acknowledgment", [](Part& part) { part.tcp.acknowledgment = 9; });
  expect_apart("window", [](Part& part) { part.tcp.window = 9; });
  expect_apart("TCP options", [](Part& part) { part.tcp.options = Bytes(12, 0); });
  expect_apart("fewer TCP options", [](Part& part) { part.tcp.options = Bytes(8, 1); });
  for (const unsigned flag : {0x01U, 0x02U, 0x04U, 0x20U, 0x40U, 0x80U}) {
    expect_apart("flag " + std::to_string(flag),
                 [&](Part& part) { part.tcp.flags |= static_cast<std::uint8_t>(flag); });
  }
  expect_apart("no ACK", [](Part& part) { part.tcp.flags = 0; });
  expect_apart("TCP checksum", [](Part& part) { part.tcp.checksum = 1; });
  expect_apart("larger payload", [](Part& part) { part.payload = kPayload + 1; });
  expect_apart(
      "hop limit", [](Part& part) { part.ipv6.hop_limit = 63; }, true);
  expect_apart(
      "traffic class", [](Part& part) { part.ipv6.traffic_class = 3; }, true);
  expect_apart(
      "IPv6 destination", [](Part& part) { part.ipv6.destination = part.ipv6.source; }, true);
  expect_apart(
      "IPv6 TCP checksum", [](Part& part) { part.tcp.checksum = 1; }, true);
}

TEST_F(SegmentMerger, AWrongFirstChecksumIsNobodysBeginning) {
  auto frames = parts(3);
  frames[0].back() ^= 1;
  const Result result = merge(frames);
  EXPECT_EQ(result.sizes, (std::vector<std::uint32_t>{1, 2}));
  EXPECT_EQ(result.frames, frames);
}

TEST_F(SegmentMerger, APaddedFrameStaysApart) {
  auto frames = parts(2);
  frames[1].push_back(0);
  EXPECT_EQ(merge(frames).sizes, (std::vector<std::uint32_t>{1, 1}));
}

TEST_F(SegmentMerger, WhatIsNeverCutMayKeepItsIdentification) {
  const auto part = [](std::uint32_t number, std::uint16_t identification) {
    return bytes_of_part(
        {.number = number,
         .ipv4 = {.identification = static_cast<std::uint16_t>(identification - 0xfffe - number),
                  .dont_fragment = true}});
  };
  EXPECT_EQ(merge({part(0, 7), part(1, 7), part(2, 7)}).sizes, std::vector<std::uint32_t>{3});
  EXPECT_EQ(merge({part(0, 7), part(1, 8), part(2, 9)}).sizes, std::vector<std::uint32_t>{3});
  EXPECT_EQ(merge({part(0, 7), part(1, 8), part(2, 7)}).sizes, (std::vector<std::uint32_t>{2, 1}));
  EXPECT_EQ(merge({part(0, 7), part(1, 7), part(2, 9)}).sizes, (std::vector<std::uint32_t>{2, 1}));
}

TEST_F(SegmentMerger, PushAndASmallerSegmentAreTheLast) {
  auto frames = parts(5);
  frames[2] = bytes_of_part(
      {.number = 2, .tcp = {.flags = TcpFields::kAck | kPush, .options = Bytes(12, 1)}});
  Result result = merge(frames);
  EXPECT_EQ(result.sizes, (std::vector<std::uint32_t>{3, 2}));
  EXPECT_EQ(result.frames, frames);

  frames = parts(3);
  frames[1] = bytes_of_part({.number = 1, .payload = 600});
  // That follows it, by its number.
  frames[2] =
      bytes_of_part({.number = 1,
                     .ipv4 = {.identification = 1},
                     .tcp = {.sequence = 601, .flags = TcpFields::kAck, .options = Bytes(12, 1)}});
  result = merge(frames);
  EXPECT_EQ(result.sizes, (std::vector<std::uint32_t>{2, 1}));
  EXPECT_EQ(result.frames, frames);
}

TEST_F(SegmentMerger, NothingOfTheSameTwoIsOvertaken) {
  const auto two = parts(2);
  const auto same = [](const auto& builder) { return builder.payload(Bytes(8, 1)).build(); };
  const auto ip = packet().ethernet({}).ipv4({});
  for (const Bytes& between :
       {same(ip.udp({})), same(ip.tcp({.flags = TcpFields::kAck})),
        packet().ethernet({}).ipv4({.more_fragments = true}).payload(Bytes(600, 1)).build()}) {
    const Result result = merge({two[0], between, two[1]});
    EXPECT_EQ(result.sizes, (std::vector<std::uint32_t>{1, 1, 1}));
    EXPECT_EQ(result.frames, (std::vector<Bytes>{two[0], between, two[1]}));
  }
  // Others' are.
  const Bytes others =
      packet().ethernet({}).ipv4({.source = Ipv4Address{0x0a000009}}).udp({}).build();
  const Result result = merge({two[0], others, two[1]});
  EXPECT_EQ(result.sizes, (std::vector<std::uint32_t>{2, 1}));
  EXPECT_EQ(result.frames, (std::vector<Bytes>{two[0], two[1], others}));
}

TEST_F(SegmentMerger, ConnectionsSideBySide) {
  constexpr std::uint16_t kConnections = 8;
  std::vector<Bytes> frames;
  for (std::uint32_t number = 0; number < 4; ++number) {
    for (std::uint16_t port = 0; port < kConnections; ++port) {
      Part part{.number = number, .is_v6 = port % 2 == 0};
      part.ipv4.source = Ipv4Address{0x0a000100U + port};
      part.ipv6.source = IpAddress::from_numbers(0x20010db800000000, 0x100 + port);
      part.tcp.source_port = port;
      frames.push_back(bytes_of_part(part));
    }
  }
  EXPECT_EQ(merge(frames).sizes, std::vector<std::uint32_t>(kConnections, 4));
  // More than are looked at: none is lost.
  for (std::uint16_t i = 0; i < 20; ++i) {
    Part part;
    part.ipv4.source = Ipv4Address{0x0a000200U + i};
    frames.push_back(bytes_of_part(part));
  }
  EXPECT_EQ(merge(frames).frames.size(), frames.size());
}

TEST_F(SegmentMerger, NoPacketIsTooLarge) {
  const auto frames = parts(140);
  const Result result = merge(frames);
  EXPECT_EQ(result.sizes, (std::vector<std::uint32_t>{65, 65, 10}));
  EXPECT_EQ(result.frames, frames);
}

TEST_F(SegmentMerger, OnlyWhatTheDriverTakes) {
  for (const bool is_v6 : {false, true}) {
    DriverOffloads other = kBoth;
    (is_v6 ? other.large_v6 : other.large_v4) = false;
    EXPECT_EQ(merge(parts(3, {.is_v6 = is_v6}), other).sizes.size(), 3U);
  }
}

TEST_F(SegmentMerger, SmallFramesAreLeftAlone) {
  std::vector<Bytes> frames;
  for (std::uint32_t i = 0; i < 5; ++i) {
    Part part{.number = i, .payload = 200};
    part.tcp.sequence = 1 + i * 200 - i * static_cast<std::uint32_t>(kPayload);
    frames.push_back(bytes_of_part(part));
  }
  EXPECT_EQ(merge(frames).frames, frames);
}

}  // namespace
}  // namespace alkaid::test
