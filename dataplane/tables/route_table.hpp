// Routes: one compact longest-prefix structure for all tables, read on misses of the flow table
// only.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <memory>

#include "control/common/net/ip_address.hpp"
#include "dataplane/tables/concurrent_map.hpp"
#include "dataplane/tables/objects.hpp"
#include "dataplane/tables/segment_table.hpp"
#include "dataplane/underlay/tunnel.hpp"

namespace alkaid {

// Immutable.
struct Route {
  RouteConfig config;
  Zone connected_zone = kNoZone;   // of a ConnectedAction
  const Tunnel* tunnel = nullptr;  // of a RemoteAction; the route holds a reference on it
  MacAddress remote_mac;           // of a RemoteAction

  [[nodiscard]] bool is_connected() const { return connected_zone != kNoZone; }
};

// Which prefix lengths a table has, so that a lookup probes only those, longest first. One object
// per table number, at a stable address while a segment or route refers to it.
class RoutingTable {
 public:
  explicit RoutingTable(std::uint64_t number) : number_(number) {}

  [[nodiscard]] std::uint64_t number() const { return number_; }
  // Bit n of word w: some prefix has length 64 w + n; IPv4 has one word, IPv6 three. Bits are set
  // before a route is published and cleared after it is gone, so a reader may probe in vain but
  // never misses one.
  static constexpr unsigned words(bool v4) { return v4 ? 1 : 3; }
  [[nodiscard]] std::uint64_t lengths(bool v4, unsigned word) const {
    return (v4 ? lengths_v4_ : lengths_v6_[word]).load(std::memory_order_acquire);
  }

  // Control thread.
  void add_length(const IpPrefix& prefix);
  void remove_length(const IpPrefix& prefix);

 private:
  const std::uint64_t number_;
  std::atomic<std::uint64_t> lengths_v4_{0};
  std::array<std::atomic<std::uint64_t>, 3> lengths_v6_{};
  // Control thread: prefixes per length.
  std::array<std::uint32_t, 33> count_v4_{};
  std::array<std::uint32_t, 129> count_v6_{};
};

class RouteTable {
 public:
  RouteTable(std::uint32_t capacity, QuiescenceDomain& quiescence)
      : quiescence_(quiescence), routes_("routes", capacity, quiescence) {}

  // Any thread. Longest match over the routes of the segment's router and the segment's own, of
  // which a segment may have either, both or none; of equal length the router's connected route
  // wins, then the segment's own. nullptr if nothing matches.
  [[nodiscard]] const Route* lookup(const Segment& segment, const IpAddress& destination) const;
  // The same among connected routes only: where a next hop is on link. A next hop is never itself
  // reached through another.
  [[nodiscard]] const Route* lookup_connected(const Segment& segment,
                                              const IpAddress& next_hop) const;

  // ---- control thread
  // Keeps the table's object alive; one reference per segment.
  RoutingTable* acquire(std::uint64_t table);
  void release(std::uint64_t table);
  // False if the table is full. Replaces a route of the same key.
  bool put(std::unique_ptr<const Route> route);
  [[nodiscard]] const Route* find(const RouteKey& key) const;
  bool erase(const RouteKey& key);
  template <class Visit>
  void for_each(Visit&& visit) const {
    routes_.for_each([&](const Key&, const Route& route) { visit(route); });
  }
  [[nodiscard]] TableOccupancy occupancy() const { return routes_.occupancy(); }

 private:
  struct Key {
    std::uint64_t table;
    std::array<std::uint8_t, 16> address;
    std::uint64_t length;  // within the family
  };
  struct Referenced {
    std::unique_ptr<RoutingTable> table;
    std::uint32_t references = 0;
  };

  // choose(the router's route, the segment's own), either may be nullptr, for every prefix length
  // that occurs, longest first, until it returns one.
  template <class Choose>
  [[nodiscard]] const Route* longest(const Segment& segment, const IpAddress& address,
                                     Choose&& choose) const;
  static Key key_of(std::uint64_t table, const IpAddress& address, std::uint8_t length) {
    return {table, mask_address(address, length).bytes(), length};
  }

  QuiescenceDomain& quiescence_;
  ConcurrentMap<Key, Route> routes_;
  std::map<std::uint64_t, Referenced> tables_;
};

}  // namespace alkaid
