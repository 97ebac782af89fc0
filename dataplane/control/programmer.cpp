#include "dataplane/control/programmer.hpp"

#include <algorithm>

#include "dataplane/control/object_error.hpp"

namespace alkaid {

Programmer::Programmer(Tables& tables, PortManager& ports, TunnelTable& tunnels)
    : tables_(tables), locals_(tables.neighbors), ports_(ports), tunnels_(tunnels) {}

Programmer::~Programmer() {
  // References that objects hold on one another are dropped in reverse order of their making.
  std::vector<NeighborKey> neighbors;
  tables_.neighbors.for_each_remote([&](const Neighbor& neighbor) {
    neighbors.push_back({neighbor.vni, neighbor.ip});
  });
  for (const auto& key : neighbors) {
    remove_neighbor(key);
  }
  std::vector<RouteKey> routes;
  tables_.routes.for_each([&](const Route& route) { routes.push_back(route.config.key); });
  for (const auto& key : routes) {
    remove_route(key);
  }
  std::vector<std::string> ports;
  for (const auto& view : ports_.views()) {
    if (view.config != nullptr) {
      ports.push_back(view.config->id);
    }
  }
  for (const auto& id : ports) {
    remove_port(id);
  }
}

ObjectResult Programmer::done() {
  ++operations_;
  return std::nullopt;
}

std::uint16_t Programmer::default_mtu() const {
  const std::uint32_t overhead = tunnels_.largest_mtu_overhead();
  return static_cast<std::uint16_t>(
      std::max<std::uint32_t>(underlay_mtu_, kSmallestMtu + overhead) - overhead);
}

std::uint16_t Programmer::guest_mtu(const PortConfig& port) const {
  const auto mtu_of = [this](Vni vni) {
    const Segment* segment = tables_.segments.find(vni);
    return segment != nullptr ? segment->mtu : default_mtu();
  };
  return std::min(mtu_of(port.vni), mtu_of(port.segment_v6()));
}

void Programmer::set_underlay_mtu(std::uint16_t mtu) {
  if (mtu == underlay_mtu_) {
    return;
  }
  underlay_mtu_ = mtu;
  std::vector<SegmentConfig> segments;
  tables_.segments.for_each([&](const Segment& segment) { segments.push_back(segment.config); });
  for (const auto& config : segments) {
    publish_segment(config, tables_.segments.find(config.vni)->zone);
  }
}

}  // namespace alkaid
