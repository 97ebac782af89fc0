// The whole state, told as if every record of it had just changed.
#include "control/agent/desired/store.hpp"

namespace alkaid::agent {

Journal& Journal::none() {
  static Journal nothing;
  return nothing;
}

void DesiredStore::set_journal(Journal& journal) {
  journal_ = &journal;
  groups_.set_journal(journal);
  stations_.set_journal(journal);
  slices_.set_journal(journal);
  learnt_.set_journal(journal);
}

void DesiredStore::describe(Journal& journal) const {
  for (const auto& [id, vpc] : vpcs_) {
    if (vpc.known) {
      journal.put_vpc(id, vpc.spec);
    }
  }
  for (const auto& [id, gateway] : gateways_) {
    if (gateway.known) {
      journal.put_gateway(id, gateway.spec);
    }
  }
  const auto describe_place = [&journal](const Subnet& subnet) {
    journal.put_place(subnet.place, place_record(subnet));
    for (const auto& [address, row] : subnet.neighbors) {
      journal.put_neighbor(subnet.place, address, row);
    }
    for (const auto& [address, groups] : subnet.neighbor_groups) {
      journal.put_neighbor_groups(subnet.place, address,
                                  {GroupSets::ids_of(groups.groups), groups.addresses});
    }
    for (const auto& [address, claims] : subnet.pairs) {
      journal.put_claims(subnet.place, address, claims);
    }
    for (const auto& [mac, row] : subnet.dhcp) {
      journal.put_dhcp(subnet.place, mac, row);
    }
  };
  for (const auto& [id, subnet] : subnets_) {
    describe_place(*subnet);
    if (subnet->known) {
      journal.put_subnet(id, subnet->spec);
    }
  }
  for (const auto& [vni, segment] : numbered_) {
    describe_place(*segment);
  }
  for (const auto& [id, port] : ports_) {
    journal.put_port(id, port);
  }
  for (const auto& [id, router] : routers_) {
    journal.put_router(id, router.host_dvr_mac);
    for (const auto& [subnet_id, rules] : router.subnets) {
      journal.put_router_subnet(id, subnet_id);
      for (const auto& [rule_id, rule] : rules) {
        journal.put_routing_rule(id, subnet_id, rule);
      }
    }
  }
  groups_.describe(journal);
  stations_.describe(journal);
  slices_.describe(journal);
  learnt_.describe(journal);
}

}  // namespace alkaid::agent
