// What the desired state means for the data plane: segments.
#include <algorithm>

#include "control/agent/desired/store.hpp"

namespace alkaid::agent {

namespace {

bool has_server_of_family(const std::vector<IpAddress>& servers, bool v4) {
  return std::any_of(servers.begin(), servers.end(),
                     [v4](const IpAddress& server) { return server.is_v4() == v4; });
}

// All of the subnet's servers whose address family no other subnet has served.
void add_dns_servers(const std::vector<IpAddress>& servers, SegmentObject& object) {
  const bool has_v4 = has_server_of_family(object.dns_servers, true);
  const bool has_v6 = has_server_of_family(object.dns_servers, false);
  for (const IpAddress& server : servers) {
    if (!(server.is_v4() ? has_v4 : has_v6)) {
      object.dns_servers.push_back(server);
    }
  }
}

void add_options(const std::vector<DhcpOptionObject>& options,
                 std::vector<DhcpOptionObject>& chosen) {
  for (const DhcpOptionObject& option : options) {
    if (std::none_of(chosen.begin(), chosen.end(),
                     [&option](const auto& other) { return other.code == option.code; })) {
      chosen.push_back(option);
    }
  }
}

template <class Value>
void choose(const Value& value, Value& chosen) {
  if (chosen == Value{}) {
    chosen = value;
  }
}

void add_subnet(const SubnetSpec& spec, SegmentObject& object) {
  object.prefixes.push_back(spec.cidr);
  object.dhcp_enabled = object.dhcp_enabled || spec.dhcp_enabled;
  add_dns_servers(spec.dns_servers, object);
  const bool v4 = spec.gateway.address.is_v4();
  const bool taken = std::any_of(object.gateways.begin(), object.gateways.end(),
                                 [v4](const auto& g) { return g.address.is_v4() == v4; });
  if (spec.has_gateway && !taken) {
    object.gateways.push_back({spec.gateway.address, spec.gateway.mac});
  }
  choose(spec.mtu, object.mtu);
  choose(spec.lease_seconds, object.lease_seconds);
  choose(spec.domain_name, object.domain_name);
  choose(spec.domain_search, object.domain_search);
  add_options(spec.dhcpv4_options, object.dhcpv4_options);
  add_options(spec.dhcpv6_options, object.dhcpv6_options);
}

}  // namespace

// Several subnets may share a VNI (one per address family, or all of a VPC): of what a segment has
// once, the subnet with the smallest id that says it decides, so that the order of arrival doesn't.
std::optional<DesiredStore::WantedSegment> DesiredStore::wanted_segment(Vni vni) const {
  const auto& subnets = at(vni);
  if (subnets.empty()) {
    return std::nullopt;
  }
  WantedSegment wanted;
  wanted.bare = true;
  SegmentObject& object = wanted.object;
  std::optional<Ipv6AddressMode> ipv6_mode;
  for (const Subnet* subnet : subnets) {
    if (subnet->known) {
      wanted.bare = false;
      add_subnet(subnet->spec, object);
      if (!ipv6_mode) {
        ipv6_mode = subnet->spec.ipv6_address_mode;
      }
    }
    if (!subnet->rules.empty()) {
      object.route_table = rule_table_key(vni);
    }
    if (object.router == 0 && !subnet->routers.empty()) {
      const std::string& router = *subnet->routers.begin();
      object.router = router_key(router);
      object.host_dvr_mac = routers_.find(router)->second.host_dvr_mac;
    }
  }
  object.ipv6_address_mode = ipv6_mode.value_or(Ipv6AddressMode::kDhcpv6Stateful);
  const BroadcastPolicy& broadcast = policy_.broadcast_in(vni);
  object.replicates_broadcast = broadcast.replicates;
  object.broadcast_rate = broadcast.replicates ? broadcast.packets_per_second : 0;
  make_canonical(object);
  return wanted;
}

}  // namespace alkaid::agent
