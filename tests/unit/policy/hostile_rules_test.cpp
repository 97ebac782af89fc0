// Rule sets made to be slow or large.
#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/unit/policy/policy_fixture.hpp"

namespace alkaid {
namespace {

using Rules = std::vector<SecurityRuleConfig>;

constexpr std::uint8_t kTcp = 6;
constexpr std::uint32_t kMany = 10'000;

SecurityRuleConfig rule(std::uint32_t number) {
  return {.id = std::to_string(number), .ingress = true, .protocol = kTcp};
}

std::uint16_t port(std::uint32_t number) {
  return static_cast<std::uint16_t>(1 + number % 65535);
}

// Every length that there is, ports at every level.
Rules nested(bool ipv6) {
  Rules rules;
  const unsigned longest = ipv6 ? 128 : 32;
  for (std::uint32_t i = 0; i < kMany; ++i) {
    auto& made = rules.emplace_back(rule(i));
    made.ipv6 = ipv6;
    made.remote_prefix = IpPrefix{ipv6 ? ip("2001:db8::1") : ip("10.1.2.3"),
                                  static_cast<std::uint8_t>(i % (longest + 1))};
    made.port_min = made.port_max = port(i);
  }
  return rules;
}

// A complete binary tree of prefixes: the most chains on the way to the root.
Rules binary_tree() {
  Rules rules;
  for (std::uint32_t i = 1; i <= kMany; ++i) {
    const auto depth = static_cast<unsigned>(31 - __builtin_clz(i));
    const std::uint32_t bits = depth == 0 ? 0 : (i - (1U << depth)) << (32 - depth);
    auto& made = rules.emplace_back(rule(i));
    made.remote_prefix = IpPrefix{Ipv4Address{bits}, static_cast<std::uint8_t>(depth)};
    made.port_min = made.port_max = port(i);
  }
  return rules;
}

// Half of them hold for every address, the others for one each: a product of both would be huge.
Rules any_remote_and_hosts() {
  Rules rules;
  for (std::uint32_t i = 0; i < kMany; ++i) {
    auto& made = rules.emplace_back(rule(i));
    if (i % 2 == 0) {
      made.remote_prefix = IpPrefix{Ipv4Address{0x0a000000 + i}, 32};
    }
    made.port_min = made.port_max = port(2 * i);
  }
  return rules;
}

// Ranges inside ranges.
Rules onion() {
  Rules rules;
  for (std::uint32_t i = 0; i < kMany; ++i) {
    auto& made = rules.emplace_back(rule(i));
    made.remote_prefix = IpPrefix{ip("10.1.2.3"), static_cast<std::uint8_t>(i % 33)};
    made.port_min = static_cast<std::uint16_t>(1 + i);
    made.port_max = static_cast<std::uint16_t>(65535 - i);
  }
  return rules;
}

// As many groups as can be named, every one with rules for all ports.
Rules remote_groups() {
  Rules rules;
  for (std::uint32_t i = 0; i < kMany; ++i) {
    auto& made = rules.emplace_back(rule(i));
    made.remote_group = "group-" + std::to_string(i % 64);
    made.port_min = static_cast<std::uint16_t>(1 + i);
    made.port_max = 65535;
  }
  return rules;
}

// Memory stays in proportion to the rules, a change is carried out quickly, and a decision is
// right.
class HostileRules : public ::testing::TestWithParam<Rules (*)()> {};

TEST_P(HostileRules, StayLinear) {
  const Rules rules = GetParam()();
  PolicyFixture fixture;
  ASSERT_FALSE(fixture.groups.apply({.id = "group-0", .rules = rules}));
  const bool ipv6 = rules.front().ipv6;
  RuleSource<Ipv4Key> four;
  RuleSource<Ipv6Key> six;
  for (const auto& made : rules) {
    const PolicyRule box{
        .prefix = made.remote_prefix.value_or(IpPrefix{ipv6 ? IpAddress{} : Ipv4Address{}, 0}),
        .interval = {.first = selector_of(kTcp, made.port_min),
                     .last = selector_of(kTcp, made.port_max),
                     .rule = 1}};
    ipv6 ? six.add(box) : four.add(box);
  }
  const std::size_t bytes = ipv6 ? six.compile()->bytes() : four.compile()->bytes();
  EXPECT_LT(bytes, rules.size() * 256);

  const auto start = std::chrono::steady_clock::now();
  constexpr int kChanges = 20;
  for (int i = 0; i < kChanges; ++i) {
    SecurityRuleConfig changed = rules[static_cast<std::size_t>(i) * 97];
    changed.port_min = changed.port_max = 65500;
    ASSERT_FALSE(fixture.groups.apply({.id = "group-0", .rules = {changed}}));
  }
  const std::chrono::duration<double, std::milli> each =
      (std::chrono::steady_clock::now() - start) / kChanges;
  // Not a measurement (perf/ has those): quadratic work would take seconds.
  EXPECT_LT(each.count(), 500.0);
}

INSTANTIATE_TEST_SUITE_P(Shapes, HostileRules,
                         ::testing::Values([] { return nested(false); },
                                           [] { return nested(true); }, binary_tree,
                                           any_remote_and_hosts, onion, remote_groups));

TEST(HostileRules, DeepNestingFindsTheRuleOfEveryLevel) {
  for (const bool ipv6 : {false, true}) {
    PolicyFixture fixture;
    const unsigned longest = ipv6 ? 128 : 32;
    Rules rules;
    for (unsigned length = 0; length <= longest; ++length) {
      auto& made = rules.emplace_back(rule(length));
      made.ipv6 = ipv6;
      made.remote_prefix =
          IpPrefix{ipv6 ? ip("2001:db8::1") : ip("10.1.2.3"), static_cast<std::uint8_t>(length)};
      made.port_min = made.port_max = static_cast<std::uint16_t>(1000 + length);
    }
    ASSERT_FALSE(fixture.groups.apply({.id = "g", .rules = rules}));
    const std::string inside = ipv6 ? "2001:db8::1" : "10.1.2.3";
    const std::string beside = ipv6 ? "2001:db8::0" : "10.1.2.2";
    for (unsigned length = 0; length <= longest; ++length) {
      const auto asked = static_cast<std::uint16_t>(1000 + length);
      EXPECT_EQ(fixture.ingress("g", inside, kTcp, asked), "g/" + std::to_string(length));
      EXPECT_EQ(fixture.ingress("g", beside, kTcp, asked),
                length == longest ? "" : "g/" + std::to_string(length));
    }
  }
}

}  // namespace
}  // namespace alkaid
