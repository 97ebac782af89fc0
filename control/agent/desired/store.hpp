// What the goal states want of this host, merged from all messages; and the data-plane objects that
// follow from it. For one thread (the reconciler's).
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "control/agent/desired/journal.hpp"
#include "control/agent/desired/learnt.hpp"
#include "control/agent/desired/policy.hpp"
#include "control/agent/desired/security_groups.hpp"
#include "control/agent/desired/slices.hpp"
#include "control/agent/desired/stations.hpp"
#include "control/agent/desired/subnet.hpp"
#include "control/agent/goal_state/resources.hpp"
#include "control/agent/reconcile/dirty_keys.hpp"
#include "control/agent/reconcile/objects.hpp"

namespace alkaid::agent {

// A neighbor by its id, in a subnet.
struct NeighborPlace {
  std::string subnet_id;  // empty: the VNI says where
  Vni vni;
  std::string name;
};

// Every change marks the keys of the objects that depend on it, found through indexes: the cost is
// that of the change, whatever else the store holds.
class DesiredStore {
 public:
  DesiredStore(DirtyKeys& dirty, Policy policy)
      : dirty_(dirty), policy_(std::move(policy)), groups_(dirty), stations_(groups_) {}

  // Told of every change from now on; must live as long as the store.
  void set_journal(Journal& journal);
  // Tells all that there is.
  void describe(Journal& journal) const;
  // What was told, where the setters below can't say it. Places come first.
  void restore_place(std::uint32_t place, const PlaceRecord& record);
  void restore_claims(const NeighborAddress& address, const std::vector<PairClaim>& claims);
  void restore_station(StationKey station, const StationRecord& record);

  void set_vpc(std::string_view id, const VpcSpec& spec);
  void delete_vpc(std::string_view id);

  void set_subnet(std::string_view id, SubnetSpec spec);
  // named_vni: the VNI of the DELETE itself, for a subnet that this agent doesn't know.
  void delete_subnet(std::string_view id, Vni named_vni);

  void set_port(std::string_view id, PortSpec spec);
  void delete_port(std::string_view id);

  // False: other rows say that its subnet has another VNI.
  bool set_neighbor(const NeighborAddress& address, const NeighborRow& row);
  // False: the VNI isn't known, so only the data plane's own tables can say which row is meant.
  bool delete_neighbor(std::string_view id, const NeighborAddress& address);

  // What is known of this address, whoever said so: its places in subnets. Valid until the next
  // change.
  [[nodiscard]] std::vector<NeighborAddress> find_neighbors(const NeighborKey& key) const;

  // The address pairs of a neighbor whose addresses were set; and before these are deleted.
  void set_pairs(std::string_view neighbor, const NeighborSpec& spec);
  void delete_pairs(std::string_view neighbor, const NeighborSpec& spec);
  // The pairs of those of these that have no address any more in that subnet. One pass over its
  // rows, however many they are.
  void delete_orphaned_pairs(const std::vector<NeighborPlace>& neighbors);

  // The security groups of a neighbor whose addresses were set.
  void set_neighbor_groups(const NeighborSpec& spec);
  // Another host's port; false: too many, it is not remembered.
  bool set_remote_port(const RemotePortSpec& spec);

  void set_dhcp(const DhcpSpec& spec);
  bool delete_dhcp(const DhcpSpec& spec);  // false: as delete_neighbor

  // False: another router has the same key.
  bool set_router(std::string_view id, const RouterSpec& spec);
  void delete_router(std::string_view id);

  void set_gateway(std::string_view id, const VpcGatewaySpec& spec);
  void delete_gateway(std::string_view id);

  [[nodiscard]] SecurityGroups& groups() { return groups_; }

  // Who has which resource. The setters above don't ask them.
  [[nodiscard]] Slices& slices() { return slices_; }
  [[nodiscard]] const Slices& slices() const { return slices_; }

  // Which neighbors may be forgotten. The setters above know them: what is pushed isn't learnt.
  [[nodiscard]] Learnt& learnt() { return learnt_; }
  [[nodiscard]] const Learnt& learnt() const { return learnt_; }

  // The addresses of this host: neighbors there are local, whatever else is known of them.
  void set_own_addresses(std::vector<IpAddress> addresses) { own_ = std::move(addresses); }
  [[nodiscard]] const std::vector<IpAddress>& own_addresses() const { return own_; }

  // Marks all that is wanted, for comparison with a data plane that was just read back.
  void mark_everything();

