// Feeds any sequence of packets to the connection tracker and checks what must hold of every step.
//
// Input: one byte with the protocol (its low bit: TCP or UDP) and whether the connection may be
// picked up in its middle (bit 1), by an answer too (bit 2); then two bytes per packet: TCP flags;
// direction (bit 0) and how an RST's sequence number compares (bits 1 and 2).
#include <array>
#include <cstddef>
#include <cstdint>

#include "dataplane/conntrack/connection_state.hpp"
#include "dataplane/packet/headers.hpp"
#include "tests/fuzz/require.hpp"

namespace alkaid::fuzz {
namespace {

bool is_over(StateWord word) {
  return word.state() == ConnectionState::time_wait || word.state() == ConnectionState::closed;
}

class Life {
 public:
  Life(std::uint8_t protocol, bool mid_stream, bool by_answers)
      : protocol_(protocol), mid_stream_(mid_stream), by_answers_(by_answers) {}

  void take(Direction direction, std::uint8_t flags, ResetSequence reset_sequence) {
    const TrackedPacket packet{protocol_, flags, reset_sequence};
    if (word_ == StateWord{} && by_answers_ && direction == Direction::kReply) {
      word_ = pick_up_reply(packet).value_or(StateWord{});
      is_heard_ = {false, true};
    } else if (word_ == StateWord{}) {
      open(packet);
    } else {
      track_one(direction, packet);
    }
    if (word_ != StateWord{}) {
      check_word();
    }
  }

 private:
  void open(const TrackedPacket& packet) {
    const auto opened = open_connection(packet, mid_stream_);
    if (!opened) {
      ALKAID_REQUIRE(protocol_ == ip_protocol::kTcp);
      return;
    }
    constexpr unsigned kTold = tcp_flag::kFin | tcp_flag::kSyn | tcp_flag::kRst | tcp_flag::kAck;
    ALKAID_REQUIRE(protocol_ != ip_protocol::kTcp || mid_stream_ ||
                   (packet.tcp_flags & kTold) == tcp_flag::kSyn);
    word_ = *opened;
    is_heard_ = {true, false};
  }

  void track_one(Direction direction, const TrackedPacket& packet) {
    const TrackResult result = track(word_, direction, packet);
    switch (result.verdict) {
      case TrackVerdict::kInvalid:
        ALKAID_REQUIRE(result.next == word_ && protocol_ == ip_protocol::kTcp);
        return;
      case TrackVerdict::kReopen:
        // Or the initiator of a connection of which only answers have been seen begins anew.
        ALKAID_REQUIRE((is_over(word_) || (!is_heard_[0] && direction == Direction::kOriginal)) &&
                       (packet.tcp_flags & tcp_flag::kSyn) != 0);
        open(packet);
        ALKAID_REQUIRE(word_.state() == ConnectionState::syn_sent);
        return;
      case TrackVerdict::kPass:
        break;
    }
    ALKAID_REQUIRE(is_heard_[0] || direction != Direction::kReply ||
                   (packet.tcp_flags & tcp_flag::kSyn) == 0);
    if (protocol_ != ip_protocol::kTcp || (packet.tcp_flags & tcp_flag::kRst) == 0) {
      is_heard_[static_cast<std::size_t>(direction)] = true;
    }
    ALKAID_REQUIRE(packet.reset_sequence != ResetSequence::kUnexpected ||
                   protocol_ != ip_protocol::kTcp || (packet.tcp_flags & tcp_flag::kRst) == 0 ||
                   result.next == word_);
    word_ = result.next;
  }

  void check_word() const {
    const ConnectionState state = word_.state();
    ALKAID_REQUIRE(word_.bits >> 16 == 0);
    ALKAID_REQUIRE(state > ConnectionState::kNone && state < ConnectionState::kCount);
    ALKAID_REQUIRE((state >= ConnectionState::one_way) == (protocol_ != ip_protocol::kTcp));
    ALKAID_REQUIRE(ConnectionTimeouts{}.of(word_, protocol_) > 0);
    const bool is_settled = eviction_class(word_) == EvictionClass::kSettled;
    ALKAID_REQUIRE(!is_settled || (is_heard_[0] && is_heard_[1]));  // nobody fills the table alone
    for (const Direction direction : {Direction::kOriginal, Direction::kReply}) {
      ALKAID_REQUIRE(!is_settled || is_steady(word_, direction));
      const TrackResult ack = track(word_, direction, {protocol_, tcp_flag::kAck});
      ALKAID_REQUIRE(!is_steady(word_, direction) ||
                     (ack.verdict == TrackVerdict::kPass && ack.next == word_));
    }
  }

  const std::uint8_t protocol_;
  const bool mid_stream_;
  const bool by_answers_;
  StateWord word_;
  std::array<bool, 2> is_heard_{};  // original, reply
};

}  // namespace
}  // namespace alkaid::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace alkaid;
  if (size == 0) {
    return 0;
  }
  fuzz::Life life{(data[0] & 1) == 0 ? ip_protocol::kTcp : ip_protocol::kUdp, (data[0] & 2) != 0,
                  (data[0] & 4) != 0};
  for (std::size_t i = 1; i + 1 < size; i += 2) {
    life.take(static_cast<Direction>(data[i + 1] & 1), data[i],
              static_cast<ResetSequence>((data[i + 1] >> 1) % 3));
  }
  return 0;
}
