// Feeds the TCP window check frames, and segments with any numbers.
//
// Input: first byte even: the rest is a frame, which opens a connection and is sent both ways. Odd:
// segments of 13 bytes follow: direction and whether a window scale is there (two bits), flags,
// sequence number, acknowledgment, window, scale.
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "dataplane/conntrack/tcp_window.hpp"
#include "dataplane/packet/headers.hpp"
#include "tests/fuzz/require.hpp"

namespace alkaid::fuzz {
namespace {

void check(const TcpWindowResult& result, const TcpSegmentNumbers& segment) {
  ALKAID_REQUIRE(segment.has(tcp_flag::kRst) || result.reset == ResetSequence::kUnknown);
  ALKAID_REQUIRE(result.is_inside || result.reset == ResetSequence::kUnknown);
}

void take_frame(std::span<const std::uint8_t> frame) {
  FrameHeaders headers;
  if (parse_frame(frame, frame.size(), headers) != DropReason::kNone ||
      headers.protocol != ip_protocol::kTcp || headers.l4_offset == 0) {
    return;
  }
  const TcpSegmentNumbers segment = tcp_segment_numbers(frame, headers);
  ALKAID_REQUIRE(segment.length <= frame.size() + 2);
  ALKAID_REQUIRE(!segment.scale || (*segment.scale <= 14 && segment.has(tcp_flag::kSyn)));
  TcpWindow window;
  window.open(segment);
  check(window.pass(Direction::kReply, segment), segment);
  check(window.pass(Direction::kOriginal, segment), segment);
}

void take_segments(std::span<const std::uint8_t> bytes) {
  constexpr std::size_t kLength = 13;
  TcpWindow window;
  bool is_open = false;
  for (; bytes.size() >= kLength; bytes = bytes.subspan(kLength)) {
    TcpSegmentNumbers segment{.flags = static_cast<std::uint8_t>(bytes[1] & 0x3f)};
    std::memcpy(&segment.sequence, &bytes[2], sizeof(segment.sequence));
    std::memcpy(&segment.acknowledgment, &bytes[6], sizeof(segment.acknowledgment));
    std::memcpy(&segment.window, &bytes[10], sizeof(segment.window));
    segment.length = bytes[12] * 7U;
    if ((bytes[0] & 2) != 0 && segment.has(tcp_flag::kSyn)) {
      segment.scale = static_cast<std::uint8_t>(bytes[12] % 15);
    }
    if (!is_open) {
      window.open(segment);
      is_open = true;
    } else {
      check(window.pass(static_cast<Direction>(bytes[0] & 1), segment), segment);
    }
  }
}

}  // namespace
}  // namespace alkaid::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace alkaid::fuzz;
  if (size == 0) {
    return 0;
  }
  const std::span<const std::uint8_t> rest{data + 1, size - 1};
  if ((data[0] & 1) == 0) {
    take_frame(rest);
  } else {
    take_segments(rest);
  }
  return 0;
}
