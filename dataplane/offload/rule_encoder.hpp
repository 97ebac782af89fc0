// A rule in the words of rte_flow: what the driver is given.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include <rte_flow.h>

#include "dataplane/offload/rule.hpp"

namespace alkaid {

// Guards go before the rules that forward.
inline constexpr std::uint32_t kGuardPriority = 0;
inline constexpr std::uint32_t kForwardPriority = 1;

// After which hardware tells that a rule saw no packet, and by which name. None: it isn't asked to.
struct RuleAge {
  std::uint32_t seconds = 0;  // of 24 bits
  void* context = nullptr;
};

// Lives as long as the driver's call: items and actions point into it. Any thread.
class EncodedRule {
 public:
  // Guards have no age.
  explicit EncodedRule(const OffloadRule& rule, const RuleAge& age = {});
  EncodedRule(const EncodedRule&) = delete;
  EncodedRule& operator=(const EncodedRule&) = delete;

  [[nodiscard]] const rte_flow_attr* attributes() const { return &attributes_; }
  [[nodiscard]] const rte_flow_item* pattern() const { return pattern_.data(); }
  [[nodiscard]] const rte_flow_action* actions() const { return actions_.data(); }

  // Decapsulate or encapsulate, 3 to rewrite, age, count, device, end.
  static constexpr std::size_t kMostActions = 8;

  [[nodiscard]] bool has_age() const { return age_.timeout != 0; }

  // Of rules that count, and that have an age: what to ask rte_flow_query() for.
  static const rte_flow_action* count_action();
  static const rte_flow_action* age_action();

 private:
  template <class Fields>
  struct Matched {
    Fields spec{};
    Fields mask{};
  };
  static constexpr std::size_t kMostItems = 9;  // device, 4 outside, 3 inside, end

  void add_item(rte_flow_item_type type, const void* spec, const void* mask);
  template <class Fields>
  void add_item(rte_flow_item_type type, const Matched<Fields>& fields) {
    add_item(type, &fields.spec, &fields.mask);
  }
  void add_action(rte_flow_action_type type, const void* conf);

  void match_tunnel(const OffloadRule& rule);
  void match_ethernet(const OffloadRule& rule);
  void match_ip(const OffloadRule& rule);
  void match_ipv4(const OffloadRule& rule);
  void match_ipv6(const OffloadRule& rule);
  void match_ports(const OffloadRule& rule);
  void rewrite(const OffloadRule& rule);
  void encapsulate(const OffloadRule& rule);

  rte_flow_attr attributes_{};
  std::array<rte_flow_item, kMostItems> pattern_{};
  std::array<rte_flow_action, kMostActions> actions_{};
  std::size_t items_count_ = 0;
  std::size_t actions_count_ = 0;

  Matched<rte_flow_item_ethdev> ingress_;
  Matched<rte_flow_item_eth> outer_ethernet_;
  Matched<rte_flow_item_ipv4> outer_ip_;
  Matched<rte_flow_item_udp> outer_udp_;
  Matched<rte_flow_item_vxlan> vxlan_;
  Matched<rte_flow_item_eth> ethernet_;
  Matched<rte_flow_item_ipv4> ipv4_;
  Matched<rte_flow_item_ipv6> ipv6_;
  Matched<rte_flow_item_udp> udp_;
  Matched<rte_flow_item_tcp> tcp_;

  rte_flow_action_set_mac new_source_{};
  rte_flow_action_set_mac new_destination_{};
  rte_flow_action_age age_{};
  rte_flow_action_ethdev egress_{};
  // The headers that are put on: all of each counts.
  Matched<rte_flow_item_eth> link_;
  Matched<rte_flow_item_ipv4> tunnel_ip_;
  Matched<rte_flow_item_udp> tunnel_udp_;
  Matched<rte_flow_item_vxlan> tunnel_vxlan_;
  std::array<rte_flow_item, 5> definition_{};
  rte_flow_action_vxlan_encap encapsulation_{};
};

}  // namespace alkaid
