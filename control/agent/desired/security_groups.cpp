#include "control/agent/desired/security_groups.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include "control/agent/desired/journal.hpp"

namespace alkaid::agent {

SecurityGroups::SecurityGroups(DirtyKeys& dirty) : dirty_(dirty), journal_(&Journal::none()) {}

const SecurityGroup* SecurityGroups::find(std::string_view id) const {
  const auto found = records_.find(id);
  return found == records_.end() ? nullptr : &found->second;
}

SecurityGroup& SecurityGroups::record(std::string_view id) {
  const auto found = records_.find(id);
  return found == records_.end() ? records_[std::string{id}] : found->second;
}

void SecurityGroups::drop_if_unused(std::string_view id) {
  const auto found = records_.find(id);
  if (found == records_.end()) {
    return;
  }
  const SecurityGroup& group = found->second;
  if (!group.known && group.members.empty() && !group.is_enforced() && !group.is_remote()) {
    records_.erase(found);
  }
}

void SecurityGroups::mark_everything() {
  for (const auto& [id, group] : records_) {
    if (group.is_enforced() || group.is_remote()) {
      dirty_.security_groups.insert(id);
    }
  }
}

void SecurityGroups::describe(Journal& journal) const {
  for (const auto& [id, group] : records_) {
    if (!group.known) {
      continue;
    }
    journal.put_group(id, {group.complete, group.vpc_id, group.name});
    for (const auto& [rule_id, rule] : group.rules) {
      journal.put_group_rule(id, rule);
    }
    for (const IpAddress& member : group.listed_members) {
      journal.put_group_member(id, member);
    }
  }
}

// ---------------------------------------------------------------- use

// A group that begins or ceases to be enforced takes the groups along that its rules name.
void SecurityGroups::count_use(std::string_view id, Counter counter, bool present) {
  SecurityGroup& group = record(id);
  const bool was_enforced = group.is_enforced();
  const bool was_remote = group.is_remote();
  group.*counter += present ? 1U : -1U;
  const bool is_enforced = group.is_enforced();
  if (was_enforced != is_enforced || was_remote != group.is_remote()) {
    dirty_.security_groups.insert(id);
  }
  if (was_enforced != is_enforced) {
    std::vector<std::string> remotes;
    for (const auto& [remote, rules] : group.remotes) {
      remotes.push_back(remote);
    }
    for (const std::string& remote : remotes) {
      count_use(remote, &SecurityGroup::named_by, is_enforced);
    }
  }
  drop_if_unused(id);
}

void SecurityGroups::add_port(const std::vector<std::string>& ids) {
  for (const std::string& id : ids) {
    count_use(id, &SecurityGroup::ports, true);
  }
}

void SecurityGroups::remove_port(const std::vector<std::string>& ids) {
  for (const std::string& id : ids) {
    count_use(id, &SecurityGroup::ports, false);
  }
}

void SecurityGroups::hold(std::string_view id, Counter counter) {
  count_use(id, counter, true);
}

void SecurityGroups::release(std::string_view id, Counter counter) {
  const SecurityGroup* group = find(id);
  if (group != nullptr && group->*counter > 0) {
    count_use(id, counter, false);
  }
}

void SecurityGroups::drop_holds() {
  std::vector<std::pair<std::string, Counter>> held;
  for (const auto& [id, group] : records_) {
    held.insert(held.end(), group.held_ports, {id, &SecurityGroup::held_ports});
    held.insert(held.end(), group.held_names, {id, &SecurityGroup::held_names});
  }
  for (const auto& [id, counter] : held) {
    release(id, counter);
  }
}

// ---------------------------------------------------------------- rules

void SecurityGroups::name_remote(SecurityGroup& group, const std::string& remote, bool present) {
  if (remote.empty()) {
    return;
  }
  auto& rules = group.remotes[remote];
  rules += present ? 1U : -1U;
  const bool flipped = rules == (present ? 1U : 0U);
  if (rules == 0) {
    group.remotes.erase(remote);
  }
  if (flipped && group.is_enforced()) {
    count_use(remote, &SecurityGroup::named_by, present);
  }
}

void SecurityGroups::set_rule(std::string_view id, SecurityGroup& group,
                              const SecurityRuleSpec& rule) {
  dirty_.security_groups.insert_rule(id, rule.id);
  name_remote(group, rule.remote_group_id, true);
  const auto found = group.rules.find(rule.id);
  if (found == group.rules.end()) {
    group.rules.emplace(rule.id, rule);
    journal_->put_group_rule(id, rule);
    return;
  }
  if (found->second != rule) {
    journal_->put_group_rule(id, rule);
  }
  const std::string former = std::exchange(found->second, rule).remote_group_id;
  name_remote(group, former, false);
}

void SecurityGroups::erase_rule(std::string_view id, SecurityGroup& group,
                                const std::string& rule) {
  dirty_.security_groups.insert_rule(id, rule);
  const auto found = group.rules.find(rule);
  if (found != group.rules.end()) {
    const std::string remote = found->second.remote_group_id;
    group.rules.erase(found);
    journal_->erase_group_rule(id, rule);
    name_remote(group, remote, false);
  }
}

void SecurityGroups::set(std::string_view id, const SecurityGroupSpec& spec) {
  SecurityGroup& group = record(id);
  const bool was_known = std::exchange(group.known, true);
  if (!was_known) {
    ++known_;
    dirty_.security_groups.insert(id);
  }
  const GroupRecord former{group.complete, group.vpc_id, group.name};
  if (spec.replaces || !spec.vpc_id.empty()) {
    group.vpc_id = spec.vpc_id;
  }
  if (spec.replaces || !spec.name.empty()) {
    group.name = spec.name;
  }
  const GroupRecord now{group.complete || spec.replaces, group.vpc_id, group.name};
  if (!was_known || now != former) {
    journal_->put_group(id, now);
  }
  if (spec.replaces) {
    std::set<std::string_view> named;
    for (const SecurityRuleSpec& rule : spec.rules) {
      named.insert(rule.id);
    }
    std::vector<std::string> gone;
    for (const auto& [rule, unused] : group.rules) {
      if (!named.contains(rule)) {
        gone.push_back(rule);
      }
    }
    for (const std::string& rule : gone) {
      erase_rule(id, group, rule);
    }
    if (!std::exchange(group.complete, true)) {
      dirty_.security_groups.insert(id);
    }
  }
  for (const SecurityRuleSpec& rule : spec.rules) {
    rule.is_delete ? erase_rule(id, group, rule.id) : set_rule(id, group, rule);
  }
  list_members(id, spec);
}

void SecurityGroups::erase(std::string_view id) {
  dirty_.security_groups.insert(id);
  if (find(id) == nullptr) {
    return;
  }
  const std::string name{id};
  SecurityGroupSpec nothing;
  nothing.replaces = true;
  set(name, nothing);
  record(name).known = false;
  --known_;
  journal_->erase_group(name);
  drop_if_unused(name);
}

// ---------------------------------------------------------------- members

void SecurityGroups::add_member(std::string_view id, const IpAddress& address) {
  if (++record(id).members[address] == 1) {
    dirty_.security_groups.insert_member(id, address);
  }
}

void SecurityGroups::remove_member(std::string_view id, const IpAddress& address) {
  const auto found = records_.find(id);
  if (found == records_.end()) {
    return;
  }
  auto& members = found->second.members;
  const auto member = members.find(address);
  if (member != members.end() && --member->second == 0) {
    members.erase(member);
    dirty_.security_groups.insert_member(id, address);
    drop_if_unused(id);
  }
}

// What stays must not be given up in between: the new ones first.
void SecurityGroups::list_members(std::string_view id, const SecurityGroupSpec& spec) {
  auto& listed = record(id).listed_members;
  std::vector<IpAddress> gone = spec.removed_members;
  if (spec.replaces) {
    const std::set<IpAddress> named{spec.members.begin(), spec.members.end()};
    std::set_difference(listed.begin(), listed.end(), named.begin(), named.end(),
                        std::back_inserter(gone));
  }
  for (const IpAddress& address : spec.members) {
    if (listed.insert(address).second) {
      journal_->put_group_member(id, address);
      add_member(id, address);
    }
  }
  for (const IpAddress& address : spec.removed_members) {
    dirty_.security_groups.insert_member(id, address);
  }
  for (const IpAddress& address : gone) {
    if (listed.erase(address) > 0) {
      journal_->erase_group_member(id, address);
      remove_member(id, address);
    }
  }
}

}  // namespace alkaid::agent
