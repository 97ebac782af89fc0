// Security groups of different shapes and packets that ask about them.
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "dataplane/policy/port_policy.hpp"
#include "dataplane/tables/objects.hpp"

namespace alkaid::perf {

using Random = std::mt19937_64;

struct RuleShape {
  const char* name;
  const char* description;
  SecurityRuleConfig (*rule)(Random& random, std::uint32_t number, bool ipv6);
};

inline IpPrefix random_prefix(Random& random, bool ipv6, unsigned shortest) {
  const unsigned longest = ipv6 ? 128 : 32;
  const auto length = static_cast<std::uint8_t>(shortest + random() % (longest - shortest + 1));
  return ipv6 ? IpPrefix{IpAddress::from_numbers(random(), random()), length}
              : IpPrefix{Ipv4Address{static_cast<std::uint32_t>(random())}, length};
}

inline SecurityRuleConfig tcp_rule(Random& random, std::uint32_t number, bool ipv6) {
  SecurityRuleConfig rule{
      .id = "rule-" + std::to_string(number), .ingress = true, .ipv6 = ipv6, .protocol = 6};
  rule.port_min = static_cast<std::uint16_t>(1 + random() % 65000);
  rule.port_max = static_cast<std::uint16_t>(rule.port_min + random() % 16);
  return rule;
}

inline const std::vector<RuleShape>& rule_shapes() {
  static const std::vector<RuleShape> kShapes{
      {"ports", "port ranges for every remote address",
       [](Random& random, std::uint32_t number, bool ipv6) {
         return tcp_rule(random, number, ipv6);
       }},
      {"prefixes", "port ranges for random prefixes",
       [](Random& random, std::uint32_t number, bool ipv6) {
         auto rule = tcp_rule(random, number, ipv6);
         rule.remote_prefix = random_prefix(random, ipv6, ipv6 ? 48 : 12);
         return rule;
       }},
      {"nested", "prefixes of every length around one address",
       [](Random& random, std::uint32_t number, bool ipv6) {
         auto rule = tcp_rule(random, number, ipv6);
         const IpAddress center = ipv6 ? IpAddress::from_numbers(0x20010db800000000, 1)
                                       : IpAddress{Ipv4Address{0x0a010203}};
         rule.remote_prefix =
             IpPrefix{center, static_cast<std::uint8_t>(number % (ipv6 ? 129 : 33))};
         return rule;
       }},
      {"tree", "a complete binary tree of prefixes: the longest way to the root",
       [](Random& random, std::uint32_t number, bool ipv6) {
         auto rule = tcp_rule(random, number, ipv6);
         const std::uint32_t place = number + 1;
         const auto depth = static_cast<unsigned>(31 - __builtin_clz(place));
         const std::uint64_t bits =
             depth == 0 ? 0 : std::uint64_t{place - (1U << depth)} << (64 - depth);
         rule.remote_prefix =
             IpPrefix{ipv6 ? IpAddress::from_numbers(bits, 0)
                           : IpAddress{Ipv4Address{static_cast<std::uint32_t>(bits >> 32)}},
                      static_cast<std::uint8_t>(depth)};
         return rule;
       }},
      {"groups", "port ranges for the members of 64 groups",
       [](Random& random, std::uint32_t number, bool ipv6) {
         auto rule = tcp_rule(random, number, ipv6);
         rule.remote_group = "remote-" + std::to_string(number % 64);
         return rule;
       }},
  };
  return kShapes;
}

// Half of the packets are allowed by some rule (groups: if the address is a member), half of them
// are at its address with another port.
inline std::vector<PolicyQuery> packets_for(Random& random,
                                            const std::vector<SecurityRuleConfig>& rules,
                                            std::size_t count) {
  std::vector<PolicyQuery> packets;
  while (packets.size() < count) {
    const auto& rule = rules[random() % rules.size()];
    PolicyQuery packet{.ipv6 = rule.ipv6, .protocol = 6, .selector = rule.port_min};
    if (rule.remote_prefix) {
      packet.remote = rule.remote_prefix->address;
    } else {
      packet.remote = random_prefix(random, rule.ipv6, 32).address;
    }
    if (random() % 2 == 0) {
      packet.selector = static_cast<std::uint16_t>(random());
    }
    packets.push_back(packet);
  }
  return packets;
}

}  // namespace alkaid::perf
