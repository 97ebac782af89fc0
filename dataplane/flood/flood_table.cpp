#include "dataplane/flood/flood_table.hpp"

#include <algorithm>

#include <rte_cycles.h>

namespace alkaid {
namespace {

// After a pause, a tenth of a second's worth may come at once.
constexpr std::uint32_t kBurstsPerSecond = 10;

bool insert(std::vector<PortIndex>& ports, PortIndex port) {
  const auto place = std::lower_bound(ports.begin(), ports.end(), port);
  if (place != ports.end() && *place == port) {
    return false;
  }
  ports.insert(place, port);
  return true;
}

bool erase(std::vector<PortIndex>& ports, PortIndex port) {
  return std::erase(ports, port) > 0;
}

}  // namespace

FloodTable::FloodTable(std::uint32_t zones, QuiescenceDomain& quiescence)
    : quiescence_(quiescence), slots_(zones) {}

FloodTable::~FloodTable() {
  quiescence_.drain();
  for (auto& slot : slots_) {
    delete slot.list.load(std::memory_order_relaxed);
  }
}

void FloodTable::put(Zone zone, const ReplicationList* list) {
  const ReplicationList* old = slots_[zone].list.exchange(list, std::memory_order_acq_rel);
  if (old != nullptr) {
    quiescence_.retire_object(old);
  }
}

void FloodTable::changed(Vni vni) {
  const auto found = members_.find(vni);
  if (found == members_.end()) {
    return;
  }
  const Members& members = found->second;
  if (members.zone) {
    auto list = std::make_unique<ReplicationList>();
    list->ports = members.ports;
    list->ports_v6 = members.ports_v6;
    list->tunnels.reserve(members.remotes.size());
    for (const auto& [vtep, remote] : members.remotes) {
      list->tunnels.push_back(remote.tunnel);
    }
    list->rate = members.rate;
    put(*members.zone, list.release());
  } else if (members.ports.empty() && members.ports_v6.empty() && members.remotes.empty()) {
    members_.erase(found);
  }
}

void FloodTable::replicate(Vni vni, Zone zone, std::uint32_t per_second) {
  Members& members = members_[vni];
  members.zone = zone;
  members.rate =
      Rate::of(per_second, std::max(per_second / kBurstsPerSecond, 1U), rte_get_tsc_hz());
  changed(vni);
}

void FloodTable::stop_replicating(Vni vni) {
  const auto found = members_.find(vni);
  if (found == members_.end() || !found->second.zone) {
    return;
  }
  put(*found->second.zone, nullptr);
  found->second.zone.reset();
  changed(vni);
}

void FloodTable::add_port(Vni vni, Vni vni_v6, PortIndex port) {
  if (insert(members_[vni].ports, port)) {
    changed(vni);
  }
  if (insert(members_[vni_v6].ports_v6, port)) {
    changed(vni_v6);
  }
}

void FloodTable::remove_port(Vni vni, Vni vni_v6, PortIndex port) {
  if (erase(members_[vni].ports, port)) {
    changed(vni);
  }
  if (erase(members_[vni_v6].ports_v6, port)) {
    changed(vni_v6);
  }
}

void FloodTable::add_neighbor(const Tunnel* tunnel) {
  Remote& remote = members_[tunnel->vni].remotes[tunnel->vtep];
  remote.tunnel = tunnel;
  if (++remote.neighbors == 1) {
    changed(tunnel->vni);
  }
}

void FloodTable::remove_neighbor(const Tunnel* tunnel) {
  auto& remotes = members_[tunnel->vni].remotes;
  const auto remote = remotes.find(tunnel->vtep);
  if (remote != remotes.end() && --remote->second.neighbors == 0) {
    remotes.erase(remote);
    changed(tunnel->vni);
  }
}

}  // namespace alkaid
