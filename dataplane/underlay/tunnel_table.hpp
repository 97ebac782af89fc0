// Tunnels by (VTEP, VNI), shared by all neighbors behind them.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "dataplane/rcu/quiescence.hpp"
#include "dataplane/underlay/next_hop_table.hpp"
#include "dataplane/underlay/tunnel.hpp"
#include "dataplane/underlay/underlay.hpp"

namespace alkaid {

// For showing.
struct TunnelView {
  IpAddress vtep;
  Vni vni;
  std::vector<IpAddress> next_hops;
  std::uint32_t neighbors = 0;
};

// Control thread only; workers hold Tunnel pointers from neighbors.
class TunnelTable {
 public:
  // gateways: where VTEPs outside the underlay's own prefixes are reached, those of one's family in
  // turn by flow; may be empty.
  TunnelTable(const Underlay& underlay, const std::vector<IpAddress>& gateways,
              NextHopTable& next_hops, QuiescenceDomain& quiescence);
  ~TunnelTable();
  TunnelTable(const TunnelTable&) = delete;
  TunnelTable& operator=(const TunnelTable&) = delete;

  // Counts a neighbor in. nullptr if the VTEP can't be reached: of a family of which we have none,
  // our own address, or outside our prefix without a gateway; `error` says which.
  const Tunnel* acquire(const IpAddress& vtep, Vni vni, std::string& error);
  void release(const Tunnel* tunnel);

  // Of the tunnels there may be: guests' packets shall fit into any. Bytes of a guest's IP packet.
  [[nodiscard]] std::uint16_t largest_mtu_overhead() const;

  // To all other hosts that have neighbors in the VNI.
  [[nodiscard]] std::vector<const Tunnel*> tunnels_of(Vni vni) const;

  [[nodiscard]] std::vector<TunnelView> view() const;

 private:
  struct Entry {
    std::unique_ptr<Tunnel> tunnel;
    NextHopTable::Addresses next_hops;
    std::uint32_t neighbors = 0;
  };

  // The next hops to a VTEP; empty with a text if there is no way.
  [[nodiscard]] NextHopTable::Addresses next_hops_to(const IpAddress& vtep,
                                                     std::string& error) const;

  const Underlay& underlay_;
  NextHopTable::Addresses gateways_v4_;  // sorted
  NextHopTable::Addresses gateways_v6_;
  NextHopTable& next_hops_;
  QuiescenceDomain& quiescence_;
  std::map<std::pair<IpAddress, Vni>, Entry> tunnels_;
};

}  // namespace alkaid
