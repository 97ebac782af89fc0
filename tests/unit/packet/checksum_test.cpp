// The checksum functions against the naive one of tests/support.
#include "dataplane/packet/checksum.hpp"

#include <cstring>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/exact_copy.hpp"
#include "tests/support/naive_checksum.hpp"
#include "tests/support/packet_builder.hpp"

namespace alkaid::test {
namespace {

std::uint16_t checksum_of(std::span<const std::uint8_t> bytes) {
  return checksum_finish(checksum_add(0, bytes.data(), bytes.size())).host();
}

TEST(Checksum, EveryLengthAndAlignmentIsAsTheNaiveOne) {
  std::mt19937 random{1071};
  for (std::size_t length = 0; length <= 200; ++length) {
    for (std::size_t offset = 0; offset < 8; ++offset) {
      Bytes bytes(offset + length);
      for (auto& byte : bytes) {
        byte = static_cast<std::uint8_t>(random());
      }
      ExactCopy copy{bytes};
      const auto piece = copy.bytes().subspan(offset);
      ASSERT_EQ(checksum_of(piece), naive_checksum(piece)) << length << " bytes at " << offset;
    }
  }
}

TEST(Checksum, ExtremesAreAsTheNaiveOne) {
  for (const std::uint8_t value : {0x00, 0x01, 0x80, 0xff}) {
    for (const std::size_t length : {1, 2, 3, 7, 8, 9, 20, 1500, 65535}) {
      const Bytes bytes(length, value);
      EXPECT_EQ(checksum_of(bytes), naive_checksum(bytes)) << int{value} << " x " << length;
    }
  }
}

TEST(Checksum, PiecesAddUp) {
  std::mt19937 random{1624};
  Bytes bytes(120);
  for (auto& byte : bytes) {
    byte = static_cast<std::uint8_t>(random());
  }
  for (std::size_t cut = 0; cut <= bytes.size(); cut += 2) {
    std::uint64_t sum = checksum_add(0, bytes.data(), cut);
    sum = checksum_add(sum, bytes.data() + cut, bytes.size() - cut);
    EXPECT_EQ(checksum_finish(sum).host(), naive_checksum(bytes)) << cut;
  }
}

TEST(Checksum, TheRunningSumCarriesAround) {
  const Bytes ones(8, 0xff);
  std::uint64_t sum = checksum_add(0, ones.data(), 8);
  sum = checksum_add(sum, ones.data(), 8);
  sum = checksum_add(sum, "\1", 1);
  Bytes all(17, 0xff);
  all[16] = 1;
  EXPECT_EQ(checksum_finish(sum).host(), naive_checksum(all));
}

Ipv4Header header_of(const Ipv4Fields& fields) {
  const Bytes frame = packet().ethernet().ipv4(fields).build();
  Ipv4Header header;
  std::memcpy(&header, frame.data() + sizeof(EthernetHeader), sizeof(header));
  return header;
}

TEST(Checksum, OfAnIpv4HeaderIsCheckedAndSet) {
  Ipv4Header header = header_of({.ttl = 17, .identification = 0xbeef});
  EXPECT_TRUE(ipv4_checksum_ok(header));
  const auto right = header.checksum;
  header.checksum = BigEndian16{static_cast<std::uint16_t>(right.host() + 1)};
  EXPECT_FALSE(ipv4_checksum_ok(header));
  ipv4_checksum_set(header);
  EXPECT_EQ(header.checksum.host(), right.host());
}

TEST(Checksum, OfAnIpv4HeaderCoversItsOptions) {
  Bytes frame = packet().ethernet().ipv4({.options = {1, 1, 1, 1, 7, 3, 4}}).build();
  auto& header = *reinterpret_cast<Ipv4Header*>(frame.data() + sizeof(EthernetHeader));
  EXPECT_TRUE(ipv4_checksum_ok(header));
  frame[sizeof(EthernetHeader) + 20] ^= 1;
  EXPECT_FALSE(ipv4_checksum_ok(header));
}

TEST(Checksum, TtlDecrementsKeepItRight) {
  // identification walks the checksum through its whole range, the ends included.
  for (unsigned ttl = 1; ttl <= 255; ++ttl) {
    for (unsigned identification = 0; identification <= 0xffff; identification += 255) {
      const auto fields = [&](unsigned value) {
        return Ipv4Header{.version_ihl = 0x45,
                          .tos = 0,
                          .total_length = BigEndian16{20},
                          .identification = BigEndian16{static_cast<std::uint16_t>(identification)},
                          .flags_offset = {},
                          .ttl = static_cast<std::uint8_t>(value),
                          .protocol = ip_protocol::kTcp,
                          .checksum = {},
                          .source = kIpA,
                          .destination = kIpB};
      };
      Ipv4Header header = fields(ttl);
      ipv4_checksum_set(header);
      ipv4_decrement_ttl(header);
      ASSERT_EQ(header.ttl, ttl - 1);
      Ipv4Header expected = fields(ttl - 1);
      ipv4_checksum_set(expected);
      ASSERT_TRUE(ipv4_checksum_ok(header)) << ttl << ' ' << identification;
      ASSERT_EQ(header.checksum.host(), expected.checksum.host()) << ttl << ' ' << identification;
    }
  }
}

TEST(Checksum, UpdateIsAsComputedAnew) {
  std::mt19937 random{3};
  for (int round = 0; round < 100000; ++round) {
    Bytes bytes(20);
    for (auto& byte : bytes) {
      byte = static_cast<std::uint8_t>(random());
    }
    bytes[0] |= 1;  // never all zero: the one case in which the two zeros differ
    const auto word = [&bytes] { return static_cast<std::uint16_t>(bytes[4] << 8 | bytes[5]); };
    const BigEndian16 before{naive_checksum(bytes)};
    const BigEndian16 old_word{word()};
    bytes[4] = static_cast<std::uint8_t>(random());
    bytes[5] = static_cast<std::uint8_t>(random());
    ASSERT_EQ(checksum_update(before, old_word, BigEndian16{word()}).host(), naive_checksum(bytes));
  }
}

TEST(Checksum, PseudoHeaders) {
  // The packet builder sums pseudo-headers naively: a right L4 checksum makes the whole sum 0xffff.
  for (std::size_t size : {0, 1, 2, 7, 100, 1459}) {
    const Bytes v4 = packet().ethernet().ipv4().tcp().payload_of_size(size).build();
    const auto& ip4 = *reinterpret_cast<const Ipv4Header*>(v4.data() + 14);
    const auto length = static_cast<std::uint16_t>(v4.size() - 34);
    EXPECT_EQ(
        checksum_fold(checksum_add(ipv4_pseudo_header_sum(ip4, length), v4.data() + 34, length)),
        0xffff);

    const Bytes v6 = packet().ethernet().ipv6().udp().payload_of_size(size).build();
    const auto& ip6 = *reinterpret_cast<const Ipv6Header*>(v6.data() + 14);
    const auto length6 = static_cast<std::uint16_t>(v6.size() - 54);
    EXPECT_EQ(checksum_fold(checksum_add(ipv6_pseudo_header_sum(ip6, ip_protocol::kUdp, length6),
                                         v6.data() + 54, length6)),
              0xffff);
  }
}

}  // namespace
}  // namespace alkaid::test
