// Programmer: segments.
#include <algorithm>

#include <fmt/format.h>

#include "dataplane/control/object_error.hpp"
#include "dataplane/control/programmer.hpp"

namespace alkaid {

namespace {

constexpr std::uint32_t kDefaultBroadcastRate = 1000;  // packets per second

}  // namespace

void Programmer::publish_segment(const SegmentConfig& config, Zone zone) {
  auto segment = std::make_unique<Segment>();
  segment->config = config;
  segment->zone = zone;
  for (const auto& gateway : config.gateways) {
    if (gateway.address.is_v4()) {
      segment->gateway_v4 = gateway.address.v4();
      segment->gateway_v4_mac = gateway.mac;
    } else {
      segment->gateway_v6 = gateway.address;
      segment->gateway_v6_mac = gateway.mac;
    }
  }
  segment->host_dvr_mac = config.host_dvr_mac.is_zero() ? kDefaultHostDvrMac : config.host_dvr_mac;
  segment->mtu = config.mtu != 0 ? static_cast<std::uint16_t>(config.mtu) : default_mtu();
  segment->dhcpv4 = DhcpOptions{config};
  segment->dhcpv6 = make_dhcpv6_settings(config);
  segment->router_advertisement = make_router_advertisement(config);
  const Segment* old = tables_.segments.at(zone);
  const std::uint64_t old_router = old != nullptr ? old->config.router : 0;
  const std::uint64_t old_route_table = old != nullptr ? old->config.route_table : 0;
  const bool mtu_changed = segment->mtu != (old != nullptr ? old->mtu : default_mtu());
  if (config.router != 0) {
    segment->routes = tables_.routes.acquire(config.router);
  }
  if (config.route_table != 0) {
    segment->own_routes = tables_.routes.acquire(config.route_table);
  }
  forwarding_changed_ = true;
  const Segment& now = *segment;
  tables_.segments.publish(std::move(segment));
  if (config.broadcast == BroadcastMode::kReplicate) {
    const std::uint32_t rate =
        config.broadcast_rate != 0 ? config.broadcast_rate : kDefaultBroadcastRate;
    tables_.flood.replicate(config.vni, zone, rate);
  } else {
    tables_.flood.stop_replicating(config.vni);
  }
  if (segment_listener_) {
    segment_listener_(old, now);
  }
  if (old_router != 0) {
    tables_.routes.release(old_router);
  }
  if (old_route_table != 0) {
    tables_.routes.release(old_route_table);
  }
  if (mtu_changed) {
    ports_.update_mtus(config.vni, [this](const PortConfig& port) { return guest_mtu(port); });
  }
}

ObjectResult Programmer::set(const SegmentConfig& config) {
  if (is_bad_mtu(config.mtu)) {
    return bad_mtu(config.mtu);
  }
  for (const bool v4 : {true, false}) {
    const auto same_family = [v4](const GatewayConfig& gateway) {
      return gateway.address.is_v4() == v4;
    };
    if (std::count_if(config.gateways.begin(), config.gateways.end(), same_family) > 1) {
      return invalid("gateways", "more than one gateway of one address family");
    }
  }
  for (const auto& gateway : config.gateways) {
    if (!gateway.mac.is_unicast()) {
      return invalid("gateways.mac",
                     fmt::format("{} is no unicast MAC address", gateway.mac.to_string()));
    }
  }
  if (auto error = check_dhcp_options(config)) {
    return invalid(std::move(error->field), std::move(error->message));
  }
  if (auto error = check_dhcpv6_options(config)) {
    return invalid(std::move(error->field), std::move(error->message));
  }
  const Segment* old = tables_.segments.find(config.vni);
  const auto zone =
      old != nullptr ? std::optional<Zone>{old->zone} : tables_.segments.acquire(config.vni);
  if (!zone) {
    return full("segments");
  }
  publish_segment(config, *zone);
  return done();
}

void Programmer::remove_segment(Vni vni) {
  const Segment* segment = tables_.segments.find(vni);
  if (segment == nullptr) {
    return;
  }
  const std::uint64_t router = segment->config.router;
  const std::uint64_t route_table = segment->config.route_table;
  forwarding_changed_ = true;
  tables_.segments.unpublish(vni);
  tables_.flood.stop_replicating(vni);
  tables_.segments.release(vni);
  if (router != 0) {
    tables_.routes.release(router);
  }
  if (route_table != 0) {
    tables_.routes.release(route_table);
  }
  ++operations_;
}

}  // namespace alkaid
