#include "control/agent/desired/stations.hpp"

#include <algorithm>
#include <utility>

#include <xxhash.h>

#include "control/agent/desired/journal.hpp"

namespace alkaid::agent {

StationKey station_key(std::string_view id) {
  const StationKey key = XXH3_64bits(id.data(), id.size());
  return key == 0 ? 1 : key;
}

Stations::Stations(SecurityGroups& groups) : groups_(groups), journal_(&Journal::none()) {}

GroupSets::Handle GroupSets::take(const Ids& ids) {
  if (ids.empty()) {
    return nullptr;
  }
  const auto entry = sets_.try_emplace(ids).first;
  ++entry->second;
  return &*entry;
}

void GroupSets::release(Handle handle) {
  if (handle != nullptr && --handle->second == 0) {
    const Ids ids = handle->first;
    sets_.erase(ids);
  }
}

const GroupSets::Ids& GroupSets::ids_of(Handle handle) {
  static const Ids kNone;
  return handle == nullptr ? kNone : handle->first;
}

// ---------------------------------------------------------------- membership

template <class Function>
void Stations::for_each_address(StationKey key, const Station& station,
                                const Function& function) const {
  std::for_each(station.addresses.begin(), station.addresses.end(), function);
  const auto [first, last] = rows_.equal_range(key);
  for (auto row = first; row != last; ++row) {
    function(row->second);
  }
}

void Stations::enter(StationKey key, const Station& station) {
  for (const std::string& group : GroupSets::ids_of(station.groups)) {
    for_each_address(key, station,
                     [&](const IpAddress& address) { groups_.add_member(group, address); });
  }
}

void Stations::leave(StationKey key, const Station& station) {
  for (const std::string& group : GroupSets::ids_of(station.groups)) {
    for_each_address(key, station,
                     [&](const IpAddress& address) { groups_.remove_member(group, address); });
  }
}

bool Stations::is_idle(StationKey key, const Station& station) const {
  return !station.is_local && station.addresses.empty() && !rows_.contains(key);
}

void Stations::note_if_idle(StationKey key) {
  const auto found = stations_.find(key);
  if (found == stations_.end() || !is_idle(key, found->second)) {
    return;
  }
  idle_.push_back(key);
  if (idle_.size() > kMostIdle) {
    const StationKey oldest = idle_.front();
    idle_.pop_front();
    const auto station = stations_.find(oldest);
    if (station != stations_.end() && is_idle(oldest, station->second)) {
      erase(oldest);
    }
  }
}

void Stations::erase(StationKey key) {
  const auto found = stations_.find(key);
  leave(key, found->second);
  sets_.release(found->second.groups);
  remote_ -= found->second.is_local ? 0 : 1;
  if (!found->second.is_local) {
    journal_->erase_station(key);
  }
  stations_.erase(found);
}

void Stations::keep(StationKey key, const Station& station) {
  journal_->put_station(key, {GroupSets::ids_of(station.groups), station.addresses});
}

void Stations::describe(Journal& journal) const {
  for (const auto& [key, station] : stations_) {
    if (!station.is_local) {
      journal.put_station(key, {GroupSets::ids_of(station.groups), station.addresses});
    }
  }
}

void Stations::restore(StationKey key, const StationRecord& record) {
  const auto [found, added] = stations_.try_emplace(key);
  if (!added) {
    return;  // a port of this host has the same key
  }
  ++remote_;
  found->second = {false, sets_.take(record.groups), record.addresses};
  enter(key, found->second);
  note_if_idle(key);
}

// ---------------------------------------------------------------- ports

// Who stays in a group must not leave it for a moment: enters first, then leaves.
bool Stations::set_port(std::string_view id, const GroupSets::Ids& groups,
                        const std::vector<IpAddress>& addresses, bool local) {
  const StationKey key = station_key(id);
  auto found = stations_.find(key);
  if (found == stations_.end()) {
    if (groups.empty()) {
      return true;
    }
    if (!local && remote_ >= kMostRemote) {
      return false;
    }
    found = stations_.try_emplace(key).first;
    ++remote_;
  }
  Station& station = found->second;
  if (station.is_local && !local) {
    return true;
  }
  if (station.is_local != local) {
    --remote_;
  }
  Station former = std::exchange(station, {local, sets_.take(groups), addresses});
  enter(key, station);
  leave(key, former);
  sets_.release(former.groups);
  if (groups.empty()) {
    if (local && !former.is_local) {
      journal_->erase_station(key);  // what erase() does for stations elsewhere
    }
    erase(key);
  } else if (!local) {
    if (former.is_local || former.groups != station.groups ||
        former.addresses != station.addresses) {
      keep(key, station);
    }
  } else if (!former.is_local) {
    journal_->erase_station(key);
  }
  return true;
}

void Stations::delete_port(std::string_view id, bool local) {
  const StationKey key = station_key(id);
  const auto found = stations_.find(key);
  if (found == stations_.end() || found->second.is_local != local) {
    return;
  }
  Station& station = found->second;
  const Station former = station;
  station.addresses.clear();
  enter(key, station);
  leave(key, former);
  if (local) {
    station.is_local = false;
    ++remote_;
  }
  keep(key, station);
  note_if_idle(key);
}

// ---------------------------------------------------------------- neighbors

void Stations::add_row(StationKey key, const IpAddress& address) {
  rows_.emplace(key, address);
  const auto station = stations_.find(key);
  if (station != stations_.end()) {
    for (const std::string& group : GroupSets::ids_of(station->second.groups)) {
      groups_.add_member(group, address);
    }
  }
}

void Stations::remove_row(StationKey key, const IpAddress& address) {
  const auto [first, last] = rows_.equal_range(key);
  const auto row =
      std::find_if(first, last, [&address](const auto& entry) { return entry.second == address; });
  if (row == last) {
    return;
  }
  rows_.erase(row);
  const auto station = stations_.find(key);
  if (station != stations_.end()) {
    for (const std::string& group : GroupSets::ids_of(station->second.groups)) {
      groups_.remove_member(group, address);
    }
    note_if_idle(key);
  }
}

void Stations::forget_address(std::string_view id, const IpAddress& address) {
  const StationKey key = station_key(id);
  const auto found = stations_.find(key);
  if (found == stations_.end() || found->second.is_local ||
      std::erase(found->second.addresses, address) == 0) {
    return;
  }
  for (const std::string& group : GroupSets::ids_of(found->second.groups)) {
    groups_.remove_member(group, address);
  }
  keep(key, found->second);
  note_if_idle(key);
}

}  // namespace alkaid::agent
