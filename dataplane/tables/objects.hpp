// The objects that the agent programs, as plain values: what the local API decodes to and what is
// read back. Shapes and meanings are those of proto/alkaid/dataplane/v1/dataplane.proto.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "control/common/net/ip_address.hpp"
#include "control/common/net/mac_address.hpp"
#include "control/common/net/vni.hpp"

namespace alkaid {

struct GatewayConfig {
  IpAddress address;
  MacAddress mac;

  bool operator==(const GatewayConfig&) const = default;
};

enum class BroadcastMode : std::uint8_t { kDrop, kReplicate };

enum class Ipv6AddressMode : std::uint8_t { kDhcpv6Stateful, kDhcpv6Stateless, kSlaac };

struct DhcpOptionConfig {
  std::uint16_t code = 0;
  std::string data;  // bytes

  bool operator==(const DhcpOptionConfig&) const = default;
};

struct SegmentConfig {
  Vni vni;
  std::vector<IpPrefix> prefixes;
  std::vector<GatewayConfig> gateways;
  std::uint64_t router = 0;
  MacAddress host_dvr_mac;
  bool dhcp_enabled = false;
  std::vector<IpAddress> dns_servers;
  std::uint32_t mtu = 0;
  std::uint32_t lease_seconds = 0;
  std::uint64_t route_table = 0;
  BroadcastMode broadcast = BroadcastMode::kDrop;
  std::uint32_t broadcast_rate = 0;
  Ipv6AddressMode ipv6_address_mode = Ipv6AddressMode::kDhcpv6Stateful;
  std::string domain_name;
  std::vector<std::string> domain_search;
  std::vector<DhcpOptionConfig> dhcpv4_options;
  std::vector<DhcpOptionConfig> dhcpv6_options;

  bool operator==(const SegmentConfig&) const = default;
};

struct AddressPairConfig {
  IpPrefix prefix;
  MacAddress mac;

  bool operator==(const AddressPairConfig&) const = default;
};

struct PortConfig {
  std::string id;
  Vni vni;
  MacAddress mac;
  std::vector<IpAddress> fixed_ips;
  std::vector<AddressPairConfig> allowed_address_pairs;
  bool admin_up = false;
  std::string attachment;
  std::uint32_t mtu = 0;
  bool source_guard_off = false;
  Vni vni_v6;  // none: vni
  std::vector<std::string> security_groups;
  bool policy_enforced = false;  // false: everything passes

  // Of its IPv6 addresses.
  [[nodiscard]] Vni segment_v6() const { return vni_v6 == Vni{} ? vni : vni_v6; }

  bool operator==(const PortConfig&) const = default;
};

struct NeighborKey {
  Vni vni;
  IpAddress ip;

  auto operator<=>(const NeighborKey&) const = default;
};

struct NeighborConfig {
  NeighborKey key;
  MacAddress mac;
  IpAddress vtep;

  bool operator==(const NeighborConfig&) const = default;
};

struct RouteKey {
  std::uint64_t table = 0;
  IpPrefix prefix;

  auto operator<=>(const RouteKey&) const = default;
};

struct ConnectedAction {
  Vni vni;

  bool operator==(const ConnectedAction&) const = default;
};

struct NextHopAction {
  IpAddress address;

  bool operator==(const NextHopAction&) const = default;
};

struct BlackholeAction {
  bool operator==(const BlackholeAction&) const = default;
};

struct RemoteAction {
  IpAddress vtep;
  Vni vni;
  MacAddress mac;

  bool operator==(const RemoteAction&) const = default;
};

struct RouteConfig {
  RouteKey key;
  std::variant<BlackholeAction, ConnectedAction, NextHopAction, RemoteAction> action;

  bool operator==(const RouteConfig&) const = default;
};

struct DhcpBindingKey {
  Vni vni;
  MacAddress mac;

  auto operator<=>(const DhcpBindingKey&) const = default;
};

struct DhcpBindingConfig {
  DhcpBindingKey key;
  IpAddress ipv4;
  IpAddress ipv6;
  std::string host_name;

  bool operator==(const DhcpBindingConfig&) const = default;
};

struct SecurityRuleConfig {
  std::string id;  // within its group
  bool ingress = false;
  bool ipv6 = false;
  std::optional<std::uint8_t> protocol;  // none: any
  std::uint16_t port_min = 0;            // TCP, UDP, SCTP; both 0: all
  std::uint16_t port_max = 0;
  std::optional<std::uint8_t> icmp_type;  // none: any
  std::optional<std::uint8_t> icmp_code;
  std::optional<IpPrefix> remote_prefix;  // none: any
  std::string remote_group;               // empty: any

  bool operator==(const SecurityRuleConfig&) const = default;
};

// A change of a group: what is named is set or removed, the rest stays unless `replace`.
struct SecurityGroupChange {
  std::string id;
  bool replace = false;
  std::vector<SecurityRuleConfig> rules;
  std::vector<std::string> removed_rules;
  std::vector<IpAddress> members;
  std::vector<IpAddress> removed_members;
};

}  // namespace alkaid
