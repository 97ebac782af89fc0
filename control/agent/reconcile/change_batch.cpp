#include "control/agent/reconcile/change_batch.hpp"

namespace alkaid::agent {
namespace {

constexpr std::size_t kNeighborBytes = 44;  // fixed-width columns
constexpr std::size_t kNeighborKeyBytes = 20;
constexpr std::size_t kMemberBytes = 24;
constexpr std::size_t kFramingBytes = 8;       // tag and length of one list element
constexpr std::size_t kSmallObjectBytes = 64;  // routes, keys

}  // namespace

api::ApplyRequest& ChangeBatch::room(std::size_t bytes) {
  if (requests_.empty() || bytes_ + bytes > kMostBytes) {
    requests_.emplace_back();
    bytes_ = 0;
  }
  bytes_ += bytes;
  return requests_.back();
}

void ChangeBatch::set_segment(Vni vni, const SegmentObject& segment) {
  api::Segment message;
  encode(vni, segment, message);
  *room(message.ByteSizeLong() + kFramingBytes).add_set_segments() = std::move(message);
}

api::SecurityGroup& ChangeBatch::change_of(const std::string& id, std::size_t bytes) {
  api::ApplyRequest& request = room(bytes);
  auto& changes = *request.mutable_set_security_groups();
  if (changes.empty() || changes.rbegin()->id() != id) {
    room(id.size() + kFramingBytes);
    api::SecurityGroup& added = *requests_.back().add_set_security_groups();
    added.set_id(id);
    return added;
  }
  return *changes.rbegin();
}

void ChangeBatch::set_security_group(const std::string& id) {
  change_of(id, 0);
}

void ChangeBatch::set_security_rule(const std::string& id, const std::string& rule,
                                    const SecurityRuleObject& object) {
  api::SecurityRule message;
  encode(rule, object, message);
  *change_of(id, message.ByteSizeLong() + kFramingBytes).add_rules() = std::move(message);
}

void ChangeBatch::set_security_member(const std::string& id, const IpAddress& address) {
  encode(address, *change_of(id, kMemberBytes).add_members());
}

void ChangeBatch::start_removals() {
  if (!requests_.empty()) {
    bytes_ = kMostBytes;
  }
}

void ChangeBatch::remove_security_rule(const std::string& id, const std::string& rule) {
  change_of(id, rule.size() + kFramingBytes).add_removed_rules(rule);
}

void ChangeBatch::remove_security_member(const std::string& id, const IpAddress& address) {
  encode(address, *change_of(id, kMemberBytes).add_removed_members());
}

void ChangeBatch::set_port(const std::string& id, const PortObject& port) {
  api::Port message;
  encode(id, port, message);
  *room(message.ByteSizeLong() + kFramingBytes).add_set_ports() = std::move(message);
}

void ChangeBatch::set_neighbor(const NeighborKey& key, const NeighborObject& neighbor) {
  if (!requests_.empty() && requests_.back().set_neighbors().vni_size() >= kMostNeighbors) {
    bytes_ = kMostBytes;
  }
  append(key, neighbor, *room(kNeighborBytes).mutable_set_neighbors());
}

void ChangeBatch::set_route(const RouteKey& key, const RouteObject& route) {
  encode(key, route, *room(kSmallObjectBytes).add_set_routes());
}

void ChangeBatch::set_dhcp(const DhcpKey& key, const DhcpObject& binding) {
  encode(key, binding, *room(kSmallObjectBytes + binding.host_name.size()).add_set_dhcp_bindings());
}

void ChangeBatch::delete_dhcp(const DhcpKey& key) {
  encode(key, *room(kSmallObjectBytes).add_delete_dhcp_bindings());
}

void ChangeBatch::delete_route(const RouteKey& key) {
  encode(key, *room(kSmallObjectBytes).add_delete_routes());
}

void ChangeBatch::delete_neighbor(const NeighborKey& key) {
  if (!requests_.empty() && requests_.back().delete_neighbors().vni_size() >= kMostNeighbors) {
    bytes_ = kMostBytes;
  }
  append(key, *room(kNeighborKeyBytes).mutable_delete_neighbors());
}

void ChangeBatch::delete_port(const std::string& id) {
  room(id.size() + kFramingBytes).add_delete_ports(id);
}

void ChangeBatch::delete_security_group(const std::string& id) {
  room(id.size() + kFramingBytes).add_delete_security_groups(id);
}

void ChangeBatch::delete_segment(Vni vni) {
  room(kFramingBytes).add_delete_segments(vni.number());
}

}  // namespace alkaid::agent
