// To whom broadcast and multicast of a segment go that replicates them.
// Design: docs/design/broadcast.md.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include <rte_common.h>

#include "control/common/net/ip_address.hpp"
#include "control/common/net/vni.hpp"
#include "dataplane/flood/rate_limit.hpp"
#include "dataplane/packet/parse.hpp"
#include "dataplane/ports/port.hpp"
#include "dataplane/rcu/quiescence.hpp"
#include "dataplane/tables/segment_table.hpp"
#include "dataplane/underlay/tunnel.hpp"

namespace alkaid {

// Immutable; a change is a new list.
struct ReplicationList {
  std::vector<PortIndex> ports;        // that have their IPv4 addresses here
  std::vector<PortIndex> ports_v6;     // that have their IPv6 addresses here
  std::vector<const Tunnel*> tunnels;  // one per VTEP that has neighbors here
  Rate rate;

  [[nodiscard]] const std::vector<PortIndex>& ports_of(FrameHeaders::Kind kind) const {
    return kind == FrameHeaders::Kind::kIpv6 ? ports_v6 : ports;
  }
};

// Readers: workers. Writers: the control thread, which keeps the members of all segments, so that
// one that starts to replicate has its list at once. A list is copied when a port or a VTEP comes
// to or leaves its segment, not for each neighbor.
class FloodTable {
 public:
  FloodTable(std::uint32_t zones, QuiescenceDomain& quiescence);
  ~FloodTable();
  FloodTable(const FloodTable&) = delete;
  FloodTable& operator=(const FloodTable&) = delete;

  // ---- any thread
  // nullptr: the segment doesn't replicate. A worker may use it until its next quiescent state.
  [[nodiscard]] const ReplicationList* find(Zone zone) const {
    return zone < slots_.size() ? slots_[zone].list.load(std::memory_order_acquire) : nullptr;
  }
  // False: the segment has had enough. Guests here and other hosts don't use up each other's share.
  bool take_token(Zone zone, const ReplicationList& list, bool from_wire, std::uint64_t now) {
    Slot& slot = slots_[zone];
    return (from_wire ? slot.from_wire : slot.from_guests).take(list.rate, now);
  }

  // ---- control thread
  // The caller holds a reference on the zone until stop_replicating(). per_second: not zero.
  void replicate(Vni vni, Zone zone, std::uint32_t per_second);
  void stop_replicating(Vni vni);
  // A port's IPv4 and IPv6 addresses are in these segments. Adding twice is adding once.
  void add_port(Vni vni, Vni vni_v6, PortIndex port);
  void remove_port(Vni vni, Vni vni_v6, PortIndex port);
  // A neighbor in tunnel->vni; the tunnel stays until remove_neighbor has returned as often.
  void add_neighbor(const Tunnel* tunnel);
  void remove_neighbor(const Tunnel* tunnel);

 private:
  struct alignas(RTE_CACHE_LINE_SIZE) Slot {
    std::atomic<const ReplicationList*> list{nullptr};
    RateLimit from_guests;
    RateLimit from_wire;
  };
  struct Remote {
    const Tunnel* tunnel = nullptr;
    std::uint32_t neighbors = 0;
  };
  struct Members {
    std::vector<PortIndex> ports;
    std::vector<PortIndex> ports_v6;
    std::map<IpAddress, Remote> remotes;  // by VTEP
    std::optional<Zone> zone;             // replicates
    Rate rate;
  };

  void put(Zone zone, const ReplicationList* list);
  // After a change of the members: publishes the list, forgets who has nothing left.
  void changed(Vni vni);

  QuiescenceDomain& quiescence_;
  std::vector<Slot> slots_;  // by zone
  std::unordered_map<Vni, Members> members_;
};

}  // namespace alkaid
