#include "dataplane/tables/neighbor_table.hpp"

namespace alkaid {

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

bool NeighborTable::add_mac_reference(Vni vni, const MacAddress& mac, const Tunnel* tunnel) {
  const Neighbor* old = find(vni, mac);
  Neighbor changed = old != nullptr ? *old : Neighbor{};
  changed.tunnel = tunnel;
  changed.remote_mac = mac;
  ++changed.remote_references;
  return store(by_mac_, mac_key(vni, mac), changed);
}

void NeighborTable::drop_mac_reference(Vni vni, const MacAddress& mac) {
  const Neighbor* old = find(vni, mac);
  if (old == nullptr || old->remote_references == 0) {
    return;
  }
  Neighbor changed = *old;
  if (--changed.remote_references == 0) {
    changed.tunnel = nullptr;
  }
  store(by_mac_, mac_key(vni, mac), changed);
}

bool NeighborTable::set_remote(const NeighborKey& key, const MacAddress& mac,
                               const Tunnel* tunnel) {
  const Neighbor* old = find(key.vni, key.ip);
  Neighbor changed = old != nullptr ? *old : Neighbor{};
  const bool had_remote = changed.tunnel != nullptr;
  const MacAddress old_mac = changed.remote_mac;
  changed.tunnel = tunnel;
  changed.remote_mac = mac;
  // The MAC first, so that whoever resolves the address finds its MAC; references are counted up
  // before the old one is dropped, or the entry would vanish in between.
  if (!add_mac_reference(key.vni, mac, tunnel)) {
    return false;
  }
  if (!store_ip(key, changed)) {
    drop_mac_reference(key.vni, mac);
    return false;
  }
  if (had_remote) {
    drop_mac_reference(key.vni, old_mac);
  }
  return true;
}

const Tunnel* NeighborTable::remove_remote(const NeighborKey& key) {
  const Neighbor* old = find(key.vni, key.ip);
  if (old == nullptr || old->tunnel == nullptr) {
    return nullptr;
  }
  Neighbor changed = *old;
  changed.tunnel = nullptr;
  const MacAddress mac = old->remote_mac;
  const Tunnel* tunnel = old->tunnel;
  store_ip(key, changed);
  drop_mac_reference(key.vni, mac);
  return tunnel;
}

bool NeighborTable::set_local(const NeighborKey& key, const MacAddress& mac, PortIndex port) {
  const Neighbor* old = find(key.vni, key.ip);
  Neighbor changed = old != nullptr ? *old : Neighbor{};
  changed.port = port;
  changed.local_mac = mac;
  return store_ip(key, changed);
}

bool NeighborTable::set_local_mac(Vni vni, const MacAddress& mac, PortIndex port) {
  const Neighbor* old = find(vni, mac);
  Neighbor changed = old != nullptr ? *old : Neighbor{};
  changed.port = port;
  changed.local_mac = mac;
  return store(by_mac_, mac_key(vni, mac), changed);
}

void NeighborTable::remove_local(const NeighborKey& key, PortIndex port) {
  const Neighbor* old = find(key.vni, key.ip);
  // Two ports may claim one address; what the other claimed later is left alone.
  if (old == nullptr || old->port != port) {
    return;
  }
  Neighbor changed = *old;
  changed.port = kNoPort;
  store_ip(key, changed);
}

void NeighborTable::remove_local_mac(Vni vni, const MacAddress& mac, PortIndex port) {
  const Neighbor* old = find(vni, mac);
  if (old == nullptr || old->port != port) {
    return;
  }
  Neighbor changed = *old;
  changed.port = kNoPort;
  store(by_mac_, mac_key(vni, mac), changed);
}

}  // namespace alkaid
