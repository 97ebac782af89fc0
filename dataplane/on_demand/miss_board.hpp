// Who waits for which neighbor, of all workers together, so that a missing neighbor is told once.
// Design: docs/design/on-demand.md.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <unordered_map>
#include <vector>

#include "dataplane/on_demand/awaited.hpp"

namespace alkaid {

// Control thread only.
class MissBoard {
 public:
  using Clock = std::chrono::steady_clock;

  struct Place {
    unsigned worker = 0;
    Waiter waiter;

    bool operator==(const Place&) const = default;
  };

  // most: destinations that are kept at once. lifetime: as long as packets wait, and a little more.
  MissBoard(std::size_t most, std::chrono::milliseconds lifetime);

  // Somebody waits for `address`. The number of the miss if it is to be told; none if it has been,
  // or if there are too many.
  std::optional<std::uint64_t> raise(const AwaitedAddress& address, const Place& place,
                                     Clock::time_point now);

  struct Taken {
    std::uint64_t id = 0;  // 0: nobody waits for it
    std::vector<Place> places;
  };
  // Who waits for it, and forgets it.
  Taken take(const AwaitedAddress& address);
  // The address of a miss; none if it is over.
  [[nodiscard]] std::optional<AwaitedAddress> find(std::uint64_t id) const;

  void expire(Clock::time_point now);
  void clear();

  [[nodiscard]] bool empty() const { return pending_.empty(); }
  [[nodiscard]] std::size_t size() const { return pending_.size(); }

 private:
  struct Pending {
    std::uint64_t id = 0;
    Clock::time_point told;
    Clock::time_point raised;  // last
    std::vector<Place> places;
  };
  struct Hash {
    std::uint64_t secret;
    std::size_t operator()(const AwaitedAddress& address) const {
      return static_cast<std::size_t>(address.hash(secret));
    }
  };
  struct Due {
    Clock::time_point time;
    AwaitedAddress address;
  };

  const std::size_t most_;
  const std::chrono::milliseconds lifetime_;
  std::unordered_map<AwaitedAddress, Pending, Hash> pending_;
  std::unordered_map<std::uint64_t, AwaitedAddress> by_id_;
  std::deque<Due> due_;  // by time; some are over already, or were raised again
  std::uint64_t last_id_ = 0;
};

}  // namespace alkaid
