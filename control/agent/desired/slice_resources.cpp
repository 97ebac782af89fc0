#include "control/agent/desired/slice_resources.hpp"

#include <algorithm>
#include <string>

#include <fmt/format.h>
#include <xxhash.h>

#include "control/agent/durable/archive.hpp"
#include "control/agent/durable/record_fields.hpp"

namespace alkaid::agent {
namespace {

using durable::Writer;

SliceItem item_of(ResourceType type, std::string_view id) {
  return {type, id, {}, 0, 0, {}};
}

IpAddress address_of(std::uint64_t high, std::uint64_t low) {
  return IpAddress::from_numbers(high, low);
}

const DhcpRow* find_dhcp(const DesiredStore& store, const SliceItem& item) {
  const Subnet* subnet = store.find_subnet(item.scope);
  if (subnet == nullptr) {
    return nullptr;
  }
  const auto row = subnet->dhcp.find(MacAddress::from_number(item.low));
  return row == subnet->dhcp.end() ? nullptr : &row->second;
}

void write_key(Writer& out, const SliceItem& item) {
  out(item.type, item.scope, item.vni, item.high, item.low);
}

std::uint64_t hash_of(std::string_view bytes) {
  return XXH3_64bits(bytes.data(), bytes.size());
}

void write_router(Writer& out, const Router& router) {
  out(router.host_dvr_mac);
  for (const auto& [subnet, rules] : router.subnets) {
    out(subnet);
    for (const auto& [id, rule] : rules) {
      out(id, rule);
    }
  }
}

void write_group(Writer& out, const SecurityGroup& group) {
  out(group.vpc_id, group.name);
  for (const auto& [id, rule] : group.rules) {
    out(id, rule);
  }
  for (const IpAddress& member : group.listed_members) {
    out(member);
  }
}

void write_content(Writer& out, const DesiredStore& store, const SliceItem& item) {
  switch (item.type) {
    case ResourceType::kVpc:
      if (const Vpc* vpc = store.find_vpc(item.scope); vpc != nullptr) {
        VpcSpec said = vpc->spec;
        std::sort(said.gateway_ids.begin(), said.gateway_ids.end());  // in order of arrival there
        out(said);
      }
      break;
    case ResourceType::kSubnet:
      if (const Subnet* subnet = store.find_subnet(item.scope); subnet != nullptr) {
        out(subnet->spec);
      }
      break;
    case ResourceType::kPort:
      if (const PortSpec* port = store.find_port(std::string{item.scope}); port != nullptr) {
        PortSpec said = *port;
        said.attachment.clear();
        out(said);
      }
      break;
    case ResourceType::kDhcp:
      if (const DhcpRow* row = find_dhcp(store, item); row != nullptr) {
        out(*row);
      }
      break;
    case ResourceType::kRouter:
      if (const Router* router = store.find_router(item.scope); router != nullptr) {
        write_router(out, *router);
      }
      break;
    case ResourceType::kSecurityGroup:
      if (const SecurityGroup* group = store.find_security_group(item.scope); group != nullptr) {
        write_group(out, *group);
      }
      break;
    case ResourceType::kGateway:
      if (const VpcGateway* gateway = store.find_gateway(item.scope); gateway != nullptr) {
        out(gateway->spec);
      }
      break;
    case ResourceType::kNeighbor:
      break;
  }
}

}  // namespace

SliceItem slice_item(const Change<VpcSpec>& change) {
  return item_of(ResourceType::kVpc, change.id);
}
SliceItem slice_item(const Change<SubnetSpec>& change) {
  return item_of(ResourceType::kSubnet, change.id);
}
SliceItem slice_item(const Change<PortSpec>& change) {
  return item_of(ResourceType::kPort, change.id);
}
SliceItem slice_item(const Change<RouterSpec>& change) {
  return item_of(ResourceType::kRouter, change.id);
}
SliceItem slice_item(const Change<SecurityGroupSpec>& change) {
  return item_of(ResourceType::kSecurityGroup, change.id);
}
SliceItem slice_item(const Change<VpcGatewaySpec>& change) {
  return item_of(ResourceType::kGateway, change.id);
}
SliceItem slice_item(const Change<DhcpSpec>& change) {
  return {ResourceType::kDhcp, change.spec.subnet_id, {}, 0, change.spec.mac.number(), {}};
}
SliceItem slice_item(const Change<NeighborSpec>& change, const NeighborAddress& address) {
  return {ResourceType::kNeighbor,
          address.subnet_id,
          address.subnet_id.empty() ? address.vni : Vni{},
          address.address.high(),
          address.address.low(),
          change.spec.pairs.empty() ? std::string_view{} : change.id};
}

bool is_known(const DesiredStore& store, const SliceItem& item) {
  switch (item.type) {
    case ResourceType::kVpc: {
      const Vpc* vpc = store.find_vpc(item.scope);
      return vpc != nullptr && vpc->known;
    }
    case ResourceType::kSubnet: {
      const Subnet* subnet = store.find_subnet(item.scope);
      return subnet != nullptr && subnet->known;
    }
    case ResourceType::kPort:
      return store.find_port(std::string{item.scope}) != nullptr;
    case ResourceType::kNeighbor: {
      const IpAddress address = address_of(item.high, item.low);
      const Subnet* subnet = store.find_subnet({item.scope, item.vni, address});
      return subnet != nullptr && subnet->neighbors.contains(address);
    }
    case ResourceType::kDhcp:
      return find_dhcp(store, item) != nullptr;
    case ResourceType::kRouter:
      return store.find_router(item.scope) != nullptr;
    case ResourceType::kSecurityGroup: {
      const SecurityGroup* group = store.find_security_group(item.scope);
      return group != nullptr && group->known;
    }
    case ResourceType::kGateway: {
      const VpcGateway* gateway = store.find_gateway(item.scope);
      return gateway != nullptr && gateway->known;
    }
  }
  return false;
}

std::uint64_t content_of(const DesiredStore& store, const SliceItem& item) {
  std::string bytes;
  Writer out{bytes};
  write_key(out, item);
  write_content(out, store, item);
  return hash_of(bytes);
}

std::uint64_t content_of(const Change<NeighborSpec>& change, const SliceItem& item) {
  std::string bytes;
  bytes.reserve(256);
  Writer out{bytes};
  write_key(out, item);
  const NeighborSpec& spec = change.spec;
  out(change.id, spec.mac, spec.host, spec.security_group_ids);
  for (const NeighborPair& pair : spec.pairs) {
    out(pair.address, pair.mac);
  }
  return hash_of(bytes);
}

bool admit_to_slice(DesiredStore& store, DecodedGoalState& decoded, std::uint32_t result,
                    const SliceItem& item) {
  if (store.slices().may_say(item)) {
    return true;
  }
  decoded.refuse(result,
                 {"slice.name",
                  {},
                  fmt::format("{} other slices have the resource already: more may not",
                              Slices::kMostHolders)},
                 Status::kFailure);
  return false;
}

void remove_from(DesiredStore& store, const SliceItemRecord& gone) {
  switch (gone.type) {
    case ResourceType::kVpc:
      store.delete_vpc(gone.scope);
      break;
    case ResourceType::kSubnet:
      store.delete_subnet(gone.scope, {});
      break;
    case ResourceType::kPort:
      store.delete_port(gone.scope);
      break;
    case ResourceType::kNeighbor: {
      const NeighborAddress address{gone.scope, gone.vni, address_of(gone.high, gone.low)};
      store.delete_neighbor(gone.name, address);
      break;
    }
    case ResourceType::kDhcp: {
      DhcpSpec spec;
      spec.subnet_id = gone.scope;
      spec.mac = MacAddress::from_number(gone.low);
      store.delete_dhcp(spec);
      break;
    }
    case ResourceType::kRouter:
      store.delete_router(gone.scope);
      break;
    case ResourceType::kSecurityGroup:
      store.groups().erase(gone.scope);
      break;
    case ResourceType::kGateway:
      store.delete_gateway(gone.scope);
      break;
  }
}

}  // namespace alkaid::agent
