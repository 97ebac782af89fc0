// One end of a TCP connection, written after RFC 9293, section 3.10, for tests of what watches it.
// Sends one byte per segment; has no timers: the test says when to retransmit.
#pragma once

#include <cstdint>
#include <functional>

namespace alkaid::test {

struct TcpSegment {
  std::uint8_t flags = 0;
  std::uint32_t sequence = 0;
  std::uint32_t acknowledgment = 0;
  std::uint32_t length = 0;  // of data
};

class TcpEndpoint {
 public:
  enum class State {
    kClosed,
    kListen,
    kSynSent,
    kSynReceived,
    kEstablished,
    kFinWait1,
    kFinWait2,
    kCloseWait,
    kClosing,
    kLastAck,
    kTimeWait
  };

  static constexpr std::uint16_t kWindow = 1000;

  explicit TcpEndpoint(std::function<void(const TcpSegment&)> send) : send_(std::move(send)) {}

  [[nodiscard]] State state() const { return state_; }
  [[nodiscard]] bool is_over() const {
    return state_ == State::kClosed || state_ == State::kListen || state_ == State::kTimeWait;
  }
  [[nodiscard]] bool can_send() const {
    return state_ == State::kEstablished || state_ == State::kCloseWait;
  }

  void listen() { state_ = State::kListen; }
  void open(std::uint32_t initial);
  void send_data();
  // FIN, if the state allows it.
  void close();
  // RST, and the end.
  void abort();
  // Sends the oldest thing again that is not acknowledged, if any.
  void retransmit();
  void receive(const TcpSegment& segment);

 private:
  void send(std::uint8_t flags, std::uint32_t sequence, std::uint32_t length = 0);
  void acknowledge();
  void refuse(const TcpSegment& segment);
  void receive_in_syn_sent(const TcpSegment& segment);
  [[nodiscard]] bool is_acceptable(const TcpSegment& segment) const;
  bool take_acknowledgment(const TcpSegment& segment);
  void take_fin();

  std::function<void(const TcpSegment&)> send_;
  State state_ = State::kClosed;
  std::uint32_t initial_ = 0;
  std::uint32_t unacknowledged_ = 0;
  std::uint32_t next_ = 0;
  std::uint32_t expected_ = 0;
  bool fin_sent_ = false;
};

}  // namespace alkaid::test
