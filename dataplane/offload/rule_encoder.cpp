#include "dataplane/offload/rule_encoder.hpp"

#include <algorithm>
#include <cstring>

#include "dataplane/conntrack/connection_state.hpp"
#include "dataplane/vxlan/ecn.hpp"

namespace alkaid {
namespace {

constexpr std::uint8_t kNoHopMask = 0xfe;  // 0 and 1
constexpr std::uint32_t kIpv6EcnShift = 20;
constexpr std::uint32_t kLongestAge = (1U << 24U) - 1;

// Headers are filled in as overlays of ours, since those of the library are packed structs.
template <class To, class From>
void put(To& to, const From& from) {
  static_assert(sizeof(to) == sizeof(from));
  std::memcpy(&to, &from, sizeof(to));
}

template <class Field>
void match_all(Field& mask) {
  std::memset(static_cast<void*>(&mask), 0xff, sizeof(mask));
}

constexpr BigEndian16 kIsFragment{Ipv4Header::kMoreFragments | Ipv4Header::kFragmentOffset};
constexpr std::uint8_t kNotableTcp = tcp_flag::kSyn | tcp_flag::kFin | tcp_flag::kRst;

}  // namespace

EncodedRule::EncodedRule(const OffloadRule& rule, const RuleAge& age) {
  attributes_.transfer = 1;
  attributes_.priority =
      rule.kind == OffloadRule::Kind::kHopGuard ? kGuardPriority : kForwardPriority;
  ingress_.spec.port_id = rule.ingress;
  match_all(ingress_.mask.port_id);
  add_item(RTE_FLOW_ITEM_TYPE_REPRESENTED_PORT, ingress_);
  if (rule.from_wire) {
    match_tunnel(rule);
  }
  match_ethernet(rule);
  match_ip(rule);
  egress_.port_id = rule.egress;
  if (rule.kind == OffloadRule::Kind::kHopGuard) {
    add_item(RTE_FLOW_ITEM_TYPE_END, nullptr, nullptr);
    // As if no rule had matched: to whoever polls the device that stands for the sender.
    add_action(RTE_FLOW_ACTION_TYPE_PORT_REPRESENTOR, &egress_);
    add_action(RTE_FLOW_ACTION_TYPE_END, nullptr);
    return;
  }
  match_ports(rule);
  add_item(RTE_FLOW_ITEM_TYPE_END, nullptr, nullptr);
  if (rule.from_wire) {
    add_action(RTE_FLOW_ACTION_TYPE_VXLAN_DECAP, nullptr);
  }
  rewrite(rule);
  if (age.seconds != 0) {
    age_.timeout = std::min(age.seconds, kLongestAge);
    age_.context = age.context;
    add_action(RTE_FLOW_ACTION_TYPE_AGE, &age_);
  }
  add_action(RTE_FLOW_ACTION_TYPE_COUNT, count_action()->conf);
  if (rule.into_tunnel) {
    encapsulate(rule);
  }
  add_action(RTE_FLOW_ACTION_TYPE_REPRESENTED_PORT, &egress_);
  add_action(RTE_FLOW_ACTION_TYPE_END, nullptr);
}

const rte_flow_action* EncodedRule::count_action() {
  static const rte_flow_action_count count{};
  static const rte_flow_action action{RTE_FLOW_ACTION_TYPE_COUNT, &count};
  return &action;
}

const rte_flow_action* EncodedRule::age_action() {
  static const rte_flow_action_age age{};
  static const rte_flow_action action{RTE_FLOW_ACTION_TYPE_AGE, &age};
  return &action;
}

void EncodedRule::add_item(rte_flow_item_type type, const void* spec, const void* mask) {
  rte_flow_item& item = pattern_[items_count_++];
  item.type = type;
  item.spec = spec;
  item.mask = mask;
}

void EncodedRule::add_action(rte_flow_action_type type, const void* conf) {
  rte_flow_action& action = actions_[actions_count_++];
  action.type = type;
  action.conf = conf;
}

void EncodedRule::match_tunnel(const OffloadRule& rule) {
  EthernetHeader ethernet{};
  EthernetHeader ethernet_mask{};
  ethernet.destination = rule.uplink_mac;
  match_all(ethernet_mask.destination);
  ethernet.type = BigEndian16{ether_type::kIpv4};
  match_all(ethernet_mask.type);
  put(outer_ethernet_.spec.hdr, ethernet);
  put(outer_ethernet_.mask.hdr, ethernet_mask);
  add_item(RTE_FLOW_ITEM_TYPE_ETH, outer_ethernet_);

  Ipv4Header ip{};
  Ipv4Header ip_mask{};
  ip.destination = rule.vtep;
  match_all(ip_mask.destination);
  ip.protocol = ip_protocol::kUdp;
  match_all(ip_mask.protocol);
  ip_mask.flags_offset = kIsFragment;
  if (rule.outer_ecn != kAnyEcn) {
    ip.tos = rule.outer_ecn;
    ip_mask.tos = kEcnMask;
  }
  put(outer_ip_.spec.hdr, ip);
  put(outer_ip_.mask.hdr, ip_mask);
  add_item(RTE_FLOW_ITEM_TYPE_IPV4, outer_ip_);

  UdpHeader udp{};
  UdpHeader udp_mask{};
  udp.destination_port = rule.vxlan_port;
  match_all(udp_mask.destination_port);
  put(outer_udp_.spec.hdr, udp);
  put(outer_udp_.mask.hdr, udp_mask);
  add_item(RTE_FLOW_ITEM_TYPE_UDP, outer_udp_);

  if (rule.kind == OffloadRule::Kind::kHopGuard) {
    add_item(RTE_FLOW_ITEM_TYPE_VXLAN, nullptr, nullptr);
    return;
  }
  VxlanHeader vxlan{};
  VxlanHeader vxlan_mask{};
  vxlan.vni_reserved = BigEndian32{rule.vni << 8};
  vxlan_mask.vni_reserved = BigEndian32{0xffffff00U};
  put(vxlan_.spec.hdr, vxlan);
  put(vxlan_.mask.hdr, vxlan_mask);
  add_item(RTE_FLOW_ITEM_TYPE_VXLAN, vxlan_);
}

void EncodedRule::match_ethernet(const OffloadRule& rule) {
  EthernetHeader spec{};
  EthernetHeader mask{};
  spec.type = BigEndian16{rule.is_v6 ? ether_type::kIpv6 : ether_type::kIpv4};
  match_all(mask.type);
  if (rule.kind == OffloadRule::Kind::kForward) {
    spec.destination = rule.destination_mac;
    match_all(mask.destination);
    spec.source = rule.source_mac;
    match_all(mask.source);
  }
  put(ethernet_.spec.hdr, spec);
  put(ethernet_.mask.hdr, mask);
  add_item(RTE_FLOW_ITEM_TYPE_ETH, ethernet_);
}

void EncodedRule::match_ip(const OffloadRule& rule) {
  if (rule.is_v6) {
    match_ipv6(rule);
  } else {
    match_ipv4(rule);
  }
}

void EncodedRule::match_ipv4(const OffloadRule& rule) {
  Ipv4Header spec{};
  Ipv4Header mask{};
  if (rule.kind == OffloadRule::Kind::kHopGuard) {
    mask.ttl = kNoHopMask;
  } else {
    spec.source = rule.source.v4();
    match_all(mask.source);
    spec.destination = rule.destination.v4();
    match_all(mask.destination);
    spec.protocol = rule.protocol;
    match_all(mask.protocol);
    mask.flags_offset = kIsFragment;
    if (rule.ecn != kAnyEcn) {
      spec.tos = rule.ecn;
      mask.tos = kEcnMask;
    }
  }
  put(ipv4_.spec.hdr, spec);
  put(ipv4_.mask.hdr, mask);
  add_item(RTE_FLOW_ITEM_TYPE_IPV4, ipv4_);
}

void EncodedRule::match_ipv6(const OffloadRule& rule) {
  Ipv6Header spec{};
  Ipv6Header mask{};
  if (rule.kind == OffloadRule::Kind::kHopGuard) {
    mask.hop_limit = kNoHopMask;
  } else {
    spec.source = rule.source.bytes();
    match_all(mask.source);
    spec.destination = rule.destination.bytes();
    match_all(mask.destination);
    spec.next_header = rule.protocol;
    match_all(mask.next_header);
    ipv6_.mask.has_frag_ext = 1;
    if (rule.ecn != kAnyEcn) {
      spec.version_class_label = BigEndian32{std::uint32_t{rule.ecn} << kIpv6EcnShift};
      mask.version_class_label = BigEndian32{std::uint32_t{kEcnMask} << kIpv6EcnShift};
    }
  }
  put(ipv6_.spec.hdr, spec);
  put(ipv6_.mask.hdr, mask);
  add_item(RTE_FLOW_ITEM_TYPE_IPV6, ipv6_);
}

void EncodedRule::match_ports(const OffloadRule& rule) {
  // TCP's and UDP's headers begin alike.
  if (rule.protocol == ip_protocol::kUdp) {
    UdpHeader spec{};
    UdpHeader mask{};
    std::memcpy(static_cast<void*>(&spec), &rule.ports, sizeof(rule.ports));
    std::memset(static_cast<void*>(&mask), 0xff, sizeof(rule.ports));
    put(udp_.spec.hdr, spec);
    put(udp_.mask.hdr, mask);
    add_item(RTE_FLOW_ITEM_TYPE_UDP, udp_);
    return;
  }
  TcpHeader spec{};
  TcpHeader mask{};
  std::memcpy(static_cast<void*>(&spec), &rule.ports, sizeof(rule.ports));
  std::memset(static_cast<void*>(&mask), 0xff, sizeof(rule.ports));
  spec.flags = tcp_flag::kAck;
  mask.flags = tcp_flag::kAck | kNotableTcp;
  put(tcp_.spec.hdr, spec);
  put(tcp_.mask.hdr, mask);
  add_item(RTE_FLOW_ITEM_TYPE_TCP, tcp_);
}

void EncodedRule::rewrite(const OffloadRule& rule) {
  if (rule.write_source) {
    put(new_source_.mac_addr, rule.new_source);
    add_action(RTE_FLOW_ACTION_TYPE_SET_MAC_SRC, &new_source_);
  }
  if (rule.write_destination) {
    put(new_destination_.mac_addr, rule.new_destination);
    add_action(RTE_FLOW_ACTION_TYPE_SET_MAC_DST, &new_destination_);
  }
  if (rule.take_hop) {
    add_action(RTE_FLOW_ACTION_TYPE_DEC_TTL, nullptr);
  }
}

void EncodedRule::encapsulate(const OffloadRule& rule) {
  put(link_.spec.hdr, rule.link);
  match_all(link_.mask.hdr);
  put(tunnel_ip_.spec.hdr, rule.tunnel.ip);
  match_all(tunnel_ip_.mask.hdr);
  put(tunnel_udp_.spec.hdr, rule.tunnel.udp);
  match_all(tunnel_udp_.mask.hdr);
  put(tunnel_vxlan_.spec.hdr, rule.tunnel.vxlan);
  match_all(tunnel_vxlan_.mask.hdr);
  const auto define = [this](std::size_t i, rte_flow_item_type type, const void* spec,
                             const void* mask) {
    definition_[i].type = type;
    definition_[i].spec = spec;
    definition_[i].mask = mask;
  };
  define(0, RTE_FLOW_ITEM_TYPE_ETH, &link_.spec, &link_.mask);
  define(1, RTE_FLOW_ITEM_TYPE_IPV4, &tunnel_ip_.spec, &tunnel_ip_.mask);
  define(2, RTE_FLOW_ITEM_TYPE_UDP, &tunnel_udp_.spec, &tunnel_udp_.mask);
  define(3, RTE_FLOW_ITEM_TYPE_VXLAN, &tunnel_vxlan_.spec, &tunnel_vxlan_.mask);
  define(4, RTE_FLOW_ITEM_TYPE_END, nullptr, nullptr);
  encapsulation_.definition = definition_.data();
  add_action(RTE_FLOW_ACTION_TYPE_VXLAN_ENCAP, &encapsulation_);
}

}  // namespace alkaid
