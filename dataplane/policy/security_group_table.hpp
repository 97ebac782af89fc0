// The security groups of this host. Control thread; workers get at a group by the ports that have
// it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "dataplane/control/object_result.hpp"
#include "dataplane/policy/rule_table.hpp"
#include "dataplane/policy/security_group.hpp"
#include "dataplane/tables/objects.hpp"
#include "dataplane/tables/table_occupancy.hpp"

namespace alkaid {

class SecurityGroupTable {
 public:
  struct Sizes {
    std::uint32_t groups = 16384;
    std::uint32_t members = 1048576;  // of all groups together
  };

  SecurityGroupTable(const Sizes& sizes, RuleTable& rules, Retire retire);

  // Carries a change out: rules by one pointer, so workers decide by all of it or nothing; members
  // one by one, additions first. Nothing of it takes effect if it is refused.
  ObjectResult apply(const SecurityGroupChange& change);
  // The group allows nothing and has no members from now on. False if there was none.
  bool remove(const std::string& id);

  // For a port that has the group, which need not be known yet. The group stays where it is until
  // release(), plus a grace period.
  const SecurityGroup& acquire(const std::string& id);
  // What groups that are acquired allow together, for publication with their port.
  [[nodiscard]] PortPolicy policy_of(const std::vector<std::string>& ids) const;
  // After what refers to the group was unpublished.
  void release(const std::string& id);
  // nullptr: neither known nor acquired nor named by a rule.
  [[nodiscard]] const SecurityGroup* find(const std::string& id) const;

  // Called after something was published by which less may pass than before: ports of these groups
  // may have connections that nothing admits any more. One listener.
  using NarrowedListener = std::function<void(const std::vector<const SecurityGroup*>& groups)>;
  void on_narrowed(NarrowedListener listener) { narrowed_ = std::move(listener); }

  // Groups that the agent has set, by id. visit(const SecurityGroup&).
  template <class Visit>
  void for_each(Visit&& visit) const {
    for (const auto& [id, group] : groups_) {
      if (group->known_) {
        visit(static_cast<const SecurityGroup&>(*group));
      }
    }
  }

  [[nodiscard]] TableOccupancy group_occupancy() const { return groups_occupancy_; }
  [[nodiscard]] TableOccupancy member_occupancy() const { return members_occupancy_; }

 private:
  struct Plan;
  static Plan plan(const SecurityGroup* group, const SecurityGroupChange& change);
  [[nodiscard]] ObjectResult check_room(const SecurityGroup* group, const Plan& plan);
  void add_rule(SecurityGroup& group, const SecurityRuleConfig& config, RuleNumber number);
  // Takes it out of what will be compiled; the reference on its remote group goes to `dropped`.
  void drop_rule(SecurityGroup& group, const SecurityGroup::Rule& rule,
                 std::vector<SecurityGroup*>& dropped);
  void publish_rules(SecurityGroup& group);
  void add_members(SecurityGroup& group, const std::vector<IpAddress>& members);
  void remove_members(SecurityGroup& group, const std::vector<IpAddress>& members);
  void report_narrowed(const SecurityGroup& group, bool rules, bool members);
  SecurityGroup& hold(const std::string& id);
  void let_go(SecurityGroup& group);

  RuleTable& rules_;
  const Retire retire_;
  const MemberHashSecrets secrets_;
  std::map<std::string, std::unique_ptr<SecurityGroup>> groups_;
  NarrowedListener narrowed_ = [](const std::vector<const SecurityGroup*>&) {};
  TableOccupancy groups_occupancy_;
  TableOccupancy members_occupancy_;
};

}  // namespace alkaid
