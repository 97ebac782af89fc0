#include "control/console/show/forwarding.hpp"

#include <algorithm>
#include <string>
#include <tuple>
#include <utility>

#include "control/console/api_values.hpp"
#include "control/console/table_reader.hpp"

namespace alkaid::console {
namespace {

using dataplane::v1::Route;
using dataplane::v1::Segment;

// The VNI or table of an argument, 0 without it; its node's check has accepted it.
std::uint64_t number_argument(const Arguments& arguments, std::string_view name) {
  const auto found = arguments.find(name);
  return found == arguments.end() ? 0 : parse_identifier(found->second).value_or(0);
}

auto route_key(const Route& route) {
  const auto& prefix = route.key().prefix();
  return std::tuple{route.key().table(), prefix.address().high(), prefix.address().low(),
                    prefix.length()};
}

std::vector<Value> route_row(const Route& route) {
  std::vector<Value> row{identifier(route.key().table()), text(prefix_text(route.key().prefix()))};
  switch (route.action_case()) {
    case Route::kConnectedVni:
      row.insert(row.end(), {text("connected"), vni(route.connected_vni()), none()});
      break;
    case Route::kNextHop:
      row.insert(row.end(), {text("next_hop"), none(), ip(route.next_hop())});
      break;
    case Route::kBlackhole:
      row.insert(row.end(), {text("blackhole"), none(), none()});
      break;
    default:
      row.insert(row.end(), {text("unknown"), none(), none()});
  }
  return row;
}

std::vector<Value> segment_row(const Segment& segment) {
  std::vector<std::string> prefixes;
  for (const auto& prefix : segment.prefixes()) {
    prefixes.push_back(prefix_text(prefix));
  }
  std::vector<std::string> gateway_texts;
  Json gateways = Json::array();
  for (const auto& gateway : segment.gateways()) {
    const Value gateway_mac = mac(gateway.mac());
    gateway_texts.push_back(ip_text(gateway.address()) + " " + gateway_mac.text);
    gateways.push_back({{"address", ip(gateway.address()).json}, {"mac", gateway_mac.json}});
  }
  std::vector<std::string> dns_servers;
  for (const auto& server : segment.dns_servers()) {
    dns_servers.push_back(ip_text(server));
  }
  return {vni(segment.vni()),
          list(prefixes),
          {list(gateway_texts).text, std::move(gateways)},
          segment.router() == 0 ? none() : identifier(segment.router()),
          mac(segment.host_dvr_mac()),
          boolean(segment.dhcp_enabled()),
          list(dns_servers),
          segment.mtu() == 0 ? none() : number(segment.mtu()),
          segment.lease_seconds() == 0 ? none() : number(segment.lease_seconds())};
}

}  // namespace

void append(std::vector<Neighbor>& neighbors, const dataplane::v1::NeighborBatch& batch,
            const std::optional<IpAddress>& only) {
  // Columns of unequal length would be a fault of the data plane; only whole rows are shown.
  const int count = std::min({batch.vni_size(), batch.ip_high_size(), batch.ip_low_size(),
                              batch.mac_size(), batch.vtep_high_size(), batch.vtep_low_size()});
  for (int i = 0; i < count; ++i) {
    const auto address = IpAddress::from_numbers(batch.ip_high(i), batch.ip_low(i));
    if (!only || *only == address) {
      neighbors.push_back({.vni = batch.vni(i),
                           .ip = address,
                           .mac = batch.mac(i),
                           .vtep = IpAddress::from_numbers(batch.vtep_high(i), batch.vtep_low(i))});
    }
  }
}

Display neighbors_display(std::vector<Neighbor> neighbors) {
  std::sort(neighbors.begin(), neighbors.end(), [](const Neighbor& one, const Neighbor& other) {
    return std::tie(one.vni, one.ip) < std::tie(other.vni, other.ip);
  });
  Section section{.key = "neighbors", .when_empty = "no neighbors"};
  section.columns = {left("vni", "VNI"), left("ip", "ADDRESS"), left("mac", "MAC"),
                     left("vtep", "VTEP")};
  for (const Neighbor& neighbor : neighbors) {
    section.rows.push_back({vni(neighbor.vni), text(neighbor.ip.to_string()), mac(neighbor.mac),
                            text(neighbor.vtep.to_string())});
  }
  return {{std::move(section)}};
}

Display routes_display(std::vector<Route> routes) {
  std::sort(routes.begin(), routes.end(),
            [](const Route& one, const Route& other) { return route_key(one) < route_key(other); });
  Section section{.key = "routes", .when_empty = "no routes"};
  section.columns = {left("table", "TABLE"), left("prefix", "PREFIX"), left("action", "ACTION"),
                     left("vni", "VNI"), left("next_hop", "NEXT HOP")};
  for (const Route& route : routes) {
    section.rows.push_back(route_row(route));
  }
  return {{std::move(section)}};
}

Display segments_display(std::vector<Segment> segments) {
  std::sort(segments.begin(), segments.end(),
            [](const Segment& one, const Segment& other) { return one.vni() < other.vni(); });
  Section section{.key = "segments", .when_empty = "no segments"};
  section.columns = {left("vni", "VNI"),
                     left("prefixes", "PREFIXES"),
                     left("gateways", "GATEWAYS"),
                     left("router", "ROUTER"),
                     left("host_dvr_mac", "DVR MAC"),
                     left("dhcp_enabled", "DHCP"),
                     left("dns_servers", "DNS"),
                     right("mtu", "MTU"),
                     right("lease_seconds", "LEASE")};
  for (const Segment& segment : segments) {
    section.rows.push_back(segment_row(segment));
  }
  return {{std::move(section)}};
}

Answer show_neighbors(Clients& clients, const Arguments& arguments) {
  std::optional<IpAddress> only;
  if (const auto found = arguments.find("IP"); found != arguments.end()) {
    only = IpAddress::parse(found->second);
  }
  std::vector<Neighbor> neighbors;
  auto failure =
      read_objects(clients, {dataplane::v1::NEIGHBOR},
                   static_cast<std::uint32_t>(number_argument(arguments, "VNI")),
                   [&](const auto& batch) { append(neighbors, batch.neighbors(), only); });
  return failure ? failed(*failure) : Answer{neighbors_display(std::move(neighbors)), {}};
}

Answer show_routes(Clients& clients, const Arguments& arguments) {
  const bool all = !arguments.contains("TABLE");
  const std::uint64_t table = number_argument(arguments, "TABLE");
  std::vector<Route> routes;
  auto failure = read_objects(clients, {dataplane::v1::ROUTE}, 0, [&](const auto& batch) {
    for (const Route& route : batch.routes()) {
      if (all || route.key().table() == table) {
        routes.push_back(route);
      }
    }
  });
  return failure ? failed(*failure) : Answer{routes_display(std::move(routes)), {}};
}

Answer show_segments(Clients& clients, const Arguments& /*arguments*/) {
  std::vector<Segment> segments;
  auto failure = read_objects(clients, {dataplane::v1::SEGMENT}, 0, [&](const auto& batch) {
    segments.insert(segments.end(), batch.segments().begin(), batch.segments().end());
  });
  return failure ? failed(*failure) : Answer{segments_display(std::move(segments)), {}};
}

}  // namespace alkaid::console
