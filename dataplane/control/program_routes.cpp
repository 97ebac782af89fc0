// Programmer: routes.
#include <fmt/format.h>

#include "dataplane/control/object_error.hpp"
#include "dataplane/control/programmer.hpp"

namespace alkaid {

ObjectResult Programmer::set(const RouteConfig& config) {
  auto route = std::make_unique<Route>();
  route->config = config;
  const auto* connected = std::get_if<ConnectedAction>(&config.action);
  if (connected != nullptr) {
    const auto zone = tables_.segments.acquire(connected->vni);
    if (!zone) {
      return full("segments");
    }
    route->connected_zone = *zone;
  }
  const Route* old = tables_.routes.find(config.key);
  const auto* old_connected =
      old != nullptr ? std::get_if<ConnectedAction>(&old->config.action) : nullptr;
  const Vni old_vni = old_connected != nullptr ? old_connected->vni : Vni{};
  if (!tables_.routes.put(std::move(route))) {
    if (connected != nullptr) {
      tables_.segments.release(connected->vni);
    }
    return full("routes");
  }
  if (old_connected != nullptr) {
    tables_.segments.release(old_vni);
  }
  return done();
}

void Programmer::remove_route(const RouteKey& key) {
  const Route* route = tables_.routes.find(key);
  if (route == nullptr) {
    return;
  }
  const auto* connected = std::get_if<ConnectedAction>(&route->config.action);
  const Vni vni = connected != nullptr ? connected->vni : Vni{};
  tables_.routes.erase(key);
  if (connected != nullptr) {
    tables_.segments.release(vni);
  }
  ++operations_;
}

}  // namespace alkaid
