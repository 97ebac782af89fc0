// What DHCP hands to a MAC of a segment.
#pragma once

#include <cstdint>

#include "dataplane/tables/concurrent_map.hpp"
#include "dataplane/tables/objects.hpp"

namespace alkaid {

class DhcpBindingTable {
 public:
  DhcpBindingTable(std::uint32_t capacity, QuiescenceDomain& quiescence)
      : bindings_("dhcp-bindings", capacity, quiescence) {}

  // Any thread.
  [[nodiscard]] const DhcpBindingConfig* find(const DhcpBindingKey& key) const {
    return bindings_.find(map_key(key));
  }

  // ---- control thread
  bool put(const DhcpBindingConfig& binding) {
    return bindings_.put(map_key(binding.key), std::make_unique<const DhcpBindingConfig>(binding));
  }
  bool erase(const DhcpBindingKey& key) { return bindings_.erase(map_key(key)); }
  template <class Visit>
  void for_each(Visit&& visit) const {
    bindings_.for_each([&](const Key&, const DhcpBindingConfig& binding) { visit(binding); });
  }
  [[nodiscard]] TableOccupancy occupancy() const { return bindings_.occupancy(); }

 private:
  struct Key {
    std::uint32_t vni;
    std::array<std::uint8_t, 6> mac;
    std::uint16_t zero;
  };
  static Key map_key(const DhcpBindingKey& key) { return {key.vni.number(), key.mac.bytes(), 0}; }

  ConcurrentMap<Key, DhcpBindingConfig> bindings_;
};

}  // namespace alkaid
