// Alcor's resources, decoded and validated. Text views point into the message (or the decoded goal
// state's own strings) and are valid as long as it is.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <absl/container/inlined_vector.h>

#include "control/agent/reconcile/objects.hpp"
#include "control/common/net/ip_address.hpp"
#include "control/common/net/mac_address.hpp"
#include "control/common/net/vni.hpp"

namespace alkaid::agent {

// Numbers of alcor.schema.ResourceType.
enum class ResourceType : std::uint8_t {
  kVpc = 0,
  kSubnet = 1,
  kPort = 2,
  kNeighbor = 3,
  kSecurityGroup = 4,
  kDhcp = 5,
  kRouter = 6,
  kGateway = 7,
};
inline constexpr std::size_t kResourceTypes = 8;

// What is to be done with a resource. INFO, CREATE and UPDATE all mean "this is how it is now".
enum class Intent : std::uint8_t {
  kSet,
  kDelete,
  kNothing,  // GET
};

struct VpcSpec {
  bool replaces = false;  // update_type FULL: what is not said is not so
  Vni vni;                // none: every subnet has its own
  std::string name;
  std::optional<IpPrefix> cidr;
  std::vector<std::string> gateway_ids;

  bool operator==(const VpcSpec&) const = default;
};

struct GatewaySpec {
  IpAddress address;
  MacAddress mac;

  bool operator==(const GatewaySpec&) const = default;
};

struct SubnetSpec {
  std::string vpc_id;
  IpPrefix cidr;  // masked; of a DELETE possibly unset
  Vni vni;        // none: the VPC's
  bool has_gateway = false;
  GatewaySpec gateway;
  bool dhcp_enabled = false;
  std::vector<IpAddress> dns_servers;
  // From extra_dhcp_options; zero and empty: not given.
  std::uint32_t mtu = 0;
  std::uint32_t lease_seconds = 0;
  std::string domain_name;
  std::vector<std::string> domain_search;
  std::optional<Ipv6AddressMode> ipv6_address_mode;
  std::vector<DhcpOptionObject> dhcpv4_options;
  std::vector<DhcpOptionObject> dhcpv6_options;

  bool operator==(const SubnetSpec&) const = default;
};

struct PortFixedIp {
  std::string subnet_id;
  IpAddress address;

  bool operator==(const PortFixedIp&) const = default;
};

struct AddressPairSpec {
  IpPrefix prefix;
  MacAddress mac;  // zero: the port's

  auto operator<=>(const AddressPairSpec&) const = default;
};

struct PortSpec {
  MacAddress mac;
  bool admin_up = false;
  std::string attachment;  // "af_packet:tap1234"
  std::vector<PortFixedIp> fixed_ips;
  std::vector<AddressPairSpec> address_pairs;
  std::string device_owner;
  std::vector<std::string> security_group_ids;  // sorted, without repetitions
  std::string host_ip;                          // as host_info says
  std::string host_mac;

  bool operator==(const PortSpec&) const = default;
};

// One address of a neighbor.
struct NeighborAddress {
  std::string_view subnet_id;  // empty: the VNI says where
  Vni vni;                     // FixedIp.tunnel_id, none if not given
  IpAddress address;
};

// An address that the neighbor may use too.
struct NeighborPair {
  IpAddress address;
  MacAddress mac;
};

struct NeighborSpec {
  MacAddress mac;
  IpAddress host;  // VTEP; of a DELETE possibly unset, like the MAC
  absl::InlinedVector<NeighborAddress, 1> addresses;  // mostly one, of a million neighbors
  std::vector<NeighborPair> pairs;
  std::vector<std::string> security_group_ids;  // sorted, without repetitions
};

// What matters here of another host's port: who is in which security group.
struct RemotePortSpec {
  std::string_view id;
  bool is_gone = false;
  std::vector<std::string> security_group_ids;  // sorted, without repetitions
  std::vector<IpAddress> addresses;
};

struct DhcpSpec {
  std::string_view subnet_id;
  MacAddress mac;
  IpAddress ipv4;
  IpAddress ipv6;
  std::string_view host_name;
};

// Where a routing rule sends packets.
enum class RouteVia : std::uint8_t {
  kBlackhole,   // neither next hop nor extra information
  kNextHop,     // a neighbor's or port's address
  kVpcGateway,  // destination_type VPC_GW
  kInternet,    // destination_type INTERNET
};

struct RoutingRuleSpec {
  std::string id;
  bool is_delete = false;
  std::optional<IpPrefix> destination;  // of a DELETE possibly none
  RouteVia via = RouteVia::kBlackhole;
  IpAddress next_hop;       // of kVpcGateway and kInternet possibly unset
  MacAddress next_hop_mac;  // zero: the gateway's own
  std::uint32_t priority = 0;

  bool operator==(const RoutingRuleSpec&) const = default;
};

struct SubnetRoutingSpec {
  std::string subnet_id;
  std::vector<RoutingRuleSpec> rules;
};

struct RouterSpec {
  bool replaces = false;  // update_type FULL: what is not named goes
  MacAddress host_dvr_mac;
  std::vector<SubnetRoutingSpec> subnets;
};

// Numbers of alcor.schema.GatewayType.
enum class GatewayType : std::uint8_t {
  kDefault = 0,
  kZeta = 1,
  kTransit = 2,
  kInternet = 3,
  kNat = 4,
  kArion = 5,
};

// A gateway of VPCs (a subnet's own gateway is a GatewaySpec).
struct VpcGatewaySpec {
  struct Destination {
    IpAddress vtep;
    MacAddress mac;  // zero: not said

    bool operator==(const Destination&) const = default;
  };

  GatewayType type = GatewayType::kDefault;
  std::vector<Destination> destinations;
  std::uint16_t inband_port = 0;  // of Zeta and Arion
  Vni vni;                        // of Arion
  std::string vpc_id;             // of Arion
  std::string subnet_id;          // of Arion

  bool operator==(const VpcGatewaySpec&) const = default;
};

// Numbers of alcor.schema.Protocol.
enum class SecurityProtocol : std::uint8_t { kTcp = 0, kUdp = 1, kIcmp = 2, kHttp = 3, kArp = 4 };

// As a protocol_number: any.
inline constexpr std::uint16_t kAnyProtocol = 256;

struct SecurityRuleSpec {
  std::string id;
  bool is_delete = false;
  bool ingress = false;
  bool is_v6 = false;
  SecurityProtocol protocol = SecurityProtocol::kTcp;
  std::uint16_t protocol_number = 0;  // 0: as `protocol` says
  std::uint16_t port_min = 0;         // of ICMP: the type
  std::uint16_t port_max = 0;         // of ICMP: the code
  std::optional<IpPrefix> remote;     // none: any
  std::string remote_group_id;

  bool operator==(const SecurityRuleSpec&) const = default;
};

struct SecurityGroupSpec {
  bool replaces = false;  // update_type FULL: rules that are not named go
  std::string vpc_id;
  std::string name;
  std::vector<SecurityRuleSpec> rules;
  std::vector<IpAddress> members;
  std::vector<IpAddress> removed_members;
};

}  // namespace alkaid::agent
