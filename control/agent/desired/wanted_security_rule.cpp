// What the desired state means for the data plane: rules of security groups.
#include "control/agent/desired/store.hpp"

namespace alkaid::agent {
namespace {

constexpr std::uint8_t kIcmp = 1;
constexpr std::uint8_t kTcp = 6;
constexpr std::uint8_t kUdp = 17;
constexpr std::uint8_t kIcmpv6 = 58;
constexpr std::uint16_t kHttpPort = 80;

void choose_protocol(const SecurityRuleSpec& rule, const Policy& policy,
                     SecurityRuleObject& object) {
  const bool has_ports = rule.port_min != 0 || rule.port_max != 0;
  if (rule.protocol_number != 0) {
    if (rule.protocol_number != kAnyProtocol) {
      object.protocol = static_cast<std::uint8_t>(rule.protocol_number);
    }
    return;
  }
  switch (rule.protocol) {
    case SecurityProtocol::kTcp:
      if (has_ports || policy.tcp_without_ports_is_tcp) {
        object.protocol = kTcp;
      }
      break;
    case SecurityProtocol::kUdp:
      object.protocol = kUdp;
      break;
    case SecurityProtocol::kIcmp:
      object.protocol = rule.is_v6 ? kIcmpv6 : kIcmp;
      break;
    case SecurityProtocol::kHttp:
      object.protocol = kTcp;
      if (!has_ports) {
        object.port_min = object.port_max = kHttpPort;
      }
      break;
    case SecurityProtocol::kArp:
      break;
  }
}

}  // namespace

std::optional<SecurityRuleObject> DesiredStore::wanted_rule(const SecurityRuleSpec& rule) const {
  // Every port may use ARP.
  if (rule.protocol_number == 0 && rule.protocol == SecurityProtocol::kArp) {
    return std::nullopt;
  }
  SecurityRuleObject object;
  object.ingress = rule.ingress;
  object.is_v6 = rule.is_v6;
  object.port_min = rule.port_min;
  object.port_max = rule.port_max;
  choose_protocol(rule, policy_, object);
  if (object.protocol == kIcmp || object.protocol == kIcmpv6) {
    // Clients leave both 0 for any. A type without code is one of any code; type 0 alone (an echo
    // reply) can't be told from any, and isn't missed, since replies pass without a rule.
    object.port_min = object.port_max = 0;
    if (rule.port_min != 0 || rule.port_max != 0) {
      object.icmp_type = static_cast<std::uint8_t>(rule.port_min);
    }
    if (rule.port_max != 0) {
      object.icmp_code = static_cast<std::uint8_t>(rule.port_max);
    }
  } else if (object.port_max == 0) {
    object.port_max = object.port_min;
  }
  if (rule.remote) {
    object.remote = rule.remote;
  }
  object.remote_group = rule.remote_group_id;
  return object;
}

}  // namespace alkaid::agent
