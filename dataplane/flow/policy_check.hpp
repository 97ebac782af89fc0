// Asks the security groups at both ends of a connection.
#pragma once

#include "control/common/net/ip_address.hpp"
#include "dataplane/packet/drop_reason.hpp"
#include "dataplane/policy/port_policy.hpp"
#include "dataplane/ports/port.hpp"

namespace alkaid {

// A connection's first packet.
struct OpeningPacket {
  IpAddress source;
  IpAddress destination;
  bool ipv6 = false;
  std::uint8_t protocol = 0;
  std::uint16_t selector = 0;  // as PolicyQuery's
};

struct PolicyVerdict {
  DropReason reason = DropReason::kNone;
  RuleNumber egress_rule = kNoRule;   // that admits it at the initiator; kNoRule: no policy there
  RuleNumber ingress_rule = kNoRule;  // at the responder
};

// initiator, responder: guest ports; nullptr for an end that is not on this host, whose own host
// asks there.
inline PolicyVerdict check_policy(const OpeningPacket& packet, const Port* initiator,
                                  const Port* responder) {
  PolicyVerdict verdict;
  PolicyQuery query{.ipv6 = packet.ipv6, .protocol = packet.protocol, .selector = packet.selector};
  if (initiator != nullptr && initiator->policy != nullptr) {
    query.remote = packet.destination;
    verdict.egress_rule = initiator->policy->find_egress(query);
    if (verdict.egress_rule == kNoRule) {
      verdict.reason = DropReason::policy_egress;
      return verdict;
    }
  }
  if (responder != nullptr && responder->policy != nullptr) {
    query.remote = packet.source;
    verdict.ingress_rule = responder->policy->find_ingress(query);
    if (verdict.ingress_rule == kNoRule) {
      verdict.reason = DropReason::policy_ingress;
    }
  }
  return verdict;
}

inline bool enforces(const Port* port) {
  return port != nullptr && port->policy != nullptr;
}

}  // namespace alkaid
