#include "tests/unit/conntrack/tcp_endpoint.hpp"

namespace alkaid::test {
namespace {

constexpr std::uint8_t kFin = 0x01;
constexpr std::uint8_t kSyn = 0x02;
constexpr std::uint8_t kRst = 0x04;
constexpr std::uint8_t kPsh = 0x08;
constexpr std::uint8_t kAck = 0x10;

// Sequence numbers wrap.
bool before(std::uint32_t a, std::uint32_t b) {
  return static_cast<std::int32_t>(a - b) < 0;
}

bool has(const TcpSegment& segment, std::uint8_t flag) {
  return (segment.flags & flag) != 0;
}

}  // namespace

void TcpEndpoint::send(std::uint8_t flags, std::uint32_t sequence, std::uint32_t length) {
  send_({flags, sequence, (flags & kAck) != 0 ? expected_ : 0, length});
}

void TcpEndpoint::acknowledge() {
  send(kAck, next_);
}

void TcpEndpoint::open(std::uint32_t initial) {
  initial_ = unacknowledged_ = initial;
  next_ = initial + 1;
  fin_sent_ = false;
  state_ = State::kSynSent;
  send(kSyn, initial_);
}

void TcpEndpoint::send_data() {
  send(kAck | kPsh, next_++, 1);
}

void TcpEndpoint::close() {
  if (!can_send()) {
    return;
  }
  state_ = state_ == State::kEstablished ? State::kFinWait1 : State::kLastAck;
  fin_sent_ = true;
  send(kFin | kAck, next_++);
}

void TcpEndpoint::abort() {
  if (state_ != State::kClosed && state_ != State::kListen && state_ != State::kSynSent) {
    send(kRst, next_);
  }
  state_ = State::kClosed;
}

void TcpEndpoint::retransmit() {
  if (state_ == State::kClosed || state_ == State::kListen || unacknowledged_ == next_) {
    return;
  }
  if (unacknowledged_ == initial_) {
    send(state_ == State::kSynSent ? kSyn : kSyn | kAck, initial_);
  } else if (fin_sent_ && unacknowledged_ + 1 == next_) {
    send(kFin | kAck, unacknowledged_);
  } else {
    send(kAck | kPsh, unacknowledged_, 1);
  }
}

void TcpEndpoint::refuse(const TcpSegment& segment) {
  if (has(segment, kRst)) {
    return;
  }
  if (has(segment, kAck)) {
    send_({kRst, segment.acknowledgment, 0, 0});
  } else {
    const std::uint32_t flags = (has(segment, kSyn) ? 1U : 0U) + (has(segment, kFin) ? 1U : 0U);
    send_({kRst | kAck, 0, segment.sequence + segment.length + flags, 0});
  }
}

void TcpEndpoint::receive_in_syn_sent(const TcpSegment& segment) {
  if (has(segment, kAck) && segment.acknowledgment != next_) {
    refuse(segment);
    return;
  }
  if (has(segment, kRst)) {
    if (has(segment, kAck)) {
      state_ = State::kClosed;
    }
    return;
  }
  if (!has(segment, kSyn)) {
    return;
  }
  expected_ = segment.sequence + 1;
  if (has(segment, kAck)) {
    unacknowledged_ = segment.acknowledgment;
    state_ = State::kEstablished;
    acknowledge();
  } else {
    state_ = State::kSynReceived;
    send(kSyn | kAck, initial_);
  }
}

bool TcpEndpoint::is_acceptable(const TcpSegment& segment) const {
  return !before(segment.sequence, expected_) && before(segment.sequence, expected_ + kWindow);
}

// False: nothing more is to be done with the segment.
bool TcpEndpoint::take_acknowledgment(const TcpSegment& segment) {
  if (!has(segment, kAck)) {
    return false;
  }
  const bool is_new = before(unacknowledged_, segment.acknowledgment);
  const bool is_ahead = before(next_, segment.acknowledgment);
  if (state_ == State::kSynReceived) {
    if (!is_new || is_ahead) {
      refuse(segment);
      return false;
    }
    state_ = State::kEstablished;
  }
  if (is_ahead) {
    acknowledge();
    return false;
  }
  if (is_new) {
    unacknowledged_ = segment.acknowledgment;
  }
  if (unacknowledged_ == next_) {  // the FIN too, where one was sent
    if (state_ == State::kFinWait1) {
      state_ = State::kFinWait2;
    } else if (state_ == State::kClosing) {
      state_ = State::kTimeWait;
    } else if (state_ == State::kLastAck) {
      state_ = State::kClosed;
      return false;
    }
  }
  return true;
}

void TcpEndpoint::take_fin() {
  ++expected_;
  acknowledge();
  if (state_ == State::kEstablished) {
    state_ = State::kCloseWait;
  } else if (state_ == State::kFinWait1) {
    state_ = State::kClosing;
  } else if (state_ == State::kFinWait2) {
    state_ = State::kTimeWait;
  }
}

void TcpEndpoint::receive(const TcpSegment& segment) {
  switch (state_) {
    case State::kClosed:
      refuse(segment);
      return;
    case State::kListen:
      if (has(segment, kAck)) {
        refuse(segment);
      } else if (has(segment, kSyn) && !has(segment, kRst)) {
        initial_ = unacknowledged_ = segment.sequence * 7 + 1;
        next_ = initial_ + 1;
        expected_ = segment.sequence + 1;
        fin_sent_ = false;
        state_ = State::kSynReceived;
        send(kSyn | kAck, initial_);
      }
      return;
    case State::kSynSent:
      receive_in_syn_sent(segment);
      return;
    default:
      break;
  }
  if (!is_acceptable(segment)) {
    if (!has(segment, kRst)) {
      acknowledge();
    }
    return;
  }
  if (has(segment, kRst)) {
    if (segment.sequence == expected_) {
      state_ = State::kClosed;
    } else {
      acknowledge();  // RFC 5961
    }
    return;
  }
  if (has(segment, kSyn)) {
    acknowledge();
    return;
  }
  if (!take_acknowledgment(segment)) {
    return;
  }
  if (segment.sequence != expected_) {  // a gap: what is behind it is thrown away
    if (segment.length > 0 || has(segment, kFin)) {
      acknowledge();
    }
    return;
  }
  if (segment.length > 0) {
    expected_ += segment.length;
    acknowledge();
  }
  if (has(segment, kFin)) {
    take_fin();
  }
}

}  // namespace alkaid::test
