// Security groups: their rules, who is in them, and which of them matter on this host. For one
// thread (the reconciler's).
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "control/agent/goal_state/resources.hpp"
#include "control/agent/reconcile/dirty_keys.hpp"

namespace alkaid::agent {

class Journal;

// A record exists as soon as something names the group.
struct SecurityGroup {
  bool known = false;  // its own state has arrived
  // All of its rules are known: what the data plane holds beyond them is stale.
  bool complete = false;
  std::string vpc_id;
  std::string name;
  std::map<std::string, SecurityRuleSpec> rules;              // by id
  std::unordered_map<IpAddress, std::uint32_t> members;       // how many say so
  std::set<IpAddress> listed_members;                         // of these, by the group's own state
  std::map<std::string, std::uint32_t, std::less<>> remotes;  // named by how many rules
  std::uint32_t ports = 0;                                    // that have it
  std::uint32_t named_by = 0;                                 // enforced groups with a rule for it
  // The same of what the data plane holds and no goal state has named yet.
  std::uint32_t held_ports = 0;
  std::uint32_t held_names = 0;

  // Its rules matter here: a port of this host has it.
  [[nodiscard]] bool is_enforced() const { return ports + held_ports > 0; }
  // Its members matter here: a rule that matters names it as remote.
  [[nodiscard]] bool is_remote() const { return named_by + held_names > 0; }
};

// Every change marks what it changes: a rule or a member, or the whole group where its use on this
// host begins or ends.
class SecurityGroups {
 public:
  using Records = std::map<std::string, SecurityGroup, std::less<>>;

  explicit SecurityGroups(DirtyKeys& dirty);

  void set_journal(Journal& journal) { journal_ = &journal; }

  void set(std::string_view id, const SecurityGroupSpec& spec);
  void erase(std::string_view id);

  // A port of this host has the groups; no longer has them.
  void add_port(const std::vector<std::string>& ids);
  void remove_port(const std::vector<std::string>& ids);

  // Somebody says that the address is in the group; no longer says so.
  void add_member(std::string_view id, const IpAddress& address);
  void remove_member(std::string_view id, const IpAddress& address);

  // What was read back of the data plane uses a group: a port, or a rule that names it as remote.
  void hold_port(std::string_view id) { hold(id, &SecurityGroup::held_ports); }
  void release_port(std::string_view id) { release(id, &SecurityGroup::held_ports); }
  void hold_name(std::string_view id) { hold(id, &SecurityGroup::held_names); }
  void release_name(std::string_view id) { release(id, &SecurityGroup::held_names); }
  void drop_holds();

  void mark_everything();
  void describe(Journal& journal) const;

  [[nodiscard]] const SecurityGroup* find(std::string_view id) const;
  [[nodiscard]] const Records& records() const { return records_; }
  [[nodiscard]] std::size_t count() const { return known_; }

 private:
  using Counter = std::uint32_t SecurityGroup::*;

  SecurityGroup& record(std::string_view id);
  void drop_if_unused(std::string_view id);
  void hold(std::string_view id, Counter counter);
  void release(std::string_view id, Counter counter);
  void count_use(std::string_view id, Counter counter, bool present);
  void set_rule(std::string_view id, SecurityGroup& group, const SecurityRuleSpec& rule);
  void erase_rule(std::string_view id, SecurityGroup& group, const std::string& rule);
  void name_remote(SecurityGroup& group, const std::string& remote, bool present);
  void list_members(std::string_view id, const SecurityGroupSpec& spec);

  DirtyKeys& dirty_;
  Journal* journal_;
  Records records_;
  std::size_t known_ = 0;
};

}  // namespace alkaid::agent
