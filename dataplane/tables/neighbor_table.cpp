#include "dataplane/tables/neighbor_table.hpp"

namespace alkaid {
namespace {

// Erases one value of `key` that `matches`.
template <class Map, class Matches>
void erase_one(Map& map, const typename Map::key_type& key, Matches&& matches) {
  const auto [first, last] = map.equal_range(key);
  for (auto it = first; it != last; ++it) {
    if (matches(it->second)) {
      map.erase(it);
      return;
    }
  }
}

}  // namespace

template <class Key, class Map>
bool NeighborTable::store(Map& map, const Key& key, const Neighbor& changed) {
  if (!changed.is_local() && changed.tunnel == nullptr) {
    map.erase(key);
    return true;
  }
  return map.put(key, std::make_unique<const Neighbor>(changed));
}

bool NeighborTable::store_ip(const NeighborKey& key, const Neighbor& changed) {
  if (key.ip.is_v4()) {
    return store(by_ipv4_, Ipv4Key{key.vni.number(), key.ip.v4().raw()}, changed);
  }
  return store(by_ipv6_, ipv6_key(key.vni, key.ip), changed);
}

bool NeighborTable::store_mac(Vni vni, const MacAddress& mac, const Neighbor& changed) {
  return store(by_mac_, mac_key(vni, mac), changed);
}

bool NeighborTable::claim_mac(const NeighborKey& key, const MacAddress& mac, const Tunnel* tunnel) {
  const Neighbor* old = find(key.vni, mac);
  Neighbor changed = old != nullptr ? *old : Neighbor{};
  const bool had_owner = changed.tunnel != nullptr;
  const IpAddress old_owner = changed.owner;
  changed.tunnel = tunnel;
  changed.remote_mac = mac;
  changed.owner = key.ip;
  if (!store_mac(key.vni, mac, changed)) {
    return false;
  }
  if (had_owner && old_owner != key.ip) {
    erase_one(other_addresses_, VniMac{key.vni, mac},
              [&](const IpAddress& ip) { return ip == key.ip; });
    other_addresses_.emplace(VniMac{key.vni, mac}, old_owner);
  }
  return true;
}

void NeighborTable::release_mac(const NeighborKey& key, const MacAddress& mac) {
  const Neighbor* old = find(key.vni, mac);
  if (old == nullptr || old->tunnel == nullptr) {
    return;
  }
  const VniMac mac_of_vni{key.vni, mac};
  if (old->owner != key.ip) {
    erase_one(other_addresses_, mac_of_vni, [&](const IpAddress& ip) { return ip == key.ip; });
    return;
  }
  Neighbor changed = *old;
  changed.tunnel = nullptr;
  changed.owner = {};
  if (const auto other = other_addresses_.find(mac_of_vni); other != other_addresses_.end()) {
    changed.owner = other->second;
    changed.tunnel = find(key.vni, other->second)->tunnel;
    other_addresses_.erase(other);
  }
  store_mac(key.vni, mac, changed);
}

bool NeighborTable::set_remote(const NeighborKey& key, const MacAddress& mac,
                               const Tunnel* tunnel) {
  const Neighbor* old = find(key.vni, key.ip);
  const Neighbor before = old != nullptr ? *old : Neighbor{};
  Neighbor changed = before;
  changed.tunnel = tunnel;
  changed.remote_mac = mac;
  if (!store_ip(key, changed)) {
    return false;
  }
  if (!claim_mac(key, mac, tunnel)) {
    store_ip(key, before);
    return false;
  }
  if (before.tunnel != nullptr && before.remote_mac != mac) {
    release_mac(key, before.remote_mac);
  }
  return true;
}

const Tunnel* NeighborTable::remove_remote(const NeighborKey& key) {
  const Neighbor* old = find(key.vni, key.ip);
  if (old == nullptr || old->tunnel == nullptr) {
    return nullptr;
  }
  const Neighbor before = *old;
  release_mac(key, before.remote_mac);
  Neighbor changed = before;
  changed.tunnel = nullptr;
  store_ip(key, changed);
  return before.tunnel;
}

template <class Key, class Store>
bool NeighborTable::claim_local(std::multimap<Key, LocalClaim>& outbid, const Key& key,
                                const Neighbor* old, const LocalClaim& claim, Store&& store) {
  Neighbor changed = old != nullptr ? *old : Neighbor{};
  const LocalClaim before{changed.port, changed.local_mac};
  changed.port = claim.port;
  changed.local_mac = claim.mac;
  if (!store(changed)) {
    return false;
  }
  erase_one(outbid, key, [&](const LocalClaim& other) { return other.port == claim.port; });
  if (before.port != kNoPort && before.port != claim.port) {
    outbid.emplace(key, before);
  }
  return true;
}

template <class Key, class Store>
void NeighborTable::release_local(std::multimap<Key, LocalClaim>& outbid, const Key& key,
                                  const Neighbor* old, PortIndex port, Store&& store) {
  if (old == nullptr || old->port != port) {
    erase_one(outbid, key, [&](const LocalClaim& other) { return other.port == port; });
    return;
  }
  Neighbor changed = *old;
  changed.port = kNoPort;
  changed.local_mac = {};
  if (const auto other = outbid.find(key); other != outbid.end()) {
    changed.port = other->second.port;
    changed.local_mac = other->second.mac;
    outbid.erase(other);
  }
  store(changed);
}

bool NeighborTable::set_local(const NeighborKey& key, const MacAddress& mac, PortIndex port) {
  return claim_local(outbid_addresses_, key, find(key.vni, key.ip), {port, mac},
                     [&](const Neighbor& changed) { return store_ip(key, changed); });
}

bool NeighborTable::set_local_mac(Vni vni, const MacAddress& mac, PortIndex port) {
  return claim_local(outbid_macs_, VniMac{vni, mac}, find(vni, mac), {port, mac},
                     [&](const Neighbor& changed) { return store_mac(vni, mac, changed); });
}

void NeighborTable::remove_local(const NeighborKey& key, PortIndex port) {
  release_local(outbid_addresses_, key, find(key.vni, key.ip), port,
                [&](const Neighbor& changed) { return store_ip(key, changed); });
}

void NeighborTable::remove_local_mac(Vni vni, const MacAddress& mac, PortIndex port) {
  release_local(outbid_macs_, VniMac{vni, mac}, find(vni, mac), port,
                [&](const Neighbor& changed) { return store_mac(vni, mac, changed); });
}

}  // namespace alkaid
