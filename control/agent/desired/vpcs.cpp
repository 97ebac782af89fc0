#include "control/agent/desired/store.hpp"

namespace alkaid::agent {

void DesiredStore::drop_if_unused(const std::string& vpc_id) {
  const auto vpc = vpcs_.find(vpc_id);
  if (vpc != vpcs_.end() && !vpc->second.known && vpc->second.subnets.empty()) {
    vpcs_.erase(vpc);
  }
}

void DesiredStore::set_vpc(std::string_view id, const VpcSpec& spec) {
  Vpc& vpc = vpcs_.try_emplace(std::string{id}).first->second;
  vpc.known = true;
  if (vpc.spec.vni == spec.vni) {
    return;
  }
  vpc.spec = spec;
  for (Subnet* subnet : vpc.subnets) {
    rescope(*subnet);
  }
}

void DesiredStore::delete_vpc(std::string_view id) {
  const auto vpc = vpcs_.find(id);
  if (vpc == vpcs_.end()) {
    return;
  }
  set_vpc(id, {});
  vpc->second.known = false;
  drop_if_unused(std::string{id});
}

}  // namespace alkaid::agent
