// Gateways of VPCs, and which of them a routing rule means.
#include <algorithm>
#include <array>
#include <utility>

#include "control/agent/desired/store.hpp"

namespace alkaid::agent {
namespace {

// The smaller the better: a gateway made for the destination, then the VPC's default, then any.
int preference(RouteVia via, GatewayType type) {
  constexpr std::array kForInternet = {GatewayType::kInternet, GatewayType::kNat,
                                       GatewayType::kDefault};
  constexpr std::array kForVpc = {GatewayType::kTransit, GatewayType::kDefault};
  const auto rank = [type](const auto& order) {
    return static_cast<int>(std::find(order.begin(), order.end(), type) - order.begin());
  };
  return via == RouteVia::kInternet ? rank(kForInternet) : rank(kForVpc);
}

}  // namespace

void DesiredStore::drop_gateway_if_unused(const std::string& id) {
  const auto gateway = gateways_.find(id);
  if (gateway != gateways_.end() && !gateway->second.known && gateway->second.vpcs.empty()) {
    gateways_.erase(gateway);
  }
}

void DesiredStore::set_gateway(std::string_view id, const VpcGatewaySpec& spec) {
  VpcGateway& gateway = gateways_[std::string{id}];
  const bool was_known = std::exchange(gateway.known, true);
  const bool is_same = gateway.spec == spec;
  if (!was_known || !is_same) {
    journal_->put_gateway(id, spec);
  }
  if (is_same) {
    return;
  }
  gateway.spec = spec;
  for (const std::string& vpc : gateway.vpcs) {
    mark_gateway_rules(vpcs_[vpc]);
  }
}

void DesiredStore::delete_gateway(std::string_view id) {
  if (!gateways_.contains(id)) {
    return;
  }
  set_gateway(id, {});
  gateways_.find(id)->second.known = false;
  journal_->erase_gateway(id);
  drop_gateway_if_unused(std::string{id});
}

std::optional<RouteObject> DesiredStore::resolve_gateway(const Subnet& subnet,
                                                         const RoutingRuleSpec& rule) const {
  const Vpc* vpc = subnet.known ? find_vpc(subnet.spec.vpc_id) : nullptr;
  if (vpc == nullptr || subnet.vni == Vni{}) {
    return std::nullopt;
  }
  const auto is_reachable = [this](const IpAddress& vtep) {
    return own_.empty() || std::any_of(own_.begin(), own_.end(), [&vtep](const IpAddress& own) {
             return own.is_v4() == vtep.is_v4();
           });
  };
  const VpcGatewaySpec* best = nullptr;
  const VpcGatewaySpec::Destination* best_destination = nullptr;
  for (const std::string& id : vpc->spec.gateway_ids) {
    const VpcGateway* gateway = find_gateway(id);
    const auto& destinations = gateway->spec.destinations;
    const auto serves = [&](const VpcGatewaySpec::Destination& destination) {
      return is_reachable(destination.vtep) &&
             (rule.next_hop.is_unset() || destination.vtep == rule.next_hop) &&
             (!destination.mac.is_zero() || !rule.next_hop_mac.is_zero());
    };
    // The one that has the rule's MAC, else the first.
    auto found =
        std::find_if(destinations.begin(), destinations.end(), [&](const auto& destination) {
          return destination.mac == rule.next_hop_mac && serves(destination);
        });
    if (found == destinations.end()) {
      found = std::find_if(destinations.begin(), destinations.end(), serves);
    }
    if (found != destinations.end() &&
        (best == nullptr ||
         preference(rule.via, gateway->spec.type) < preference(rule.via, best->type))) {
      best = &gateway->spec;
      best_destination = &*found;
    }
  }
  if (best == nullptr) {
    return std::nullopt;
  }
  Vni vni = best->vni;
  if (vni == Vni{}) {
    vni = vpc->spec.vni != Vni{} ? vpc->spec.vni : subnet.vni;
  }
  return RouteObject{
      .remote_vtep = best_destination->vtep,
      .remote_vni = vni,
      .remote_mac = rule.next_hop_mac.is_zero() ? best_destination->mac : rule.next_hop_mac};
}

}  // namespace alkaid::agent
