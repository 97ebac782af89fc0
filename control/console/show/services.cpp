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
  Section groups{.key = "groups",
                 .heading = "Next hops that share flows",
                 .when_empty = "no next hops share flows"};
  groups.columns = {left("members", "NEXT HOPS AND SLOTS"), right("slots", "SLOTS"),
                    right("tunnels", "TUNNELS")};
  for (const auto& group : response.groups()) {
    std::vector<std::string> texts;
    Json members = Json::array();
    for (const auto& member : group.members()) {
      texts.push_back(ip_text(member.address()) + " " + std::to_string(member.slots()));
      members.push_back({{"address", ip(member.address()).json}, {"slots", member.slots()}});
    }
    groups.rows.push_back(
        {{list(texts).text, std::move(members)}, number(group.slots()), number(group.tunnels())});
  }
  Section tunnels{.key = "tunnels", .heading = "Tunnels", .when_empty = "no tunnels"};
  tunnels.columns = {left("vtep", "VTEP"), left("vni", "VNI"), left("next_hops", "NEXT HOPS"),
                     right("neighbors", "NEIGHBORS")};
  for (const auto& tunnel : response.tunnels()) {
    std::vector<std::string> hops;
    for (const auto& hop : tunnel.next_hops()) {
      hops.push_back(ip_text(hop));
    }
    tunnels.rows.push_back(
        {ip(tunnel.vtep()), vni(tunnel.vni()), list(hops), number(tunnel.neighbors())});
  }
  Section uplink{.key = "uplink", .heading = "Uplink"};
  uplink.columns = {left("vteps", "VTEPS"), left("vlan", "VLAN")};
  std::vector<std::string> vteps;
  for (const auto& vtep : response.vteps()) {
    vteps.push_back(prefix_text(vtep));
  }
  uplink.rows.push_back({list(vteps), response.vlan() == 0 ? none() : number(response.vlan())});
  return {{std::move(uplink), std::move(next_hops), std::move(groups), std::move(tunnels)}};
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