  // ---- what follows for the data plane

  struct WantedSegment {
    SegmentObject object;
    bool bare = false;  // no subnet's state says more than that the VNI exists
  };
  struct WantedPort {
    enum class State { kAbsent, kUnresolved, kPresent };
    State state = State::kAbsent;
    PortObject object;
  };
  [[nodiscard]] std::optional<WantedSegment> wanted_segment(Vni vni) const;
  [[nodiscard]] WantedPort wanted_port(const std::string& id) const;
  [[nodiscard]] std::optional<NeighborObject> wanted_neighbor(const NeighborKey& key) const;
  struct WantedRoute {
    enum class State { kAbsent, kUnresolved, kPresent };
    State state = State::kAbsent;
    RouteObject object;
  };
  [[nodiscard]] WantedRoute wanted_route(const RouteKey& key) const;
  [[nodiscard]] std::optional<DhcpObject> wanted_dhcp(const DhcpKey& key) const;
  // None: nothing is needed for it.
  [[nodiscard]] std::optional<SecurityRuleObject> wanted_rule(const SecurityRuleSpec& rule) const;

  // ---- looking

  [[nodiscard]] const Policy& policy() const { return policy_; }

  // Every subnet of the router with this key has its VNI and prefix; true if there is no router.
  [[nodiscard]] bool knows_subnets_of(std::uint64_t router) const;
  // The VNIs of the subnets that the router with this key joins.
  [[nodiscard]] std::vector<Vni> vnis_of(std::uint64_t router) const;
  // What a rule that goes by the VPC's gateway comes to; none: no gateway is known that serves.
  [[nodiscard]] std::optional<RouteObject> resolve_gateway(const Subnet& subnet,
                                                           const RoutingRuleSpec& rule) const;
  // What a rule comes to in the data plane; none: it waits for a gateway.
  [[nodiscard]] std::optional<RouteObject> resolve_rule(const Subnet& subnet,
                                                        const RoutingRuleSpec& rule) const;
  // Of all rules for its destination in its segment this one decides.
  [[nodiscard]] bool is_best_rule(const Subnet& subnet, const RoutingRuleSpec& rule) const;
  // The segment in which the router's subnets have an address; none: in no subnet.
  [[nodiscard]] Vni connected_vni(std::string_view router, const IpAddress& address) const;
  // A port of this host has the address.
  [[nodiscard]] bool is_local(Vni vni, const IpAddress& address) const;
  [[nodiscard]] bool knows_rule(std::string_view router, const std::string& subnet_id,
                                const std::string& rule_id) const;
  [[nodiscard]] const Subnet* find_subnet(std::string_view id) const;
  [[nodiscard]] const Subnet* find_subnet(const NeighborAddress& address) const;
  // The subnet behind an id, remembered as one that somebody waits for. nullptr if nobody named it.
  Subnet* find_subnet_to_wait_for(std::string_view id);
  // Where the IPv6 address of a DHCP row of this subnet is bound: the subnet in which a port with
  // this MAC has it, else the one of the same VPC whose prefix it is in, else this one.
  [[nodiscard]] const Subnet& home_of_dhcpv6(const Subnet& subnet, const MacAddress& mac,
                                             const IpAddress& address) const;
  [[nodiscard]] const Vpc* find_vpc(std::string_view id) const;
  // The subnet of a port's first address of a family; nullptr if it has none.
  [[nodiscard]] const Subnet* home_of(const PortSpec& port, bool v4) const;
  [[nodiscard]] const PortSpec* find_port(const std::string& id) const;
  [[nodiscard]] const Router* find_router(std::string_view id) const;
  [[nodiscard]] const VpcGateway* find_gateway(std::string_view id) const;
  [[nodiscard]] std::size_t count(ResourceType type) const;
  [[nodiscard]] const std::map<std::string, std::unique_ptr<Subnet>, std::less<>>& subnets() const {
    return subnets_;
  }
  [[nodiscard]] const std::map<std::string, Vpc, std::less<>>& vpcs() const { return vpcs_; }
  [[nodiscard]] const std::map<std::string, VpcGateway, std::less<>>& gateways() const {
    return gateways_;
  }
  [[nodiscard]] const SecurityGroups::Records& security_groups() const { return groups_.records(); }
  [[nodiscard]] const SecurityGroup* find_security_group(std::string_view id) const {
    return groups_.find(id);
  }
  [[nodiscard]] const std::map<std::string, PortSpec, std::less<>>& ports() const { return ports_; }
  [[nodiscard]] const std::map<std::string, Router, std::less<>>& routers() const {
    return routers_;
  }

