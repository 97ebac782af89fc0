// Security groups without workers, and rules written shortly.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "dataplane/policy/rule_table.hpp"
#include "dataplane/policy/security_group_table.hpp"

namespace alkaid {

inline IpAddress ip(const std::string& text) {
  return IpAddress::parse(text).value();
}

inline IpPrefix prefix(const std::string& text) {
  return IpPrefix::parse(text).value();
}

// In place of quiescent states: a grace period ends when the test says so.
class Grace {
 public:
  [[nodiscard]] Retire retire() {
    return [this](std::function<void()> release) { waiting_.push_back(std::move(release)); };
  }
  void pass() {
    while (!waiting_.empty()) {
      const auto due = std::exchange(waiting_, {});
      for (const auto& release : due) {
        release();
      }
    }
  }
  [[nodiscard]] std::size_t waiting() const { return waiting_.size(); }
  ~Grace() { pass(); }

 private:
  std::vector<std::function<void()>> waiting_;
};

struct PolicyFixture {
  explicit PolicyFixture(std::uint32_t most_rules = 65536, SecurityGroupTable::Sizes sizes = {})
      : rules(most_rules, 1, grace.retire()), groups(sizes, rules, grace.retire()) {
    groups.on_narrowed([this](const std::vector<const SecurityGroup*>& affected) {
      narrowed.emplace_back();
      for (const SecurityGroup* group : affected) {
        narrowed.back().push_back(group->id());
      }
    });
  }

  // What the group says, as "group/rule"; empty: denied.
  [[nodiscard]] std::string decide(const std::string& group, PolicyDirection direction,
                                   const PolicyQuery& query) const {
    const SecurityGroup* found = groups.find(group);
    const RuleNumber rule = found != nullptr ? found->find(direction, query) : kNoRule;
    if (rule == kNoRule) {
      return {};
    }
    const RuleName* name = rules.name(rule);
    return name != nullptr ? name->group + "/" + name->rule : "unnamed";
  }
  [[nodiscard]] std::string ingress(const std::string& group, const std::string& remote,
                                    std::uint8_t protocol, std::uint16_t selector) const {
    const IpAddress address = ip(remote);
    return decide(group, PolicyDirection::kIngress,
                  {address, !address.is_v4(), protocol, selector});
  }

  Grace grace;
  RuleTable rules;
  SecurityGroupTable groups;
  std::vector<std::vector<std::string>> narrowed;  // every call of the listener
};

}  // namespace alkaid
