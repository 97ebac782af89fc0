// Rules as drivers get them.
#include <algorithm>
#include <cstring>
#include <functional>
#include <vector>

#include <gtest/gtest.h>

#include "dataplane/conntrack/connection_state.hpp"
#include "dataplane/offload/rule.hpp"
#include "dataplane/offload/rule_encoder.hpp"

namespace alkaid::test {
namespace {

constexpr MacAddress kGuest = MacAddress::from_number(0x02000001000b);
constexpr MacAddress kRemote = MacAddress::from_number(0x02000001000c);
constexpr MacAddress kUplink = MacAddress::from_number(0x0200000000a1);

// Ports as they lie in a packet.
std::uint32_t ports(std::uint16_t source, std::uint16_t destination) {
  const BigEndian16 both[] = {BigEndian16{source}, BigEndian16{destination}};
  std::uint32_t result;
  std::memcpy(&result, both, sizeof(result));
  return result;
}

OffloadRule out_rule(bool v6, std::uint8_t protocol) {
  OffloadRule rule;
  rule.proxy = 1;
  rule.ingress = 4;
  rule.egress = 1;
  rule.is_v6 = v6;
  rule.into_tunnel = true;
  rule.protocol = protocol;
  rule.ecn = 2;
  rule.destination_mac = kRemote;
  rule.source_mac = kGuest;
  rule.source = v6 ? IpAddress::from_numbers(1, 2) : IpAddress{Ipv4Address{0x0a01000b}};
  rule.destination = v6 ? IpAddress::from_numbers(1, 3) : IpAddress{Ipv4Address{0x0a01000c}};
  rule.ports = ports(1234, 443);
  rule.link = {kRemote, kUplink, BigEndian16{ether_type::kIpv4}};
  rule.tunnel.ip.version_ihl = 0x45;
  rule.tunnel.ip.tos = 2;
  rule.tunnel.ip.ttl = 64;
  rule.tunnel.ip.source = Ipv4Address{0x0a000001};
  rule.tunnel.ip.destination = Ipv4Address{0x0a000002};
  rule.tunnel.udp.source_port = BigEndian16{50000};
  rule.tunnel.udp.destination_port = BigEndian16{4789};
  rule.tunnel.vxlan.flags = VxlanHeader::kVniPresent;
  rule.tunnel.vxlan.vni_reserved = BigEndian32{1001U << 8};
  return rule;
}

OffloadRule in_rule(bool v6, std::uint8_t protocol) {
  OffloadRule rule = out_rule(v6, protocol);
  rule.ingress = 1;
  rule.egress = 4;
  rule.into_tunnel = false;
  rule.from_wire = true;
  rule.ecn = kAnyEcn;
  rule.outer_ecn = 0;
  rule.uplink_mac = kUplink;
  rule.vtep = Ipv4Address{0x0a000001};
  rule.vxlan_port = BigEndian16{4789};
  rule.vni = 1001;
  rule.write_source = true;
  rule.new_source = kRemote;
  return rule;
}

std::vector<rte_flow_item_type> items_of(const EncodedRule& rule) {
  std::vector<rte_flow_item_type> types;
  for (const auto* item = rule.pattern(); item->type != RTE_FLOW_ITEM_TYPE_END; ++item) {
    types.push_back(item->type);
  }
  return types;
}

std::vector<rte_flow_action_type> actions_of(const EncodedRule& rule) {
  std::vector<rte_flow_action_type> types;
  for (const auto* action = rule.actions(); action->type != RTE_FLOW_ACTION_TYPE_END; ++action) {
    types.push_back(action->type);
  }
  return types;
}

template <class Header>
Header copy(const void* from) {
  Header header;
  std::memcpy(static_cast<void*>(&header), from, sizeof(header));
  return header;
}

TEST(OffloadRule, IntoATunnel) {
  const OffloadRule rule = out_rule(false, ip_protocol::kTcp);
  const EncodedRule encoded(rule);
  EXPECT_EQ(encoded.attributes()->transfer, 1U);
  EXPECT_EQ(encoded.attributes()->ingress, 0U);
  EXPECT_EQ(encoded.attributes()->priority, kForwardPriority);
  EXPECT_EQ(items_of(encoded),
            (std::vector{RTE_FLOW_ITEM_TYPE_REPRESENTED_PORT, RTE_FLOW_ITEM_TYPE_ETH,
                         RTE_FLOW_ITEM_TYPE_IPV4, RTE_FLOW_ITEM_TYPE_TCP}));
  EXPECT_EQ(actions_of(encoded),
            (std::vector{RTE_FLOW_ACTION_TYPE_COUNT, RTE_FLOW_ACTION_TYPE_VXLAN_ENCAP,
                         RTE_FLOW_ACTION_TYPE_REPRESENTED_PORT}));
  const auto* items = encoded.pattern();
  EXPECT_EQ(static_cast<const rte_flow_item_ethdev*>(items[0].spec)->port_id, 4);
  const auto ethernet = copy<EthernetHeader>(items[1].spec);
  EXPECT_EQ(ethernet.destination, kRemote);
  EXPECT_EQ(ethernet.source, kGuest);
  const auto ip = copy<Ipv4Header>(items[2].spec);
  const auto ip_mask = copy<Ipv4Header>(items[2].mask);
  EXPECT_EQ(ip.source, Ipv4Address{0x0a01000b});
  EXPECT_EQ(ip.protocol, ip_protocol::kTcp);
  EXPECT_EQ(ip.tos, 2);
  EXPECT_EQ(ip_mask.tos, 3) << "the class of service doesn't count";
  EXPECT_EQ(ip_mask.flags_offset.host(), 0x3fff) << "no fragment, whatever it says of fragmenting";
  EXPECT_EQ(ip.flags_offset.host(), 0);
  EXPECT_EQ(ip_mask.ttl, 0);
  EXPECT_EQ(ip_mask.checksum.raw(), 0);
  const auto tcp = copy<TcpHeader>(items[3].spec);
  const auto tcp_mask = copy<TcpHeader>(items[3].mask);
  EXPECT_EQ(tcp.source_port.host(), 1234);
  EXPECT_EQ(tcp.destination_port.host(), 443);
  EXPECT_EQ(tcp.flags, tcp_flag::kAck);
  EXPECT_EQ(tcp_mask.flags, tcp_flag::kAck | tcp_flag::kSyn | tcp_flag::kFin | tcp_flag::kRst);
  EXPECT_EQ(tcp_mask.sequence.raw(), 0U);
  const auto* definition =
      static_cast<const rte_flow_action_vxlan_encap*>(encoded.actions()[1].conf)->definition;
  EXPECT_EQ(definition[0].type, RTE_FLOW_ITEM_TYPE_ETH);
  EXPECT_EQ(std::memcmp(definition[1].spec, &rule.tunnel.ip, sizeof(rule.tunnel.ip)), 0);
  EXPECT_EQ(std::memcmp(definition[2].spec, &rule.tunnel.udp, sizeof(rule.tunnel.udp)), 0);
  EXPECT_EQ(std::memcmp(definition[3].spec, &rule.tunnel.vxlan, sizeof(rule.tunnel.vxlan)), 0);
  EXPECT_EQ(definition[4].type, RTE_FLOW_ITEM_TYPE_END);
}

TEST(OffloadRule, OutOfATunnel) {
  OffloadRule rule = in_rule(true, ip_protocol::kUdp);
  rule.take_hop = true;
  const EncodedRule encoded(rule);
  EXPECT_EQ(items_of(encoded),
            (std::vector{RTE_FLOW_ITEM_TYPE_REPRESENTED_PORT, RTE_FLOW_ITEM_TYPE_ETH,
                         RTE_FLOW_ITEM_TYPE_IPV4, RTE_FLOW_ITEM_TYPE_UDP, RTE_FLOW_ITEM_TYPE_VXLAN,
                         RTE_FLOW_ITEM_TYPE_ETH, RTE_FLOW_ITEM_TYPE_IPV6, RTE_FLOW_ITEM_TYPE_UDP}));
  EXPECT_EQ(actions_of(encoded),
            (std::vector{RTE_FLOW_ACTION_TYPE_VXLAN_DECAP, RTE_FLOW_ACTION_TYPE_SET_MAC_SRC,
                         RTE_FLOW_ACTION_TYPE_DEC_TTL, RTE_FLOW_ACTION_TYPE_COUNT,
                         RTE_FLOW_ACTION_TYPE_REPRESENTED_PORT}));
  const auto* items = encoded.pattern();
  EXPECT_EQ(copy<EthernetHeader>(items[1].spec).destination, kUplink);
  EXPECT_TRUE(copy<EthernetHeader>(items[1].mask).source.is_zero()) << "any router";
  EXPECT_EQ(copy<Ipv4Header>(items[2].spec).destination, Ipv4Address{0x0a000001});
  EXPECT_TRUE(copy<Ipv4Header>(items[2].mask).source.is_zero()) << "any host";
  EXPECT_EQ(copy<Ipv4Header>(items[2].mask).tos, 3);
  EXPECT_EQ(copy<UdpHeader>(items[3].spec).destination_port.host(), 4789);
  EXPECT_EQ(copy<UdpHeader>(items[3].mask).source_port.raw(), 0);
  EXPECT_EQ(copy<VxlanHeader>(items[4].spec).vni(), 1001U);
  const auto ip_mask = copy<Ipv6Header>(items[6].mask);
  EXPECT_EQ(copy<Ipv6Header>(items[6].spec).next_header, ip_protocol::kUdp);
  EXPECT_EQ(ip_mask.version_class_label.raw(), 0U) << "any marks inside";
  EXPECT_EQ(static_cast<const rte_flow_item_ipv6*>(items[6].mask)->has_frag_ext, 1U);
  EXPECT_EQ(static_cast<const rte_flow_item_ipv6*>(items[6].spec)->has_frag_ext, 0U);
}

TEST(OffloadRule, WithAnAge) {
  OffloadRule rule = in_rule(false, ip_protocol::kUdp);
  int context = 0;
  const EncodedRule encoded(rule, {.seconds = 10, .context = &context});
  ASSERT_TRUE(encoded.has_age());
  const auto actions = actions_of(encoded);
  const auto found = std::find(actions.begin(), actions.end(), RTE_FLOW_ACTION_TYPE_AGE);
  ASSERT_NE(found, actions.end());
  const auto* age =
      static_cast<const rte_flow_action_age*>(encoded.actions()[found - actions.begin()].conf);
  EXPECT_EQ(age->timeout, 10U);
  EXPECT_EQ(age->context, &context);
  EXPECT_EQ(age->reserved, 0U);
  const EncodedRule old(rule, {.seconds = 0xffffffff});
  EXPECT_EQ(
      static_cast<const rte_flow_action_age*>(old.actions()[found - actions.begin()].conf)->timeout,
      0xffffffU)
      << "as many as there are bits for";
  rule.kind = OffloadRule::Kind::kHopGuard;
  EXPECT_FALSE(EncodedRule(rule, {.seconds = 10}).has_age());
}

TEST(OffloadRule, HopGuards) {
  for (const bool from_wire : {false, true}) {
    for (const bool v6 : {false, true}) {
      OffloadRule rule = from_wire ? in_rule(v6, ip_protocol::kUdp) : OffloadRule{};
      rule.kind = OffloadRule::Kind::kHopGuard;
      rule.is_v6 = v6;
      const EncodedRule encoded(rule);
      EXPECT_EQ(encoded.attributes()->priority, kGuardPriority);
      EXPECT_LT(kGuardPriority, kForwardPriority);
      EXPECT_EQ(actions_of(encoded), std::vector{RTE_FLOW_ACTION_TYPE_PORT_REPRESENTOR});
      const auto items = items_of(encoded);
      ASSERT_EQ(items.size(), from_wire ? 7U : 3U);
      const rte_flow_item& ip = encoded.pattern()[items.size() - 1];
      EXPECT_EQ(ip.type, v6 ? RTE_FLOW_ITEM_TYPE_IPV6 : RTE_FLOW_ITEM_TYPE_IPV4);
      EXPECT_EQ(v6 ? copy<Ipv6Header>(ip.mask).hop_limit : copy<Ipv4Header>(ip.mask).ttl, 0xfe);
      EXPECT_EQ(v6 ? copy<Ipv6Header>(ip.mask).next_header : copy<Ipv4Header>(ip.mask).protocol, 0)
          << "of every connection";
    }
  }
}

TEST(OffloadRule, ADigestTellsEveryDifference) {
  const OffloadRule rule = out_rule(false, ip_protocol::kTcp);
  EXPECT_EQ(rule.digest(), out_rule(false, ip_protocol::kTcp).digest());
  const std::vector<std::function<void(OffloadRule&)>> changes{
      [](OffloadRule& r) { r.kind = OffloadRule::Kind::kHopGuard; },
      [](OffloadRule& r) { r.proxy = 9; },
      [](OffloadRule& r) { r.ingress = 9; },
      [](OffloadRule& r) { r.egress = 9; },
      [](OffloadRule& r) { r.is_v6 = true; },
      [](OffloadRule& r) { r.from_wire = true; },
      [](OffloadRule& r) { r.into_tunnel = false; },
      [](OffloadRule& r) { r.protocol = ip_protocol::kUdp; },
      [](OffloadRule& r) { r.ecn = 0; },
      [](OffloadRule& r) { r.destination_mac = kUplink; },
      [](OffloadRule& r) { r.source_mac = kUplink; },
      [](OffloadRule& r) { r.source = IpAddress::from_numbers(7, 7); },
      [](OffloadRule& r) { r.destination = IpAddress::from_numbers(7, 7); },
      [](OffloadRule& r) { r.ports = ports(443, 1234); },
      [](OffloadRule& r) { r.uplink_mac = kGuest; },
      [](OffloadRule& r) { r.vtep = Ipv4Address{1}; },
      [](OffloadRule& r) { r.vxlan_port = BigEndian16{1}; },
      [](OffloadRule& r) { r.vni = 7; },
      [](OffloadRule& r) { r.outer_ecn = 0; },
      [](OffloadRule& r) { r.write_destination = true; },
      [](OffloadRule& r) { r.write_source = true; },
      [](OffloadRule& r) { r.take_hop = true; },
      [](OffloadRule& r) { r.new_destination = kGuest; },
      [](OffloadRule& r) { r.new_source = kGuest; },
      [](OffloadRule& r) { r.link.destination = kGuest; },
      [](OffloadRule& r) { r.tunnel.udp.source_port = BigEndian16{50001}; },
      [](OffloadRule& r) { r.tunnel.vxlan.vni_reserved = BigEndian32{1002U << 8}; },
  };
  std::vector<std::uint64_t> digests{rule.digest()};
  for (const auto& change : changes) {
    OffloadRule changed = rule;
    change(changed);
    EXPECT_EQ(std::count(digests.begin(), digests.end(), changed.digest()), 0)
        << "change " << digests.size();
    digests.push_back(changed.digest());
  }
}

}  // namespace
}  // namespace alkaid::test
