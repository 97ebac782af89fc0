// Ports of the dual-stack lab that enforce security groups.
#pragma once

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "dataplane/flow/connection_keeper.hpp"
#include "tests/pipeline/ipv6_network.hpp"
#include "tests/pipeline/software_nic.hpp"

namespace alkaid::test {

// From anywhere or to anywhere. port: 0 for all.
inline SecurityRuleConfig policy_rule(std::string id, bool ingress, bool ipv6,
                                      std::optional<std::uint8_t> protocol = {},
                                      std::uint16_t port = 0) {
  SecurityRuleConfig rule;
  rule.id = std::move(id);
  rule.ingress = ingress;
  rule.ipv6 = ipv6;
  rule.protocol = protocol;
  rule.port_min = port;
  rule.port_max = port;
  return rule;
}

inline void set_rules(PipelineLab& lab, const std::string& group,
                      std::vector<SecurityRuleConfig> rules) {
  ASSERT_FALSE(lab.programmer().set(SecurityGroupChange{.id = group, .rules = std::move(rules)}));
}

// The port as it is, with these groups and nothing else that passes.
inline void enforce(PipelineLab& lab, const std::string& port, std::vector<std::string> groups) {
  auto config = *lab.dataplane().ports().find_config(port);
  config.policy_enforced = true;
  config.security_groups = std::move(groups);
  ASSERT_FALSE(lab.programmer().set(config));
}

// A TCP segment between green-1, who has opened the connection from `port`, and green-3's port 80;
// how many frames came out at the other end.
inline std::size_t send_tcp(PipelineLab& lab, std::uint16_t port, std::uint8_t flags, bool reply) {
  constexpr std::uint16_t kServer = 80;
  const net::Station& from = reply ? net::kGreen3 : net::kGreen1;
  const net::Station& to = reply ? net::kGreen1 : net::kGreen3;
  lab.send(reply ? "green-3" : "green-1",
           {packet()
                .ethernet({.source = from.mac, .destination = to.mac})
                .ipv4({.source = from.ip, .destination = to.ip})
                .tcp({.source_port = reply ? kServer : port,
                      .destination_port = reply ? port : kServer,
                      .flags = flags})
                .build()});
  return lab.take(reply ? "green-1" : "green-3").size();
}

// Live connections of both families.
inline int connections_of(PipelineLab& lab) {
  int count = 0;
  lab.dataplane().connections().for_each<FlowKeyV4>([&](auto&, auto) { ++count; });
  lab.dataplane().connections().for_each<FlowKeyV6>([&](auto&, auto) { ++count; });
  return count;
}

// Lets time pass in such steps that the keeper looks at every connection in each of them.
inline void pass_time(PipelineLab& lab, std::uint32_t seconds, std::uint32_t step = 100) {
  for (std::uint32_t passed = 0; passed < seconds; passed += step) {
    const std::uint32_t milliseconds = 1000 * std::min(step, seconds - passed);
    lab.dataplane().flows().clock.advance(milliseconds);
    SoftwareNic::instance().let_pass(std::chrono::milliseconds{milliseconds});
    lab.walk();
  }
}

}  // namespace alkaid::test
