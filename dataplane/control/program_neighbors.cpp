// Programmer: neighbors on other hosts.
#include <fmt/format.h>

#include "dataplane/control/object_error.hpp"
#include "dataplane/control/programmer.hpp"
#include "dataplane/control/station_watch.hpp"

namespace alkaid {

ObjectResult Programmer::set(const NeighborConfig& config) {
  if (!config.mac.is_unicast()) {
    return invalid("mac", fmt::format("{} is no unicast MAC address", config.mac.to_string()));
  }
  if (config.key.ip.is_unset()) {
    return invalid("ip", "is missing");
  }
  std::string error;
  const Tunnel* tunnel = tunnels_.acquire(config.vtep, config.key.vni, error);
  if (tunnel == nullptr) {
    return invalid("vtep", error);
  }
  const StationWatch watch{tables_.neighbors, {&config.key, 1}};
  const Neighbor* old = tables_.neighbors.find_remote(config.key);
  const Tunnel* old_tunnel = old != nullptr ? old->tunnel : nullptr;
  const MacAddress old_mac = old_tunnel != nullptr ? old->station_mac : config.mac;
  if (!tables_.neighbors.set_remote(config.key, config.mac, tunnel)) {
    tunnels_.release(tunnel);
    return full("neighbors");
  }
  tables_.flood.add_neighbor(tunnel);
  if (old_tunnel != nullptr) {
    tables_.flood.remove_neighbor(old_tunnel);
    tunnels_.release(old_tunnel);
  }
  locals_.remote_changed({config.key.vni, config.key.ip});
  locals_.remote_changed({config.key.vni, config.mac});
  if (old_mac != config.mac) {
    locals_.remote_changed({config.key.vni, old_mac});
  }
  watch.finish(station_listener_);
  neighbor_listener_(config.key.vni, config.key.ip, config.mac);
  return done();
}

void Programmer::remove_neighbor(const NeighborKey& key) {
  const Neighbor* old = tables_.neighbors.find_remote(key);
  const MacAddress mac = old != nullptr ? old->station_mac : MacAddress{};
  if (const Tunnel* tunnel = tables_.neighbors.remove_remote(key)) {
    locals_.remote_changed({key.vni, key.ip});
    locals_.remote_changed({key.vni, mac});
    tables_.flood.remove_neighbor(tunnel);
    tunnels_.release(tunnel);
    ++operations_;
  }
}

}  // namespace alkaid
