// What the security groups of a port allow, as workers ask it: once per connection, not per packet.
// Design: docs/design/security-groups.md.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "control/common/net/ip_address.hpp"

namespace alkaid {

class SecurityGroup;

// A rule's place in the table of all rules of this host (RuleTable), from 1.
using RuleNumber = std::uint32_t;
inline constexpr RuleNumber kNoRule = 0;

// A packet as a rule sees it. Of a reply the connection's first packet is asked about instead.
struct PolicyQuery {
  IpAddress remote;  // the other end: destination of egress, source of ingress
  bool ipv6 = false;
  std::uint8_t protocol = 0;  // IP protocol number
  // Destination port of TCP, UDP and SCTP; type << 8 | code of ICMP and ICMPv6; 0 otherwise.
  std::uint16_t selector = 0;
};

// The groups of one port, immutable, published with the port. The groups behind it change by
// themselves (one pointer each).
class PortPolicy {
 public:
  explicit PortPolicy(std::vector<const SecurityGroup*> groups) : groups_(std::move(groups)) {}

  // Workers. A rule that allows it, the first that is found; kNoRule: denied.
  [[nodiscard]] RuleNumber find_egress(const PolicyQuery& query) const;
  [[nodiscard]] RuleNumber find_ingress(const PolicyQuery& query) const;

  [[nodiscard]] const std::vector<const SecurityGroup*>& groups() const { return groups_; }

 private:
  std::vector<const SecurityGroup*> groups_;
};

}  // namespace alkaid
