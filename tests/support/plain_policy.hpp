// Security groups as plainly as they can be written: lists of rules, one after the other. Shares no
// code with the compiled ones.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "dataplane/policy/port_policy.hpp"
#include "dataplane/tables/objects.hpp"

namespace alkaid::test {

class PlainPolicy {
 public:
  void set_rule(const std::string& group, const SecurityRuleConfig& rule) {
    groups_[group].rules[rule.id] = rule;
  }
  void remove_rule(const std::string& group, const std::string& id) {
    groups_[group].rules.erase(id);
  }
  [[nodiscard]] bool has_rule(const std::string& group, const std::string& id) {
    return groups_[group].rules.contains(id);
  }
  void add_member(const std::string& group, const IpAddress& member) {
    groups_[group].members.insert(member);
  }
  void remove_member(const std::string& group, const IpAddress& member) {
    groups_[group].members.erase(member);
  }
  [[nodiscard]] bool has_member(const std::string& group, const IpAddress& member) {
    return groups_[group].members.contains(member);
  }

  // Whether a port that has these groups lets it pass.
  [[nodiscard]] bool allows(const std::vector<std::string>& groups, bool ingress,
                            const PolicyQuery& query) {
    for (const auto& group : groups) {
      for (const auto& [id, rule] : groups_[group].rules) {
        if (rule.ingress == ingress && matches(rule, query)) {
          return true;
        }
      }
    }
    return false;
  }

 private:
  struct Group {
    std::map<std::string, SecurityRuleConfig> rules;
    std::set<IpAddress> members;
  };

  [[nodiscard]] bool matches(const SecurityRuleConfig& rule, const PolicyQuery& query) {
    const bool has_ports = rule.port_min != 0 || rule.port_max != 0;
    const auto type = static_cast<std::uint8_t>(query.selector >> 8);
    const auto code = static_cast<std::uint8_t>(query.selector);
    return rule.ipv6 == query.ipv6 && (!rule.protocol || rule.protocol == query.protocol) &&
           (!has_ports || (query.selector >= rule.port_min && query.selector <= rule.port_max)) &&
           (!rule.icmp_type || rule.icmp_type == type) &&
           (!rule.icmp_code || rule.icmp_code == code) &&
           (!rule.remote_prefix || rule.remote_prefix->contains(query.remote)) &&
           (rule.remote_group.empty() || has_member(rule.remote_group, query.remote));
  }

  std::map<std::string, Group> groups_;
};

}  // namespace alkaid::test
