// What this host's configuration decides because no field of a goal state does.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "control/common/net/vni.hpp"

namespace alkaid::agent {

// Broadcast and multicast beyond what the data plane answers itself (ARP, ND, DHCP).
struct BroadcastPolicy {
  bool replicates = false;
  std::uint32_t packets_per_second = 0;  // 0: the data plane's default

  bool operator==(const BroadcastPolicy&) const = default;
};

struct Policy {
  BroadcastPolicy broadcast;
  std::map<Vni, BroadcastPolicy> broadcast_by_vni;  // instead of the above

  bool source_guard = true;
  // Exempt from it: ports by id, and by what their device_owner starts with.
  std::set<std::string, std::less<>> unguarded_ports;
  std::vector<std::string> unguarded_owners;

  // Security groups are enforced; otherwise no port has a policy.
  bool security_groups = true;
  // Ports without security groups: nothing passes but what every port may (ARP, ND, DHCP).
  bool closed_by_default = false;
  // A rule for TCP without ports holds for TCP; otherwise for any protocol, since clients of
  // Alcor's releases have no other way to say that.
  bool tcp_without_ports_is_tcp = false;

  // A revision_number lower than one that was applied to the same resource is refused.
  bool strict_revisions = false;

  [[nodiscard]] const BroadcastPolicy& broadcast_in(Vni vni) const {
    const auto found = broadcast_by_vni.find(vni);
    return found == broadcast_by_vni.end() ? broadcast : found->second;
  }

  [[nodiscard]] bool guards(std::string_view port_id, std::string_view device_owner) const {
    return source_guard && !unguarded_ports.contains(port_id) &&
           std::none_of(unguarded_owners.begin(), unguarded_owners.end(),
                        [device_owner](const std::string& prefix) {
                          return device_owner.starts_with(prefix);
                        });
  }
};

}  // namespace alkaid::agent
