#include "dataplane/policy/security_group_table.hpp"

#include <algorithm>
#include <random>
#include <set>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include <fmt/format.h>

#include "dataplane/policy/check_rule.hpp"

namespace alkaid {
namespace {

constexpr std::size_t kLongestId = 255;

MemberHashSecrets random_secrets() {
  std::random_device device;
  MemberHashSecrets secrets{};
  for (auto& secret : secrets) {
    secret = std::uint64_t{device()} << 32 | device() | 1;
  }
  return secrets;
}

ObjectResult check(const SecurityGroupChange& change) {
  if (change.id.empty() || change.id.size() > kLongestId) {
    return ObjectError{ObjectErrorCode::kInvalid, "id",
                       fmt::format("wants 1 to {} bytes", kLongestId)};
  }
  for (std::size_t i = 0; i < change.rules.size(); ++i) {
    if (auto error = check_rule(change.rules[i])) {
      error->field = fmt::format("rules[{}].{}", i, error->field);
      return error;
    }
  }
  for (std::size_t i = 0; i < change.members.size(); ++i) {
    if (change.members[i].is_unset()) {
      return ObjectError{ObjectErrorCode::kInvalid, fmt::format("members[{}]", i), "is no address"};
    }
  }
  return std::nullopt;
}

ObjectResult full(const char* table) {
  return ObjectError{
      ObjectErrorCode::kTableFull, {}, fmt::format("the table of {} is full", table)};
}

// Which of a group's four rule sets a rule belongs to.
std::size_t set_of(const SecurityRuleConfig& rule) {
  return (rule.ingress ? 1 : 0) + (rule.ipv6 ? 2 : 0);
}

PolicyRule policy_rule(const SecurityRuleConfig& config, RuleNumber number,
                       const SecurityGroup* remote_group) {
  const IpAddress any = config.ipv6 ? IpAddress{} : IpAddress{Ipv4Address{}};
  PolicyRule rule{.prefix = config.remote_prefix.value_or(IpPrefix{any, 0}),
                  .remote_group = remote_group,
                  .interval = interval_of(config)};
  rule.interval.rule = number;
  return rule;
}

}  // namespace

// What a change comes to, seen from what there is.
struct SecurityGroupTable::Plan {
  std::vector<const SecurityRuleConfig*> new_rules;
  std::vector<const SecurityRuleConfig*> changed_rules;
  std::vector<std::string> removed_rules;
  std::vector<IpAddress> new_members;
  std::vector<IpAddress> removed_members;

