#include "dataplane/conntrack/tcp_window.hpp"

#include <algorithm>
#include <cstring>

#include "dataplane/packet/headers.hpp"

namespace alkaid {
namespace {

using namespace tcp_flag;

constexpr std::uint8_t kLargestScale = 14;  // RFC 7323, 2.3
constexpr std::uint32_t kLargestWindow = std::uint32_t{UINT16_MAX} << kLargestScale;
// An acknowledgment may be late by the larger of this and the window: the largest window without
// scaling, and a segment.
constexpr std::uint32_t kLateAcknowledgment = 66000;
constexpr std::uint32_t kLargestDatagram = UINT16_MAX;

bool is_after(std::uint32_t a, std::uint32_t b) {
  return static_cast<std::int32_t>(a - b) > 0;
}

std::optional<std::uint8_t> find_scale(std::span<const std::uint8_t> options) {
  constexpr std::uint8_t kEndOfOptions = 0;
  constexpr std::uint8_t kNoOperation = 1;
  constexpr std::uint8_t kWindowScale = 3;
  constexpr std::size_t kWindowScaleLength = 3;
  std::size_t position = 0;
  while (position < options.size() && options[position] != kEndOfOptions) {
    if (options[position] == kNoOperation) {
      ++position;
      continue;
    }
    const std::size_t rest = options.size() - position;
    if (rest < 2 || options[position + 1] < 2 || options[position + 1] > rest) {
      return std::nullopt;
    }
    if (options[position] == kWindowScale && options[position + 1] == kWindowScaleLength) {
      return std::min(options[position + 2], kLargestScale);
    }
    position += options[position + 1];
  }
  return std::nullopt;
}

// What is inside is told of an RST by its number (RFC 5961, 3.2).
TcpWindowResult inside(const TcpSegmentNumbers& segment, bool has_expected, std::uint32_t expected,
                       std::uint32_t end) {
  if (!segment.has(kRst)) {
    return {};
  }
  if (has_expected && segment.sequence == expected) {
    return {true, ResetSequence::kExpected};
  }
  // What the receiver has of it, and hasn't acknowledged yet, nobody here knows: it counts until
  // the receiver goes on.
  return {true, segment.sequence == end ? ResetSequence::kUnknown : ResetSequence::kUnexpected};
}

constexpr TcpWindowResult kOutside{false, ResetSequence::kUnknown};

}  // namespace

TcpSegmentNumbers tcp_segment_numbers(std::span<const std::uint8_t> bytes,
                                      const FrameHeaders& headers) {
  TcpHeader tcp;
  std::memcpy(&tcp, bytes.data() + headers.l4_offset, sizeof(tcp));
  const std::size_t header_end = headers.l4_offset + (tcp.data_offset >> 4U) * std::size_t{4};
  TcpSegmentNumbers result{.flags = tcp.flags,
                           .sequence = tcp.sequence.host(),
                           .acknowledgment = tcp.acknowledgment.host(),
                           .window = tcp.window.host(),
                           .is_cut = headers.is_fragment};
  result.length = static_cast<std::uint32_t>(headers.l3_end - header_end) +
                  (result.has(kSyn) ? 1U : 0U) + (result.has(kFin) ? 1U : 0U);
  const std::size_t options = headers.l4_offset + sizeof(tcp);
  const std::size_t options_end = std::min(header_end, bytes.size());
  if (result.has(kSyn) && options < options_end) {
    result.scale = find_scale(bytes.subspan(options, options_end - options));
  }
  return result;
}

// A side's first segment that counts.
void TcpWindow::begin(Side& sender, const TcpSegmentNumbers& segment) {
  sender = {.end = segment.end(),
            .limit = segment.end(),
            .window = std::max<std::uint32_t>(segment.window, 1),
            .scale = segment.scale.value_or(0),
            .has_scale = segment.scale.has_value(),
            .is_known = true,
            .is_cut = segment.is_cut};
}

// What the segment announces. Both ends must have offered to scale, and SYNs themselves are not
// scaled.
std::uint32_t TcpWindow::window_of(const Side& sender, const TcpSegmentNumbers& segment) const {
  const bool scales = sides_[0].has_scale && sides_[1].has_scale && !segment.has(kSyn);
  return std::uint32_t{segment.window} << (scales ? sender.scale : 0U);
}

void TcpWindow::learn(Side& sender, Side& receiver, const TcpSegmentNumbers& segment) const {
  const std::uint32_t window = window_of(sender, segment);
  sender.window = std::max(sender.window, window);
  if (is_after(segment.end(), sender.end)) {
    sender.end = segment.end();
  }
  sender.is_cut = sender.is_cut || segment.is_cut;
  // A probe of a closed window, or a sender that goes a little too far: what it sends again must
  // not be too old.
  if (is_after(segment.end(), sender.limit) && receiver.window != 0) {
    receiver.window = std::min(receiver.window + (segment.end() - sender.limit), kLargestWindow);
  }
  if (!segment.has(kAck)) {
    return;
  }
  if (!sender.has_acknowledged || is_after(segment.acknowledgment, sender.acknowledged)) {
    sender.acknowledged = segment.acknowledgment;
    sender.has_acknowledged = true;
  }
  // A closed window may be probed.
  const std::uint32_t limit = segment.acknowledgment + std::max<std::uint32_t>(window, 1);
  if (is_after(limit, receiver.limit)) {
    receiver.limit = limit;
  }
}

void TcpWindow::open(const TcpSegmentNumbers& segment, Direction direction) {
  *this = {};
  is_picked_up_ = !segment.has(kSyn);
  Side& sender = side(direction);
  begin(sender, segment);
  if (is_picked_up_ && segment.has(kAck)) {
    sender.acknowledged = segment.acknowledgment;
    sender.has_acknowledged = true;
  }
}

// The answer to a SYN that came in the middle: all that is known is of another connection.
bool TcpWindow::take_offer(Direction direction, const TcpSegmentNumbers& segment) {
  if (!offer_.is_there || offer_.direction == direction || segment.acknowledgment != offer_.end) {
    return false;
  }
  Side& receiver = side(offer_.direction);
  receiver = {.end = offer_.end,
              .limit = offer_.end,
              .window = std::max<std::uint32_t>(offer_.window, 1),
              .scale = offer_.scale,
              .has_scale = offer_.has_scale,
              .is_known = true};
  side(direction) = {};
  offer_.is_there = false;
  is_picked_up_ = false;
  return true;
}

// It refuses a SYN that is not the connection's first one: the answer is numbered as that SYN wants
// it (RFC 9293, 3.10.7.1), whatever the connection's numbers are.
bool TcpWindow::refuses_offer(Direction direction, const TcpSegmentNumbers& segment) const {
  return offer_.is_there && offer_.direction != direction && segment.has(kRst) &&
         segment.has(kAck) && segment.acknowledgment == offer_.end;
}

TcpWindowResult TcpWindow::pass_syn(Direction direction, const TcpSegmentNumbers& segment) {
  Side& sender = side(direction);
  Side& receiver = side(opposite(direction));
  if (!segment.has(kAck)) {
    if (!sender.is_known) {
      begin(sender, segment);  // simultaneous open
    } else if (segment.end() != sender.end) {
      // Its receiver tells (RFC 5961, 4).
      offer_ = {segment.end(), segment.window, segment.scale.value_or(0), segment.scale.has_value(),
                true,          direction};
    }
    return {};
  }
  take_offer(direction, segment);
  if (!receiver.is_known) {
    return {};
  }
  // Sent again with another number, before anybody has answered the first one.
  const bool is_renewed = sender.is_known && !is_picked_up_ && !receiver.has_acknowledged &&
                          segment.end() != sender.end;
  if (sender.is_known && !is_renewed) {
    return pass_numbered(sender, receiver, segment);
  }
  if (is_after(segment.acknowledgment, receiver.end) ||
      is_after(receiver.end - kLateAcknowledgment, segment.acknowledgment)) {
    return kOutside;
  }
  begin(sender, segment);
  // It may go on at once (RFC 7413): the receiver's SYN has announced a window.
  sender.limit = segment.sequence + 1 + receiver.window;
  learn(sender, receiver, segment);
  return {};
}

// Nothing that counts has come from the sender yet.
TcpWindowResult TcpWindow::pass_of_unknown(Side& sender, Side& receiver,
                                           const TcpSegmentNumbers& segment) {
  if (is_picked_up_ && segment.has(kRst)) {
    return inside(segment, receiver.has_acknowledged, receiver.acknowledged,
                  receiver.has_acknowledged ? receiver.acknowledged : segment.sequence);
  }
  if (is_picked_up_) {
    begin(sender, segment);
    learn(sender, receiver, segment);
    return {};
  }
  if (!segment.has(kRst)) {
    return {};  // the responder still has an old connection (RFC 9293, 3.5.1)
  }
  // It refuses the SYN, which it must quote (RFC 9293, 3.10.7.3).
  const bool refuses = segment.has(kAck) && segment.acknowledgment == receiver.end;
  return refuses ? TcpWindowResult{true, ResetSequence::kExpected} : kOutside;
}

// The four rules: not beyond what the receiver has announced, not older than its window, and
// acknowledging something that has been sent, and not too long ago.
TcpWindowResult TcpWindow::pass_numbered(Side& sender, Side& receiver,
                                         const TcpSegmentNumbers& segment) {
  const bool acknowledges =
      segment.has(kAck) && !(segment.has(kRst) && segment.acknowledgment == 0);
  const std::uint32_t acknowledgment = acknowledges ? segment.acknowledgment : receiver.end;
  const std::uint32_t newest = receiver.end + (receiver.is_cut ? kLargestDatagram : 0);
  const std::uint32_t oldest = receiver.end - std::max(sender.window, kLateAcknowledgment);
  const bool is_recent = !is_after(sender.end - receiver.window, segment.end()) &&
                         !is_after(acknowledgment, newest) && !is_after(oldest, acknowledgment);
  const bool is_allowed = !is_after(segment.sequence, sender.limit);
  // Some send more than they may, by less than a window.
  const bool is_tolerated =
      !is_allowed && segment.end() - sender.limit < receiver.window && !segment.has(kRst);
  if (!(is_recent && (is_allowed || is_tolerated)) && !is_picked_up_) {
    return kOutside;
  }
  const TcpWindowResult result =
      inside(segment, receiver.has_acknowledged, receiver.acknowledged, sender.end);
  if (is_tolerated && !is_picked_up_) {
    // Or its acknowledgment would be of what was not sent.
    if (is_after(segment.end(), sender.end)) {
      sender.end = segment.end();
    }
  } else if (!segment.has(kRst)) {
    learn(sender, receiver, segment);
  }
  return result;
}

TcpWindowResult TcpWindow::pass(Direction direction, const TcpSegmentNumbers& segment) {
  Side& sender = side(direction);
  Side& receiver = side(opposite(direction));
  if (segment.has(kSyn)) {
    return pass_syn(direction, segment);
  }
  if (refuses_offer(direction, segment)) {
    return {true, ResetSequence::kExpected};
  }
  if (!sender.is_known) {
    return pass_of_unknown(sender, receiver, segment);
  }
  if (!receiver.is_known) {
    // Only the initiator has spoken.
    if (!segment.has(kRst)) {
      learn(sender, receiver, segment);
    }
    return inside(segment, false, 0, segment.sequence);
  }
  const TcpWindowResult result = pass_numbered(sender, receiver, segment);
  // It goes on with the connection that it has.
  if (result.is_inside && offer_.direction != direction && !segment.has(kRst)) {
    offer_.is_there = false;
  }
  return result;
}

}  // namespace alkaid
