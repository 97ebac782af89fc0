// The fields of the records that are kept, in the order in which they are written. A change here is
// a change of the format: see migration.hpp.
#pragma once

#include <concepts>
#include <type_traits>

#include "control/agent/desired/journal.hpp"

// In the namespace of the types, where the archives look for them.
namespace alkaid::agent {

template <class Type, class Record>
concept OneOf = std::same_as<std::remove_const_t<Type>, Record>;

constexpr Ipv6AddressMode last_of(Ipv6AddressMode /*type*/) {
  return Ipv6AddressMode::kSlaac;
}
constexpr GatewayType last_of(GatewayType /*type*/) {
  return GatewayType::kArion;
}
constexpr RouteVia last_of(RouteVia /*type*/) {
  return RouteVia::kInternet;
}
constexpr SecurityProtocol last_of(SecurityProtocol /*type*/) {
  return SecurityProtocol::kArp;
}

constexpr ResourceType last_of(ResourceType /*type*/) {
  return ResourceType::kGateway;
}

template <class Archive, OneOf<PlaceRecord> Record>
void fields(Archive& archive, Record& record) {
  archive(record.id, record.named_vni);
}

template <class Archive, OneOf<VpcSpec> Record>
void fields(Archive& archive, Record& record) {
  archive(record.vni, record.name, record.cidr, record.gateway_ids);
}

template <class Archive, OneOf<VpcGatewaySpec::Destination> Record>
void fields(Archive& archive, Record& record) {
  archive(record.vtep, record.mac);
}

template <class Archive, OneOf<VpcGatewaySpec> Record>
void fields(Archive& archive, Record& record) {
  archive(record.type, record.destinations, record.inband_port, record.vni, record.vpc_id,
          record.subnet_id);
}

template <class Archive, OneOf<DhcpOptionObject> Record>
void fields(Archive& archive, Record& record) {
  archive(record.code, record.data);
}

template <class Archive, OneOf<SubnetSpec> Record>
void fields(Archive& archive, Record& record) {
  archive(record.vpc_id, record.cidr, record.vni, record.has_gateway, record.gateway.address,
          record.gateway.mac, record.dhcp_enabled, record.dns_servers, record.mtu,
          record.lease_seconds, record.domain_name, record.domain_search, record.ipv6_address_mode,
          record.dhcpv4_options, record.dhcpv6_options);
}

template <class Archive, OneOf<PortFixedIp> Record>
void fields(Archive& archive, Record& record) {
  archive(record.subnet_id, record.address);
}

template <class Archive, OneOf<AddressPairSpec> Record>
void fields(Archive& archive, Record& record) {
  archive(record.prefix, record.mac);
}

template <class Archive, OneOf<PortSpec> Record>
void fields(Archive& archive, Record& record) {
  archive(record.mac, record.admin_up, record.attachment, record.fixed_ips, record.address_pairs,
          record.device_owner, record.security_group_ids, record.host_ip, record.host_mac);
}

template <class Archive, OneOf<NeighborRow> Record>
void fields(Archive& archive, Record& record) {
  archive(record.mac, record.vtep, record.station);
}

template <class Archive, OneOf<StationRecord> Record>
void fields(Archive& archive, Record& record) {
  archive(record.groups, record.addresses);
}

template <class Archive, OneOf<PairClaim> Record>
void fields(Archive& archive, Record& record) {
  archive(record.neighbor, record.row);
}

template <class Archive, OneOf<DhcpRow> Record>
void fields(Archive& archive, Record& record) {
  archive(record.ipv4, record.ipv6, record.host_name);
}

// The ids of rules are written before them.
template <class Archive, OneOf<RoutingRuleSpec> Record>
void fields(Archive& archive, Record& record) {
  archive(record.destination, record.via, record.next_hop, record.next_hop_mac, record.priority);
}

template <class Archive, OneOf<SecurityRuleSpec> Record>
void fields(Archive& archive, Record& record) {
  archive(record.ingress, record.is_v6, record.protocol, record.protocol_number, record.port_min,
          record.port_max, record.remote, record.remote_group_id);
}

template <class Archive, OneOf<GroupRecord> Record>
void fields(Archive& archive, Record& record) {
  archive(record.complete, record.vpc_id, record.name);
}

template <class Archive, OneOf<SliceRecord> Record>
void fields(Archive& archive, Record& record) {
  archive(record.number, record.version);
}

// What identifies the resource is written before it.
template <class Archive, OneOf<SliceItemRecord> Record>
void fields(Archive& archive, Record& record) {
  archive(record.name, record.content, record.holders);
}

}  // namespace alkaid::agent
