#include "dataplane/control/programmer.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace alkaid {
namespace {

constexpr std::size_t kLongestPortId = 255;
constexpr std::size_t kLongestHostName = 255;
constexpr std::uint32_t kSmallestMtu = 576;  // RFC 791: every IPv4 host takes this much
constexpr std::uint32_t kLargestMtu = 65535;

ObjectError invalid(std::string field, std::string message) {
  return {ObjectErrorCode::kInvalid, std::move(field), std::move(message)};
}

ObjectError full(const char* table) {
  return {ObjectErrorCode::kTableFull, {}, fmt::format("the table of {} is full", table)};
}

bool is_bad_mtu(std::uint32_t mtu) {
  return mtu != 0 && (mtu < kSmallestMtu || mtu > kLargestMtu);
}

ObjectError bad_mtu(std::uint32_t mtu) {
  return invalid("mtu",
                 fmt::format("{} is not in {}..{} (0: automatic)", mtu, kSmallestMtu, kLargestMtu));
}

}  // namespace

Programmer::Programmer(Tables& tables, PortManager& ports, TunnelTable& tunnels)
    : tables_(tables), ports_(ports), tunnels_(tunnels) {}

Programmer::~Programmer() {
  // References that objects hold on one another are dropped in reverse order of their making.
  std::vector<NeighborKey> neighbors;
  tables_.neighbors.for_each([&](const NeighborKey& key, const Neighbor& neighbor) {
    if (neighbor.tunnel != nullptr) {
      neighbors.push_back(key);
    }
  });
  for (const auto& key : neighbors) {
    remove_neighbor(key);
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
  return static_cast<std::uint16_t>(
      std::max<std::uint32_t>(underlay_mtu_, kSmallestMtu + kMtuOverheadV4) - kMtuOverheadV4);
}

std::uint16_t Programmer::guest_mtu(Vni vni) const {
  const Segment* segment = tables_.segments.find(vni);
  return segment != nullptr ? segment->mtu : default_mtu();
}

void Programmer::publish_segment(const SegmentConfig& config, Zone zone) {
  auto segment = std::make_unique<Segment>();
  segment->config = config;
  segment->zone = zone;
  for (const auto& gateway : config.gateways) {
    if (gateway.address.is_v4()) {
      segment->gateway_v4 = gateway.address.v4();
      segment->gateway_v4_mac = gateway.mac;
    }
  }
  for (const auto& prefix : config.prefixes) {
    if (prefix.address.is_v4() && segment->prefix_length_v4 == 0) {
      segment->prefix_length_v4 = prefix.length;
    }
  }
  segment->host_dvr_mac = config.host_dvr_mac.is_zero() ? kDefaultHostDvrMac : config.host_dvr_mac;
  segment->mtu = config.mtu != 0 ? static_cast<std::uint16_t>(config.mtu) : default_mtu();
  for (const auto& server : config.dns_servers) {
    if (server.is_v4() && segment->dns_v4_count < segment->dns_v4.size()) {
      segment->dns_v4[segment->dns_v4_count++] = server.v4();
    }
  }
  const Segment* old = tables_.segments.at(zone);
  const std::uint64_t old_router = old != nullptr ? old->config.router : 0;
  const bool mtu_changed = segment->mtu != (old != nullptr ? old->mtu : default_mtu());
  if (config.router != 0) {
    segment->routes = tables_.routes.acquire(config.router);
  }
  tables_.segments.publish(std::move(segment));
  if (old_router != 0) {
    tables_.routes.release(old_router);
  }
  if (mtu_changed) {
    ports_.set_mtu(config.vni, guest_mtu(config.vni));
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
  tables_.segments.unpublish(vni);
  tables_.segments.release(vni);
  if (router != 0) {
    tables_.routes.release(router);
  }
  ++operations_;
}

ObjectResult Programmer::add_addresses(const PortConfig& config, PortIndex index) {
  if (!tables_.neighbors.set_local_mac(config.vni, config.mac, index)) {
    return full("neighbors");
  }
  for (const auto& ip : config.fixed_ips) {
    if (!tables_.neighbors.set_local({config.vni, ip}, config.mac, index)) {
      return full("neighbors");
    }
  }
  return std::nullopt;
}

void Programmer::remove_addresses(const PortConfig& config, const PortConfig* keep,
                                  PortIndex index) {
  const bool same_vni = keep != nullptr && keep->vni == config.vni;
  for (const auto& ip : config.fixed_ips) {
    if (!same_vni ||
        std::find(keep->fixed_ips.begin(), keep->fixed_ips.end(), ip) == keep->fixed_ips.end()) {
      tables_.neighbors.remove_local({config.vni, ip}, index);
    }
  }
  if (!same_vni || keep->mac != config.mac) {
    tables_.neighbors.remove_local_mac(config.vni, config.mac, index);
  }
}

ObjectResult Programmer::set(const PortConfig& config) {
  if (config.id.empty() || config.id.size() > kLongestPortId) {
    return invalid("id", fmt::format("wants 1 to {} bytes", kLongestPortId));
  }
  if (!config.mac.is_unicast()) {
    return invalid("mac", fmt::format("{} is no unicast MAC address", config.mac.to_string()));
  }
  if (is_bad_mtu(config.mtu)) {
    return bad_mtu(config.mtu);
  }
  std::string error;
  const auto attachment = Attachment::parse(config.attachment, error);
  if (!attachment) {
    return invalid("attachment", error);
  }
  const PortConfig* known = ports_.find_config(config.id);
  const auto zone = tables_.segments.acquire(config.vni);
  if (!zone) {
    return full("segments");
  }
  auto failed = known != nullptr ? change_port(*known, config, *attachment, *zone)
                                 : add_port(config, *attachment, *zone);
  if (failed) {
    tables_.segments.release(config.vni);
    return failed;
  }
  return done();
}

ObjectResult Programmer::add_port(const PortConfig& config, const Attachment& attachment,
                                  Zone zone) {
  const Port* port = ports_.put(config, attachment, zone, guest_mtu(config.vni));
  if (port == nullptr) {
    return full("ports");
  }
  const PortIndex index = port->index;
  auto failed = add_addresses(config, index);
  if (failed) {
    remove_addresses(config, nullptr, index);
    ports_.remove(config.id);
  }
  return failed;
}

ObjectResult Programmer::change_port(const PortConfig& known, const PortConfig& config,
                                     const Attachment& attachment, Zone zone) {
  // `known` lives in the port's record, which put() overwrites.
  const PortConfig old = known;
  const PortIndex index = ports_.find(config.id)->index;
  // Addresses first: they alone can fail, and then the port has not been touched.
  if (auto failed = add_addresses(config, index)) {
    remove_addresses(config, &old, index);
    static_cast<void>(add_addresses(old, index));  // replaces entries that exist: can't fail
    return failed;
  }
  ports_.put(config, attachment, zone, guest_mtu(config.vni));
  remove_addresses(old, &config, index);
  tables_.segments.release(old.vni);
  return std::nullopt;
}

void Programmer::remove_port(const std::string& id) {
  const PortConfig* known = ports_.find_config(id);
  if (known == nullptr) {
    return;
  }
  const PortConfig config = *known;
  remove_addresses(config, nullptr, ports_.find(id)->index);
  ports_.remove(id);
  tables_.segments.release(config.vni);
  ++operations_;
}

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
  const Neighbor* old = tables_.neighbors.find(config.key.vni, config.key.ip);
  const Tunnel* old_tunnel = old != nullptr ? old->tunnel : nullptr;
  if (!tables_.neighbors.set_remote(config.key, config.mac, tunnel)) {
    tunnels_.release(tunnel);
    return full("neighbors");
  }
  if (old_tunnel != nullptr) {
    tunnels_.release(old_tunnel);
  }
  return done();
}

void Programmer::remove_neighbor(const NeighborKey& key) {
  if (const Tunnel* tunnel = tables_.neighbors.remove_remote(key)) {
    tunnels_.release(tunnel);
    ++operations_;
  }
}

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

ObjectResult Programmer::set(const DhcpBindingConfig& config) {
  if (!config.key.mac.is_unicast()) {
    return invalid("key.mac",
                   fmt::format("{} is no unicast MAC address", config.key.mac.to_string()));
  }
  if (config.host_name.size() > kLongestHostName) {
    return invalid("host_name", fmt::format("is longer than {} bytes", kLongestHostName));
  }
  if (!config.ipv4.is_unset() && !config.ipv4.is_v4()) {
    return invalid("ipv4", fmt::format("{} is no IPv4 address", config.ipv4.to_string()));
  }
  if (!tables_.dhcp_bindings.put(config)) {
    return full("DHCP bindings");
  }
  return done();
}

void Programmer::remove_dhcp_binding(const DhcpBindingKey& key) {
  if (tables_.dhcp_bindings.erase(key)) {
    ++operations_;
  }
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
