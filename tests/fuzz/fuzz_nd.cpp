// Feeds any bytes behind an ICMPv6 header to the neighbor discovery reader, with a right checksum
// (no fuzzer finds one by chance), and answers what it accepts.
//
// Input: one byte, the ICMPv6 type from 133; one byte, the bits of what is wrong: 1 the hop limit,
// 2 an unset source, 4 a group as destination, 8 the last byte beyond the first buffer; then the
// message behind type, code and checksum.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

#include "dataplane/nd/nd_message.hpp"
#include "tests/fuzz/require.hpp"
#include "tests/support/exact_copy.hpp"
#include "tests/support/packet_builder.hpp"

namespace alkaid::fuzz {
namespace {

using test::Bytes;

constexpr IpAddress kSolicitedNode = IpAddress::from_numbers(0xff02000000000000, 0x1ff000001);

Bytes frame_of(std::uint8_t type, unsigned wrong, std::span<const std::uint8_t> message) {
  std::uint32_t word = 0;
  for (std::size_t i = 0; i < 4; ++i) {
    word = word << 8 | (i < message.size() ? message[i] : 0U);
  }
  test::Ipv6Fields ip;
  ip.hop_limit = (wrong & 1) != 0 ? 254 : 255;
  if ((wrong & 2) != 0) {
    ip.source = IpAddress{};
  }
  if ((wrong & 4) != 0) {
    ip.destination = kSolicitedNode;
  }
  return test::packet()
      .ethernet()
      .ipv6(ip)
      .icmpv6({.type = type, .word = word})
      .payload(message.subspan(std::min<std::size_t>(4, message.size())))
      .build();
}

void answer(const NdMessage& message) {
  test::ExactCopy frame{Bytes(kNeighborAdvertisementSize)};
  write_neighbor_advertisement(
      std::span<std::uint8_t, kNeighborAdvertisementSize>{frame.bytes()},
      {.link_destination = test::kMacA,
       .mac = test::kMacB,
       .destination = message.source.is_unset() ? kSolicitedNode : message.source,
       .target = message.target});
  FrameHeaders headers;
  const DropReason reason = parse_frame(frame.bytes(), frame.size(), headers);
  // A target that no packet may come from is nobody's.
  ALKAID_REQUIRE(reason == DropReason::kNone || reason == DropReason::source_ip_invalid);
  if (reason == DropReason::kNone) {
    const auto read = read_nd_message(frame.bytes(), headers);
    ALKAID_REQUIRE(read && read->target == message.target && read->link_mac == test::kMacB);
  }
}

void check(const Bytes& frame, unsigned wrong) {
  const std::size_t hidden = (wrong & 8) != 0 ? 1 : 0;
  test::ExactCopy buffer{std::span{frame}.first(frame.size() - hidden)};
  FrameHeaders headers;
  if (parse_frame(buffer.bytes(), frame.size(), headers) != DropReason::kNone) {
    return;
  }
  ALKAID_REQUIRE(headers.is_nd);
  const auto message = read_nd_message(buffer.bytes(), headers);
  if (!message) {
    return;
  }
  ALKAID_REQUIRE(hidden == 0 && (wrong & 1) == 0);
  ALKAID_REQUIRE(!message->link_mac || message->link_mac->is_unicast());
  if (message->type == icmpv6_type::kNeighborSolicitation ||
      message->type == icmpv6_type::kNeighborAdvertisement) {
    ALKAID_REQUIRE(message->target.bytes()[0] != 0xff && !message->target.is_v4());
  }
  if (message->type == icmpv6_type::kNeighborSolicitation) {
    ALKAID_REQUIRE(!message->is_duplicate_probe() || !message->link_mac);
    answer(*message);
  }
}

}  // namespace
}  // namespace alkaid::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace alkaid::fuzz;
  constexpr std::size_t kControlBytes = 2;
  constexpr std::size_t kLongest = 2048;
  if (size < kControlBytes || size > kLongest) {
    return 0;
  }
  const auto type = static_cast<std::uint8_t>(133 + data[0] % 5);
  check(frame_of(type, data[1], {data + kControlBytes, size - kControlBytes}), data[1]);
  return 0;
}
