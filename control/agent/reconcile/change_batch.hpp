// The writes of one reconciliation as requests of bounded size.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "control/agent/reconcile/object_codec.hpp"
#include "control/agent/reconcile/objects.hpp"

namespace alkaid::agent {

// Call in the order of the functions (sets in dependency order, then deletes in reverse), so that a
// batch that takes several requests is still make before break.
class ChangeBatch {
 public:
  static constexpr int kMostNeighbors = 65536;                     // per request
  static constexpr std::size_t kMostBytes = std::size_t{3} << 20;  // below gRPC's default of 4 MiB

  void set_segment(Vni vni, const SegmentObject& segment);
  // Consecutive calls for one group become one change, in as many parts as its size needs. The
  // first of these alone makes sure that the group exists.
  void set_security_group(const std::string& id);
  void set_security_rule(const std::string& id, const std::string& rule,
                         const SecurityRuleObject& object);
  void set_security_member(const std::string& id, const IpAddress& address);
  void set_port(const std::string& id, const PortObject& port);
  void set_neighbor(const NeighborKey& key, const NeighborObject& neighbor);
  void set_route(const RouteKey& key, const RouteObject& route);
  void set_dhcp(const DhcpKey& key, const DhcpObject& binding);

  // What groups lose, after all sets: in a request of its own, since a request's changes of groups
  // come before its ports.
  void start_removals();
  void remove_security_rule(const std::string& id, const std::string& rule);
  void remove_security_member(const std::string& id, const IpAddress& address);

  void delete_dhcp(const DhcpKey& key);
  void delete_route(const RouteKey& key);
  void delete_neighbor(const NeighborKey& key);
  void delete_port(const std::string& id);
  void delete_security_group(const std::string& id);
  void delete_segment(Vni vni);

  // Empty if there is nothing to write.
  [[nodiscard]] std::vector<api::ApplyRequest>& requests() { return requests_; }

 private:
  // The request to add `bytes` to.
  api::ApplyRequest& room(std::size_t bytes);
  // The change of a group to add `bytes` to.
  api::SecurityGroup& change_of(const std::string& id, std::size_t bytes);

  std::vector<api::ApplyRequest> requests_;
  std::size_t bytes_ = 0;  // of the last request
};

}  // namespace alkaid::agent
