// Reconciler: security groups, rule by rule and member by member.
#include <utility>

#include "control/agent/reconcile/object_codec.hpp"
#include "control/agent/reconcile/reconciler.hpp"

namespace alkaid::agent {

// One group's comparison. What is set comes before the ports that use it; what goes comes after
// everything that may take its place.
class Reconciler::GroupPlan {
 public:
  GroupPlan(Reconciler& reconciler, const std::string& id, ChangeBatch& batch, GroupRemovals& gone)
      : reconciler_(reconciler),
        id_(id),
        group_(reconciler.store_.find_security_group(id)),
        batch_(batch),
        gone_(gone) {
    const auto found = reconciler.mirror_.security_groups.find(id);
    programmed_ = found == reconciler.mirror_.security_groups.end() ? nullptr : &found->second;
  }

  // Does the data plane need the group?
  [[nodiscard]] bool is_wanted() const {
    return group_ != nullptr && (group_->is_enforced() || group_->is_remote()) &&
           (group_->known || (group_->is_remote() && !group_->members.empty()) ||
            (programmed_ != nullptr && programmed_->unclaimed > 0));
  }
  [[nodiscard]] bool is_programmed() const { return programmed_ != nullptr; }

  // whole: the marks are not all that may differ.
  void compare(const DirtyGroup& marks, bool whole) {
    if (programmed_ == nullptr) {
      batch_.set_security_group(id_);
    }
    if (whole || programmed_ == nullptr) {
      compare_all_but(marks);
    }
    for (const std::string& rule : marks.rules) {
      compare_rule(rule, true);
    }
    for (const IpAddress& member : marks.members) {
      compare_member(member, true);
    }
  }

 private:
  void compare_all_but(const DirtyGroup& marks) {
    for (const auto& [rule, spec] : group_->rules) {
      if (!marks.rules.contains(rule)) {
        compare_rule(rule, false);
      }
    }
    for (const auto& [member, count] : group_->members) {
      if (!marks.members.contains(member)) {
        compare_member(member, false);
      }
    }
    if (programmed_ == nullptr) {
      return;
    }
    for (const auto& [rule, programmed] : programmed_->rules) {
      if (!group_->rules.contains(rule) && !marks.rules.contains(rule)) {
        compare_rule(rule, false);
      }
    }
    for (const auto& [member, claimed] : programmed_->members) {
      if (!group_->members.contains(member) && !marks.members.contains(member)) {
        compare_member(member, false);
      }
    }
  }

  // named: a change of the goal state means this very rule, so that it goes even if it was read
  // back and nobody has claimed it.
  void compare_rule(const std::string& rule, bool named) {
    const auto spec = group_->rules.find(rule);
    const auto wanted = group_->is_enforced() && spec != group_->rules.end()
                            ? reconciler_.store_.wanted_rule(spec->second)
                            : std::nullopt;
    auto* programmed = programmed_ == nullptr ? nullptr : programmed_->find_rule(rule);
    if (wanted && programmed != nullptr && programmed->object == *wanted) {
      reconciler_.claim_rule(*programmed_, *programmed);
    } else if (wanted) {
      batch_.set_security_rule(id_, rule, *wanted);
    } else if (programmed != nullptr && (named || programmed->claimed || group_->complete ||
                                         !group_->is_enforced() || spec != group_->rules.end())) {
      gone_.rules.push_back(rule);
    }
  }

  void compare_member(const IpAddress& member, bool named) {
    const bool wanted = group_->is_remote() && group_->members.contains(member);
    bool* claimed = programmed_ == nullptr ? nullptr : programmed_->find_member(member);
    if (wanted && claimed != nullptr) {
      reconciler_.claim_member(*programmed_, *claimed);
    } else if (wanted) {
      batch_.set_security_member(id_, member);
    } else if (claimed != nullptr && (named || *claimed || !group_->is_remote())) {
      gone_.members.push_back(member);
    }
  }

