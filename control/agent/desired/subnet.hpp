// The desired state's records. Every record exists as soon as something names it, so that resources
// may arrive in any order; `known` says whether its own state has arrived.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "control/agent/desired/stations.hpp"
#include "control/agent/flat_tables.hpp"
#include "control/agent/goal_state/resources.hpp"

namespace alkaid::agent {

struct NeighborRow {
  MacAddress mac;
  IpAddress vtep;
  StationKey station = 0;  // of the neighbor's id

  bool operator==(const NeighborRow&) const = default;
};
static_assert(sizeof(NeighborRow) <= 32, "a host has up to a million of them");

struct DhcpRow {
  IpAddress ipv4;
  IpAddress ipv6;
  std::string host_name;

  bool operator==(const DhcpRow&) const = default;
};

// One of the rules for a destination, the best first: the lowest priority number, as of Linux's
// routes, then the smallest rule id, then the smallest router id. Views into the router's record.
struct RankedRule {
  std::uint32_t priority = 0;
  std::string_view id;
  std::string_view router;
  const RoutingRuleSpec* rule = nullptr;

  bool operator<(const RankedRule& other) const {
    return std::tie(priority, id, router) < std::tie(other.priority, other.id, other.router);
  }
};

// An address that a neighbor claims beside its own.
struct PairClaim {
  std::string neighbor;  // its id
  NeighborRow row;
};

// The security groups that a neighbor itself says it is in, by the extension.
struct NeighborGroups {
  GroupSets::Handle groups = nullptr;
  std::vector<IpAddress> addresses;
};

struct Subnet {
  std::string id;           // "" with a VNI: a segment that neighbors name by number only
  std::uint32_t place = 0;  // its number in the journal
  bool known = false;
  SubnetSpec spec;
  Vni named_vni;  // as neighbors' tunnel_id says, where the subnet itself doesn't
  Vni vni;        // in force; none: not known yet

  FlatMap<IpAddress, NeighborRow> neighbors;
  std::unordered_map<IpAddress, NeighborGroups> neighbor_groups;  // of those that say any
  std::map<IpAddress, std::vector<PairClaim>> pairs;              // who claimed it last stands last
  std::map<std::string, std::vector<IpAddress>, std::less<>> pairs_of;  // by neighbor's id
  std::unordered_map<MacAddress, DhcpRow> dhcp;
  std::set<std::string> ports;                        // with an address here
  std::unordered_map<IpAddress, int> port_addresses;  // of these ports, how many have it
  std::set<std::string> routers;                      // that join it
  std::map<IpPrefix, std::set<RankedRule>> rules;     // of these routers, by destination
  std::set<IpPrefix> gateway_rules;  // of these, what depends on the VPC's gateways
  // Destinations of rules that were deleted before the VNI was known.
  std::set<IpPrefix> deleted_rules;
  bool waited_for = false;  // something was answered PENDING because the VNI was unknown

  [[nodiscard]] bool unused() const {
    return !known && neighbors.empty() && pairs.empty() && dhcp.empty() && ports.empty() &&
           routers.empty();
  }
};

struct Vpc {
  bool known = false;
  VpcSpec spec;               // gateway_ids without repetitions
  std::set<Subnet*> subnets;  // that name it
};

struct Router {
  MacAddress host_dvr_mac;
  // Routing rules by subnet id and rule id; a subnet without rules is joined all the same.
  std::map<std::string, std::map<std::string, RoutingRuleSpec>> subnets;
};

struct VpcGateway {
  bool known = false;
  VpcGatewaySpec spec;
  std::set<std::string> vpcs;  // that name it
};

}  // namespace alkaid::agent
