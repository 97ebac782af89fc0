// A number per port that changes with everything that decides about the port's connections.
#pragma once

#include <atomic>
#include <cstdint>
#include <vector>

namespace alkaid {

// The control thread publishes what changed, then bumps, then answers the agent. A worker reads a
// stamp before it evaluates and keeps that value with the verdict: a verdict with another stamp is
// made again. Stamps of all ports come from one counter, so that a port with a used index has none
// of its predecessor's. 0 stands for an end that is no port, kNever for no verdict at all.
class PortStamps {
 public:
  static constexpr std::uint32_t kNever = UINT32_MAX;

  explicit PortStamps(std::size_t ports) : stamps_(ports) {}

  // Any thread.
  [[nodiscard]] std::uint32_t of(std::uint32_t port) const {
    return stamps_[port].load(std::memory_order_acquire);
  }

  // Control thread.
  void bump(std::uint32_t port) {
    last_ = last_ >= kNever - 1 ? 1 : last_ + 1;
    stamps_[port].store(last_, std::memory_order_release);
  }
  // A quarter of all stamps has been used since the family's connections were last all looked at
  // (which is thereby promised): none may keep a stamp until it comes again.
  bool take_needs_sweep(bool ipv6) {
    std::uint32_t& swept = swept_[ipv6 ? 1 : 0];
    if (last_ - swept < kNever / 4) {
      return false;
    }
    swept = last_;
    return true;
  }
  [[nodiscard]] std::size_t size() const { return stamps_.size(); }
  // The counter's next value; tests of its wrap-around set it.
  void set_counter(std::uint32_t last) { last_ = last; }

 private:
  std::vector<std::atomic<std::uint32_t>> stamps_;
  std::uint32_t last_ = 0;
  std::uint32_t swept_[2] = {0, 0};
};

}  // namespace alkaid
