// Who waits for which neighbor, of all workers together, so that a missing neighbor is told once.
// Design: docs/design/on-demand.md.
#pragma once

#include <chrono>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
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

    auto operator<=>(const Place&) const = default;
  };

  // most: destinations that are kept at once. lifetime: as long as packets wait, and a little more.
  MissBoard(std::size_t most, std::chrono::milliseconds lifetime);

  // Somebody begins to wait in `worker`. It is to be told unless it has been, for others who wait
  // still. False: there are too many.
  bool raise(const RaisedMiss& miss, unsigned worker, Clock::time_point now);

  struct Untold {
    std::uint64_t id = 0;
    RaisedMiss miss;  // the latest
  };
  // What is to be told, by age, at most `most`; it counts as told then.
  std::vector<Untold> take_untold(std::size_t most, Clock::time_point now);
  [[nodiscard]] bool has_untold() const { return !untold_.empty(); }
  // For somebody who has been told nothing.
  void tell_all_again();

  struct Taken {
    std::uint64_t id = 0;  // 0: nobody waits for it
    std::vector<Place> places;
  };
  // Who waits for it, and forgets it.
  Taken take(const AwaitedAddress& address);
  // The miss of an address; 0: nobody waits for it.
  [[nodiscard]] std::uint64_t id_of(const AwaitedAddress& address) const;
  // The address of a miss; none if it is over.
  [[nodiscard]] std::optional<AwaitedAddress> find(std::uint64_t id) const;

  // Forgets who has waited for longer than a lifetime, after a second one at the latest.
  void expire(Clock::time_point now);

  [[nodiscard]] bool empty() const { return pending_.empty(); }
  [[nodiscard]] std::size_t size() const { return pending_.size(); }

 private:
  struct Pending {
    std::uint64_t id = 0;
    RaisedMiss miss;
    Clock::time_point told;
    std::map<Place, Clock::time_point> places;  // and since when
  };
  struct Hash {
    std::uint64_t secret;
    std::size_t operator()(const AwaitedAddress& address) const {
      return static_cast<std::size_t>(address.hash(secret));
    }
  };
  struct Due {
    Clock::time_point time;
    std::uint64_t id = 0;
  };

  const std::size_t most_;
  const std::chrono::milliseconds lifetime_;
  std::unordered_map<AwaitedAddress, Pending, Hash> pending_;
  std::unordered_map<std::uint64_t, AwaitedAddress> by_id_;
  std::set<std::uint64_t> untold_;  // of pending ones
  std::deque<Due> due_;             // by time, one for each id; some are over already
  std::uint64_t last_id_ = 0;
};

}  // namespace alkaid
