// Programmer: routes.
#include <fmt/format.h>

#include "dataplane/control/object_error.hpp"
#include "dataplane/control/programmer.hpp"

namespace alkaid {
namespace {

ObjectResult check(const RouteConfig& config) {
  if (const auto* via = std::get_if<NextHopAction>(&config.action)) {
    if (via->address.is_unset()) {
      return invalid("next_hop", "is missing");
    }
    if (via->address.is_v4() != config.key.prefix.address.is_v4()) {
      return invalid("next_hop",
                     fmt::format("{} is of another address family than the prefix {}",
                                 via->address.to_string(), config.key.prefix.to_string()));
    }
  }
  if (const auto* remote = std::get_if<RemoteAction>(&config.action)) {
    if (!remote->mac.is_unicast()) {
      return invalid("remote.mac",
                     fmt::format("{} is no unicast MAC address", remote->mac.to_string()));
    }
  }
  return std::nullopt;
}

}  // namespace

ObjectResult Programmer::hold(Route& route) {
  if (const auto* connected = std::get_if<ConnectedAction>(&route.config.action)) {
    const auto zone = tables_.segments.acquire(connected->vni);
    if (!zone) {
      return full("segments");
    }
    route.connected_zone = *zone;
  } else if (const auto* remote = std::get_if<RemoteAction>(&route.config.action)) {
    std::string error;
    route.tunnel = tunnels_.acquire(remote->vtep, remote->vni, error);
    if (route.tunnel == nullptr) {
      return invalid("remote.vtep", error);
    }
    route.remote_mac = remote->mac;
  }
  return std::nullopt;
}

void Programmer::let_go(const RouteReferences& references) {
  if (references.connected != Vni{}) {
    tables_.segments.release(references.connected);
  }
  if (references.tunnel != nullptr) {
    tunnels_.release(references.tunnel);
  }
}

Programmer::RouteReferences Programmer::references_of(const Route& route) {
  const auto* connected = std::get_if<ConnectedAction>(&route.config.action);
  return {connected != nullptr ? connected->vni : Vni{}, route.tunnel};
}

ObjectResult Programmer::set(const RouteConfig& config) {
  if (auto wrong = check(config)) {
    return wrong;
  }
  auto route = std::make_unique<Route>();
  route->config = config;
  if (auto failed = hold(*route)) {
    return failed;
  }
  // Make before break: what the old route refers to is let go after the new one is in force.
  const RouteReferences held = references_of(*route);
  const Route* old = tables_.routes.find(config.key);
  const RouteReferences before = old != nullptr ? references_of(*old) : RouteReferences{};
  if (!tables_.routes.put(std::move(route))) {
    let_go(held);
    return full("routes");
  }
  let_go(before);
  forwarding_changed_ = true;
  return done();
}

void Programmer::remove_route(const RouteKey& key) {
  const Route* route = tables_.routes.find(key);
  if (route == nullptr) {
    return;
  }
  const RouteReferences references = references_of(*route);
  forwarding_changed_ = true;
  tables_.routes.erase(key);
  let_go(references);
  ++operations_;
}

}  // namespace alkaid
