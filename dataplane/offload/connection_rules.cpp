#include "dataplane/offload/connection_rules.hpp"

#include <atomic>
#include <cstring>

#include "dataplane/flow/router_mac.hpp"
#include "dataplane/vxlan/ecn.hpp"
#include "dataplane/vxlan/entropy.hpp"

namespace alkaid {
namespace {

// Between hosts, congestion marks have to be carried over (RFC 6040), which no rule can do: there
// is one for each mark that leaves nothing to be done. Packets with others are software's.
constexpr std::array kForwardedEcn{kEcnNotCapable, kEcnCapable0};

// In others a direction may be steady too, but not for long.
constexpr bool is_established(ConnectionState state) {
  return state == ConnectionState::established || state == ConnectionState::one_way ||
         state == ConnectionState::two_way;
}

MacAddress mac_at(const FlowFields::Macs& macs, std::size_t offset) {
  MacAddress mac;
  std::memcpy(static_cast<void*>(&mac), macs.data() + offset, sizeof(mac));
  return mac;
}

}  // namespace

std::uint64_t ConnectionRules::digest() const {
  std::uint64_t digest = count;
  for (std::size_t i = 0; i < count; ++i) {
    digest = multiply_fold(digest ^ rules[i].rule.digest(), kFlowSecrets.words[3]);
  }
  return digest;
}

// A worker that decides anew clears the flags before it stores anything else (Connector). Who has
// seen something of the new decision beside the old flags sees other flags the second time, or all
// of the new decision.
template <class Key>
ConnectionRules ConnectionRuleSource::rules_of(ConnectionNumber number) const {
  const ConnectionRules first = read<Key>(number);
  std::atomic_thread_fence(std::memory_order_acquire);
  const ConnectionRules second = read<Key>(number);
  return first.digest() == second.digest() ? second : ConnectionRules{};
}

template <class Key>
ConnectionRules ConnectionRuleSource::read(ConnectionNumber number) const {
  ConnectionRules rules;
  const StateWord word = flows_.table<Key>().record(number).word();
  if (!is_established(word.state()) || is_only_answers(word)) {
    return rules;
  }
  for (const Direction direction : {Direction::kOriginal, Direction::kReply}) {
    if (is_steady(word, direction)) {
      add_direction<Key>(number, direction, rules);
    }
  }
  return rules;
}

// Where its packets come in, then where they go.
template <class Key>
void ConnectionRuleSource::add_direction(ConnectionNumber number, Direction direction,
                                         ConnectionRules& rules) const {
  const FlowHalf<Key>& half = flows_.table<Key>().half(number, direction);
  const FlowFields& fields = half.fields;
  const std::uint16_t flags = fields.flags.load(std::memory_order_acquire);
  if ((flags & flow_flag::kFast) == 0) {
    return;
  }
  ConnectionRules::Directed directed;
  OffloadRule& rule = directed.rule;
  directed.direction = direction;
  const FlowPort from = fields.ingress;
  rule.from_wire = from == kUnderlayPort;
  directed.ingress =
      rule.from_wire ? underlay_.uplink.load(std::memory_order_relaxed) : PortIndex{from};
  const OffloadPort* ingress = offload_ports_.hardware(directed.ingress);
  const Port* port = ports_.find(directed.ingress);
  if (ingress == nullptr || port == nullptr || !port->forwards()) {
    return;
  }
  const std::uint32_t stamp = rule.from_wire ? 0 : flows_.stamps.of(directed.ingress);
  if (fields.ingress_stamp.load(std::memory_order_relaxed) != stamp) {
    return;
  }
  const std::uint32_t place = fields.hop.load(std::memory_order_relaxed);
  const Neighbor* neighbor = place == NeighborSlot::kNoPlace
                                 ? nullptr
                                 : tables_.neighbors.at({place, fields.hop_signature()});
  if (neighbor == nullptr) {
    return;
  }
  const FlowFields::Macs macs = fields.copy_macs();
  rule.proxy = ingress->proxy;
  rule.ingress = ingress->device;
  rule.is_v6 = Key::kIsV6;
  rule.protocol = protocol_of(half.key.scope);
  rule.destination_mac = mac_at(macs, 0);
  rule.source_mac = mac_at(macs, sizeof(MacAddress));
  rule.source = half.key.source();
  rule.destination = half.key.destination();
  rule.ports = half.key.ports;
  if (rule.from_wire) {
    const Segment* segment = tables_.segments.at(zone_of(half.key.scope));
    if (segment == nullptr) {
      return;
    }
    rule.uplink_mac = port->mac;
    rule.vtep = underlay_.vtep_v4;
    rule.vxlan_port = BigEndian16{underlay_.format.vxlan_port};
    rule.vni = segment->config.vni.number();
  }
  rule.take_hop = (flags & flow_flag::kTakeHop) != 0;
  rule.write_destination = (flags & flow_flag::kWriteDestination) != 0;
  rule.new_destination = rule.write_destination ? neighbor->mac() : MacAddress{};
  // A bridged packet's way is its MAC address's: fields of two moments would show here.
  const bool is_one = rule.write_destination || neighbor->mac() == rule.destination_mac;
  if (!is_one || (rule.take_hop && !ingress->guards_hops) ||
      !add_way_out<Key>(fields, flags, *neighbor, half.key, directed, rules) ||
      (ingress->refused | offload_ports_.hardware(directed.egress)->refused).test(kind_of(rule))) {
    return;
  }
  rules.stations[static_cast<std::size_t>(direction)] = station_name(*neighbor);
  if (!rule.from_wire && !rule.into_tunnel) {
    rules.rules[rules.count++] = directed;
    return;
  }
  for (const std::uint8_t ecn : kForwardedEcn) {
    ConnectionRules::Directed& one = rules.rules[rules.count++];
    one = directed;
    if (rule.into_tunnel) {
      one.rule.ecn = ecn;
      one.rule.tunnel.ip.tos = ecn;
    } else {
      // What has no mark outside keeps whatever it has inside.
      one.rule.outer_ecn = ecn;
      one.rule.ecn = ecn == kEcnNotCapable ? kAnyEcn : ecn;
    }
  }
}

template <class Key>
bool ConnectionRuleSource::add_way_out(const FlowFields& fields, std::uint16_t flags,
                                       const Neighbor& neighbor, const Key& key,
                                       ConnectionRules::Directed& into,
                                       ConnectionRules& rules) const {
  OffloadRule& rule = into.rule;
  const Port* from = ports_.find(into.ingress);
  const Tunnel* tunnel = neighbor.tunnel;
  rule.into_tunnel = tunnel != nullptr;
  into.egress = rule.into_tunnel ? underlay_.uplink.load(std::memory_order_relaxed) : neighbor.port;
  const OffloadPort* egress = offload_ports_.hardware(into.egress);
  const Port* port = ports_.find(into.egress);
  if (egress == nullptr || port == nullptr || !port->forwards() || into.egress == into.ingress ||
      egress->domain != offload_ports_.hardware(into.ingress)->domain) {
    return false;
  }
  rule.egress = egress->device;
  const std::uint32_t stamp = rule.into_tunnel ? 0 : flows_.stamps.of(into.egress);
  if (fields.egress_stamp.load(std::memory_order_relaxed) != stamp) {
    return false;
  }
  // Larger packets than the next link takes are answered, which hardware can't.
  const std::uint32_t larger =
      rule.into_tunnel ? sizeof(EthernetHeader) + sizeof(TunnelHeaderV4) : 0U;
  if (!rule.from_wire && from->mtu + larger > port->mtu) {
    return false;
  }
  if ((flags & flow_flag::kWriteSource) != 0) {
    const Segment* segment =
        rule.into_tunnel ? tables_.segments.find(tunnel->vni)
                         : tables_.segments.at(port->zone_of(
                               Key::kIsV6 ? FrameHeaders::Kind::kIpv6 : FrameHeaders::Kind::kIpv4));
    if (segment == nullptr) {
      return false;
    }
    rule.write_source = true;
    rule.new_source = router_mac<Key>(*segment, !rule.into_tunnel);
  }
  if (!rule.into_tunnel) {
    return true;
  }
  const LinkChoice* link = tunnel->path->choice.load(std::memory_order_acquire);
  if (tunnel->is_v6 || link == nullptr || link->header_length != kPlainLinkHeader) {
    return false;
  }
  const std::uint32_t entropy = entropy_of(key.tuple());
  std::memcpy(static_cast<void*>(&rule.link), link->select(entropy).data(), sizeof(rule.link));
  rule.tunnel = tunnel->header.v4;
  rule.tunnel.udp.source_port = BigEndian16{entropy_port(entropy)};
  rules.path = tunnel->path;
  return true;
}

template ConnectionRules ConnectionRuleSource::rules_of<FlowKeyV4>(ConnectionNumber number) const;
template ConnectionRules ConnectionRuleSource::rules_of<FlowKeyV6>(ConnectionNumber number) const;

}  // namespace alkaid
