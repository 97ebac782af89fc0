#include "control/agent/goal_state/host_filter.hpp"

#include <algorithm>

namespace alkaid::agent {

HostFilter::HostFilter(const alcor::schema::GoalStateV2& message,
                       const std::vector<IpAddress>& own_addresses) {
  const auto& hosts = message.host_resources();
  if (hosts.empty()) {
    admits_all_ = true;
    return;
  }
  std::vector<const alcor::schema::HostResources*> ours;
  for (const auto& [host, resources] : hosts) {
    const auto address = IpAddress::parse(host);
    if (address &&
        std::find(own_addresses.begin(), own_addresses.end(), *address) != own_addresses.end()) {
      ours.push_back(&resources);
    }
  }
  if (ours.empty() && hosts.size() == 1) {
    ours.push_back(&hosts.begin()->second);
  }
  if (ours.empty()) {
    undecidable_ = own_addresses.empty();
    admits_all_ = undecidable_;
    return;
  }
  for (const alcor::schema::HostResources* entry : ours) {
    for (const auto& resource : entry->resources()) {
      listed_.emplace(static_cast<int>(resource.type()), resource.id());
    }
  }
}

bool HostFilter::admits(ResourceType type, std::string_view key, std::string_view id) const {
  const int number = static_cast<int>(type);
  return admits_all_ || listed_.contains({number, key}) || listed_.contains({number, id});
}

}  // namespace alkaid::agent
