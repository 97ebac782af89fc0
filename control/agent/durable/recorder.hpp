// The journal that becomes a batch for the database.
#pragma once

#include <utility>

#include "control/agent/desired/journal.hpp"
#include "control/agent/durable/batch.hpp"

namespace alkaid::agent::durable {

class Recorder final : public Journal {
 public:
  // What was recorded since the last call.
  [[nodiscard]] Batch take() { return std::exchange(batch_, {}); }

  void put_completeness(bool is_complete) override;
  void put_place(std::uint32_t place, const PlaceRecord& record) override;
  void erase_place(std::uint32_t place) override;
  void put_vpc(std::string_view id, const VpcSpec& spec) override;
  void erase_vpc(std::string_view id) override;
  void put_gateway(std::string_view id, const VpcGatewaySpec& spec) override;
  void erase_gateway(std::string_view id) override;
  void put_subnet(std::string_view id, const SubnetSpec& spec) override;
  void erase_subnet(std::string_view id) override;
  void put_port(std::string_view id, const PortSpec& spec) override;
  void erase_port(std::string_view id) override;
  void put_neighbor(std::uint32_t place, const IpAddress& address, const NeighborRow& row) override;
  void erase_neighbor(std::uint32_t place, const IpAddress& address) override;
  void put_neighbor_groups(std::uint32_t place, const IpAddress& address,
                           const StationRecord& record) override;
  void erase_neighbor_groups(std::uint32_t place, const IpAddress& address) override;
  void put_claims(std::uint32_t place, const IpAddress& address,
                  const std::vector<PairClaim>& claims) override;
  void put_dhcp(std::uint32_t place, const MacAddress& mac, const DhcpRow& row) override;
  void erase_dhcp(std::uint32_t place, const MacAddress& mac) override;
  void put_router(std::string_view id, const MacAddress& host_dvr_mac) override;
  void erase_router(std::string_view id) override;
  void put_router_subnet(std::string_view router, std::string_view subnet) override;
  void erase_router_subnet(std::string_view router, std::string_view subnet) override;
  void put_routing_rule(std::string_view router, std::string_view subnet,
                        const RoutingRuleSpec& rule) override;
  void erase_routing_rule(std::string_view router, std::string_view subnet,
                          std::string_view rule) override;
  void put_group(std::string_view id, const GroupRecord& record) override;
  void erase_group(std::string_view id) override;
  void put_group_rule(std::string_view group, const SecurityRuleSpec& rule) override;
  void erase_group_rule(std::string_view group, std::string_view rule) override;
  void put_group_member(std::string_view group, const IpAddress& member) override;
  void erase_group_member(std::string_view group, const IpAddress& member) override;
  void put_slice(std::string_view name, const SliceRecord& record) override;
  void erase_slice(std::string_view name) override;
  void put_slice_item(const SliceItemRecord& record) override;
  void erase_slice_item(const SliceItemRecord& record) override;
  void put_station(StationKey station, const StationRecord& record) override;
  void erase_station(StationKey station) override;
  void put_learnt(const NeighborKey& key, const std::vector<std::string>& ports) override;
  void erase_learnt(const NeighborKey& key) override;

 private:
  Batch batch_;
};

}  // namespace alkaid::agent::durable
