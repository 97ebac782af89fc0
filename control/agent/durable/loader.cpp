#include "control/agent/durable/loader.hpp"

#include <utility>

#include <fmt/format.h>

#include "control/agent/durable/archive.hpp"
#include "control/agent/durable/record_fields.hpp"
#include "control/agent/durable/record_keys.hpp"

namespace alkaid::agent::durable {
namespace {

template <class... Values>
bool read(std::string_view bytes, Values&... values) {
  Reader reader{bytes};
  reader(values...);
  return reader.at_end();
}

// Is it the key of these ids?
template <class... Ids>
bool is_key_of(std::string_view key, const Ids&... ids) {
  std::string bytes;
  Writer{bytes}(ids...);
  return RecordKey::of_ids(static_cast<RecordType>(key.front()), bytes).bytes() == key;
}

}  // namespace

bool Loader::find_place(std::uint32_t number, const IpAddress& address,
                        NeighborAddress& found) const {
  const auto place = places_.find(number);
  if (place == places_.end()) {
    return false;
  }
  const PlaceRecord& record = place->second;
  found = {record.id, record.id.empty() ? record.named_vni : Vni{}, address};
  return true;
}

bool Loader::take_in_place(std::string_view key, std::string_view value) {
  const auto type = static_cast<RecordType>(key.front());
  std::uint32_t number = 0;
  if (type == RecordType::kPlace) {
    PlaceRecord record;
    if (!parse_key(key, number) || !read(value, record) ||
        (record.id.empty() && record.named_vni == Vni{})) {
      return false;
    }
    store_.restore_place(number, record);
    return places_.emplace(number, std::move(record)).second;
  }
  NeighborAddress where;
  if (type == RecordType::kDhcp) {
    MacAddress mac;
    DhcpRow row;
    if (!parse_key(key, number, mac) || !read(value, row) || !find_place(number, {}, where) ||
        where.subnet_id.empty()) {
      return false;
    }
    store_.set_dhcp({where.subnet_id, mac, row.ipv4, row.ipv6, row.host_name});
    return true;
  }
  IpAddress address;
  if (!parse_key(key, number, address) || !find_place(number, address, where)) {
    return false;
  }
  switch (type) {
    case RecordType::kNeighbor: {
      NeighborRow row;
      return read(value, row) && store_.set_neighbor(where, row);
    }
    case RecordType::kNeighborGroups: {
      StationRecord record;
      if (!read(value, record) || record.addresses.empty() || record.addresses.front() != address) {
        return false;
      }
      NeighborSpec spec;
      spec.addresses = {where};
      spec.security_group_ids = std::move(record.groups);
      for (std::size_t i = 1; i < record.addresses.size(); ++i) {
        spec.pairs.push_back({record.addresses[i], {}});
      }
      store_.set_neighbor_groups(spec);
      return true;
    }
    case RecordType::kClaims: {
      std::vector<PairClaim> claims;
      if (!read(value, claims) || claims.empty()) {
        return false;
      }
      store_.restore_claims(where, claims);
      return true;
    }
    default:
      return false;
  }
}

bool Loader::take_router_part(std::string_view key, std::string_view value) {
  std::string router;
  SubnetRoutingSpec subnet;
  if (static_cast<RecordType>(key.front()) == RecordType::kRouterSubnet) {
    if (!read(value, router, subnet.subnet_id) || !is_key_of(key, router, subnet.subnet_id)) {
      return false;
    }
  } else {
    RoutingRuleSpec rule;
    if (!read(value, router, subnet.subnet_id, rule.id, rule) || !rule.destination ||
        !is_key_of(key, router, subnet.subnet_id, rule.id)) {
      return false;
    }
    subnet.rules.push_back(std::move(rule));
  }
  const auto known = routers_.find(router);
  if (known == routers_.end()) {
    return false;
  }
  RouterSpec spec;
  spec.host_dvr_mac = known->second;
  spec.subnets.push_back(std::move(subnet));
  return store_.set_router(router, spec);
}

bool Loader::take_group_part(std::string_view key, std::string_view value) {
  std::string id;
  SecurityGroupSpec spec;
  if (static_cast<RecordType>(key.front()) == RecordType::kGroupRule) {
    SecurityRuleSpec rule;
    if (!read(value, id, rule.id, rule) || !is_key_of(key, id, rule.id)) {
      return false;
    }
    spec.rules.push_back(std::move(rule));
  } else {
    IpAddress member;
    if (!read(value, id, member) || !is_key_of(key, id, member)) {
      return false;
    }
    spec.members.push_back(member);
  }
  const SecurityGroup* group = store_.find_security_group(id);
  if (group == nullptr || !group->known) {
    return false;
  }
  store_.groups().set(id, spec);
  return true;
}

bool Loader::take_slice_part(std::string_view key, std::string_view value) {
  if (static_cast<RecordType>(key.front()) == RecordType::kSlice) {
    std::string name;
    SliceRecord record;
    return read(value, name, record) && is_key_of(key, name) &&
           store_.slices().restore(name, record);
  }
  SliceItemRecord record;
  return read(value, record.type, record.scope, record.vni, record.high, record.low, record) &&
         is_key_of(key, record.type, record.scope, record.vni, record.high, record.low) &&
         store_.slices().restore_item(record);
}

bool Loader::take_by_ids(std::string_view key, std::string_view value) {
  std::string id;
  switch (static_cast<RecordType>(key.front())) {
    case RecordType::kVpc: {
      VpcSpec spec;
      if (!read(value, id, spec) || !is_key_of(key, id)) {
        return false;
      }
      spec.replaces = true;
      store_.set_vpc(id, spec);
      return true;
    }
    case RecordType::kGateway: {
      VpcGatewaySpec spec;
      if (!read(value, id, spec) || !is_key_of(key, id)) {
        return false;
      }
      store_.set_gateway(id, spec);
      return true;
    }
    case RecordType::kSubnet: {
      SubnetSpec spec;
      if (!read(value, id, spec) || !is_key_of(key, id)) {
        return false;
      }
      store_.set_subnet(id, std::move(spec));
      return true;
    }
    case RecordType::kPort: {
      PortSpec spec;
      if (!read(value, id, spec) || !is_key_of(key, id)) {
        return false;
      }
      store_.set_port(id, std::move(spec));
      return true;
    }
    case RecordType::kRouter: {
      RouterSpec spec;
      if (!read(value, id, spec.host_dvr_mac) || !is_key_of(key, id) ||
          !store_.set_router(id, spec)) {
        return false;
      }
      routers_.emplace(id, spec.host_dvr_mac);
      return true;
    }
    case RecordType::kGroup: {
      GroupRecord record;
      if (!read(value, id, record) || !is_key_of(key, id)) {
        return false;
      }
      SecurityGroupSpec spec;
      spec.replaces = record.complete;
      spec.vpc_id = std::move(record.vpc_id);
      spec.name = std::move(record.name);
      store_.groups().set(id, spec);
      return true;
    }
    case RecordType::kLearnt: {
      NeighborKey neighbor;
      std::vector<std::string> ports;
      if (!read(value, neighbor.vni, neighbor.address, ports) ||
          !is_key_of(key, neighbor.vni, neighbor.address)) {
        return false;
      }
      store_.learnt().restore({neighbor, {ports.begin(), ports.end()}});
      return true;
    }
    case RecordType::kStation: {
      StationKey station = 0;
      StationRecord record;
      if (!read(value, station, record) || !is_key_of(key, station)) {
        return false;
      }
      store_.restore_station(station, record);
      return true;
    }
    default:
      return false;
  }
}

std::string Loader::take(std::string_view key, std::string_view value) {
  bool is_taken = false;
  if (!key.empty()) {
    switch (static_cast<RecordType>(key.front())) {
      case RecordType::kCompleteness:
        is_taken = read(value, is_complete_);
        break;
      case RecordType::kPlace:
      case RecordType::kNeighbor:
      case RecordType::kNeighborGroups:
      case RecordType::kClaims:
      case RecordType::kDhcp:
        is_taken = take_in_place(key, value);
        break;
      case RecordType::kRouterSubnet:
      case RecordType::kRoutingRule:
        is_taken = take_router_part(key, value);
        break;
      case RecordType::kGroupRule:
      case RecordType::kGroupMember:
        is_taken = take_group_part(key, value);
        break;
      case RecordType::kSlice:
      case RecordType::kSliceItem:
        is_taken = take_slice_part(key, value);
        break;
      default:
        is_taken = take_by_ids(key, value);
        break;
    }
  }
  return is_taken ? std::string{}
                  : fmt::format("a record of type '{}' with {} bytes doesn't fit the format",
                                key.empty() ? '?' : key.front(), value.size());
}

}  // namespace alkaid::agent::durable
