#include "dataplane/on_demand/on_demand.hpp"

#include <algorithm>
#include <utility>

#include "dataplane/underlay/tunnel.hpp"

namespace alkaid {
namespace {

// Longer than packets wait, whatever the clocks and the rings do in between.
constexpr std::chrono::milliseconds kBoardLifetime{WaitingStore::Limits{}.wait + 500};

}  // namespace

OnDemand::OnDemand(const Workers& workers, const PortTable& ports, const NeighborTable& neighbors,
                   NewsBell& bell, std::uint32_t capacity)
    : workers_(workers),
      ports_(ports),
      neighbors_(neighbors),
      bell_(bell),
      capacity_(capacity),
      // Destinations may be remembered for a little longer than they are waited for.
      board_(std::size_t{2} * std::max(capacity, 1U), kBoardLifetime),
      orders_(workers.size()) {}

bool OnDemand::has_news() const {
  return has_own_news_.load(std::memory_order_relaxed) ||
         std::any_of(workers_.begin(), workers_.end(),
                     [](const auto& worker) { return worker->waiting().has_misses(); });
}

void OnDemand::wait_for_news(std::chrono::milliseconds longest) {
  bell_.wait(longest, [this] { return has_news(); });
}

std::uint64_t OnDemand::begin_watch() {
  watch_ = ++last_watch_;
  forget_news();
  // What was told to the watcher before is not known to this one, and packets may wait still.
  board_.tell_all_again();
  publish_news();
  bell_.ring();  // the former one goes
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
  // The board stays: if somebody watches before the workers have noticed, their packets wait on.
  for (const auto& worker : workers_) {
    worker->waiting().set_active(false);
  }
  forget_news();
}

void OnDemand::forget_news() {
  news_ = {};
  publish_news();
}

void OnDemand::publish_news() {
  const bool has_misses = board_.has_untold();
  has_own_news_.store(has_misses, std::memory_order_relaxed);
  if (has_misses) {
    bell_.ring();
  }
}

OnDemandNews OnDemand::take_news() {
  collect_misses();
  OnDemandNews news = std::exchange(news_, {});
  add_misses(news);
  publish_news();
  send_orders();
  return news;
}

void OnDemand::collect_misses() {
  const auto now = MissBoard::Clock::now();
  for (std::size_t i = 0; i < workers_.size(); ++i) {
    for (std::size_t collected = 0; collected < kMostCollected; ++collected) {
      const auto miss = workers_[i]->waiting().take_miss();
      if (!miss) {
        break;
      }
      const auto& [address, waiter] = miss->key;
      const Port* port = ports_.find(waiter.port);
      if (port == nullptr || port->generation != waiter.generation) {
        continue;  // what waits there goes with it
      }
      board_.raise(*miss, static_cast<unsigned>(i), now);
      found(address);  // it may have been programmed while the miss was on its way
    }
  }
}

const Neighbor* OnDemand::find(const AwaitedAddress& address) const {
  return address.ip.is_unset() ? neighbors_.find(address.vni, address.mac)
                               : neighbors_.find(address.vni, address.ip);
}

void OnDemand::add_misses(OnDemandNews& news) {
  for (auto& [id, miss] : board_.take_untold(kMostTold, MissBoard::Clock::now())) {
    const Port* port = ports_.find(miss.key.waiter.port);
    if (port != nullptr && port->generation == miss.key.waiter.generation && !found_.contains(id)) {
      news.misses.push_back({id, miss, port->id});
    }
  }
  told_ += news.misses.size();
}

void OnDemand::end_miss(std::uint64_t id) {
  if (const auto address = board_.find(id)) {
    release(*address);
  }
}

void OnDemand::neighbor_set(Vni vni, const IpAddress& ip, const MacAddress& mac) {
  if (!board_.empty()) {
    if (!ip.is_unset()) {
      found({.ip = ip, .vni = vni});
    }
    if (!mac.is_zero()) {
      found({.vni = vni, .mac = mac});
    }
  }
}

void OnDemand::found(const AwaitedAddress& address) {
  const std::uint64_t id = board_.id_of(address);
  const Neighbor* neighbor = id != 0 ? find(address) : nullptr;
  if (neighbor == nullptr) {
    return;
  }
  if (neighbor->tunnel != nullptr &&
      neighbor->tunnel->path->choice.load(std::memory_order_acquire) == nullptr) {
    found_.insert(id);
    return;
  }
  release(address);
  if (is_active() && news_.found.size() < kMostFound) {
    news_.found.push_back(id);
  }
  publish_news();
}

void OnDemand::look_at_found() {
  for (const std::uint64_t id : std::exchange(found_, {})) {
    if (const auto address = board_.find(id)) {
      found(*address);
    }
  }
}

void OnDemand::port_gone(const Port& port) {
  // A watcher that doesn't listen misses some.
  if (is_active() && news_.gone_ports.size() < kMostTold) {
    news_.gone_ports.push_back(port.id);
    publish_news();
  }
  for (std::size_t i = 0; i < workers_.size(); ++i) {
    if (workers_[i]->waiting().waiting() > 0) {
      order(static_cast<unsigned>(i),
            {.key = {.address = {}, .waiter = {port.index, port.generation}}, .is_port_gone = 1});
    }
  }
}

void OnDemand::tick() {
  // Here too, since a watcher may be slow to ask for news: known neighbors must not wait for it.
  collect_misses();
  look_at_found();
  board_.expire(MissBoard::Clock::now());
  publish_news();
  send_orders();
}

void OnDemand::release(const AwaitedAddress& address) {
  for (const MissBoard::Place& place : board_.take(address).places) {
    order(place.worker, {.key = {address, place.waiter}});
  }
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
    totals.purged += counters.purged.read();
    totals.misses += counters.misses.read();
  }
  return totals;
}

}  // namespace alkaid
