// A security group: rules that allow, and the addresses that are in it.
// Design: docs/design/security-groups.md.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "dataplane/policy/member_set.hpp"
#include "dataplane/policy/rule_set.hpp"
#include "dataplane/policy/rule_source.hpp"
#include "dataplane/tables/objects.hpp"

namespace alkaid {

// As the port's guest sees it.
enum class PolicyDirection : std::uint8_t { kEgress = 0, kIngress = 1 };

// Its address stays the same for as long as a port or a rule names it (SecurityGroupTable). A group
// that only those know has no rules and no members.
class SecurityGroup {
 public:
  explicit SecurityGroup(std::string id) : id_(std::move(id)) {}
  ~SecurityGroup();
  SecurityGroup(const SecurityGroup&) = delete;
  SecurityGroup& operator=(const SecurityGroup&) = delete;

  // ---- workers; what is found may be used until the next quiescent state
  [[nodiscard]] RuleNumber find(PolicyDirection direction, const PolicyQuery& query) const {
    const Rules* rules = rules_.load(std::memory_order_acquire);
    if (rules == nullptr) {
      return kNoRule;
    }
    const auto side = static_cast<std::size_t>(direction);
    if (query.ipv6) {
      const auto* set = rules->ipv6[side].get();
      return set != nullptr ? set->find(query) : kNoRule;
    }
    const auto* set = rules->ipv4[side].get();
    return set != nullptr ? set->find(query) : kNoRule;
  }
  [[nodiscard]] bool has_member(const IpAddress& address) const {
    const MemberSet* members = members_.load(std::memory_order_acquire);
    return members != nullptr && members->contains(address);
  }

  // ---- control thread
  struct Rule {
    SecurityRuleConfig config;
    RuleNumber number = kNoRule;
    SecurityGroup* remote_group = nullptr;  // held by a reference
  };

  [[nodiscard]] const std::string& id() const { return id_; }
  [[nodiscard]] const std::map<std::string, Rule>& rules() const { return contents_; }
  [[nodiscard]] std::size_t member_count() const {
    const MemberSet* members = members_.load(std::memory_order_relaxed);
    return members != nullptr ? members->size() : 0;
  }
  // visit(const IpAddress&).
  template <class Visit>
  void for_each_member(Visit&& visit) const {
    if (const MemberSet* members = members_.load(std::memory_order_relaxed)) {
      members->for_each(visit);
    }
  }

 private:
  friend class SecurityGroupTable;

  // By PolicyDirection. Sets that a change leaves as they are go on into the next object.
  struct Rules {
    std::array<std::shared_ptr<const RuleSet<Ipv4Key>>, 2> ipv4;
    std::array<std::shared_ptr<const RuleSet<Ipv6Key>>, 2> ipv6;
  };

  // Groups that each of the four rule sets names, and by how many rules.
  using NamedGroups = std::array<std::map<std::string, std::int64_t>, 4>;

  std::atomic<const Rules*> rules_{nullptr};
  std::atomic<MemberSet*> members_{nullptr};

  // ---- control thread
  const std::string id_;
  bool known_ = false;            // to the agent
  std::uint64_t references_ = 0;  // ports and rules that name it
  std::map<std::string, Rule> contents_;
  std::array<RuleSource<Ipv4Key>, 2> ipv4_;
  std::array<RuleSource<Ipv6Key>, 2> ipv6_;
  NamedGroups named_;
  // Groups whose rules name this one, and how many rules do.
  std::map<const SecurityGroup*, std::uint32_t> named_by_;
};

}  // namespace alkaid
