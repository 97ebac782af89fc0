// Subnets' segments by VNI and by zone.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "control/common/net/ip_address.hpp"
#include "control/common/net/mac_address.hpp"
#include "control/common/net/vni.hpp"
#include "dataplane/dhcp/dhcp_options.hpp"
#include "dataplane/dhcpv6/dhcpv6_settings.hpp"
#include "dataplane/rcu/quiescence.hpp"
#include "dataplane/router_advertisement/router_advertisement.hpp"
#include "dataplane/tables/concurrent_map.hpp"
#include "dataplane/tables/objects.hpp"

namespace alkaid {

// Host-local number of the scope in which a packet's addresses mean something: one per VNI. Fits
// the 23 bits that a flow key has for it.
using Zone = std::uint32_t;
inline constexpr Zone kNoZone = UINT32_MAX;
inline constexpr Zone kMaxZones = 1U << 23;

class RoutingTable;

// Immutable; a change is a new object. Workers hold it for one burst.
struct Segment {
  SegmentConfig config;  // as the agent gave it, for reading back
  Zone zone = kNoZone;
  // Straight from config, in the form that packets need; a zero MAC means there is no gateway.
  Ipv4Address gateway_v4;
  MacAddress gateway_v4_mac;
  IpAddress gateway_v6;
  MacAddress gateway_v6_mac;
  MacAddress host_dvr_mac;
  const RoutingTable* routes = nullptr;      // the router's; nullptr: not routed
  const RoutingTable* own_routes = nullptr;  // the segment's; nullptr: none
  std::uint16_t mtu = 0;
  DhcpOptions dhcpv4;
  Dhcpv6Settings dhcpv6;
  RouterAdvertisement router_advertisement;
};

// Zones live as long as a port, neighbor, route or segment refers to their VNI, whether or not the
// segment itself is known: objects arrive in any order.
class SegmentTable {
 public:
  SegmentTable(std::uint32_t capacity, QuiescenceDomain& quiescence);
  ~SegmentTable();
  SegmentTable(const SegmentTable&) = delete;
  SegmentTable& operator=(const SegmentTable&) = delete;

  // Any thread: nullptr if the zone or VNI has no segment (yet).
  [[nodiscard]] const Segment* at(Zone zone) const {
    return zone < slots_.size() ? slots_[zone].load(std::memory_order_acquire) : nullptr;
  }
  [[nodiscard]] const Segment* find(Vni vni) const {
    const Zone* zone = zones_.find(vni.number());
    return zone == nullptr ? nullptr : at(*zone);
  }

  // ---- control thread
  // Takes a reference on the VNI's zone, made if need be; nullopt if the table is full.
  std::optional<Zone> acquire(Vni vni);
  void release(Vni vni);
  // The caller holds a reference for the segment (acquire) for as long as one is published.
  void publish(std::unique_ptr<const Segment> segment);
  void unpublish(Vni vni);
  template <class Visit>
  void for_each(Visit&& visit) const {
    for (const auto& slot : slots_) {
      if (const Segment* segment = slot.load(std::memory_order_relaxed)) {
        visit(*segment);
      }
    }
  }
  [[nodiscard]] TableOccupancy occupancy() const {
    TableOccupancy occupancy = zones_.occupancy();
    occupancy.bytes += slots_.capacity() * sizeof(slots_[0]) + free_.capacity() * sizeof(Zone) +
                       occupancy.used * sizeof(Segment);
    return occupancy;
  }

 private:
  QuiescenceDomain& quiescence_;
  ConcurrentMap<std::uint32_t, Zone> zones_;
  std::vector<std::atomic<const Segment*>> slots_;
  std::vector<Zone> free_;
  std::unordered_map<std::uint32_t, std::uint32_t> references_;
};

}  // namespace alkaid
