#include "dataplane/policy/check_rule.hpp"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/unit/policy/policy_fixture.hpp"

namespace alkaid {
namespace {

TEST(CheckRule, NamesTheFieldThatIsWrong) {
  struct Case {
    std::string name;
    SecurityRuleConfig rule;
    std::string field;  // empty: right
  };
  const std::vector<Case> cases{
      {"anything", {.id = "r"}, ""},
      {"no id", {}, "id"},
      {"a long id", {.id = std::string(256, 'x')}, "id"},
      {"ports of TCP", {.id = "r", .protocol = 6, .port_min = 1, .port_max = 65535}, ""},
      {"ports from 0", {.id = "r", .protocol = 17, .port_min = 0, .port_max = 5}, ""},
      {"ports of SCTP", {.id = "r", .protocol = 132, .port_min = 5, .port_max = 5}, ""},
      {"ports of any protocol", {.id = "r", .port_min = 1, .port_max = 2}, "port_min"},
      {"ports of GRE", {.id = "r", .protocol = 47, .port_min = 1, .port_max = 2}, "port_min"},
      {"ports reversed", {.id = "r", .protocol = 6, .port_min = 2, .port_max = 1}, "port_min"},
      {"only port_min", {.id = "r", .protocol = 6, .port_min = 2}, "port_min"},
      {"ICMP type", {.id = "r", .protocol = 1, .icmp_type = 8}, ""},
      {"ICMP type 0", {.id = "r", .protocol = 1, .icmp_type = 0, .icmp_code = 0}, ""},
      {"ICMPv6 type", {.id = "r", .ipv6 = true, .protocol = 58, .icmp_type = 128}, ""},
      {"ICMP of IPv6", {.id = "r", .ipv6 = true, .protocol = 1, .icmp_type = 8}, "icmp_type"},
      {"ICMPv6 of IPv4", {.id = "r", .protocol = 58, .icmp_type = 128}, "icmp_type"},
      {"ICMP type of any protocol", {.id = "r", .icmp_type = 8}, "icmp_type"},
      {"ICMP code alone", {.id = "r", .protocol = 1, .icmp_code = 8}, "icmp_code"},
      {"IPv4 prefix", {.id = "r", .remote_prefix = prefix("0.0.0.0/0")}, ""},
      {"IPv6 prefix", {.id = "r", .ipv6 = true, .remote_prefix = prefix("::/0")}, ""},
      {"other family", {.id = "r", .remote_prefix = prefix("::/0")}, "remote_prefix"},
      {"other family",
       {.id = "r", .ipv6 = true, .remote_prefix = prefix("10.0.0.0/8")},
       "remote_prefix"},
      {"too long a prefix",
       {.id = "r", .remote_prefix = IpPrefix{ip("10.0.0.0"), 33}},
       "remote_prefix.length"},
      {"prefix and group",
       {.id = "r", .remote_prefix = prefix("10.0.0.0/8"), .remote_group = "g"},
       "remote_group"},
      {"a long group", {.id = "r", .remote_group = std::string(256, 'x')}, "remote_group"},
  };
  for (const auto& [name, rule, field] : cases) {
    const auto error = check_rule(rule);
    EXPECT_EQ(error ? error->field : "", field) << name;
    if (error) {
      EXPECT_FALSE(error->message.empty()) << name;
      EXPECT_EQ(error->code, ObjectErrorCode::kInvalid) << name;
    }
  }
}

TEST(CheckRule, SelectorsOfARule) {
  const auto first_and_last = [](const SecurityRuleConfig& rule) {
    const RuleInterval interval = interval_of(rule);
    return std::pair{interval.first, interval.last};
  };
  using Ends = std::pair<Selector, Selector>;
  EXPECT_EQ(first_and_last({.id = "r"}), (Ends{0, 0xffffff}));
  EXPECT_EQ(first_and_last({.id = "r", .protocol = 0}), (Ends{0, 0xffff}));
  EXPECT_EQ(first_and_last({.id = "r", .protocol = 255}), (Ends{0xff0000, 0xffffff}));
  EXPECT_EQ(first_and_last({.id = "r", .protocol = 6}), (Ends{0x060000, 0x06ffff}));
  EXPECT_EQ(first_and_last({.id = "r", .protocol = 6, .port_min = 0, .port_max = 1}),
            (Ends{0x060000, 0x060001}));
  EXPECT_EQ(first_and_last({.id = "r", .protocol = 1, .icmp_type = 255}),
            (Ends{0x01ff00, 0x01ffff}));
  EXPECT_EQ(first_and_last({.id = "r", .protocol = 1, .icmp_type = 0, .icmp_code = 3}),
            (Ends{0x010003, 0x010003}));
}

}  // namespace
}  // namespace alkaid
