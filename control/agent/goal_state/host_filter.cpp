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
      const auto type = static_cast<std::size_t>(resource.type());
      if (type < listed_.size()) {
        listed_[type].insert(resource.id());
      }
    }
  }
}

bool HostFilter::admits(ResourceType type, std::string_view key, std::string_view id) const {
  const auto& listed = listed_[static_cast<std::size_t>(type)];
  return admits_all_ || listed.contains(key) || listed.contains(id);
}

}  // namespace alkaid::agent
