#include "dataplane/vhost/left_to_device.hpp"

#include <memory>

#include <gtest/gtest.h>
#include <rte_net.h>

#include "tests/pipeline/buffer_chain.hpp"
#include "tests/pipeline/pipeline_lab.hpp"
#include "tests/support/packet_builder.hpp"

namespace alkaid::test {
namespace {

constexpr std::uint16_t kRoom = 2048;
constexpr std::uint16_t kMtu = 1450;

class LeftToDevice : public ::testing::Test {
 protected:
  struct Deleter {
    void operator()(rte_mempool* pool) const { rte_mempool_free(pool); }
    void operator()(rte_mbuf* packet) const { rte_pktmbuf_free(packet); }
  };
  using Packet = std::unique_ptr<rte_mbuf, Deleter>;

  LeftToDevice() {
    start_eal();
    pool_.reset(rte_pktmbuf_pool_create("left-to-device", 511, 0, 0, RTE_PKTMBUF_HEADROOM + kRoom,
                                        SOCKET_ID_ANY));
  }

  Packet large_of(const Bytes& frame, std::uint16_t segment, std::uint16_t room = kRoom) {
    Packet packet{chain_of(frame, pool_.get(), room)};
    packet->ol_flags = RTE_MBUF_F_RX_LRO | RTE_MBUF_F_RX_L4_CKSUM_NONE;
    packet->tso_segsz = segment;
    return packet;
  }
  static FrameHeaders headers_of(const rte_mbuf* packet) {
    FrameHeaders headers;
    EXPECT_EQ(parse_frame({rte_pktmbuf_mtod(packet, const std::uint8_t*), packet->data_len},
                          packet->pkt_len, headers),
              DropReason::kNone);
    return headers;
  }
  std::optional<CutTcp> stays(const Bytes& frame, std::uint16_t segment,
                              std::uint16_t room = kRoom) {
    const Packet packet = large_of(frame, segment, room);
    return stay_large(packet.get(), headers_of(packet.get()), kMtu);
  }

  std::unique_ptr<rte_mempool, Deleter> pool_;
};

Bytes tcp4(std::size_t payload, const Bytes& options = {}, std::uint8_t more_flags = 0) {
  return packet()
      .ethernet({})
      .ipv4({})
      .tcp({.flags = static_cast<std::uint8_t>(TcpFields::kAck | more_flags), .options = options})
      .payload(Bytes(payload, 0x5a))
      .build();
}

TEST_F(LeftToDevice, WhatMayStayLarge) {
  const auto good = stays(tcp4(20000, Bytes(12, 1)), 1398);
  ASSERT_TRUE(good);
  EXPECT_EQ(good->header_length, 66U);
  EXPECT_EQ(good->segments, 15U);
  EXPECT_FALSE(stays(tcp4(20000, Bytes(12, 1)), 1399)) << "1,451 bytes";
  EXPECT_FALSE(stays(tcp4(20000), 0));
  EXPECT_FALSE(stays(tcp4(20000), 0xffff));
  EXPECT_TRUE(stays(tcp4(12800), 100)) << "128 segments";
  EXPECT_FALSE(stays(tcp4(12801), 100)) << "129";
  EXPECT_FALSE(stays(tcp4(20000, {}, 0x80), 1300)) << "CWR";
  // Headers behind the first buffer.
  EXPECT_FALSE(stays(tcp4(20000, Bytes(40, 1)), 1000, 80));
  EXPECT_TRUE(stays(tcp4(20000, Bytes(40, 1)), 1000, 94));
  Bytes padded = tcp4(3000);
  padded.push_back(0);
  EXPECT_FALSE(stays(padded, 1000));
  EXPECT_FALSE(stays(packet().ethernet({}).ipv4({}).udp({}).payload(Bytes(3000, 1)).build(), 1000));
  EXPECT_EQ(stays(tcp4(0), 1000)->segments, 1U);
  EXPECT_EQ(rte_mempool_in_use_count(pool_.get()), 0U);
}

// librte_vhost calls this function; it would take the length out of the sum.
TEST_F(LeftToDevice, ThePseudoHeadersSumKeepsItsLength) {
  for (const std::uint16_t room : {std::uint16_t{100}, kRoom}) {
    SCOPED_TRACE(room);
    const Bytes frame = tcp4(5000);
    const Packet packet = large_of(frame, 1300, room);
    const FrameHeaders headers = headers_of(packet.get());
    leave_to_driver(packet.get(), headers, stay_large(packet.get(), headers, kMtu));
    EXPECT_EQ(packet->ol_flags & kLeftToDevice, 0U);
    EXPECT_TRUE(is_left_to_driver(packet.get()));
    const Bytes left = bytes_of_chain(packet.get());
    const unsigned used = rte_mempool_in_use_count(pool_.get());
    ASSERT_TRUE(keep_pseudo_header_sum(packet.get(), pool_.get()));
    EXPECT_EQ(rte_mempool_in_use_count(pool_.get()), used + 1);
    EXPECT_NE(rte_net_intel_cksum_prepare(packet.get()), 0);
    EXPECT_EQ(bytes_of_chain(packet.get()), left);
    rte_mbuf* one = packet.get();
    const MoreFrames more = more_frames(&one, 1);
    EXPECT_EQ(more.frames, 3U);
    EXPECT_EQ(more.bytes, 3U * 54);
  }
  EXPECT_EQ(rte_mempool_in_use_count(pool_.get()), 0U);
}

TEST_F(LeftToDevice, WithoutABufferThePacketStaysAsItIs) {
  const Packet packet = large_of(tcp4(5000), 1300);
  const FrameHeaders headers = headers_of(packet.get());
  leave_to_driver(packet.get(), headers, stay_large(packet.get(), headers, kMtu));
  const Bytes left = bytes_of_chain(packet.get());
  std::vector<Packet> others;
  while (rte_mempool_avail_count(pool_.get()) > 0) {
    others.emplace_back(rte_pktmbuf_alloc(pool_.get()));
  }
  EXPECT_FALSE(keep_pseudo_header_sum(packet.get(), pool_.get()));
  EXPECT_EQ(bytes_of_chain(packet.get()), left);
}

}  // namespace
}  // namespace alkaid::test
