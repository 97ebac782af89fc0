// The data plane's objects as the agent compares them, and their keys. Canonical: lists are sorted
// and defaults are zero, so that what was read back equals what was wanted.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "control/common/net/ip_address.hpp"
#include "control/common/net/mac_address.hpp"
#include "control/common/net/vni.hpp"

namespace alkaid::agent {

struct NeighborKey {
  IpAddress address;
  Vni vni;

  bool operator==(const NeighborKey&) const = default;
};
static_assert(sizeof(NeighborKey) == 20);

struct NeighborObject {
  MacAddress mac;
  IpAddress vtep;

  bool operator==(const NeighborObject&) const = default;
};

struct DhcpOptionObject {
  std::uint32_t code = 0;
  std::string data;  // bytes on the wire

  auto operator<=>(const DhcpOptionObject&) const = default;
};

// Numbers of alkaid.dataplane.v1.Ipv6AddressMode.
enum class Ipv6AddressMode : std::uint8_t { kDhcpv6Stateful, kDhcpv6Stateless, kSlaac };

struct SegmentObject {
  struct Gateway {
    IpAddress address;
    MacAddress mac;

    auto operator<=>(const Gateway&) const = default;
  };

  std::vector<IpPrefix> prefixes;
  std::vector<Gateway> gateways;
  std::uint64_t router = 0;
  MacAddress host_dvr_mac;
  bool dhcp_enabled = false;
  std::vector<IpAddress> dns_servers;  // in the order in which clients shall ask
  std::uint32_t mtu = 0;
  std::uint32_t lease_seconds = 0;
  std::uint64_t route_table = 0;
  bool replicates_broadcast = false;
  std::uint32_t broadcast_rate = 0;
  Ipv6AddressMode ipv6_address_mode = Ipv6AddressMode::kDhcpv6Stateful;
  std::string domain_name;
  std::vector<std::string> domain_search;
  std::vector<DhcpOptionObject> dhcpv4_options;  // in the order given
  std::vector<DhcpOptionObject> dhcpv6_options;

  bool operator==(const SegmentObject&) const = default;
};

struct PortObject {
  struct AddressPair {
    IpPrefix prefix;
    MacAddress mac;

    auto operator<=>(const AddressPair&) const = default;
  };

  Vni vni;
  MacAddress mac;
  std::vector<IpAddress> fixed_ips;
  std::vector<AddressPair> allowed_address_pairs;
  bool admin_up = false;
  std::string attachment;
  std::uint32_t mtu = 0;
  bool source_guard_off = false;
  Vni vni_v6;  // none: vni
  std::vector<std::string> security_groups;
  bool policy_enforced = false;

  [[nodiscard]] Vni vni_of(const IpAddress& address) const {
    return address.is_v4() || vni_v6 == Vni{} ? vni : vni_v6;
  }

  bool operator==(const PortObject&) const = default;
};

struct RouteKey {
  std::uint64_t table = 0;
  IpPrefix prefix;

  auto operator<=>(const RouteKey&) const = default;
};

struct RouteObject {
  Vni connected_vni;
  IpAddress next_hop;
  bool blackhole = false;
  // A station behind a VTEP that is no neighbor (a VPC's gateway); remote_vtep unset: none.
  IpAddress remote_vtep;
  Vni remote_vni;
  MacAddress remote_mac;

  bool operator==(const RouteObject&) const = default;
};

struct DhcpKey {
  Vni vni;
  MacAddress mac;

  auto operator<=>(const DhcpKey&) const = default;
};

struct DhcpObject {
  IpAddress ipv4;
  IpAddress ipv6;
  std::string host_name;

  bool operator==(const DhcpObject&) const = default;
};

// One "allow" of a security group.
struct SecurityRuleObject {
  bool ingress = false;
  bool is_v6 = false;
  std::optional<std::uint8_t> protocol;  // none: any
  std::uint16_t port_min = 0;            // both 0: all
  std::uint16_t port_max = 0;
  std::optional<std::uint8_t> icmp_type;  // none: any
  std::optional<std::uint8_t> icmp_code;
  std::optional<IpPrefix> remote;  // none: any
  std::string remote_group;        // empty: any

  bool operator==(const SecurityRuleObject&) const = default;
};

// Brings an object into the form described above.
void make_canonical(SegmentObject& segment);
void make_canonical(PortObject& port);

// The number by which the data plane knows a router's connected routes: 64-bit FNV-1a of its id
// (http://www.isthe.com/chongo/tech/comp/fnv), moved out of the way of the small numbers.
std::uint64_t router_key(std::string_view router_id);

// The number of the table that holds the routing rules of a segment's subnets: its VNI.
constexpr std::uint64_t rule_table_key(Vni vni) {
  return vni.number();
}
// None: it is the table of a router.
constexpr Vni vni_of_rule_table(std::uint64_t table) {
  return table <= Vni::kMax ? Vni::from_trusted(static_cast<std::uint32_t>(table)) : Vni{};
}

}  // namespace alkaid::agent

template <>
struct std::hash<alkaid::agent::NeighborKey> {
  std::size_t operator()(const alkaid::agent::NeighborKey& key) const noexcept {
    return std::hash<alkaid::IpAddress>{}(key.address) ^ (key.vni.number() * 0x9e3779b97f4a7c15ULL);
  }
};

template <>
struct std::hash<alkaid::agent::RouteKey> {
  std::size_t operator()(const alkaid::agent::RouteKey& key) const noexcept {
    return std::hash<alkaid::IpAddress>{}(key.prefix.address) ^
           ((key.table << 8 | key.prefix.length) * 0x9e3779b97f4a7c15ULL);
  }
};

template <>
struct std::hash<alkaid::agent::DhcpKey> {
  std::size_t operator()(const alkaid::agent::DhcpKey& key) const noexcept {
    return (key.mac.number() ^ static_cast<std::uint64_t>(key.vni.number()) << 40) *
           0x9e3779b97f4a7c15ULL;
  }
};
