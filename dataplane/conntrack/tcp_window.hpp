// The TCP window check: which segments of a connection their receiver can be expecting, by what
// both ends have told each other so far. After G. van Rooij, "Real stateful TCP packet filtering in
// IP Filter" (2001), RFC 7323 (window scale) and RFC 5961 (RST); as strict as Linux's. Pure: no
// table, no clock; any thread may call everything. Design: docs/design/conntrack.md.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "dataplane/conntrack/connection_state.hpp"
#include "dataplane/packet/parse.hpp"

namespace alkaid {

// What the check needs to know of a segment.
struct TcpSegmentNumbers {
  std::uint8_t flags = 0;  // tcp_flag
  std::uint32_t sequence = 0;
  std::uint32_t acknowledgment = 0;
  std::uint32_t length = 0;             // sequence numbers that it takes: data, SYN and FIN
  std::uint16_t window = 0;             // as in the header
  std::optional<std::uint8_t> scale{};  // window scale option, at most 14; of SYN segments only
  bool is_cut = false;                  // a first fragment: data follows in others

  [[nodiscard]] bool has(std::uint8_t flag) const { return (flags & flag) != 0; }
  [[nodiscard]] std::uint32_t end() const { return sequence + length; }
};

// Of a TCP packet that parse_frame() has accepted and that has its TCP header (l4_offset). Options
// that run past the header or the bytes count as absent.
TcpSegmentNumbers tcp_segment_numbers(std::span<const std::uint8_t> bytes,
                                      const FrameHeaders& headers);

struct TcpWindowResult {
  bool is_inside = true;  // false: drop it, nothing has changed
  // Of a segment with RST that is inside.
  ResetSequence reset = ResetSequence::kUnknown;
};

// What is kept of a connection for the check. All sequence numbers wrap.
class TcpWindow {
 public:
  // By the segment that opens the connection, or the first one seen of it. Without SYN it is picked
  // up in its middle: the window scale was missed, so only RSTs are judged.
  void open(const TcpSegmentNumbers& segment, Direction direction = Direction::kOriginal);

  // Judges another segment, which the connection's state allows, and learns from it if it is
  // inside.
  TcpWindowResult pass(Direction direction, const TcpSegmentNumbers& segment);

 private:
  struct Side {
    std::uint32_t end = 0;           // behind the highest number that it has sent
    std::uint32_t limit = 0;         // behind the highest number that it may send
    std::uint32_t window = 0;        // the largest that it has announced, at least 1
    std::uint32_t acknowledged = 0;  // the highest number that it has acknowledged
    std::uint8_t scale = 0;
    bool has_scale : 1 = false;
    bool is_known : 1 = false;  // the three above `acknowledged` hold
    bool has_acknowledged : 1 = false;
    // It has sent fragments: up to a datagram more than `end`.
    bool is_cut : 1 = false;
  };
  // A SYN in the middle of the connection. If its receiver answers with a SYN+ACK, that is a new
  // connection between the same ends; if with anything else, it has the old one still.
  struct Offer {
    std::uint32_t end = 0;
    std::uint16_t window = 0;
    std::uint8_t scale = 0;
    bool has_scale = false;
    bool is_there = false;
    Direction direction = Direction::kOriginal;
  };

  [[nodiscard]] Side& side(Direction direction) {
    return sides_[static_cast<std::size_t>(direction)];
  }
  static void begin(Side& sender, const TcpSegmentNumbers& segment);
  [[nodiscard]] std::uint32_t window_of(const Side& sender, const TcpSegmentNumbers& segment) const;
  void learn(Side& sender, Side& receiver, const TcpSegmentNumbers& segment) const;
  TcpWindowResult pass_syn(Direction direction, const TcpSegmentNumbers& segment);
  bool take_offer(Direction direction, const TcpSegmentNumbers& segment);
  [[nodiscard]] bool refuses_offer(Direction direction, const TcpSegmentNumbers& segment) const;
  TcpWindowResult pass_of_unknown(Side& sender, Side& receiver, const TcpSegmentNumbers& segment);
  TcpWindowResult pass_numbered(Side& sender, Side& receiver, const TcpSegmentNumbers& segment);

  std::array<Side, 2> sides_;
  Offer offer_;
  bool is_picked_up_ = false;
};

}  // namespace alkaid
