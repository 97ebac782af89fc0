// The software card itself: that it refuses what cards refuse, or what passes here says nothing
// about them.
#include <cerrno>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "dataplane/offload/rule_encoder.hpp"
#include "tests/pipeline/software_rule.hpp"

namespace alkaid::test {
namespace {

// A rule as it is given to a driver, to be spoiled.
struct Rule {
  rte_flow_attr attributes;
  std::vector<rte_flow_item> items;
  std::vector<rte_flow_action> actions;
};

struct Spoiled {
  std::string name;
  int error;
  std::string message;  // part of it
  std::function<void(Rule&)> spoil;
};

OffloadRule out_of_a_tunnel() {
  OffloadRule rule;
  rule.ingress = 1;
  rule.egress = 2;
  rule.from_wire = true;
  rule.vni = 1;
  return rule;
}
OffloadRule into_a_tunnel() {
  OffloadRule rule;
  rule.ingress = 2;
  rule.egress = 1;
  rule.into_tunnel = true;
  return rule;
}

class SoftwareCard : public ::testing::TestWithParam<Spoiled> {};

int parse(const OffloadRule& offload_rule, const std::function<void(Rule&)>& spoil,
          std::string& message) {
  const EncodedRule encoded(offload_rule);
  Rule rule{.attributes = *encoded.attributes(), .items = {}, .actions = {}};
  for (const auto* item = encoded.pattern(); item->type != RTE_FLOW_ITEM_TYPE_END; ++item) {
    rule.items.push_back(*item);
  }
  for (const auto* action = encoded.actions(); action->type != RTE_FLOW_ACTION_TYPE_END; ++action) {
    rule.actions.push_back(*action);
  }
  spoil(rule);
  rule.items.push_back({.type = RTE_FLOW_ITEM_TYPE_END});
  rule.actions.push_back({.type = RTE_FLOW_ACTION_TYPE_END});
  rte_flow parsed;
  rte_flow_error error{};
  const int result =
      parse_rule(rule.attributes, rule.items.data(), rule.actions.data(), parsed, &error);
  message = error.message != nullptr ? error.message : "";
  return result;
}

TEST(SoftwareCardTakes, WhatIsRight) {
  std::string message;
  EXPECT_EQ(parse(
                out_of_a_tunnel(), [](Rule&) {}, message),
            0)
      << message;
  EXPECT_EQ(parse(
                into_a_tunnel(), [](Rule&) {}, message),
            0)
      << message;
}

TEST_P(SoftwareCard, Refuses) {
  std::string message;
  EXPECT_EQ(parse(out_of_a_tunnel(), GetParam().spoil, message), -GetParam().error);
  EXPECT_NE(message.find(GetParam().message), std::string::npos) << message;
}

// The items are the port, Ethernet, IPv4, UDP and VXLAN outside, Ethernet, IPv4 and UDP inside.
INSTANTIATE_TEST_SUITE_P(
    All, SoftwareCard,
    ::testing::Values(
        Spoiled{"NotOfTheSwitch", ENOTSUP, "only the switch",
                [](Rule& rule) { rule.attributes.transfer = 0; }},
        Spoiled{"Ingress", ENOTSUP, "only the switch",
                [](Rule& rule) { rule.attributes.ingress = 1; }},
        Spoiled{"Egress", ENOTSUP, "only the switch",
                [](Rule& rule) { rule.attributes.egress = 1; }},
        Spoiled{"AnotherGroup", ENOTSUP, "two priorities",
                [](Rule& rule) { rule.attributes.group = 1; }},
        Spoiled{"AThirdPriority", ENOTSUP, "two priorities",
                [](Rule& rule) { rule.attributes.priority = 2; }},
        Spoiled{"NoPort", ENOTSUP, "no source port",
                [](Rule& rule) { rule.items.erase(rule.items.begin()); }},
        Spoiled{"APortWithoutMask", ENOTSUP, "no source port",
                [](Rule& rule) { rule.items[0].mask = nullptr; }},
        Spoiled{"NoEthernet", EINVAL, "out of order",
                [](Rule& rule) { rule.items.erase(rule.items.begin() + 1); }},
        Spoiled{"IpBehindUdp", EINVAL, "out of order",
                [](Rule& rule) { std::swap(rule.items[2], rule.items[3]); }},
        Spoiled{"ATunnelInNoUdp", EINVAL, "out of order",
                [](Rule& rule) { rule.items.erase(rule.items.begin() + 3); }},
        Spoiled{"PortsTwice", EINVAL, "out of order",
                [](Rule& rule) { rule.items.push_back(rule.items.back()); }},
        Spoiled{"AnUnknownItem", ENOTSUP, "unknown item",
                [](Rule& rule) { rule.items[5].type = RTE_FLOW_ITEM_TYPE_ARP_ETH_IPV4; }},
        Spoiled{"ARange", ENOTSUP, "no ranges",
                [](Rule& rule) { rule.items[2].last = rule.items[2].spec; }},
        Spoiled{"NoMask", EINVAL, "without mask", [](Rule& rule) { rule.items[2].mask = nullptr; }},
        Spoiled{"AnUnknownAction", ENOTSUP, "unknown action",
                [](Rule& rule) { rule.actions[0].type = RTE_FLOW_ACTION_TYPE_DROP; }},
        Spoiled{"NoWhere", EINVAL, "goes nowhere", [](Rule& rule) { rule.actions.pop_back(); }},
        Spoiled{"SomethingBehindTheEnd", EINVAL, "behind the last",
                [](Rule& rule) { rule.actions.push_back(rule.actions[0]); }},
        Spoiled{
            "NothingToTakeOff", EINVAL, "in no tunnel",
            [](Rule& rule) { rule.items.erase(rule.items.begin() + 4, rule.items.begin() + 8); }}),
    [](const auto& info) { return info.param.name; });

TEST(SoftwareCardTakes, TunnelsOverIpv4Only) {
  std::string message;
  EXPECT_EQ(parse(
                into_a_tunnel(),
                [](Rule& rule) {
                  for (auto& action : rule.actions) {
                    if (action.type == RTE_FLOW_ACTION_TYPE_VXLAN_ENCAP) {
                      auto* definition =
                          static_cast<const rte_flow_action_vxlan_encap*>(action.conf)->definition;
                      definition[1].type = RTE_FLOW_ITEM_TYPE_IPV6;
                    }
                  }
                },
                message),
            -EINVAL);
  EXPECT_NE(message.find("no VXLAN over IPv4"), std::string::npos) << message;
}

}  // namespace
}  // namespace alkaid::test
