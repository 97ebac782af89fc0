// Where the desired state tells what changes in it, so that it can be kept beyond the process.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "control/agent/desired/subnet.hpp"
#include "control/agent/goal_state/resources.hpp"

namespace alkaid::agent {

// A subnet or, where `id` is empty, a segment that neighbors name by number only. What lies in it
// is told by its number.
struct PlaceRecord {
  std::string id;
  Vni named_vni;  // as its neighbors say

  bool operator==(const PlaceRecord&) const = default;
};

// What a security group's own state says, without rules and members.
struct GroupRecord {
  bool complete = false;
  std::string vpc_id;
  std::string name;

  bool operator==(const GroupRecord&) const = default;
};

// A port of another host, or one that left this host: see Stations.
struct StationRecord {
  std::vector<std::string> groups;
  std::vector<IpAddress> addresses;

  bool operator==(const StationRecord&) const = default;
};

// A slice, without its items. Number 0 is nobody's.
struct SliceRecord {
  std::uint32_t number = 0;
  std::uint64_t version = 0;
};

// A resource that slices have: what identifies it (see SliceItem), the hash of its content, and the
// numbers of those that have it, sorted; 0 stands for messages without a slice.
struct SliceItemRecord {
  ResourceType type = ResourceType::kVpc;
  std::string scope;
  Vni vni;
  std::uint64_t high = 0;
  std::uint64_t low = 0;
  std::string name;
  std::uint64_t content = 0;
  std::vector<std::uint32_t> holders;
};

// put: this is how the record is now; erase: it is gone. Each call says all of one record, so that
// of several for the same record only the last one counts. Called on the reconciler's thread; must
// not block and must not fail. This one keeps nothing.
class Journal {
 public:
  virtual ~Journal() = default;

  // The one that keeps nothing.
  static Journal& none();

  // The state says all that the data plane is to hold, so that anything else in it is stale.
  virtual void put_completeness(bool /*is_complete*/) {}

  virtual void put_place(std::uint32_t /*place*/, const PlaceRecord& /*record*/) {}
  virtual void erase_place(std::uint32_t /*place*/) {}
  virtual void put_vpc(std::string_view /*id*/, const VpcSpec& /*spec*/) {}
  virtual void erase_vpc(std::string_view /*id*/) {}
  virtual void put_gateway(std::string_view /*id*/, const VpcGatewaySpec& /*spec*/) {}
  virtual void erase_gateway(std::string_view /*id*/) {}
  virtual void put_subnet(std::string_view /*id*/, const SubnetSpec& /*spec*/) {}
  virtual void erase_subnet(std::string_view /*id*/) {}
  virtual void put_port(std::string_view /*id*/, const PortSpec& /*spec*/) {}
  virtual void erase_port(std::string_view /*id*/) {}

  virtual void put_neighbor(std::uint32_t /*place*/, const IpAddress& /*address*/,
                            const NeighborRow& /*row*/) {}
  virtual void erase_neighbor(std::uint32_t /*place*/, const IpAddress& /*address*/) {}
  // The security groups that a neighbor says it is in, and its addresses that are.
  virtual void put_neighbor_groups(std::uint32_t /*place*/, const IpAddress& /*address*/,
                                   const StationRecord& /*record*/) {}
  virtual void erase_neighbor_groups(std::uint32_t /*place*/, const IpAddress& /*address*/) {}
  // Who claims an address, in the order in which they did; none: it is gone.
  virtual void put_claims(std::uint32_t /*place*/, const IpAddress& /*address*/,
                          const std::vector<PairClaim>& /*claims*/) {}
  virtual void put_dhcp(std::uint32_t /*place*/, const MacAddress& /*mac*/,
                        const DhcpRow& /*row*/) {}
  virtual void erase_dhcp(std::uint32_t /*place*/, const MacAddress& /*mac*/) {}

  virtual void put_router(std::string_view /*id*/, const MacAddress& /*host_dvr_mac*/) {}
  virtual void erase_router(std::string_view /*id*/) {}
  virtual void put_router_subnet(std::string_view /*router*/, std::string_view /*subnet*/) {}
  virtual void erase_router_subnet(std::string_view /*router*/, std::string_view /*subnet*/) {}
  virtual void put_routing_rule(std::string_view /*router*/, std::string_view /*subnet*/,
                                const RoutingRuleSpec& /*rule*/) {}
  virtual void erase_routing_rule(std::string_view /*router*/, std::string_view /*subnet*/,
                                  std::string_view /*rule*/) {}

  virtual void put_group(std::string_view /*id*/, const GroupRecord& /*record*/) {}
  virtual void erase_group(std::string_view /*id*/) {}
  virtual void put_group_rule(std::string_view /*group*/, const SecurityRuleSpec& /*rule*/) {}
  virtual void erase_group_rule(std::string_view /*group*/, std::string_view /*rule*/) {}
  virtual void put_group_member(std::string_view /*group*/, const IpAddress& /*member*/) {}
  virtual void erase_group_member(std::string_view /*group*/, const IpAddress& /*member*/) {}
  virtual void put_station(StationKey /*station*/, const StationRecord& /*record*/) {}
  virtual void erase_station(StationKey /*station*/) {}

  virtual void put_slice(std::string_view /*name*/, const SliceRecord& /*record*/) {}
  virtual void erase_slice(std::string_view /*name*/) {}
  virtual void put_slice_item(const SliceItemRecord& /*record*/) {}
  virtual void erase_slice_item(const SliceItemRecord& /*record*/) {}

  // A neighbor that was asked for, and the ports that did.
  virtual void put_learnt(const NeighborKey& /*key*/, const std::vector<std::string>& /*ports*/) {}
  virtual void erase_learnt(const NeighborKey& /*key*/) {}
};

}  // namespace alkaid::agent
