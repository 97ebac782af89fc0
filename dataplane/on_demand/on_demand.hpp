// The control thread's part in waiting for neighbors: tells what is missing, orders what goes on.
// Design: docs/design/on-demand.md.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "dataplane/on_demand/miss_board.hpp"
#include "dataplane/on_demand/news_bell.hpp"
#include "dataplane/on_demand/worker_waiting.hpp"
#include "dataplane/ports/port.hpp"
#include "dataplane/tables/neighbor_table.hpp"
#include "dataplane/worker/worker.hpp"

namespace alkaid {

// A miss to tell the watcher of.
struct ToldMiss {
  std::uint64_t id = 0;
  RaisedMiss miss;
  std::string port;
};

// What the watcher has not been told yet.
struct OnDemandNews {
  std::vector<ToldMiss> misses;
  std::vector<std::uint64_t> found;  // misses whose neighbor came
  std::vector<std::string> gone_ports;
};

// Control thread only, but for wait_for_news().
class OnDemand {
 public:
  using Workers = std::vector<std::unique_ptr<Worker>>;

  struct Totals {
    std::uint64_t waiting = 0;  // packets, now
    std::uint64_t waited = 0;
    std::uint64_t released = 0;
    std::uint64_t expired = 0;
    std::uint64_t purged = 0;
    std::uint64_t misses = 0;  // that workers told of
    std::uint64_t told = 0;    // of these, to a watcher
  };

  // All outlive this. capacity: packets that may wait, of all workers together.
  OnDemand(const Workers& workers, const PortTable& ports, const NeighborTable& neighbors,
           NewsBell& bell, std::uint32_t capacity);

  // Any other thread: returns when take_news() may have misses to give or another watch has begun,
  // at the latest after `longest`. Nobody waits for the other news.
  void wait_for_news(std::chrono::milliseconds longest);

  // Packets wait from now on. The number of the watch, which ends the former one and is told anew
  // of all that is waited for.
  std::uint64_t begin_watch();
  [[nodiscard]] bool is_watched_by(std::uint64_t watch) const { return watch_ == watch; }
  // Nothing waits any more, if `watch` is the one in force.
  void end_watch(std::uint64_t watch);
  [[nodiscard]] bool is_active() const { return watch_ != 0; }

  // A bounded part of it.
  OnDemandNews take_news();
  // Nobody has it: what waits for it is decided now.
  void end_miss(std::uint64_t id);

  // These can be found from now on. ip, mac: unset if only the other is known.
  void neighbor_set(Vni vni, const IpAddress& ip, const MacAddress& mac);
  void port_gone(const Port& port);

  void tick();

  [[nodiscard]] std::size_t destinations() const { return board_.size(); }
  [[nodiscard]] std::uint32_t capacity() const { return capacity_; }
  [[nodiscard]] Totals totals() const;

 private:
  static constexpr std::size_t kMostTold = 4096;       // at once
  static constexpr std::size_t kMostCollected = 4096;  // of a worker at once
  static constexpr std::size_t kMostFound = 65536;     // that nobody has asked for yet

  [[nodiscard]] bool has_news() const;  // misses; any thread
  void release(const AwaitedAddress& address);
  // Its neighbor was set. Packets go on when they can leave.
  void found(const AwaitedAddress& address);
  void look_at_found();
  [[nodiscard]] const Neighbor* find(const AwaitedAddress& address) const;
  // From the workers' rings to the board; a bounded part of it.
  void collect_misses();
  void add_misses(OnDemandNews& news);
  void forget_news();
  void publish_news();
  void order(unsigned worker, const ReleaseOrder& order);
  void send_orders();

  const Workers& workers_;
  const PortTable& ports_;
  const NeighborTable& neighbors_;
  NewsBell& bell_;
  const std::uint32_t capacity_;
  MissBoard board_;
  // Misses whose neighbor is behind a tunnel whose next hop is being asked for.
  std::set<std::uint64_t> found_;
  std::vector<std::deque<ReleaseOrder>> orders_;  // [worker]; that found no room in its ring
  OnDemandNews news_;                             // but for misses, which the board keeps
  std::atomic<bool> has_own_news_{false};         // misses, on the board
  std::uint64_t watch_ = 0;                       // 0: nobody
  std::uint64_t last_watch_ = 0;
  std::uint64_t told_ = 0;
};

}  // namespace alkaid
