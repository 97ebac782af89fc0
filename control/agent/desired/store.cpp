#include "control/agent/desired/store.hpp"

#include <algorithm>

namespace alkaid::agent {

const Subnet* DesiredStore::find_subnet(std::string_view id) const {
  const auto found = subnets_.find(id);
  return found == subnets_.end() ? nullptr : found->second.get();
}

const Subnet* DesiredStore::find_subnet(const NeighborAddress& address) const {
  if (!address.subnet_id.empty()) {
    return find_subnet(address.subnet_id);
  }
  const auto found = numbered_.find(address.vni);
  return found == numbered_.end() ? nullptr : found->second.get();
}

Subnet* DesiredStore::find_subnet_to_wait_for(std::string_view id) {
  const auto found = subnets_.find(id);
  if (found == subnets_.end()) {
    return nullptr;
  }
  found->second->waited_for = found->second->vni == Vni{};
  return found->second.get();
}

const Vpc* DesiredStore::find_vpc(std::string_view id) const {
  const auto found = vpcs_.find(id);
  return found == vpcs_.end() ? nullptr : &found->second;
}

const PortSpec* DesiredStore::find_port(const std::string& id) const {
  const auto found = ports_.find(id);
  return found == ports_.end() ? nullptr : &found->second;
}

const Router* DesiredStore::find_router(std::string_view id) const {
  const auto found = routers_.find(id);
  return found == routers_.end() ? nullptr : &found->second;
}

const VpcGateway* DesiredStore::find_gateway(std::string_view id) const {
  const auto found = gateways_.find(id);
  return found == gateways_.end() ? nullptr : &found->second;
}

const std::vector<Subnet*>& DesiredStore::at(Vni vni) const {
  static const std::vector<Subnet*> kNone;
  const auto found = by_vni_.find(vni);
  return found == by_vni_.end() ? kNone : found->second;
}

std::size_t DesiredStore::count(ResourceType type) const {
  const auto known = [](const auto& records) {
    return static_cast<std::size_t>(std::count_if(
        records.begin(), records.end(), [](const auto& entry) { return entry.second.known; }));
  };
  switch (type) {
    case ResourceType::kVpc:
      return known(vpcs_);
    case ResourceType::kSubnet:
      return static_cast<std::size_t>(std::count_if(
          subnets_.begin(), subnets_.end(), [](const auto& entry) { return entry.second->known; }));
    case ResourceType::kPort:
      return ports_.size();
    case ResourceType::kNeighbor:
      return neighbors_;
    case ResourceType::kDhcp:
      return dhcp_;
    case ResourceType::kRouter:
      return routers_.size();
    case ResourceType::kSecurityGroup:
      return groups_.count();
    case ResourceType::kGateway:
      return known(gateways_);
  }
  return 0;
}

}  // namespace alkaid::agent