  Reconciler& reconciler_;
  const std::string& id_;
  const SecurityGroup* group_;
  ProgrammedGroup* programmed_ = nullptr;
  ChangeBatch& batch_;
  GroupRemovals& gone_;
};

void Reconciler::plan_security_groups(ChangeBatch& batch,
                                      std::map<std::string, GroupRemovals>& removals,
                                      std::vector<std::string>& deletes) {
  for (const auto& [id, marks] : dirty_.security_groups) {
    // Whatever failed is compared anew; what fails again is noted again.
    const bool has_failed = failures_.security_groups.find(id) != failures_.security_groups.end();
    failures_.security_groups.erase(id);
    GroupRemovals gone;
    GroupPlan plan{*this, id, batch, gone};
    if (plan.is_wanted()) {
      plan.compare(marks, marks.whole || has_failed);
    } else if (plan.is_programmed()) {
      deletes.push_back(id);
    }
    if (!gone.rules.empty() || !gone.members.empty()) {
      removals.emplace(id, std::move(gone));
    }
  }
}

// ---------------------------------------------------------------- claims

void Reconciler::claim_port(ProgrammedPort& port) {
  release_groups_of(port);
  mirror_.claim_port(port);
}

// While it was unclaimed, it held what it uses.
void Reconciler::claim_rule(ProgrammedGroup& group, Programmed<SecurityRuleObject>& rule) {
  if (!std::exchange(rule.claimed, true)) {
    mirror_.claim_entry(group);
    if (!rule.object.remote_group.empty()) {
      released_names_.push_back(rule.object.remote_group);
    }
  }
}

void Reconciler::claim_member(ProgrammedGroup& group, bool& claimed) {
  if (!std::exchange(claimed, true)) {
    mirror_.claim_entry(group);
  }
}

void Reconciler::hold_security_groups() {
  store_.groups().drop_holds();
  for (const auto& [id, port] : mirror_.ports) {
    for (const std::string& group : port.object.security_groups) {
      store_.groups().hold_port(group);
    }
  }
  for (const auto& [id, group] : mirror_.security_groups) {
    for (const auto& [rule, programmed] : group.rules) {
      if (!programmed.object.remote_group.empty()) {
        store_.groups().hold_name(programmed.object.remote_group);
      }
    }
  }
}

void Reconciler::release_security_groups() {
  for (const std::string& group : std::exchange(released_names_, {})) {
    store_.groups().release_name(group);
  }
  for (const std::string& group : std::exchange(released_ports_, {})) {
    store_.groups().release_port(group);
  }
}

// A port that was read back is claimed or goes. What it was a member of, and isn't any more, is
// known by its former groups.
void Reconciler::release_groups_of(const ProgrammedPort& port) {
  if (port.claimed) {
    return;
  }
  for (const std::string& group : port.object.security_groups) {
    released_ports_.push_back(group);
    for (const IpAddress& address : port.object.fixed_ips) {
      dirty_.security_groups.insert_member(group, address);
    }
  }
}

// ---------------------------------------------------------------- commit

void Reconciler::commit_security_group(const api::SecurityGroup& change) {
  ProgrammedGroup& group = mirror_.security_groups[change.id()];
  for (const auto& rule : change.rules()) {
    auto [entry, added] = group.rules.try_emplace(rule.id());
    if (added) {
      entry->second.claimed = true;
    }
    claim_rule(group, entry->second);
    entry->second.object = decode(rule);
  }
  for (const std::string& id : change.removed_rules()) {
    const auto rule = group.rules.find(id);
    if (rule != group.rules.end()) {
      claim_rule(group, rule->second);
      group.rules.erase(rule);
    }
  }
  for (const auto& member : change.members()) {
    auto [entry, added] = group.members.try_emplace(decode(member), true);
    claim_member(group, entry->second);
  }
  for (const auto& member : change.removed_members()) {
    const auto entry = group.members.find(decode(member));
    if (entry != group.members.end()) {
      claim_member(group, entry->second);
      group.members.erase(entry);
    }
  }
  wants_retry_ =
      wants_retry_ || change.removed_rules_size() > 0 || change.removed_members_size() > 0;
}

void Reconciler::commit_security_group_delete(const std::string& id) {
  const auto group = mirror_.security_groups.find(id);
  if (group == mirror_.security_groups.end()) {
    return;
  }
  for (auto& [rule, programmed] : group->second.rules) {
    claim_rule(group->second, programmed);
  }
  for (auto& [member, claimed] : group->second.members) {
    claim_member(group->second, claimed);
  }
  mirror_.security_groups.erase(group);
  wants_retry_ = true;
}

}  // namespace alkaid::agent
