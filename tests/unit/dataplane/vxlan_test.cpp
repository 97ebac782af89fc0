// Entropy, congestion marks, and checksums that a guest's kernel left open.
#include <gtest/gtest.h>

#include "dataplane/packet/partial_checksum.hpp"
#include "dataplane/vxlan/ecn.hpp"
#include "dataplane/vxlan/entropy.hpp"
#include "tests/support/packet_builder.hpp"

namespace alkaid::test {
namespace {

FrameHeaders parsed(const Bytes& frame) {
  FrameHeaders headers;
  EXPECT_EQ(parse_frame(frame, frame.size(), headers), DropReason::kNone);
  return headers;
}

TEST(Ecn, KeepsTheChecksumRightForEveryValue) {
  for (unsigned tos = 0; tos < 256; ++tos) {
    auto frame = packet().ethernet().ipv4({.tos = static_cast<std::uint8_t>(tos)}).udp().build();
    auto& ip = *reinterpret_cast<Ipv4Header*>(frame.data() + 14);
    for (std::uint8_t ecn = 0; ecn < 4; ++ecn) {
      set_ecn(ip, ecn);
      EXPECT_EQ(ip.tos, (tos & 0xfcU) | ecn);
      EXPECT_TRUE(ipv4_checksum_ok(ip));
    }
  }
}

// RFC 6040, figure 4, row by row; -1: drop.
TEST(Ecn, DecapsulationFollowsTheTable) {
  constexpr int kDrop = -1;
  // [inner][outer], both in the order Not-ECT, ECT(1), ECT(0), CE as the code points have it.
  constexpr int kTable[4][4] = {
      {0, 0, 0, kDrop},  // Not-ECT
      {1, 1, 1, 3},      // ECT(1)
      {2, 1, 2, 3},      // ECT(0)
      {3, 3, 3, 3},      // CE
  };
  for (std::uint8_t inner = 0; inner < 4; ++inner) {
    for (std::uint8_t outer = 0; outer < 4; ++outer) {
      const auto result = decapsulated_ecn(inner, outer);
      EXPECT_EQ(result ? static_cast<int>(*result) : kDrop, kTable[inner][outer])
          << "inner " << int{inner} << ", outer " << int{outer};
    }
  }
}

TEST(Ecn, Ipv6LeavesTheRestAlone) {
  auto frame = packet().ethernet().ipv6({.traffic_class = 0xa9}).udp().build();
  auto& ip = *reinterpret_cast<Ipv6Header*>(frame.data() + 14);
  EXPECT_EQ(ecn_of(ip), 1);
  set_ecn(ip, kEcnCongested);
  EXPECT_EQ(ip.version_class_label.host(), 0x6ab00000U);
}

TEST(Entropy, DiffersBetweenFlowsAndStaysInTheDynamicRange) {
  const auto entropy = [](std::uint16_t port) {
    const auto frame = packet().ethernet().ipv4().udp({.source_port = port}).build();
    return flow_entropy(frame, parsed(frame));
  };
  EXPECT_EQ(entropy(1), entropy(1));
  EXPECT_NE(entropy(1), entropy(2));
  EXPECT_EQ(entropy_port(0), 0xc000);
  EXPECT_EQ(entropy_port(0xffffffff), 0xffff);
}

// What the kernel leaves in the field: the folded sum of the pseudo-header, not complemented.
void leave_open(Bytes& frame, std::size_t checksum_offset) {
  const FrameHeaders headers = parsed(frame);
  const auto length = static_cast<std::uint16_t>(headers.l3_end - headers.l4_offset);
  const std::uint8_t* ip = frame.data() + headers.l3_offset;
  const std::uint16_t sum =
      checksum_fold(headers.kind == FrameHeaders::Kind::kIpv4
                        ? ipv4_pseudo_header_sum(*reinterpret_cast<const Ipv4Header*>(ip), length)
                        : ipv6_pseudo_header_sum(*reinterpret_cast<const Ipv6Header*>(ip),
                                                 headers.protocol, length));
  std::memcpy(frame.data() + headers.l4_offset + checksum_offset, &sum, sizeof(sum));
}

class PartialChecksum : public ::testing::TestWithParam<std::size_t> {};

TEST_P(PartialChecksum, IsCompleted) {
  const std::size_t size = GetParam();
  const auto check = [](const Bytes& complete, std::size_t offset) {
    Bytes frame = complete;
    leave_open(frame, offset);
    EXPECT_NE(frame, complete);
    complete_partial_checksum(frame, parsed(frame));
    EXPECT_EQ(frame, complete);
    // And a complete one is left as it is.
    complete_partial_checksum(frame, parsed(frame));
    EXPECT_EQ(frame, complete);
  };
  const Bytes payload(size, 0x37);
  check(packet().ethernet().ipv4().tcp().payload(payload).build(), offsetof(TcpHeader, checksum));
  check(packet().ethernet().ipv4().udp().payload(payload).build(), offsetof(UdpHeader, checksum));
  check(packet().ethernet().ipv6().tcp().payload(payload).build(), offsetof(TcpHeader, checksum));
  check(packet().ethernet().ipv6().udp().payload(payload).build(), offsetof(UdpHeader, checksum));
}

INSTANTIATE_TEST_SUITE_P(PayloadSizes, PartialChecksum, ::testing::Values(1, 2, 7, 64, 999, 1400));

TEST(PartialChecksum, WrongChecksumsAreNotPutRight) {
  const auto frame =
      packet().ethernet().ipv4().udp({.checksum = 0x1234}).payload(Bytes(20, 1)).build();
  Bytes touched = frame;
  complete_partial_checksum(touched, parsed(touched));
  EXPECT_EQ(touched, frame) << "the guest that receives it must notice the damage";
}

}  // namespace
}  // namespace alkaid::test
