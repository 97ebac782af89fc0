#include "dataplane/control/connection_usage.hpp"

#include <algorithm>

namespace alkaid {

auto ConnectionUsage::totals(bool ipv6) const -> Totals {
  // What has ended is read before what was created, so that the difference is never negative.
  std::uint64_t ended = keeper_.counts(ipv6).ended;
  for (const auto& worker : workers_) {
    ended += worker->flow_counters(ipv6).ended.read();
  }
  std::atomic_thread_fence(std::memory_order_acquire);
  Totals totals{.expired = keeper_.counts(ipv6).expired};
  for (const auto& worker : workers_) {
    const FlowCounters& counters = worker->flow_counters(ipv6);
    totals.created += counters.created.read();
    totals.evicted += counters.evicted.read();
    totals.refused += counters.refused.read();
  }
  // Another worker may have ended a connection before its maker has counted it.
  totals.used = totals.created - std::min(ended, totals.created);
  return totals;
}

void ConnectionUsage::tick() {
  for (const bool ipv6 : {false, true}) {
    high_water_[ipv6] = std::max(high_water_[ipv6], totals(ipv6).used);
  }
}

std::uint64_t ConnectionUsage::bytes(bool ipv6) const {
  const std::uint64_t table = ipv6 ? state_.v6.bytes() : state_.v4.bytes();
  const std::size_t of_worker =
      ipv6 ? WorkerFlows<FlowKeyV6>::bytes() : WorkerFlows<FlowKeyV4>::bytes();
  const auto& windows = ipv6 ? state_.tcp_windows_v6 : state_.tcp_windows_v4;
  return table + workers_.size() * of_worker + (windows ? windows->bytes() : 0);
}

TableOccupancy ConnectionUsage::occupancy(bool ipv6) const {
  const Totals now = totals(ipv6);
  return {.name = ipv6 ? "connections IPv6" : "connections IPv4",
          .used = now.used,
          .capacity = ipv6 ? state_.v6.capacity() : state_.v4.capacity(),
          .high_water = std::max(high_water_[ipv6], now.used),
          .full_events = now.refused,
          .bytes = bytes(ipv6)};
}

}  // namespace alkaid
