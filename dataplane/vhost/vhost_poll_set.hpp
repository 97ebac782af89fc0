// Which guests' rings a worker polls, and how often. Design: docs/design/vhost.md.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace alkaid {

// Rings that lately had packets are polled in every walk of the graph, the others in turn, more of
// them in walks that found nothing else to do: hundreds of idle guests cost a busy worker next to
// nothing. The control thread fills one before it is published; from then on the worker alone uses
// it.
class VhostPollSet {
 public:
  // Polls in a row that found nothing before a ring counts as idle.
  static constexpr std::uint32_t kPatience = 256;
  // Walks in which every idle ring gets its turn: those that found no packets, and those that did,
  // which take longer and whose packets pay for it.
  static constexpr std::size_t kIdleWalks = 32;
  static constexpr std::size_t kBusyWalks = 256;

  // queue: a receive queue of the port's device.
  void add(std::uint32_t port, std::uint16_t queue) {
    entries_.push_back({port, 0, queue});
    active_ = entries_.size();
  }

  [[nodiscard]] std::size_t size() const { return entries_.size(); }
  [[nodiscard]] std::size_t active() const { return active_; }

  // Calls poll(index of a port, queue), which returns how many packets it found, for each ring that
  // is due while has_room(): what a walk takes is bounded, and the next one begins with the ring
  // that had no turn. Idle rings are looked at first, so busy ones can't keep them waiting.
  // is_busy: packets came from elsewhere in this walk.
  template <class Poll, class HasRoom>
  void walk(bool is_busy, Poll&& poll, HasRoom&& has_room) {
    const std::size_t idle = entries_.size() - active_;
    const std::size_t walks = is_busy || found_packets_ ? kBusyWalks : kIdleWalks;
    found_packets_ = false;
    const std::size_t due = (idle + walks - 1) / walks;
    for (std::size_t i = 0; i < due && active_ < entries_.size() && has_room(); ++i) {
      next_idle_ = std::max(next_idle_ < entries_.size() ? next_idle_ : 0, active_);
      Entry& entry = entries_[next_idle_++];
      if (poll(entry.port, entry.queue) > 0) {
        found_packets_ = true;
        entry.empty_polls = 0;
        std::swap(entry, entries_[active_++]);
      }
    }
    for (std::size_t left = active_; left > 0 && has_room(); --left) {
      next_active_ = next_active_ < active_ ? next_active_ : 0;
      Entry& entry = entries_[next_active_];
      if (poll(entry.port, entry.queue) > 0) {
        found_packets_ = true;
        entry.empty_polls = 0;
      } else if (++entry.empty_polls >= kPatience) {
        // The last active one takes its place, and is polled next.
        std::swap(entry, entries_[--active_]);
        continue;
      }
      ++next_active_;
    }
  }

 private:
  struct Entry {
    std::uint32_t port;  // its index
    std::uint32_t empty_polls;
    std::uint16_t queue;
  };

  std::vector<Entry> entries_;  // active ones first
  std::size_t active_ = 0;
  std::size_t next_active_ = 0;
  std::size_t next_idle_ = 0;
  bool found_packets_ = false;  // in the last walk
};

}  // namespace alkaid