  // Subnets that somebody waited for and that have a VNI since the last call.
  std::vector<std::string> take_resolved();

 private:
  Subnet& subnet(std::string_view id);
  Subnet* subnet_of(const NeighborAddress& address);  // creates it
  void settle(Subnet& subnet);
  [[nodiscard]] static PlaceRecord place_record(const Subnet& subnet);
  void drop_if_unused(Subnet& subnet);
  void drop_if_unused(const std::string& vpc_id);
  [[nodiscard]] Vni resolve(const Subnet& subnet) const;
  void rescope(Subnet& subnet);
  void mark_subnet(const Subnet& subnet);      // what its own state decides
  void mark_dependents(const Subnet& subnet);  // what its VNI decides
  void replace_pairs(Subnet& subnet, std::string_view neighbor,
                     const std::vector<NeighborPair>& pairs, const IpAddress& host);
  void release_pair(Subnet& subnet, std::string_view neighbor, const IpAddress& address);
  void mark_dhcp(const Subnet& subnet, const MacAddress& mac);
  void mark_dhcp_of(const MacAddress& mac);   // in every subnet
  void mark_dhcpv6_in(const Subnet& subnet);  // of its rows, and those that others may have there
  void link_dhcpv6(const Subnet& subnet, const MacAddress& mac, bool present);
  void link_port(const std::string& id, const PortSpec& spec, bool present);
  void link_groups(std::string_view id, const PortSpec* former, const PortSpec* now);
  void leave_groups(Subnet& subnet, const IpAddress& address);
  void index_neighbors();
  void link_router(const std::string& id, const std::string& subnet_id, bool present);
  void drop_gateway_if_unused(const std::string& id);
  void link_gateways(const std::string& vpc_id, const std::vector<std::string>& ids, bool present);
  void mark_gateway_rules(const Vpc& vpc);
  void mark_rule(const Subnet& subnet, const IpPrefix& destination);
  void set_rule(const std::string& router, const std::string& subnet_id,
                const RoutingRuleSpec& rule);
  void delete_rule(const std::string& router, const std::string& subnet_id,
                   const RoutingRuleSpec& rule);
  void delete_rules(const std::string& router, const std::string& subnet_id,
                    const std::set<std::string_view>& except);
  void rank_rule(const std::string& router, Subnet& subnet, const RoutingRuleSpec& rule,
                 bool present);
  struct BestRule {
    const RankedRule* ranked = nullptr;  // nullptr: none can be carried out
    RouteObject object;
    bool waits = false;  // some rule is there
  };
  [[nodiscard]] BestRule best_rule(Vni vni, const IpPrefix& destination) const;
  [[nodiscard]] WantedRoute wanted_connected_route(const RouteKey& key) const;
  [[nodiscard]] const std::vector<Subnet*>& at(Vni vni) const;

  DirtyKeys& dirty_;
  const Policy policy_;
  std::vector<IpAddress> own_;
  std::map<std::string, Vpc, std::less<>> vpcs_;
  std::map<std::string, std::unique_ptr<Subnet>, std::less<>> subnets_;
  std::map<Vni, std::unique_ptr<Subnet>> numbered_;
  std::unordered_map<Vni, std::vector<Subnet*>> by_vni_;  // each list sorted by id
  std::map<std::string, PortSpec, std::less<>> ports_;
  std::unordered_map<MacAddress, std::set<std::string>> ports_by_mac_;
  // Subnets with a DHCP row that has an IPv6 address, by MAC.
  std::unordered_map<MacAddress, std::set<std::string>> dhcpv6_subnets_;
  std::map<std::string, Router, std::less<>> routers_;
  std::unordered_map<std::uint64_t, std::string> router_ids_;  // by key
  std::map<std::string, VpcGateway, std::less<>> gateways_;
  SecurityGroups groups_;
  Stations stations_;
  Slices slices_;
  Learnt learnt_;
  GroupSets neighbor_group_sets_;
  std::size_t neighbors_ = 0;
  std::size_t dhcp_ = 0;
  std::vector<std::string> resolved_;
  Journal* journal_ = &Journal::none();
  std::uint32_t last_place_ = 0;
};

}  // namespace alkaid::agent
