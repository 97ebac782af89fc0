#include "control/agent/durable/recorder.hpp"

#include "control/agent/durable/archive.hpp"
#include "control/agent/durable/record_fields.hpp"
#include "control/agent/durable/record_keys.hpp"

namespace alkaid::agent::durable {
namespace {

template <class... Ids>
std::string join(const Ids&... ids) {
  std::string bytes;
  Writer{bytes}(ids...);
  return bytes;
}

template <class Record>
void put(Batch& batch, const RecordKey& key, const Record& record) {
  batch.put(key.bytes(), [&record](std::string& out) { Writer{out}(record); });
}

// The value begins with the ids of which the key is the hash.
template <class... Fields>
void put_by_ids(Batch& batch, RecordType type, const std::string& ids, const Fields&... record) {
  batch.put(RecordKey::of_ids(type, ids).bytes(), [&](std::string& out) {
    out.append(ids);
    Writer{out}(record...);
  });
}

void erase_by_ids(Batch& batch, RecordType type, const std::string& ids) {
  batch.erase(RecordKey::of_ids(type, ids).bytes());
}

}  // namespace

void Recorder::put_completeness(bool is_complete) {
  put(batch_, RecordKey{RecordType::kCompleteness}, is_complete);
}

void Recorder::put_place(std::uint32_t place, const PlaceRecord& record) {
  put(batch_, RecordKey{RecordType::kPlace, place}, record);
}

void Recorder::erase_place(std::uint32_t place) {
  batch_.erase(RecordKey{RecordType::kPlace, place}.bytes());
}

void Recorder::put_vpc(std::string_view id, const VpcSpec& spec) {
  put_by_ids(batch_, RecordType::kVpc, join(id), spec);
}

void Recorder::erase_vpc(std::string_view id) {
  erase_by_ids(batch_, RecordType::kVpc, join(id));
}

void Recorder::put_gateway(std::string_view id, const VpcGatewaySpec& spec) {
  put_by_ids(batch_, RecordType::kGateway, join(id), spec);
}

void Recorder::erase_gateway(std::string_view id) {
  erase_by_ids(batch_, RecordType::kGateway, join(id));
}

void Recorder::put_subnet(std::string_view id, const SubnetSpec& spec) {
  put_by_ids(batch_, RecordType::kSubnet, join(id), spec);
}

void Recorder::erase_subnet(std::string_view id) {
  erase_by_ids(batch_, RecordType::kSubnet, join(id));
}

void Recorder::put_port(std::string_view id, const PortSpec& spec) {
  put_by_ids(batch_, RecordType::kPort, join(id), spec);
}

void Recorder::erase_port(std::string_view id) {
  erase_by_ids(batch_, RecordType::kPort, join(id));
}

void Recorder::put_neighbor(std::uint32_t place, const IpAddress& address, const NeighborRow& row) {
  put(batch_, RecordKey{RecordType::kNeighbor, place, address}, row);
}

void Recorder::erase_neighbor(std::uint32_t place, const IpAddress& address) {
  batch_.erase(RecordKey{RecordType::kNeighbor, place, address}.bytes());
}

void Recorder::put_neighbor_groups(std::uint32_t place, const IpAddress& address,
                                   const StationRecord& record) {
  put(batch_, RecordKey{RecordType::kNeighborGroups, place, address}, record);
}

void Recorder::erase_neighbor_groups(std::uint32_t place, const IpAddress& address) {
  batch_.erase(RecordKey{RecordType::kNeighborGroups, place, address}.bytes());
}

void Recorder::put_claims(std::uint32_t place, const IpAddress& address,
                          const std::vector<PairClaim>& claims) {
  const RecordKey key{RecordType::kClaims, place, address};
  if (claims.empty()) {
    batch_.erase(key.bytes());
  } else {
    put(batch_, key, claims);
  }
}

void Recorder::put_dhcp(std::uint32_t place, const MacAddress& mac, const DhcpRow& row) {
  put(batch_, RecordKey{RecordType::kDhcp, place, mac}, row);
}

void Recorder::erase_dhcp(std::uint32_t place, const MacAddress& mac) {
  batch_.erase(RecordKey{RecordType::kDhcp, place, mac}.bytes());
}

void Recorder::put_router(std::string_view id, const MacAddress& host_dvr_mac) {
  put_by_ids(batch_, RecordType::kRouter, join(id), host_dvr_mac);
}

void Recorder::erase_router(std::string_view id) {
  erase_by_ids(batch_, RecordType::kRouter, join(id));
}

void Recorder::put_router_subnet(std::string_view router, std::string_view subnet) {
  put_by_ids(batch_, RecordType::kRouterSubnet, join(router, subnet));
}

void Recorder::erase_router_subnet(std::string_view router, std::string_view subnet) {
  erase_by_ids(batch_, RecordType::kRouterSubnet, join(router, subnet));
}

void Recorder::put_routing_rule(std::string_view router, std::string_view subnet,
                                const RoutingRuleSpec& rule) {
  put_by_ids(batch_, RecordType::kRoutingRule, join(router, subnet, rule.id), rule);
}

void Recorder::erase_routing_rule(std::string_view router, std::string_view subnet,
                                  std::string_view rule) {
  erase_by_ids(batch_, RecordType::kRoutingRule, join(router, subnet, rule));
}

void Recorder::put_group(std::string_view id, const GroupRecord& record) {
  put_by_ids(batch_, RecordType::kGroup, join(id), record);
}

void Recorder::erase_group(std::string_view id) {
  erase_by_ids(batch_, RecordType::kGroup, join(id));
}

void Recorder::put_group_rule(std::string_view group, const SecurityRuleSpec& rule) {
  put_by_ids(batch_, RecordType::kGroupRule, join(group, rule.id), rule);
}

void Recorder::erase_group_rule(std::string_view group, std::string_view rule) {
  erase_by_ids(batch_, RecordType::kGroupRule, join(group, rule));
}

void Recorder::put_group_member(std::string_view group, const IpAddress& member) {
  put_by_ids(batch_, RecordType::kGroupMember, join(group, member));
}

void Recorder::erase_group_member(std::string_view group, const IpAddress& member) {
  erase_by_ids(batch_, RecordType::kGroupMember, join(group, member));
}

void Recorder::put_station(StationKey station, const StationRecord& record) {
  put_by_ids(batch_, RecordType::kStation, join(station), record);
}

void Recorder::erase_station(StationKey station) {
  erase_by_ids(batch_, RecordType::kStation, join(station));
}

void Recorder::put_slice(std::string_view name, const SliceRecord& record) {
  put_by_ids(batch_, RecordType::kSlice, join(name), record);
}

void Recorder::erase_slice(std::string_view name) {
  erase_by_ids(batch_, RecordType::kSlice, join(name));
}

void Recorder::put_slice_item(const SliceItemRecord& record) {
  put_by_ids(batch_, RecordType::kSliceItem,
             join(record.type, record.scope, record.vni, record.high, record.low), record);
}

void Recorder::erase_slice_item(const SliceItemRecord& record) {
  erase_by_ids(batch_, RecordType::kSliceItem,
               join(record.type, record.scope, record.vni, record.high, record.low));
}

void Recorder::put_learnt(const NeighborKey& key, const std::vector<std::string>& ports) {
  put_by_ids(batch_, RecordType::kLearnt, join(key.vni, key.address), ports);
}

void Recorder::erase_learnt(const NeighborKey& key) {
  erase_by_ids(batch_, RecordType::kLearnt, join(key.vni, key.address));
}

}  // namespace alkaid::agent::durable
