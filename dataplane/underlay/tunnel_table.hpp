// Tunnels by (VTEP, VNI), shared by all neighbors behind them.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
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
  IpAddress next_hop;
  std::uint32_t neighbors = 0;
};

// Control thread only; workers hold Tunnel pointers from neighbors.
class TunnelTable {
 public:
  // gateway: where VTEPs outside the underlay's own prefix are reached; unset: none.
  TunnelTable(const Underlay& underlay, std::optional<Ipv4Address> gateway, NextHopTable& next_hops,
              QuiescenceDomain& quiescence);
  ~TunnelTable();
  TunnelTable(const TunnelTable&) = delete;
  TunnelTable& operator=(const TunnelTable&) = delete;

  // Counts a neighbor in. nullptr if the VTEP can't be reached: another family than ours, our own
  // address, or outside our prefix without a gateway; `error` says which.
  const Tunnel* acquire(const IpAddress& vtep, Vni vni, std::string& error);
  void release(const Tunnel* tunnel);

  [[nodiscard]] std::vector<TunnelView> view() const;

 private:
  struct Entry {
    std::unique_ptr<Tunnel> tunnel;
    Ipv4Address next_hop;
    std::uint32_t neighbors = 0;
  };

  [[nodiscard]] std::unique_ptr<Tunnel> make(Ipv4Address vtep, Vni vni) const;

  const Underlay& underlay_;
  const std::optional<Ipv4Address> gateway_;
  NextHopTable& next_hops_;
  QuiescenceDomain& quiescence_;
  std::map<std::pair<IpAddress, Vni>, Entry> tunnels_;
};

}  // namespace alkaid
