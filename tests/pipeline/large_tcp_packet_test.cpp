#include "dataplane/vhost/large_tcp_packet.hpp"

#include <algorithm>
#include <functional>
#include <memory>

#include <gtest/gtest.h>

#include "tests/pipeline/buffer_chain.hpp"
#include "tests/pipeline/pipeline_lab.hpp"
#include "tests/support/packet_builder.hpp"

namespace alkaid::test {
namespace {

class LargeTcp : public ::testing::Test {
 protected:
  struct Deleter {
    void operator()(rte_mempool* pool) const { rte_mempool_free(pool); }
    void operator()(rte_mbuf* packet) const { rte_pktmbuf_free(packet); }
  };
  using Packet = std::unique_ptr<rte_mbuf, Deleter>;

  LargeTcp() {
    start_eal();
    pool_.reset(rte_pktmbuf_pool_create("large-tcp", 255, 0, 0, RTE_PKTMBUF_HEADROOM + 2048,
                                        SOCKET_ID_ANY));
  }

  Packet packet_of(const Bytes& frame) { return Packet{chain_of(frame, pool_.get(), 2048)}; }

  std::vector<Bytes> cut(const Bytes& frame, std::uint16_t payload) {
    const Packet packet = packet_of(frame);
    const auto large = LargeTcpPacket::parse(packet.get(), payload);
    std::vector<Bytes> segments;
    for (std::uint32_t i = 0; large && i < large->segments(); ++i) {
      const Packet segment{large->segment(i, pool_.get())};
      if (!segment) {
        ADD_FAILURE() << "no buffer";
        break;
      }
      EXPECT_EQ(segment->pkt_len > 2048, segment->nb_segs > 1);
      segments.push_back(bytes_of_chain(segment.get()));
    }
    return segments;
  }

  std::unique_ptr<rte_mempool, Deleter> pool_;
};

Bytes numbered(std::size_t size) {
  Bytes data(size);
  for (std::size_t i = 0; i < size; ++i) {
    data[i] = static_cast<std::uint8_t>(i * 13 + i / 256);
  }
  return data;
}

using Build = std::function<Bytes(const Bytes& payload, std::uint32_t sequence)>;

void expect_segments(const std::vector<Bytes>& segments, const Build& build, const Bytes& data,
                     std::size_t size) {
  std::vector<Bytes> expected;
  for (std::size_t offset = 0; offset < data.size(); offset += size) {
    const auto first = data.begin() + static_cast<std::ptrdiff_t>(offset);
    const auto end =
        data.begin() + static_cast<std::ptrdiff_t>(std::min(data.size(), offset + size));
    expected.push_back(build(Bytes(first, end), static_cast<std::uint32_t>(offset)));
  }
  EXPECT_EQ(segments, expected);
}

const Build kIpv6 = [](const Bytes& payload, std::uint32_t sequence) {
  return packet()
      .ethernet({})
      .ipv6({})
      .tcp({.sequence = sequence, .flags = TcpFields::kAck, .options = Bytes(12, 1)})
      .payload(payload)
      .build();
};

TEST_F(LargeTcp, Ipv6) {
  const Bytes data = numbered(30001);
  for (const std::uint16_t size : {300, 1220, 1428, 8928, 65000}) {
    SCOPED_TRACE(size);
    expect_segments(cut(kIpv6(data, 0), size), kIpv6, data, size);
  }
  EXPECT_EQ(rte_mempool_in_use_count(pool_.get()), 0U);
}

TEST_F(LargeTcp, WithoutPayloadItIsOneSegment) {
  EXPECT_EQ(cut(kIpv6({}, 0), 1000), std::vector<Bytes>{kIpv6({}, 0)});
}

TEST_F(LargeTcp, WhatIsNoSuchPacketIsLeftAlone) {
  const Bytes good = kIpv6(numbered(3000), 0);
  EXPECT_EQ(cut(good, 1000).size(), 3U);
  EXPECT_TRUE(cut(good, 0).empty());
  EXPECT_TRUE(cut(good, 23).empty()) << "131 segments";
  EXPECT_EQ(cut(good, 24).size(), 125U);
  const Bytes udp = packet().ethernet({}).ipv4({}).udp({}).payload(numbered(3000)).build();
  EXPECT_TRUE(cut(udp, 1000).empty());
  // TCP's header length: none, beyond the packet, beyond the first buffer.
  for (const std::uint8_t words : {0, 4, 15}) {
    const Bytes frame = packet()
                            .ethernet({})
                            .ipv4({})
                            .tcp({.flags = TcpFields::kAck, .data_offset = words})
                            .payload(numbered(8))
                            .build();
    EXPECT_TRUE(cut(frame, 4).empty()) << +words;
  }
  for (std::size_t size = 1; size < 90; ++size) {
    EXPECT_TRUE(
        cut(Bytes(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(size)), 1000).empty());
  }
  EXPECT_EQ(rte_mempool_in_use_count(pool_.get()), 0U);
}

TEST_F(LargeTcp, AnEmptyPoolLosesNothing) {
  const Packet packet = packet_of(kIpv6(numbered(20000), 0));
  const auto large = LargeTcpPacket::parse(packet.get(), 9000);
  ASSERT_TRUE(large);
  std::vector<Packet> others;
  while (rte_mempool_avail_count(pool_.get()) > 2) {
    others.emplace_back(rte_pktmbuf_alloc(pool_.get()));
  }
  // It would take five.
  EXPECT_EQ(large->segment(0, pool_.get()), nullptr);
  EXPECT_EQ(rte_mempool_avail_count(pool_.get()), 2U);
}

}  // namespace
}  // namespace alkaid::test
