#include "dataplane/offload/port_probe.hpp"

#include <array>
#include <cstring>
#include <string_view>

#include <fmt/format.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_flow.h>

#include "dataplane/vxlan/ecn.hpp"

namespace alkaid {
namespace {

std::string describe(const rte_flow_error& error, int number) {
  return fmt::format("{} ({})", error.message != nullptr ? error.message : "no message",
                     std::strerror(number));
}

enum class Way : std::uint8_t { kIntoTunnel, kOutOfTunnel, kBetweenGuests };
constexpr std::array kWays{Way::kIntoTunnel, Way::kOutOfTunnel, Way::kBetweenGuests};
constexpr std::array<std::string_view, kWays.size()> kWayNames{"into tunnels", "out of tunnels",
                                                               "between guests"};

struct Kind {
  Way way = Way::kIntoTunnel;
  bool is_v6 = false;
  bool is_tcp = false;
  bool is_routed = false;

  [[nodiscard]] std::size_t number() const {
    return ((static_cast<std::size_t>(way) * 2 + (is_v6 ? 1U : 0U)) * 2 + (is_tcp ? 1U : 0U)) * 2 +
           (is_routed ? 1U : 0U);
  }
  [[nodiscard]] std::string name() const {
    return fmt::format("{} {} {}, {}", is_v6 ? "IPv6" : "IPv4", is_tcp ? "TCP" : "UDP",
                       kWayNames[static_cast<std::size_t>(way)], is_routed ? "routed" : "bridged");
  }
};

constexpr bool kBoth[] = {false, true};

template <class Visit>
void for_each_kind(Visit&& visit) {
  for (const Way way : kWays) {
    for (const bool is_v6 : kBoth) {
      for (const bool is_tcp : kBoth) {
        for (const bool is_routed : kBoth) {
          visit(Kind{.way = way, .is_v6 = is_v6, .is_tcp = is_tcp, .is_routed = is_routed});
        }
      }
    }
  }
}

// With everything that such rules can have; of two guests the second one's place is the uplink's.
OffloadRule prototype(const PortQuestion& question, std::uint16_t proxy, const Kind& kind,
                      std::uint8_t ecn) {
  const IpAddress address =
      kind.is_v6 ? IpAddress::from_numbers(0x20010db8ULL << 32, 1) : IpAddress{question.vtep};
  OffloadRule rule;
  rule.proxy = proxy;
  rule.ingress = question.device;
  rule.egress = question.uplink;
  rule.is_v6 = kind.is_v6;
  rule.protocol = kind.is_tcp ? ip_protocol::kTcp : ip_protocol::kUdp;
  rule.destination_mac = question.mac;
  rule.source_mac = question.uplink_mac;
  rule.source = address;
  rule.destination = address;
  if (kind.is_routed) {
    rule.write_destination = rule.write_source = rule.take_hop = true;
    rule.new_destination = question.mac;
    rule.new_source = question.uplink_mac;
  }
  if (kind.way == Way::kIntoTunnel) {
    rule.ecn = ecn;
    rule.into_tunnel = true;
    rule.link = {question.uplink_mac, question.uplink_mac, BigEndian16{ether_type::kIpv4}};
    rule.tunnel.ip.version_ihl = 0x45;
    rule.tunnel.ip.tos = ecn;
    rule.tunnel.ip.ttl = 64;
    rule.tunnel.ip.protocol = ip_protocol::kUdp;
    rule.tunnel.ip.source = question.vtep;
    rule.tunnel.ip.destination = question.vtep;
    rule.tunnel.udp.destination_port = question.vxlan_port;
    rule.tunnel.vxlan.flags = VxlanHeader::kVniPresent;
  } else if (kind.way == Way::kOutOfTunnel) {
    rule.proxy = question.uplink_proxy;
    rule.ingress = question.uplink;
    rule.egress = question.device;
    rule.from_wire = true;
    rule.uplink_mac = question.uplink_mac;
    rule.vtep = question.vtep;
    rule.vxlan_port = question.vxlan_port;
    rule.vni = 1;
    rule.outer_ecn = ecn;
    rule.ecn = ecn == kEcnNotCapable ? kAnyEcn : ecn;
  }
  return rule;
}

// Empty: the driver would take it, whatever marks of congestion it is for.
std::string try_kind(const PortQuestion& question, std::uint16_t proxy, const Kind& kind,
                     const TryRule& try_rule) {
  std::string refusal = try_rule(prototype(question, proxy, kind, kEcnNotCapable));
  return refusal.empty() && kind.way != Way::kBetweenGuests
             ? try_rule(prototype(question, proxy, kind, kEcnCapable0))
             : refusal;
}

// Of the port's own packets.
std::string try_guard(const PortQuestion& question, std::uint16_t proxy, bool is_v6,
                      const TryRule& try_rule) {
  OffloadRule rule;
  rule.kind = OffloadRule::Kind::kHopGuard;
  rule.proxy = proxy;
  rule.ingress = rule.egress = question.device;
  rule.is_v6 = is_v6;
  rule.from_wire = question.is_uplink;
  rule.uplink_mac = question.mac;
  rule.vtep = question.vtep;
  rule.vxlan_port = question.vxlan_port;
  return try_rule(rule);
}

using Refusals = std::array<std::string, kRuleKinds>;  // by kind; empty: taken

// What all refused kinds have in common is told once.
std::string describe(const Refusals& refusals) {
  struct Common {
    std::string_view name;
    bool (*has)(const Kind& kind);
  };
  constexpr std::array kCommon{
      Common{"IPv6", [](const Kind& kind) { return kind.is_v6; }},
      Common{"IPv4", [](const Kind& kind) { return !kind.is_v6; }},
      Common{"UDP", [](const Kind& kind) { return !kind.is_tcp; }},
      Common{"TCP", [](const Kind& kind) { return kind.is_tcp; }},
      Common{"between guests", [](const Kind& kind) { return kind.way == Way::kBetweenGuests; }},
      Common{"routed", [](const Kind& kind) { return kind.is_routed; }},
  };
  std::string text;
  RuleKinds is_told;
  const auto tell = [&](std::string_view name, const std::string& refusal) {
    text += fmt::format("{}{}: {}", text.empty() ? "in software stays " : "; ", name, refusal);
  };
  for (const Common& common : kCommon) {
    RuleKinds told = is_told;
    const std::string* refusal = nullptr;
    bool are_all_refused = true;
    for_each_kind([&](const Kind& kind) {
      if (common.has(kind)) {
        are_all_refused &= !refusals[kind.number()].empty();
        refusal =
            refusal == nullptr && !told.test(kind.number()) ? &refusals[kind.number()] : refusal;
        told.set(kind.number());
      }
    });
    if (are_all_refused && refusal != nullptr) {
      tell(common.name, *refusal);
      is_told = told;
    }
  }
  for_each_kind([&](const Kind& kind) {
    if (!refusals[kind.number()].empty() && !is_told.test(kind.number())) {
      tell(kind.name(), refusals[kind.number()]);
    }
  });
  return text;
}

// The least that makes a port hardware's: both ways between a guest and other hosts, bridged, of
// one protocol over IPv4.
std::string refusal_of(const Refusals& refusals) {
  for (const Way way : {Way::kIntoTunnel, Way::kOutOfTunnel}) {
    const std::string& udp = refusals[Kind{.way = way}.number()];
    const std::string& tcp = refusals[Kind{.way = way, .is_tcp = true}.number()];
    if (!udp.empty() && !tcp.empty()) {
      return fmt::format("its driver takes no rule {}: {}",
                         kWayNames[static_cast<std::size_t>(way)], tcp);
    }
  }
  return {};
}

void ask_for_kinds(const PortQuestion& question, const TryRule& try_rule, PortAnswer& answer) {
  Refusals refusals;
  for (const bool is_v6 : kBoth) {
    const std::string guard = try_guard(question, answer.proxy, is_v6, try_rule);
    answer.guards.set(is_v6 ? 1 : 0, guard.empty());
    for_each_kind([&](const Kind& kind) {
      const bool is_ours = (kind.way == Way::kOutOfTunnel) == question.is_uplink;
      if (kind.is_v6 == is_v6 && kind.is_routed && is_ours && !guard.empty()) {
        refusals[kind.number()] = fmt::format("no guard of hops: {}", guard);
      }
    });
  }
  if (!question.is_uplink) {
    for_each_kind([&](const Kind& kind) {
      std::string& refusal = refusals[kind.number()];
      refusal = refusal.empty() ? try_kind(question, answer.proxy, kind, try_rule) : refusal;
    });
    answer.refusal = refusal_of(refusals);
  }
  for_each_kind([&](const Kind& kind) {
    answer.refused.set(kind.number(), !refusals[kind.number()].empty());
  });
  answer.limits = describe(refusals);
}

}  // namespace

std::size_t kind_of(const OffloadRule& rule) {
  return Kind{.way = rule.into_tunnel ? Way::kIntoTunnel
                     : rule.from_wire ? Way::kOutOfTunnel
                                      : Way::kBetweenGuests,
              .is_v6 = rule.is_v6,
              .is_tcp = rule.protocol == ip_protocol::kTcp,
              .is_routed = rule.write_destination || rule.write_source || rule.take_hop}
      .number();
}

PortAnswer ask_driver(const PortQuestion& question, const TryRule& try_rule) {
  PortAnswer answer;
  rte_eth_dev_info info{};
  if (rte_eth_dev_info_get(question.device, &info) != 0) {
    answer.refusal = "its driver tells nothing about it";
    return answer;
  }
  if (info.switch_info.domain_id == RTE_ETH_DEV_SWITCH_DOMAIN_ID_INVALID) {
    answer.refusal = fmt::format("{} has no switch in hardware", info.driver_name);
    return answer;
  }
  answer.domain = info.switch_info.domain_id;
  rte_flow_error error{};
  if (rte_flow_pick_transfer_proxy(question.device, &answer.proxy, &error) != 0) {
    answer.refusal =
        fmt::format("its switch can't be told anything: {}", describe(error, rte_errno));
    return answer;
  }
  if (!question.is_uplink && answer.domain != question.uplink_domain) {
    answer.refusal = "the uplink is in another switch";
    return answer;
  }
  ask_for_kinds(question, try_rule, answer);
  return answer;
}

}  // namespace alkaid
