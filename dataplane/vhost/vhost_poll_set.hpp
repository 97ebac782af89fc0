// Which guests' rings a worker polls, and how often. Design: docs/design/vhost.md.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace alkaid {

// Rings that lately had packets are polled in every walk of the graph, the others in turn: hundreds
// of idle guests cost a worker little. The control thread fills one before it is published; from
// then on the worker alone uses it.
class VhostPollSet {
 public:
  // Polls in a row that found nothing before a ring counts as idle.
  static constexpr std::uint32_t kPatience = 256;
  // Walks in which every idle ring gets its turn.
  static constexpr std::size_t kIdleWalks = 32;

  void add(std::uint32_t port) {
    entries_.push_back({port, 0});
    active_ = entries_.size();
  }

  [[nodiscard]] std::size_t size() const { return entries_.size(); }
  [[nodiscard]] std::size_t active() const { return active_; }

  // Calls poll(index of a port), which returns how many packets it found, for each ring that is
  // due.
  template <class Poll>
  void walk(Poll&& poll) {
    for (std::size_t i = 0; i < active_;) {
      Entry& entry = entries_[i];
      if (poll(entry.port) > 0) {
        entry.empty_polls = 0;
      } else if (++entry.empty_polls >= kPatience) {
        // The last active one takes its place, and is polled next.
        std::swap(entry, entries_[--active_]);
        continue;
      }
      ++i;
    }
    const std::size_t idle = entries_.size() - active_;
    const std::size_t due = (idle + kIdleWalks - 1) / kIdleWalks;
    for (std::size_t i = 0; i < due && active_ < entries_.size(); ++i) {
      next_idle_ = std::max(next_idle_ < entries_.size() ? next_idle_ : 0, active_);
      Entry& entry = entries_[next_idle_++];
      if (poll(entry.port) > 0) {
        entry.empty_polls = 0;
        std::swap(entry, entries_[active_++]);
      }
    }
  }

 private:
  struct Entry {
    std::uint32_t port;  // its index
    std::uint32_t empty_polls;
  };

  std::vector<Entry> entries_;  // active ones first
  std::size_t active_ = 0;
  std::size_t next_idle_ = 0;
};

}  // namespace alkaid
