// What is programmed in the data plane: read back at connect, then kept up with what it confirmed.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "alkaid/dataplane/v1/dataplane.pb.h"
#include "control/agent/flat_tables.hpp"
#include "control/agent/reconcile/objects.hpp"

namespace alkaid::agent {

namespace api = ::alkaid::dataplane::v1;

// claimed: a goal state that this agent knows wants it so. Objects that were read back start
// unclaimed and stay untouched until a goal state names them, unless all goal states are known.
template <class Object>
struct Programmed {
  Object object;
  bool claimed = false;
};

struct ProgrammedPort : Programmed<PortObject> {
  api::PortState state = api::PORT_STATE_UNSPECIFIED;
  std::string detail;  // why it waits
};

// A security group; its rules and members are claimed one by one.
struct ProgrammedGroup {
  std::map<std::string, Programmed<SecurityRuleObject>> rules;  // by id
  std::unordered_map<IpAddress, bool> members;                  // claimed?
  std::size_t unclaimed = 0;                                    // rules and members

  // nullptr: none.
  [[nodiscard]] Programmed<SecurityRuleObject>* find_rule(const std::string& id);
  [[nodiscard]] bool* find_member(const IpAddress& address);
};

static_assert(sizeof(Programmed<NeighborObject>) <= 24, "there may be a million of them");

class Mirror {
 public:
  std::map<Vni, Programmed<SegmentObject>> segments;
  std::map<std::string, ProgrammedPort> ports;
  FlatMap<NeighborKey, Programmed<NeighborObject>> neighbors;
  std::map<RouteKey, Programmed<RouteObject>> routes;
  std::unordered_map<DhcpKey, Programmed<DhcpObject>> dhcp;
  std::map<std::string, ProgrammedGroup> security_groups;

  void clear();
  void take_read_back(const api::ReadResponse& response);

  template <class Object>
  void claim(Programmed<Object>& entry) {
    unclaimed_ -= entry.claimed ? 0 : 1;
    entry.claimed = true;
  }
  void claim_port(ProgrammedPort& port);
  void claim_everything();
  // One of its rules or members was claimed.
  void claim_entry(ProgrammedGroup& group);

  // Upsert by a goal state.
  template <class Table, class Key, class Object>
  void set(Table& table, const Key& key, Object&& object) {
    auto [entry, added] = table.try_emplace(key);
    unclaimed_ += added ? 1 : 0;
    claim(entry->second);
    entry->second.object = std::forward<Object>(object);
  }
  void set_port(const std::string& id, PortObject object, const api::PortStatus* status);

  template <class Table, class Key>
  void erase(Table& table, const Key& key) {
    const auto entry = table.find(key);
    if (entry != table.end()) {
      unclaimed_ -= entry->second.claimed ? 0 : 1;
      table.erase(entry);
    }
  }
  void erase_port(const std::string& id);

  [[nodiscard]] std::size_t unclaimed() const { return unclaimed_; }

  // The address belongs to a port of this host that no goal state has named yet.
  [[nodiscard]] bool is_unclaimed_local(const NeighborKey& key) const {
    return unclaimed_addresses_.contains(key);
  }

  // Where a station lives according to rows that no goal state has named.
  [[nodiscard]] std::vector<NeighborKey> find_unclaimed_neighbors(const IpAddress& address,
                                                                  const MacAddress& mac) const;
  [[nodiscard]] std::vector<DhcpKey> find_unclaimed_dhcp(const MacAddress& mac,
                                                         const IpAddress& address) const;

 private:
  void forget_addresses(const PortObject& port);
  void take_read_back(const api::SecurityGroup& group);

  std::unordered_map<NeighborKey, int> unclaimed_addresses_;
  std::size_t unclaimed_ = 0;
};

}  // namespace alkaid::agent
