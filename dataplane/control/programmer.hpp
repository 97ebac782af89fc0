// Carries out what the agent asks for: from plain objects to published tables.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "dataplane/control/local_addresses.hpp"
#include "dataplane/control/object_result.hpp"
#include "dataplane/ports/port_manager.hpp"
#include "dataplane/tables/objects.hpp"
#include "dataplane/tables/tables.hpp"
#include "dataplane/underlay/tunnel_table.hpp"

namespace alkaid {

// Control thread only. Sets are upserts, removals tolerate absence. What is published is in force
// for every packet that is received after the call.
class Programmer {
 public:
  Programmer(Tables& tables, PortManager& ports, TunnelTable& tunnels);
  ~Programmer();
  Programmer(const Programmer&) = delete;
  Programmer& operator=(const Programmer&) = delete;

  // Who wants to know that a segment was published in place of `before` (nullptr: there was none).
  // One listener.
  using SegmentListener = std::function<void(const Segment* before, const Segment& now)>;
  void on_segment(SegmentListener listener) { segment_listener_ = std::move(listener); }

  // Who wants to know that another MAC is behind an address than before. One listener.
  using StationListener = std::function<void(const NeighborKey& key)>;
  void on_station_moved(StationListener listener) { station_listener_ = std::move(listener); }

  // Who wants to know that an address was set, here or on another host. One listener.
  using NeighborListener = std::function<void(Vni vni, const IpAddress& ip, const MacAddress& mac)>;
  void on_neighbor_set(NeighborListener listener) { neighbor_listener_ = std::move(listener); }

  ObjectResult set(const SegmentConfig& config);
  ObjectResult set(const PortConfig& config);
  ObjectResult set(const NeighborConfig& config);
  ObjectResult set(const RouteConfig& config);
  ObjectResult set(const DhcpBindingConfig& config);
  ObjectResult set(const SecurityGroupChange& change);

  void remove_segment(Vni vni);
  void remove_port(const std::string& id);
  void remove_neighbor(const NeighborKey& key);
  void remove_route(const RouteKey& key);
  void remove_dhcp_binding(const DhcpBindingKey& key);
  void remove_security_group(const std::string& id);

  // The underlay's MTU became known or changed: what derives from it is published again.
  void set_underlay_mtu(std::uint16_t mtu);
  [[nodiscard]] std::uint16_t underlay_mtu() const { return underlay_mtu_; }

  // Whether segments or routes have been written since the last call.
  bool take_forwarding_changed() { return std::exchange(forwarding_changed_, false); }

  // Objects written (set or removed) so far.
  [[nodiscard]] std::uint64_t operations() const { return operations_; }

 private:
  // What guests have that say nothing of their own: the underlay's room, or their segments'
  // setting.
  [[nodiscard]] std::uint16_t default_mtu() const;
  [[nodiscard]] std::uint16_t guest_mtu(const PortConfig& port) const;
  ObjectResult done();
  ObjectResult add_port(const PortConfig& config, const Attachment& attachment,
                        const PortZones& zones);
  ObjectResult change_port(const PortConfig& known, const PortConfig& config,
                           const Attachment& attachment, const PortZones& zones);
  ObjectResult add_addresses(const PortConfig& config, PortIndex index);
  void remove_addresses(const PortConfig& config, const PortConfig* keep, PortIndex index);
  // What a route keeps alive: the segment it leads to, or the tunnel.
  struct RouteReferences {
    Vni connected;
    const Tunnel* tunnel = nullptr;
  };
  static RouteReferences references_of(const Route& route);
  ObjectResult hold(Route& route);
  void let_go(const RouteReferences& references);
  std::optional<PortZones> acquire_zones(const PortConfig& config);
  void release_zones(const PortConfig& config);
  // References on the groups of a port.
  void acquire_groups(const PortConfig& config);
  void release_groups(const PortConfig& config);
  void publish_segment(const SegmentConfig& config, Zone zone);

  Tables& tables_;
  LocalAddresses locals_;
  PortManager& ports_;
  TunnelTable& tunnels_;
  SegmentListener segment_listener_;
  StationListener station_listener_ = [](const NeighborKey&) {};
  NeighborListener neighbor_listener_ = [](Vni, const IpAddress&, const MacAddress&) {};
  std::uint16_t underlay_mtu_ = 1500;
  std::uint64_t operations_ = 0;
  bool forwarding_changed_ = false;
};

}  // namespace alkaid