  [[nodiscard]] bool changes_rules() const {
    return !new_rules.empty() || !changed_rules.empty() || !removed_rules.empty();
  }
};

SecurityGroupTable::SecurityGroupTable(const Sizes& sizes, RuleTable& rules, Retire retire)
    : rules_(rules),
      retire_(std::move(retire)),
      secrets_(random_secrets()),
      groups_occupancy_{.name = "security-groups", .capacity = sizes.groups},
      members_occupancy_{.name = "security-members", .capacity = sizes.members} {}

SecurityGroupTable::Plan SecurityGroupTable::plan(const SecurityGroup* group,
                                                  const SecurityGroupChange& change) {
  static const std::map<std::string, SecurityGroup::Rule> kNoRules;
  const auto& known = group != nullptr ? group->contents_ : kNoRules;
  Plan plan;
  // Of several rules with one id the last one counts.
  std::unordered_map<std::string_view, const SecurityRuleConfig*> wanted;
  for (const auto& rule : change.rules) {
    wanted[rule.id] = &rule;
  }
  for (const auto& rule : change.rules) {
    if (wanted.find(rule.id)->second != &rule) {
      continue;
    }
    const auto found = known.find(rule.id);
    if (found == known.end()) {
      plan.new_rules.push_back(&rule);
    } else if (found->second.config != rule) {
      plan.changed_rules.push_back(&rule);
    }
  }
  if (change.replace) {
    for (const auto& [id, rule] : known) {
      if (!wanted.contains(id)) {
        plan.removed_rules.push_back(id);
      }
    }
  } else {
    for (const auto& id :
         std::set<std::string>(change.removed_rules.begin(), change.removed_rules.end())) {
      if (known.contains(id) && !wanted.contains(id)) {
        plan.removed_rules.push_back(id);
      }
    }
  }
  const auto is_member = [group](const IpAddress& address) {
    return group != nullptr && group->has_member(address);
  };
  std::unordered_set<IpAddress> members;
  for (const auto& address : change.members) {
    if (members.insert(address).second && !is_member(address)) {
      plan.new_members.push_back(address);
    }
  }
  if (change.replace && group != nullptr) {
    group->for_each_member([&](const IpAddress& address) {
      if (!members.contains(address)) {
        plan.removed_members.push_back(address);
      }
    });
  } else {
    for (const auto& address : change.removed_members) {
      if (is_member(address) && members.insert(address).second) {
        plan.removed_members.push_back(address);
      }
    }
  }
  return plan;
}

ObjectResult SecurityGroupTable::check_room(const SecurityGroup* group, const Plan& plan) {
  // Groups that each rule set would name.
  auto named = group != nullptr ? group->named_ : SecurityGroup::NamedGroups{};
  const auto count = [&named](const SecurityRuleConfig& rule, int sign) {
    if (!rule.remote_group.empty()) {
      named[set_of(rule)][rule.remote_group] += sign;
    }
  };
  for (const auto& id : plan.removed_rules) {
    count(group->contents_.at(id).config, -1);
  }
  for (const auto* rule : plan.changed_rules) {
    count(group->contents_.at(rule->id).config, -1);
    count(*rule, 1);
  }
  for (const auto* rule : plan.new_rules) {
    count(*rule, 1);
  }
  for (const auto& groups : named) {
    const auto used = std::count_if(groups.begin(), groups.end(),
                                    [](const auto& entry) { return entry.second > 0; });
    if (used > static_cast<std::ptrdiff_t>(RuleSet<Ipv4Key>::kMostRemoteGroups)) {
      return ObjectError{
          ObjectErrorCode::kInvalid, "rules",
          fmt::format("name {} remote groups in one direction and address family; {} are possible "
                      "(more: several groups per port, or prefixes)",
                      used, RuleSet<Ipv4Key>::kMostRemoteGroups)};
    }
  }
  if ((group == nullptr || !group->known_) &&
      groups_occupancy_.used >= groups_occupancy_.capacity) {
    ++groups_occupancy_.full_events;
    return full("security groups");
  }
  if (!rules_.has_room(plan.new_rules.size(), plan.removed_rules.size())) {
    return full("security rules");
  }
  if (members_occupancy_.used + plan.new_members.size() >
      members_occupancy_.capacity + plan.removed_members.size()) {
    ++members_occupancy_.full_events;
    return full("security group members");
  }
  return std::nullopt;
}

void SecurityGroupTable::add_rule(SecurityGroup& group, const SecurityRuleConfig& config,
                                  RuleNumber number) {
  SecurityGroup* remote_group = nullptr;
  if (!config.remote_group.empty()) {
    remote_group = &hold(config.remote_group);
    ++remote_group->named_by_[&group];
    ++group.named_[set_of(config)][config.remote_group];
  }
  const PolicyRule rule = policy_rule(config, number, remote_group);
  const std::size_t side = config.ingress ? 1 : 0;
  if (config.ipv6) {
    group.ipv6_[side].add(rule);
  } else {
    group.ipv4_[side].add(rule);
  }
  group.contents_[config.id] = {config, number, remote_group};
}

void SecurityGroupTable::drop_rule(SecurityGroup& group, const SecurityGroup::Rule& rule,
                                   std::vector<SecurityGroup*>& dropped) {
  const PolicyRule compiled = policy_rule(rule.config, rule.number, rule.remote_group);
  const std::size_t side = rule.config.ingress ? 1 : 0;
  if (rule.config.ipv6) {
    group.ipv6_[side].remove(compiled);
  } else {
    group.ipv4_[side].remove(compiled);
  }
  if (rule.remote_group != nullptr) {
    auto& named = group.named_[set_of(rule.config)];
    if (const auto found = named.find(rule.config.remote_group); --found->second == 0) {
      named.erase(found);
    }
    auto& namers = rule.remote_group->named_by_;
    if (const auto found = namers.find(&group); --found->second == 0) {
      namers.erase(found);
    }
    dropped.push_back(rule.remote_group);
  }
}

void SecurityGroupTable::publish_rules(SecurityGroup& group) {
  const SecurityGroup::Rules* old = group.rules_.load(std::memory_order_relaxed);
  auto* now = old != nullptr ? new SecurityGroup::Rules(*old) : new SecurityGroup::Rules;
  for (std::size_t side = 0; side < 2; ++side) {
    if (group.ipv4_[side].is_changed()) {
      now->ipv4[side] = group.ipv4_[side].compile();
    }
    if (group.ipv6_[side].is_changed()) {
      now->ipv6[side] = group.ipv6_[side].compile();
    }
  }
  group.rules_.store(now, std::memory_order_release);
  if (old != nullptr) {
    retire_([old] { delete old; });
  }
}

void SecurityGroupTable::add_members(SecurityGroup& group, const std::vector<IpAddress>& members) {
  for (const auto& address : members) {
    MemberSet* set = group.members_.load(std::memory_order_relaxed);
    if (set == nullptr || !set->insert(address)) {
      auto larger = set != nullptr ? set->make_larger() : std::make_unique<MemberSet>(1, secrets_);
      static_cast<void>(larger->insert(address));
      group.members_.store(larger.release(), std::memory_order_release);
      if (set != nullptr) {
        retire_([set] { delete set; });
      }
    }
  }
  members_occupancy_.used += members.size();
  members_occupancy_.high_water = std::max(members_occupancy_.high_water, members_occupancy_.used);
}

void SecurityGroupTable::remove_members(SecurityGroup& group,
                                        const std::vector<IpAddress>& members) {
  MemberSet* set = group.members_.load(std::memory_order_relaxed);
  for (const auto& address : members) {
    set->erase(address);
  }
  members_occupancy_.used -= members.size();
}

void SecurityGroupTable::report_narrowed(const SecurityGroup& group, bool rules, bool members) {
  std::vector<const SecurityGroup*> groups;
  if (rules) {
    groups.push_back(&group);
  }
  if (members) {
    for (const auto& [namer, count] : group.named_by_) {
      if (!rules || namer != &group) {
        groups.push_back(namer);
      }
    }
  }
  if (!groups.empty()) {
    narrowed_(groups);
  }
}

ObjectResult SecurityGroupTable::apply(const SecurityGroupChange& change) {
  if (auto error = check(change)) {
    return error;
  }
  const auto found = groups_.find(change.id);
  const SecurityGroup* known = found != groups_.end() ? found->second.get() : nullptr;
  const Plan plan = SecurityGroupTable::plan(known, change);
  if (auto error = check_room(known, plan)) {
    return error;
  }
  SecurityGroup& group = hold(change.id);
  if (!group.known_) {
    group.known_ = true;
    groups_occupancy_.high_water = std::max(groups_occupancy_.high_water, ++groups_occupancy_.used);
  }
  add_members(group, plan.new_members);
  std::vector<SecurityGroup*> dropped;
  std::vector<RuleNumber> released;
  for (const auto& id : plan.removed_rules) {
    const auto rule = group.contents_.find(id);
    drop_rule(group, rule->second, dropped);
    released.push_back(rule->second.number);
    group.contents_.erase(rule);
  }
  for (const auto* config : plan.changed_rules) {
    const RuleNumber number = group.contents_.at(config->id).number;
    drop_rule(group, group.contents_.at(config->id), dropped);
    add_rule(group, *config, number);
  }
  for (const auto* config : plan.new_rules) {
    add_rule(group, *config, rules_.allocate({group.id(), config->id}));
  }
  if (plan.changes_rules()) {
    publish_rules(group);
  }
  for (const RuleNumber number : released) {
    rules_.release(number);
  }
  if (!plan.removed_members.empty()) {
    remove_members(group, plan.removed_members);
  }
  report_narrowed(group, !plan.removed_rules.empty() || !plan.changed_rules.empty(),
                  !plan.removed_members.empty());
  for (SecurityGroup* remote : dropped) {
    let_go(*remote);
  }
  let_go(group);
  return std::nullopt;
}

bool SecurityGroupTable::remove(const std::string& id) {
  const auto found = groups_.find(id);
  if (found == groups_.end() || !found->second->known_) {
    return false;
  }
  SecurityGroup& group = *found->second;
  const bool had_rules = !group.contents_.empty();
  const bool had_members = group.member_count() != 0;
  if (const auto* rules = group.rules_.exchange(nullptr, std::memory_order_acq_rel)) {
    retire_([rules] { delete rules; });
  }
  if (MemberSet* members = group.members_.exchange(nullptr, std::memory_order_acq_rel)) {
    members_occupancy_.used -= members->size();
    retire_([members] { delete members; });
  }
  // The group itself may be one that its rules name.
  ++group.references_;
  std::vector<SecurityGroup*> dropped;
  for (const auto& [rule_id, rule] : group.contents_) {
    drop_rule(group, rule, dropped);
    rules_.release(rule.number);
  }
  group.contents_.clear();
  group.ipv4_ = {};
  group.ipv6_ = {};
  group.known_ = false;
  --groups_occupancy_.used;
  report_narrowed(group, had_rules, had_members);
  for (SecurityGroup* remote : dropped) {
    let_go(*remote);
  }
  let_go(group);
  return true;
}

const SecurityGroup& SecurityGroupTable::acquire(const std::string& id) {
  return hold(id);
}

PortPolicy SecurityGroupTable::policy_of(const std::vector<std::string>& ids) const {
  std::vector<const SecurityGroup*> groups;
  for (const auto& id : ids) {
    const SecurityGroup* group = groups_.at(id).get();
    if (std::find(groups.begin(), groups.end(), group) == groups.end()) {
      groups.push_back(group);
    }
  }
  return PortPolicy(std::move(groups));
}

void SecurityGroupTable::release(const std::string& id) {
  let_go(*groups_.at(id));
}

const SecurityGroup* SecurityGroupTable::find(const std::string& id) const {
  const auto found = groups_.find(id);
  return found != groups_.end() ? found->second.get() : nullptr;
}

SecurityGroup& SecurityGroupTable::hold(const std::string& id) {
  auto& group = groups_[id];
  if (!group) {
    group = std::make_unique<SecurityGroup>(id);
  }
  ++group->references_;
  return *group;
}

void SecurityGroupTable::let_go(SecurityGroup& group) {
  if (--group.references_ != 0 || group.known_) {
    return;
  }
  const auto found = groups_.find(group.id());
  const SecurityGroup* unused = found->second.release();
  groups_.erase(found);
  retire_([unused] { delete unused; });
}

}  // namespace alkaid
