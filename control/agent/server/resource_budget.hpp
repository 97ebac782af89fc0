// How many resources of goal states are being worked at.
#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <utility>
#include <vector>

namespace alkaid::agent {

// A resource of two bytes takes hundreds when it is decoded, until its message is answered:
// bounding bytes doesn't bound that. Messages that don't fit wait, in order. Any thread.
class ResourceBudget {
 public:
  explicit ResourceBudget(std::size_t most) : most_(most) {}

  // Whether a message may start at once; not while others wait. Then leave() is called once.
  bool try_enter(std::size_t resources);
  // Calls `start`, now or when it is its turn, on a thread that must not be blocked; then leave()
  // is called once. More than the budget is taken alone.
  void enter(std::size_t resources, std::function<void()> start);
  void leave(std::size_t resources);

 private:
  [[nodiscard]] bool has_room(std::size_t resources) const {
    return taken_ == 0 || taken_ + resources <= most_;
  }
  // What starts now.
  std::vector<std::function<void()>> take_startable();

  const std::size_t most_;
  std::mutex mutex_;
  std::size_t taken_ = 0;
  std::deque<std::pair<std::size_t, std::function<void()>>> waiting_;
};

}  // namespace alkaid::agent
