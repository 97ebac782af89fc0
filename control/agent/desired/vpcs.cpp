// VPCs, and the gateways that they name.
#include <algorithm>
#include <utility>

#include "control/agent/desired/store.hpp"

namespace alkaid::agent {

void DesiredStore::drop_if_unused(const std::string& vpc_id) {
  const auto vpc = vpcs_.find(vpc_id);
  if (vpc != vpcs_.end() && !vpc->second.known && vpc->second.subnets.empty()) {
    vpcs_.erase(vpc);
  }
}

void DesiredStore::set_vpc(std::string_view id, const VpcSpec& spec) {
  const std::string name{id};
  Vpc& vpc = vpcs_[name];
  const bool was_known = std::exchange(vpc.known, true);
  const VpcSpec former = vpc.spec;
  if (spec.replaces) {
    vpc.spec = {};
  }
  // Clients repeat a VPC with every message, most of the time without these: that takes none away.
  if (spec.vni != Vni{}) {
    vpc.spec.vni = spec.vni;
  }
  if (!spec.name.empty()) {
    vpc.spec.name = spec.name;
  }
  if (spec.cidr) {
    vpc.spec.cidr = spec.cidr;
  }
  auto& gateways = vpc.spec.gateway_ids;
  for (const std::string& gateway : spec.gateway_ids) {
    if (std::find(gateways.begin(), gateways.end(), gateway) == gateways.end()) {
      gateways.push_back(gateway);
    }
  }
  if (!was_known || vpc.spec != former) {
    journal_->put_vpc(id, vpc.spec);
  }
  const bool moved = former.vni != vpc.spec.vni;
  if (moved || former.gateway_ids != gateways) {
    mark_gateway_rules(vpc);
    link_gateways(name, former.gateway_ids, false);
    link_gateways(name, gateways, true);
  }
  if (moved) {
    for (Subnet* subnet : vpc.subnets) {
      rescope(*subnet);
    }
  }
}

void DesiredStore::delete_vpc(std::string_view id) {
  const auto vpc = vpcs_.find(id);
  if (vpc == vpcs_.end()) {
    return;
  }
  set_vpc(id, {.replaces = true});
  vpc->second.known = false;
  journal_->erase_vpc(id);
  drop_if_unused(std::string{id});
}

void DesiredStore::mark_gateway_rules(const Vpc& vpc) {
  for (const Subnet* subnet : vpc.subnets) {
    for (const IpPrefix& destination : subnet->gateway_rules) {
      mark_rule(*subnet, destination);
    }
  }
}

void DesiredStore::link_gateways(const std::string& vpc_id, const std::vector<std::string>& ids,
                                 bool present) {
  for (const std::string& id : ids) {
    if (present) {
      gateways_[id].vpcs.insert(vpc_id);
    } else {
      gateways_[id].vpcs.erase(vpc_id);
      drop_gateway_if_unused(id);
    }
  }
}

}  // namespace alkaid::agent
