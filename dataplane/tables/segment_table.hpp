// Subnets' segments by VNI and by zone.
#pragma once

#include <array>
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
#include "dataplane/tables/objects.hpp"
#include "dataplane/tables/table_occupancy.hpp"

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
  [[nodiscard]] const Segment* find(Vni vni) const { return at(zone_of(vni)); }
  // kNoZone if nothing refers to the VNI.
  [[nodiscard]] Zone zone_of(Vni vni) const {
    const Page* page = directory_[vni.number() / kPageSize].load(std::memory_order_acquire);
    return page == nullptr ? kNoZone
                           : (*page)[vni.number() % kPageSize].load(std::memory_order_acquire) - 1;
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
    TableOccupancy occupancy = occupancy_;
    occupancy.bytes += pages_.size() * sizeof(Page) + slots_.capacity() * sizeof(slots_[0]) +
                       free_.capacity() * sizeof(Zone) + occupancy.used * sizeof(Segment);
    return occupancy;
  }

 private:
  [[nodiscard]] std::atomic<Zone>& zone_entry(Vni vni);

  QuiescenceDomain& quiescence_;
  // Zone + 1 of every VNI, 0 for none: every packet from the wire asks. Pages once made stay.
  static constexpr std::size_t kPageSize = 4096;
  using Page = std::array<std::atomic<Zone>, kPageSize>;
  TableOccupancy occupancy_;
  std::array<std::atomic<const Page*>, (1U << 24) / kPageSize> directory_{};
  std::vector<std::unique_ptr<Page>> pages_;
  std::vector<std::atomic<const Segment*>> slots_;
  std::vector<Zone> free_;
  std::unordered_map<std::uint32_t, std::uint32_t> references_;
};

}  // namespace alkaid
