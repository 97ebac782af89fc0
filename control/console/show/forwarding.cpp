#include "control/console/show/forwarding.hpp"

#include <algorithm>
#include <charconv>

#include "control/common/net/ip_address.hpp"
#include "control/console/api_values.hpp"
#include "control/console/table_reader.hpp"

namespace alkaid::console {
namespace {

// The value of a numeric argument, 0 without it; its node's check has accepted it.
std::uint64_t number_argument(const Arguments& arguments, std::string_view name) {
  std::uint64_t value = 0;
  if (const auto found = arguments.find(name); found != arguments.end()) {
    std::from_chars(found->second.data(), found->second.data() + found->second.size(), value);
  }
  return value;
}

}  // namespace

Section neighbors_section() {
  Section section{.key = "neighbors", .when_empty = "no neighbors"};
  section.columns = {left("vni", "VNI"), left("ip", "ADDRESS"), left("mac", "MAC"),
                     left("vtep", "VTEP")};
  return section;
}

void add_neighbors(Section& section, const dataplane::v1::NeighborBatch& batch,
                   const std::string& address) {
  // Columns of unequal length would be a fault of the data plane; only whole rows are shown.
  const int rows = std::min({batch.vni_size(), batch.ip_high_size(), batch.ip_low_size(),
                             batch.mac_size(), batch.vtep_high_size(), batch.vtep_low_size()});
  for (int i = 0; i < rows; ++i) {
    const std::string ip = ip_text(batch.ip_high(i), batch.ip_low(i));
    if (address.empty() || address == ip) {
      section.rows.push_back({vni(batch.vni(i)), text(ip), mac(batch.mac(i)),
                              text(ip_text(batch.vtep_high(i), batch.vtep_low(i)))});
    }
  }
}

Section routes_section() {
  Section section{.key = "routes", .when_empty = "no routes"};
  section.columns = {left("table", "TABLE"), left("prefix", "PREFIX"), left("action", "ACTION"),
                     left("vni", "VNI"), left("next_hop", "NEXT HOP")};
  return section;
}

void add_route(Section& section, const dataplane::v1::Route& route) {
  using Action = dataplane::v1::Route::ActionCase;
  std::vector<Value> row{number(route.key().table()), text(prefix_text(route.key().prefix()))};
  switch (route.action_case()) {
    case Action::kConnectedVni:
      row.insert(row.end(), {text("connected"), vni(route.connected_vni()), none()});
      break;
    case Action::kNextHop:
      row.insert(row.end(), {text("next_hop"), none(), ip(route.next_hop())});
      break;
    case Action::kBlackhole:
      row.insert(row.end(), {text("blackhole"), none(), none()});
      break;
    default:
      row.insert(row.end(), {text("unknown"), none(), none()});
  }
  section.rows.push_back(std::move(row));
}

Section segments_section() {
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
  return section;
}

void add_segment(Section& section, const dataplane::v1::Segment& segment) {
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
  Value gateway_value = list(gateway_texts);
  gateway_value.json = std::move(gateways);
  section.rows.push_back({vni(segment.vni()), list(prefixes), std::move(gateway_value),
                          segment.router() == 0 ? none() : number(segment.router()),
                          mac(segment.host_dvr_mac()), boolean(segment.dhcp_enabled()),
                          list(dns_servers), segment.mtu() == 0 ? none() : number(segment.mtu()),
                          segment.lease_seconds() == 0 ? none() : number(segment.lease_seconds())});
}

Answer show_neighbors(Clients& clients, const Arguments& arguments) {
  std::string address;
  if (const auto found = arguments.find("IP"); found != arguments.end()) {
    // The form in which the rows are shown: 2001:DB8::01 is 2001:db8::1.
    address = IpAddress::parse(found->second).value_or(IpAddress{}).to_string();
  }
  Section section = neighbors_section();
  auto failure =
      read_objects(clients, {dataplane::v1::NEIGHBOR},
                   static_cast<std::uint32_t>(number_argument(arguments, "VNI")),
                   [&](const auto& batch) { add_neighbors(section, batch.neighbors(), address); });
  return failure ? failed(*failure) : Answer{{{std::move(section)}}, {}};
}

Answer show_routes(Clients& clients, const Arguments& arguments) {
  const bool all = !arguments.contains("TABLE");
  const std::uint64_t table = number_argument(arguments, "TABLE");
  Section section = routes_section();
  auto failure = read_objects(clients, {dataplane::v1::ROUTE}, 0, [&](const auto& batch) {
    for (const auto& route : batch.routes()) {
      if (all || route.key().table() == table) {
        add_route(section, route);
      }
    }
  });
  return failure ? failed(*failure) : Answer{{{std::move(section)}}, {}};
}

Answer show_segments(Clients& clients, const Arguments& /*arguments*/) {
  Section section = segments_section();
  auto failure = read_objects(clients, {dataplane::v1::SEGMENT}, 0, [&](const auto& batch) {
    for (const auto& segment : batch.segments()) {
      add_segment(section, segment);
    }
  });
  return failure ? failed(*failure) : Answer{{{std::move(section)}}, {}};
}

}  // namespace alkaid::console
