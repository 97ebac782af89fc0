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

  // The last one given out. Who reads it before a walk of the graph has, for every port, at least
  // what was published before that stamp.
  [[nodiscard]] std::uint32_t newest() const { return last_.load(std::memory_order_acquire); }
  // The port's stamp, if what was read since `newest` was asked can't be older than it: a port
  // changes in the middle of a walk, and a verdict of its old state must not get its new stamp.
  [[nodiscard]] std::uint32_t of(std::uint32_t port, std::uint32_t newest_then) const {
    const std::uint32_t stamp = of(port);
    return static_cast<std::int32_t>(stamp - newest_then) > 0 ? kNever : stamp;
  }

  // Control thread.
  void bump(std::uint32_t port) {
    const std::uint32_t last = newest();
    const std::uint32_t next = last >= kNever - 1 ? 1 : last + 1;
    last_.store(next, std::memory_order_release);  // newest() is to bring what was published
    stamps_[port].store(next, std::memory_order_release);
  }
  // A quarter of all stamps has been used since the family's connections were last all looked at
  // (which is thereby promised): none may keep a stamp until it comes again.
  bool take_needs_sweep(bool ipv6) {
    std::uint32_t& swept = swept_[ipv6 ? 1 : 0];
    if (newest() - swept < kNever / 4) {
      return false;
    }
    swept = newest();
    return true;
  }
  [[nodiscard]] std::size_t size() const { return stamps_.size(); }
  // The counter's next value; tests of its wrap-around set it.
  void set_counter(std::uint32_t last) { last_.store(last); }

 private:
  std::vector<std::atomic<std::uint32_t>> stamps_;
  std::atomic<std::uint32_t> last_{0};
  std::uint32_t swept_[2] = {0, 0};
};

}  // namespace alkaid
