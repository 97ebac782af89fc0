// GoalStateV2.host_resources: which resources of a message are for which host.
#pragma once

#include <array>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "alcor/schema/goalstate.pb.h"
#include "control/agent/goal_state/resources.hpp"
#include "control/common/net/ip_address.hpp"

namespace alkaid::agent {

// Rules: no host_resources: everything is ours. Entries for our addresses: what they list.
// One entry for another address: what it lists, since a controller that sends a message for one
// host to this agent means this agent, whatever address it knows it by. Several entries without
// ours: nothing.
class HostFilter {
 public:
  // The message must outlive the filter.
  HostFilter(const alcor::schema::GoalStateV2& message,
             const std::vector<IpAddress>& own_addresses);

  // Several hosts are named and our own address isn't known yet: nobody can tell what is ours.
  [[nodiscard]] bool undecidable() const { return undecidable_; }

  // key is the resource's key in its map, id the one in its configuration; either may be listed.
  [[nodiscard]] bool admits(ResourceType type, std::string_view key, std::string_view id) const;

 private:
  bool admits_all_ = false;
  bool undecidable_ = false;
  std::array<std::unordered_set<std::string_view>, kResourceTypes> listed_;
};

}  // namespace alkaid::agent
