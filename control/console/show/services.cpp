#include "control/console/show/services.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "control/console/api_values.hpp"
#include "control/console/table_reader.hpp"

namespace alkaid::console {
namespace {

using dataplane::v1::DhcpBinding;

std::string state_text(dataplane::v1::ShowUnderlayResponse::State state) {
  using dataplane::v1::ShowUnderlayResponse;
  switch (state) {
    case ShowUnderlayResponse::RESOLVING:
      return "resolving";
    case ShowUnderlayResponse::REACHABLE:
      return "reachable";
    case ShowUnderlayResponse::STATIC:
      return "static";
    case ShowUnderlayResponse::UNREACHABLE:
      return "unreachable";
    default:
      return "unknown";
  }
}

}  // namespace

Section dhcp_bindings_section(std::vector<DhcpBinding> bindings) {
  std::sort(bindings.begin(), bindings.end(), [](const DhcpBinding& one, const DhcpBinding& other) {
    return std::pair{one.key().vni(), one.key().mac()} <
           std::pair{other.key().vni(), other.key().mac()};
  });
  Section section{.key = "bindings", .heading = "Bindings", .when_empty = "no bindings"};
  section.columns = {left("vni", "VNI"), left("mac", "MAC"), left("ipv4", "IPV4"),
                     left("ipv6", "IPV6"), left("host_name", "HOST NAME")};
  for (const DhcpBinding& binding : bindings) {
    section.rows.push_back({vni(binding.key().vni()), mac(binding.key().mac()), ip(binding.ipv4()),
                            ip(binding.ipv6()), text(binding.host_name())});
  }
  return section;
}

Section dhcp_counters_section(const dataplane::v1::ShowDhcpResponse& response) {
  Section section{.key = "counters", .heading = "Counters", .when_empty = "no counters"};
  section.columns = {left("name", "COUNTER"), right("value", "VALUE"),
                     left("description", "DESCRIPTION")};
  for (const auto& counter : response.counters()) {
    section.rows.push_back(
        {text(counter.name()), number(counter.value()), text(counter.description())});
  }
  return section;
}

Display underlay_display(const dataplane::v1::ShowUnderlayResponse& response) {
  Section next_hops{.key = "next_hops", .heading = "Next hops", .when_empty = "no next hops"};
  next_hops.columns = {left("address", "ADDRESS"), left("mac", "MAC"), left("state", "STATE"),
                       right("age_microseconds", "AGE"), right("tunnels", "TUNNELS")};
  for (const auto& hop : response.next_hops()) {
    next_hops.rows.push_back({ip(hop.address()), mac(hop.mac()), text(state_text(hop.state())),
                              duration(hop.age_microseconds()), number(hop.tunnels())});
  }
  Section tunnels{.key = "tunnels", .heading = "Tunnels", .when_empty = "no tunnels"};
  tunnels.columns = {left("vtep", "VTEP"), left("vni", "VNI"), left("next_hop", "NEXT HOP"),
                     right("neighbors", "NEIGHBORS")};
  for (const auto& tunnel : response.tunnels()) {
    tunnels.rows.push_back(
        {ip(tunnel.vtep()), vni(tunnel.vni()), ip(tunnel.next_hop()), number(tunnel.neighbors())});
  }
  return {{std::move(next_hops), std::move(tunnels)}};
}

Display tables_display(const dataplane::v1::ShowTablesResponse& response) {
  Section section{.key = "tables", .when_empty = "no tables"};
  section.columns = {left("name", "TABLE"),          right("used", "USED"),
                     right("capacity", "CAPACITY"),  right("used_percent", "USED %"),
                     right("high_water", "HIGHEST"), right("full_events", "FULL EVENTS"),
                     right("bytes", "BYTES")};
  for (const auto& table : response.tables()) {
    section.rows.push_back({text(table.name()), number(table.used()), number(table.capacity()),
                            percent(table.used(), table.capacity()), number(table.high_water()),
                            number(table.full_events()), number(table.bytes())});
  }
  return {{std::move(section)}};
}

Answer show_dhcp(Clients& clients, const Arguments& /*arguments*/) {
  dataplane::v1::ShowDhcpResponse response;
  if (auto failure = clients.call_dataplane(
          [&](auto& stub, auto* context) { return stub.ShowDhcp(context, {}, &response); })) {
    return failed(*failure);
  }
  std::vector<DhcpBinding> bindings;
  if (auto failure =
          read_objects(clients, {dataplane::v1::DHCP_BINDING}, 0, [&](const auto& batch) {
            bindings.insert(bindings.end(), batch.dhcp_bindings().begin(),
                            batch.dhcp_bindings().end());
          })) {
    return failed(*failure);
  }
  return {{{dhcp_bindings_section(std::move(bindings)), dhcp_counters_section(response)}}, {}};
}

Answer show_underlay(Clients& clients, const Arguments& /*arguments*/) {
  dataplane::v1::ShowUnderlayResponse response;
  if (auto failure = clients.call_dataplane(
          [&](auto& stub, auto* context) { return stub.ShowUnderlay(context, {}, &response); })) {
    return failed(*failure);
  }
  return {underlay_display(response), {}};
}

Answer show_tables(Clients& clients, const Arguments& /*arguments*/) {
  dataplane::v1::ShowTablesResponse response;
  if (auto failure = clients.call_dataplane(
          [&](auto& stub, auto* context) { return stub.ShowTables(context, {}, &response); })) {
    return failed(*failure);
  }
  return {tables_display(response), {}};
}

}  // namespace alkaid::console
