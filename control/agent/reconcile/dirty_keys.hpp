// Keys of data-plane objects whose wanted form may have changed.
#pragma once

#include <iterator>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <unordered_set>

#include "control/agent/flat_tables.hpp"
#include "control/agent/reconcile/objects.hpp"

namespace alkaid::agent {

// Parts of a security group: a change of one rule among thousands must cost one rule.
struct DirtyGroup {
  bool whole = false;
  std::set<std::string, std::less<>> rules;
  std::unordered_set<IpAddress> members;
};

class DirtyGroups {
 public:
  void insert(std::string_view id) { group(id).whole = true; }
  void insert_rule(std::string_view id, std::string_view rule) { group(id).rules.emplace(rule); }
  void insert_member(std::string_view id, const IpAddress& address) {
    group(id).members.insert(address);
  }

  [[nodiscard]] bool empty() const { return groups_.empty(); }
  [[nodiscard]] auto begin() const { return groups_.begin(); }
  [[nodiscard]] auto end() const { return groups_.end(); }
  // Removes the groups for which `is_done`, which may change the marks, returns true.
  template <class Function>
  void sweep(const Function& is_done) {
    for (auto entry = groups_.begin(); entry != groups_.end();) {
      entry = is_done(entry->first, entry->second) ? groups_.erase(entry) : std::next(entry);
    }
  }

 private:
  DirtyGroup& group(std::string_view id) {
    const auto found = groups_.find(id);
    return found == groups_.end() ? groups_[std::string{id}] : found->second;
  }

  std::map<std::string, DirtyGroup, std::less<>> groups_;
};

// Marking a key is all that a change of the desired state has to do: what the key's object should
// be is computed afterwards from the state as it then is, and compared with what is programmed.
struct DirtyKeys {
  std::set<Vni> segments;
  std::set<std::string> ports;
  FlatSet<NeighborKey> neighbors;
  std::set<RouteKey> routes;
  std::unordered_set<DhcpKey> dhcp;
  DirtyGroups security_groups;

  [[nodiscard]] bool empty() const {
    return segments.empty() && ports.empty() && neighbors.empty() && routes.empty() &&
           dhcp.empty() && security_groups.empty();
  }
};

}  // namespace alkaid::agent
