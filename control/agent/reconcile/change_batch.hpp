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
  void set_port(const std::string& id, const PortObject& port);
  void set_neighbor(const NeighborKey& key, const NeighborObject& neighbor);
  void set_route(const RouteKey& key, const RouteObject& route);
  void set_dhcp(const DhcpKey& key, const DhcpObject& binding);

  void delete_dhcp(const DhcpKey& key);
  void delete_route(const RouteKey& key);
  void delete_neighbor(const NeighborKey& key);
  void delete_port(const std::string& id);
  void delete_segment(Vni vni);

  // Empty if there is nothing to write.
  [[nodiscard]] std::vector<api::ApplyRequest>& requests() { return requests_; }

 private:
  // The request to add `bytes` to.
  api::ApplyRequest& room(std::size_t bytes);

  std::vector<api::ApplyRequest> requests_;
  std::size_t bytes_ = 0;  // of the last request
};

}  // namespace alkaid::agent
