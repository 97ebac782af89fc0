#include "dataplane/offload/port_probe.hpp"

#include <cstring>

#include <fmt/format.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_flow.h>

namespace alkaid {
namespace {

std::string describe(const rte_flow_error& error, int number) {
  return fmt::format("{} ({})", error.message != nullptr ? error.message : "no message",
                     std::strerror(number));
}

// Both directions between a guest and the uplink, with everything that rules can have. Empty: the
// driver would do it.
std::string try_rules(const PortQuestion& question, std::uint16_t proxy, bool v6,
                      const TryRule& try_rule) {
  OffloadRule rule;
  rule.is_v6 = v6;
  rule.protocol = ip_protocol::kTcp;
  rule.ecn = 0;
  rule.destination_mac = question.mac;
  rule.source_mac = question.uplink_mac;
  const IpAddress address =
      v6 ? IpAddress::from_numbers(0x20010db8ULL << 32, 1) : IpAddress{question.vtep};
  rule.source = address;
  rule.destination = address;
  rule.write_destination = true;
  rule.write_source = true;
  rule.take_hop = true;
  rule.new_destination = question.mac;
  rule.new_source = question.uplink_mac;

  OffloadRule out = rule;
  out.proxy = proxy;
  out.ingress = question.device;
  out.egress = question.uplink;
  out.into_tunnel = true;
  out.link = {question.uplink_mac, question.uplink_mac, BigEndian16{ether_type::kIpv4}};
  out.tunnel.ip.version_ihl = 0x45;
  out.tunnel.ip.ttl = 64;
  out.tunnel.ip.protocol = ip_protocol::kUdp;
  out.tunnel.ip.source = question.vtep;
  out.tunnel.ip.destination = question.vtep;
  out.tunnel.udp.destination_port = question.vxlan_port;
  out.tunnel.vxlan.flags = VxlanHeader::kVniPresent;
  if (const std::string refusal = try_rule(out); !refusal.empty()) {
    return fmt::format("its driver takes no rule into tunnels: {}", refusal);
  }

  OffloadRule in = rule;
  in.proxy = question.uplink_proxy;
  in.ingress = question.uplink;
  in.egress = question.device;
  in.from_wire = true;
  in.uplink_mac = question.uplink_mac;
  in.vtep = question.vtep;
  in.vxlan_port = question.vxlan_port;
  in.vni = 1;
  in.outer_ecn = 0;
  if (const std::string refusal = try_rule(in); !refusal.empty()) {
    return fmt::format("its driver takes no rule out of tunnels: {}", refusal);
  }
  return {};
}

}  // namespace

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
  if (question.is_uplink) {
    return answer;
  }
  if (answer.domain != question.uplink_domain) {
    answer.refusal = "the uplink is in another switch";
    return answer;
  }
  answer.refusal = try_rules(question, answer.proxy, false, try_rule);
  answer.forwards_v6 =
      answer.refusal.empty() && try_rules(question, answer.proxy, true, try_rule).empty();
  return answer;
}

}  // namespace alkaid
