#include "dataplane/on_demand/on_demand.hpp"

#include <algorithm>
#include <utility>

namespace alkaid {
namespace {

// Longer than packets wait, whatever the clocks and the rings do in between.
constexpr std::chrono::milliseconds kBoardLifetime{WaitingStore::Limits{}.wait + 500};

}  // namespace

OnDemand::OnDemand(const Workers& workers, const PortTable& ports, const NeighborTable& neighbors,
                   std::uint32_t capacity)
    : workers_(workers),
      ports_(ports),
      neighbors_(neighbors),
      capacity_(capacity),
      // Destinations may be remembered for a little longer than they are waited for.
      board_(std::size_t{2} * std::max(capacity, 1U), kBoardLifetime),
      orders_(workers.size()) {}

bool OnDemand::has_news() const {
  return has_own_news_.load(std::memory_order_relaxed) ||
         std::any_of(workers_.begin(), workers_.end(),
                     [](const auto& worker) { return worker->waiting().has_misses(); });
}

std::uint64_t OnDemand::begin_watch() {
  watch_ = ++last_watch_;
  forget_news();
  for (const auto& worker : workers_) {
    worker->waiting().set_active(true);
  }
  return watch_;
}

void OnDemand::end_watch(std::uint64_t watch) {
  if (watch != watch_) {
    return;
  }
  watch_ = 0;
  for (const auto& worker : workers_) {
    worker->waiting().set_active(false);
  }
  board_.clear();
  forget_news();
}

void OnDemand::forget_news() {
  news_ = {};
  has_own_news_.store(false, std::memory_order_relaxed);
}

OnDemandNews OnDemand::take_news() {
  OnDemandNews news = std::exchange(news_, {});
  has_own_news_.store(false, std::memory_order_relaxed);
  take_misses(news);
  send_orders();
  return news;
}

void OnDemand::take_misses(OnDemandNews& news) {
  std::vector<ToldMiss>& told = news.misses;
  const auto now = MissBoard::Clock::now();
  for (std::size_t i = 0; i < workers_.size(); ++i) {
    while (told.size() < kMostTold) {
      const auto miss = workers_[i]->waiting().take_miss();
      if (!miss) {
        break;
      }
      const auto& [address, waiter] = miss->key;
      const auto id = board_.raise(address, {static_cast<unsigned>(i), waiter}, now);
      const bool is_known = address.ip.is_unset()
                                ? neighbors_.find(address.vni, address.mac) != nullptr
                                : neighbors_.find(address.vni, address.ip) != nullptr;
      if (is_known) {
        // Programmed while the miss was on its way.
        found(address);
        continue;
      }
      const Port* port = ports_.find(waiter.port);
      if (id && port != nullptr && port->generation == waiter.generation) {
        told.push_back({*id, *miss, port->id});
      }
    }
  }
  told_ += told.size();
}

void OnDemand::end_miss(std::uint64_t id) {
  if (const auto address = board_.find(id)) {
    release(*address);
  }
}

void OnDemand::neighbor_set(Vni vni, const IpAddress& ip, const MacAddress& mac) {
  if (!board_.empty()) {
    found({.ip = ip, .vni = vni});
    found({.vni = vni, .mac = mac});
  }
}

void OnDemand::found(const AwaitedAddress& address) {
  const std::uint64_t id = release(address);
  if (id != 0) {
    news_.found.push_back(id);
    has_own_news_.store(true, std::memory_order_relaxed);
  }
}

void OnDemand::port_gone(const Port& port) {
  // A watcher that doesn't listen misses some.
  if (is_active() && news_.gone_ports.size() < kMostTold) {
    news_.gone_ports.push_back(port.id);
    has_own_news_.store(true, std::memory_order_relaxed);
  }
  for (std::size_t i = 0; i < workers_.size(); ++i) {
    if (workers_[i]->waiting().waiting() > 0) {
      order(static_cast<unsigned>(i),
            {.key = {.address = {}, .waiter = {port.index, port.generation}}, .is_port_gone = 1});
    }
  }
}

void OnDemand::tick() {
  board_.expire(MissBoard::Clock::now());
  send_orders();
}

std::uint64_t OnDemand::release(const AwaitedAddress& address) {
  const MissBoard::Taken taken = board_.take(address);
  for (const MissBoard::Place& place : taken.places) {
    order(place.worker, {.key = {address, place.waiter}});
  }
  return taken.id;
}

void OnDemand::order(unsigned worker, const ReleaseOrder& order) {
  // In order, behind those that found no room.
  if (!orders_[worker].empty() || !workers_[worker]->waiting().order(order)) {
    orders_[worker].push_back(order);
  }
}

void OnDemand::send_orders() {
  for (std::size_t i = 0; i < orders_.size(); ++i) {
    while (!orders_[i].empty() && workers_[i]->waiting().order(orders_[i].front())) {
      orders_[i].pop_front();
    }
  }
}

OnDemand::Totals OnDemand::totals() const {
  Totals totals{.told = told_};
  for (const auto& worker : workers_) {
    const WaitingCounters& counters = worker->waiting().counters();
    totals.waiting += worker->waiting().waiting();
    totals.waited += counters.waited.read();
    totals.released += counters.released.read();
    totals.expired += counters.expired.read();
    totals.misses += counters.misses.read();
  }
  return totals;
}

}  // namespace alkaid
