#include "control/agent/reconcile/object_codec.hpp"

#include <algorithm>

namespace alkaid::agent {
namespace {

void encode_prefix(const IpPrefix& prefix, api::Prefix& out) {
  encode(prefix.address, *out.mutable_address());
  out.set_length(prefix.length);
}

using OptionMessages = google::protobuf::RepeatedPtrField<api::DhcpOption>;

void encode_options(const std::vector<DhcpOptionObject>& options, OptionMessages& out) {
  for (const DhcpOptionObject& option : options) {
    auto* added = out.Add();
    added->set_code(option.code);
    added->set_data(option.data);
  }
}

std::vector<DhcpOptionObject> decode_options(const OptionMessages& messages) {
  std::vector<DhcpOptionObject> options;
  for (const auto& message : messages) {
    options.push_back({message.code(), message.data()});
  }
  return options;
}

IpPrefix decode_prefix(const api::Prefix& prefix) {
  IpPrefix result{decode(prefix.address()), 0};
  result.length =
      static_cast<std::uint8_t>(std::min<std::uint32_t>(prefix.length(), result.max_length()));
  return result.masked();
}

}  // namespace

void encode(Vni vni, const SegmentObject& segment, api::Segment& out) {
  out.set_vni(vni.number());
  for (const IpPrefix& prefix : segment.prefixes) {
    encode_prefix(prefix, *out.add_prefixes());
  }
  for (const auto& gateway : segment.gateways) {
    auto& added = *out.add_gateways();
    encode(gateway.address, *added.mutable_address());
    added.set_mac(gateway.mac.number());
  }
  out.set_router(segment.router);
  out.set_host_dvr_mac(segment.host_dvr_mac.number());
  out.set_dhcp_enabled(segment.dhcp_enabled);
  for (const IpAddress& server : segment.dns_servers) {
    encode(server, *out.add_dns_servers());
  }
  out.set_mtu(segment.mtu);
  out.set_lease_seconds(segment.lease_seconds);
  out.set_route_table(segment.route_table);
  out.set_broadcast(segment.replicates_broadcast ? api::BROADCAST_MODE_REPLICATE
                                                 : api::BROADCAST_MODE_DROP);
  out.set_broadcast_rate(segment.broadcast_rate);
  out.set_ipv6_address_mode(static_cast<api::Ipv6AddressMode>(segment.ipv6_address_mode));
  out.set_domain_name(segment.domain_name);
  for (const std::string& domain : segment.domain_search) {
    out.add_domain_search(domain);
  }
  encode_options(segment.dhcpv4_options, *out.mutable_dhcpv4_options());
  encode_options(segment.dhcpv6_options, *out.mutable_dhcpv6_options());
}

void encode(const std::string& id, const PortObject& port, api::Port& out) {
  out.set_id(id);
  out.set_vni(port.vni.number());
  out.set_mac(port.mac.number());
  for (const IpAddress& address : port.fixed_ips) {
    encode(address, *out.add_fixed_ips());
  }
  for (const auto& pair : port.allowed_address_pairs) {
    auto& added = *out.add_allowed_address_pairs();
    encode_prefix(pair.prefix, *added.mutable_prefix());
    added.set_mac(pair.mac.number());
  }
  out.set_admin_up(port.admin_up);
  out.set_attachment(port.attachment);
  out.set_mtu(port.mtu);
  out.set_source_guard_off(port.source_guard_off);
  out.set_vni_v6(port.vni_v6.number());
  for (const std::string& group : port.security_groups) {
    out.add_security_groups(group);
  }
  out.set_policy_enforced(port.policy_enforced);
}

void encode(const RouteKey& key, api::RouteKey& out) {
  out.set_table(key.table);
  encode_prefix(key.prefix, *out.mutable_prefix());
}

void encode(const RouteKey& key, const RouteObject& route, api::Route& out) {
  encode(key, *out.mutable_key());
  if (route.blackhole) {
    out.set_blackhole(true);
  } else if (!route.remote_vtep.is_unset()) {
    auto& remote = *out.mutable_remote();
    encode(route.remote_vtep, *remote.mutable_vtep());
    remote.set_vni(route.remote_vni.number());
    remote.set_mac(route.remote_mac.number());
  } else if (!route.next_hop.is_unset()) {
    encode(route.next_hop, *out.mutable_next_hop());
  } else {
    out.set_connected_vni(route.connected_vni.number());
  }
}

void encode(const DhcpKey& key, api::DhcpBindingKey& out) {
  out.set_vni(key.vni.number());
  out.set_mac(key.mac.number());
}

void encode(const DhcpKey& key, const DhcpObject& binding, api::DhcpBinding& out) {
  encode(key, *out.mutable_key());
  if (!binding.ipv4.is_unset()) {
    encode(binding.ipv4, *out.mutable_ipv4());
  }
  if (!binding.ipv6.is_unset()) {
    encode(binding.ipv6, *out.mutable_ipv6());
  }
  out.set_host_name(binding.host_name);
}

void encode(const std::string& id, const SecurityRuleObject& rule, api::SecurityRule& out) {
  out.set_id(id);
  out.set_ingress(rule.ingress);
  out.set_ipv6(rule.is_v6);
  if (rule.protocol) {
    out.set_protocol(*rule.protocol);
  }
  out.set_port_min(rule.port_min);
  out.set_port_max(rule.port_max);
  if (rule.icmp_type) {
    out.set_icmp_type(*rule.icmp_type);
  }
  if (rule.icmp_code) {
    out.set_icmp_code(*rule.icmp_code);
  }
  if (rule.remote) {
    encode_prefix(*rule.remote, *out.mutable_remote_prefix());
  }
  out.set_remote_group(rule.remote_group);
}

void encode(const IpAddress& address, api::IpAddress& out) {
  out.set_high(address.high());
  out.set_low(address.low());
}

void append(const NeighborKey& key, const NeighborObject& neighbor, api::NeighborBatch& out) {
  out.add_vni(key.vni.number());
  out.add_ip_high(key.address.high());
  out.add_ip_low(key.address.low());
  out.add_mac(neighbor.mac.number());
  out.add_vtep_high(neighbor.vtep.high());
  out.add_vtep_low(neighbor.vtep.low());
}

void append(const NeighborKey& key, api::NeighborKeyBatch& out) {
  out.add_vni(key.vni.number());
  out.add_ip_high(key.address.high());
  out.add_ip_low(key.address.low());
}

IpAddress decode(const api::IpAddress& address) {
  return IpAddress::from_numbers(address.high(), address.low());
}

SegmentObject decode(const api::Segment& segment) {
  SegmentObject result;
  for (const auto& prefix : segment.prefixes()) {
    result.prefixes.push_back(decode_prefix(prefix));
  }
  for (const auto& gateway : segment.gateways()) {
    result.gateways.push_back({decode(gateway.address()), MacAddress::from_number(gateway.mac())});
  }
  result.router = segment.router();
  result.host_dvr_mac = MacAddress::from_number(segment.host_dvr_mac());
  result.dhcp_enabled = segment.dhcp_enabled();
  for (const auto& server : segment.dns_servers()) {
    result.dns_servers.push_back(decode(server));
  }
  result.mtu = segment.mtu();
  result.lease_seconds = segment.lease_seconds();
  result.route_table = segment.route_table();
  result.replicates_broadcast = segment.broadcast() == api::BROADCAST_MODE_REPLICATE;
  result.broadcast_rate = segment.broadcast_rate();
  result.ipv6_address_mode = static_cast<Ipv6AddressMode>(segment.ipv6_address_mode());
  result.domain_name = segment.domain_name();
  result.domain_search.assign(segment.domain_search().begin(), segment.domain_search().end());
  result.dhcpv4_options = decode_options(segment.dhcpv4_options());
  result.dhcpv6_options = decode_options(segment.dhcpv6_options());
  make_canonical(result);
  return result;
}

PortObject decode(const api::Port& port) {
  PortObject result;
  result.vni = Vni::from_trusted(port.vni());
  result.mac = MacAddress::from_number(port.mac());
  for (const auto& address : port.fixed_ips()) {
    result.fixed_ips.push_back(decode(address));
  }
  for (const auto& pair : port.allowed_address_pairs()) {
    result.allowed_address_pairs.push_back(
        {decode_prefix(pair.prefix()), MacAddress::from_number(pair.mac())});
  }
  result.admin_up = port.admin_up();
  result.attachment = port.attachment();
  result.mtu = port.mtu();
  result.source_guard_off = port.source_guard_off();
  result.vni_v6 = Vni::from_trusted(port.vni_v6());
  result.security_groups.assign(port.security_groups().begin(), port.security_groups().end());
  result.policy_enforced = port.policy_enforced();
  make_canonical(result);
  return result;
}

RouteKey decode(const api::RouteKey& key) {
  return {key.table(), decode_prefix(key.prefix())};
}

RouteObject decode(const api::Route& route) {
  RouteObject result;
  switch (route.action_case()) {
    case api::Route::kConnectedVni:
      result.connected_vni = Vni::from_trusted(route.connected_vni());
      break;
    case api::Route::kNextHop:
      result.next_hop = decode(route.next_hop());
      break;
    case api::Route::kBlackhole:
      result.blackhole = route.blackhole();
      break;
    case api::Route::kRemote:
      result.remote_vtep = decode(route.remote().vtep());
      result.remote_vni = Vni::from_trusted(route.remote().vni());
      result.remote_mac = MacAddress::from_number(route.remote().mac());
      break;
    case api::Route::ACTION_NOT_SET:
      break;
  }
  return result;
}

DhcpKey decode(const api::DhcpBindingKey& key) {
  return {Vni::from_trusted(key.vni()), MacAddress::from_number(key.mac())};
}

DhcpObject decode(const api::DhcpBinding& binding) {
  return {decode(binding.ipv4()), decode(binding.ipv6()), binding.host_name()};
}

SecurityRuleObject decode(const api::SecurityRule& rule) {
  SecurityRuleObject result;
  result.ingress = rule.ingress();
  result.is_v6 = rule.ipv6();
  if (rule.has_protocol()) {
    result.protocol = static_cast<std::uint8_t>(rule.protocol());
  }
  result.port_min = static_cast<std::uint16_t>(rule.port_min());
  result.port_max = static_cast<std::uint16_t>(rule.port_max());
  if (rule.has_icmp_type()) {
    result.icmp_type = static_cast<std::uint8_t>(rule.icmp_type());
  }
  if (rule.has_icmp_code()) {
    result.icmp_code = static_cast<std::uint8_t>(rule.icmp_code());
  }
  if (rule.has_remote_prefix()) {
    result.remote = decode_prefix(rule.remote_prefix());
  }
  result.remote_group = rule.remote_group();
  return result;
}

int rows(const api::NeighborBatch& batch) {
  return std::min({batch.vni_size(), batch.ip_high_size(), batch.ip_low_size(), batch.mac_size(),
                   batch.vtep_high_size(), batch.vtep_low_size()});
}

NeighborKey key_of(const api::NeighborBatch& batch, int row) {
  return {IpAddress::from_numbers(batch.ip_high(row), batch.ip_low(row)),
          Vni::from_trusted(batch.vni(row))};
}

NeighborObject object_of(const api::NeighborBatch& batch, int row) {
  return {MacAddress::from_number(batch.mac(row)),
          IpAddress::from_numbers(batch.vtep_high(row), batch.vtep_low(row))};
}

}  // namespace alkaid::agent
