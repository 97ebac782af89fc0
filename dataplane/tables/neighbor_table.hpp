// Who has an address: (VNI, IP) and (VNI, MAC) to a port of this host or a tunnel to another.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "control/common/net/ip_address.hpp"
#include "control/common/net/mac_address.hpp"
#include "control/common/net/vni.hpp"
#include "dataplane/ports/port.hpp"
#include "dataplane/tables/concurrent_map.hpp"
#include "dataplane/tables/objects.hpp"
#include "dataplane/underlay/tunnel.hpp"

namespace alkaid {

// A station, as workers find it. An address can be known as local and as remote at once, while a
// port moves between hosts: the port on this host wins, and the remote entry serves again without a
// new message when the port goes.
struct Neighbor {
  PortIndex port = kNoPort;        // local
  const Tunnel* tunnel = nullptr;  // remote
  MacAddress local_mac;
  MacAddress remote_mac;
  IpAddress owner;  // of a MAC entry's tunnel: the address whose entry holds the reference on it

  [[nodiscard]] bool is_local() const { return port != kNoPort; }
  [[nodiscard]] const MacAddress& mac() const { return is_local() ? local_mac : remote_mac; }
};

// Readers: workers. Writers: the control thread.
class NeighborTable {
 public:
  NeighborTable(std::uint32_t capacity, QuiescenceDomain& quiescence)
      : by_ipv4_("neighbors-ipv4", capacity, quiescence),
        by_ipv6_("neighbors-ipv6", capacity, quiescence),
        by_mac_("neighbors-mac", capacity, quiescence) {}

  // ---- any thread
  [[nodiscard]] const Neighbor* find(Vni vni, Ipv4Address ip) const {
    return by_ipv4_.find({vni.number(), ip.raw()});
  }
  [[nodiscard]] const Neighbor* find(Vni vni, const IpAddress& ip) const {
    return ip.is_v4() ? find(vni, ip.v4()) : by_ipv6_.find(ipv6_key(vni, ip));
  }
  [[nodiscard]] const Neighbor* find(Vni vni, const MacAddress& mac) const {
    return by_mac_.find(mac_key(vni, mac));
  }

  // ---- control thread
  // Sets the remote half of (vni, ip); false if a table is full, and then nothing has changed.
  bool set_remote(const NeighborKey& key, const MacAddress& mac, const Tunnel* tunnel);
  // The tunnel that the entry pointed to, nullptr if there was no remote half.
  const Tunnel* remove_remote(const NeighborKey& key);
  // The local halves of a port's addresses. Of several ports that claim one, the last has it, and
  // when that goes another one gets it back. False if a table is full, and then nothing has
  // changed.
  bool set_local(const NeighborKey& key, const MacAddress& mac, PortIndex port);
  bool set_local_mac(Vni vni, const MacAddress& mac, PortIndex port);
  void remove_local(const NeighborKey& key, PortIndex port);
  void remove_local_mac(Vni vni, const MacAddress& mac, PortIndex port);

  // visit(NeighborKey, const Neighbor&) for every address.
  template <class Visit>
  void for_each(Visit&& visit) const {
    by_ipv4_.for_each([&](const Ipv4Key& key, const Neighbor& neighbor) {
      visit(NeighborKey{Vni::from_trusted(key.vni), IpAddress{Ipv4Address{byte_swap(key.address)}}},
            neighbor);
    });
    by_ipv6_.for_each([&](const Ipv6Key& key, const Neighbor& neighbor) {
      visit(NeighborKey{Vni::from_trusted(key.vni), IpAddress{key.address}}, neighbor);
    });
  }
  [[nodiscard]] std::vector<TableOccupancy> occupancy() const {
    return {by_ipv4_.occupancy(), by_ipv6_.occupancy(), by_mac_.occupancy()};
  }

 private:
  struct Ipv4Key {
    std::uint32_t vni;
    std::uint32_t address;  // raw
  };
  struct Ipv6Key {
    std::uint32_t vni;
    std::array<std::uint8_t, 16> address;
  };
  struct MacKey {
    std::uint32_t vni;
    std::array<std::uint8_t, 6> mac;
    std::uint16_t zero;
  };

  static Ipv6Key ipv6_key(Vni vni, const IpAddress& ip) { return {vni.number(), ip.bytes()}; }
  static MacKey mac_key(Vni vni, const MacAddress& mac) { return {vni.number(), mac.bytes(), 0}; }

  // Puts `changed` in place of the entry, or erases the entry if it has no half left.
  template <class Key, class Map>
  static bool store(Map& map, const Key& key, const Neighbor& changed);
  bool store_ip(const NeighborKey& key, const Neighbor& changed);
  bool store_mac(Vni vni, const MacAddress& mac, const Neighbor& changed);

  // A MAC entry speaks for one of the addresses that have the MAC, its owner, and points to that
  // one's tunnel; the others wait in other_addresses_.
  bool claim_mac(const NeighborKey& key, const MacAddress& mac, const Tunnel* tunnel);
  void release_mac(const NeighborKey& key, const MacAddress& mac);

  struct LocalClaim {
    PortIndex port = kNoPort;
    MacAddress mac;
  };
  using VniMac = std::pair<Vni, MacAddress>;

  // Makes `claim` the entry's local half; who had it before waits in `outbid`.
  template <class Key, class Store>
  static bool claim_local(std::multimap<Key, LocalClaim>& outbid, const Key& key,
                          const Neighbor* old, const LocalClaim& claim, Store&& store);
  template <class Key, class Store>
  static void release_local(std::multimap<Key, LocalClaim>& outbid, const Key& key,
                            const Neighbor* old, PortIndex port, Store&& store);

  // Control thread; empty unless addresses are shared or contested.
  std::multimap<VniMac, IpAddress> other_addresses_;
  std::multimap<NeighborKey, LocalClaim> outbid_addresses_;
  std::multimap<VniMac, LocalClaim> outbid_macs_;

  ConcurrentMap<Ipv4Key, Neighbor> by_ipv4_;
  ConcurrentMap<Ipv6Key, Neighbor> by_ipv6_;
  ConcurrentMap<MacKey, Neighbor> by_mac_;
};

}  // namespace alkaid
