// What a port's driver says that it can do. Talks to the driver, which may take its time.
#pragma once

#include <bitset>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

#include "control/common/net/ip_address.hpp"
#include "control/common/net/mac_address.hpp"
#include "dataplane/offload/rule.hpp"
#include "dataplane/packet/headers.hpp"

namespace alkaid {

// Devices are ethdev numbers.
struct PortQuestion {
  std::uint16_t device = 0;
  bool is_uplink = false;
  MacAddress mac;
  Ipv4Address vtep;
  BigEndian16 vxlan_port;
  // Of a guest's port: where its packets leave for other hosts.
  std::uint16_t uplink = 0;
  std::uint16_t uplink_proxy = 0;
  std::uint16_t uplink_domain = 0;
  MacAddress uplink_mac;
};

// What a driver may take or not: a way, a family, a protocol, bridged or routed (rewriting).
inline constexpr std::size_t kRuleKinds = 24;
using RuleKinds = std::bitset<kRuleKinds>;
// Of a rule that forwards.
std::size_t kind_of(const OffloadRule& rule);

struct PortAnswer {
  std::string refusal;       // empty: hardware can forward for the port
  std::uint16_t proxy = 0;   // through which rules about its packets are managed
  std::uint16_t domain = 0;  // ports of one switch have the same one
  // What stays in software although hardware can forward for the port, and in words why.
  RuleKinds refused;
  std::string limits;
  // Of its packets, by family: IPv4, IPv6.
  std::bitset<2> guards;
};

// A driver's answer to a rule that it isn't to make yet. Empty: it would take it.
using TryRule = std::function<std::string(const OffloadRule& rule)>;

PortAnswer ask_driver(const PortQuestion& question, const TryRule& try_rule);

}  // namespace alkaid
