#include "control/console/show/conntrack.hpp"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "control/common/net/ip_address.hpp"
#include "control/console/api_values.hpp"
#include "control/console/clients.hpp"
#include "control/console/protocols.hpp"

namespace alkaid::console {
namespace {

using dataplane::v1::ConnectionDirection;
using dataplane::v1::ConnectionInfo;
using dataplane::v1::ShowConnectionSummaryResponse;

constexpr std::uint64_t kMicroseconds = 1000;  // of a millisecond

const std::string* find(const Arguments& arguments, std::string_view name) {
  const auto found = arguments.find(name);
  return found == arguments.end() ? nullptr : &found->second;
}

// 0 without the argument; its node's check has accepted it.
std::uint32_t number_argument(const Arguments& arguments, std::string_view name) {
  std::uint32_t number = 0;
  if (const std::string* text = find(arguments, name)) {
    std::from_chars(text->data(), text->data() + text->size(), number);
  }
  return number;
}

std::string end_text(const dataplane::v1::IpAddress& address, std::uint32_t port, bool has_port) {
  const std::string text = ip_text(address);
  if (!has_port) {
    return text;
  }
  return text.find(':') == std::string::npos ? fmt::format("{}:{}", text, port)
                                             : fmt::format("[{}]:{}", text, port);
}

Json json_of(const ConnectionDirection& direction, std::uint32_t protocol) {
  Json json = {{"vni", vni(direction.vni()).json},
               {"ingress", direction.ingress()},
               {"source", ip(direction.source()).json},
               {"destination", ip(direction.destination()).json}};
  if (has_ports(protocol)) {
    json["source_port"] = direction.source_port();
    json["destination_port"] = direction.destination_port();
  } else if (is_icmp(protocol)) {
    json["icmp_identifier"] = direction.source_port();
    json["icmp_type"] = direction.destination_port();
  }
  json["packets"] = direction.packets();
  json["bytes"] = direction.bytes();
  json["idle_milliseconds"] = direction.idle_milliseconds();
  return json;
}

std::string scope_text(const ConnectionDirection& direction) {
  return fmt::format("{} {}", vni(direction.vni()).text,
                     direction.ingress().empty() ? "underlay" : text(direction.ingress()).text);
}

Value original(const ConnectionInfo& connection) {
  const ConnectionDirection& direction = connection.original();
  const bool ports = has_ports(connection.protocol());
  std::string text =
      fmt::format("{} {} > {}", scope_text(direction),
                  end_text(direction.source(), direction.source_port(), ports),
                  end_text(direction.destination(), direction.destination_port(), ports));
  if (is_icmp(connection.protocol())) {
    text += fmt::format(" type {} id {}", direction.destination_port(), direction.source_port());
  }
  return {std::move(text), json_of(direction, connection.protocol())};
}

Value both(std::uint64_t one, std::uint64_t other) {
  return {fmt::format("{}/{}", one, other), one + other};
}

// Milliseconds in JSON.
Value milliseconds(std::uint64_t value) {
  return {duration(value * kMicroseconds).text, value};
}

Section timeouts_section(const ShowConnectionSummaryResponse& response) {
  Section section{.key = "timeouts", .when_empty = "no time-outs"};
  section.columns = {left("name", "TIME-OUT"), right("seconds", "SECONDS"),
                     right("default_seconds", "DEFAULT")};
  for (const auto& timeout : response.timeouts()) {
    section.rows.push_back(
        {text(timeout.name()), number(timeout.seconds()), number(timeout.default_seconds())});
  }
  return section;
}

std::optional<Failure> fetch(Clients& clients, ShowConnectionSummaryResponse& response) {
  return clients.call_dataplane(
      [&](auto& stub, auto* context) { return stub.ShowConnectionSummary(context, {}, &response); },
      kReadTimeout);
}

}  // namespace

dataplane::v1::ConnectionFilter connection_filter(const Arguments& arguments) {
  dataplane::v1::ConnectionFilter filter;
  if (const std::string* id = find(arguments, "ID")) {
    filter.set_port(*id);
  }
  filter.set_vni(number_argument(arguments, "VNI"));
  if (const std::string* text = find(arguments, "PREFIX")) {
    if (const auto prefix = IpPrefix::parse(*text)) {
      filter.mutable_address()->mutable_address()->set_high(prefix->address.high());
      filter.mutable_address()->mutable_address()->set_low(prefix->address.low());
      filter.mutable_address()->set_length(prefix->length);
    }
  }
  if (const std::string* text = find(arguments, "PROTOCOL")) {
    if (const auto number = parse_protocol(*text)) {
      filter.set_protocol(*number);
    }
  }
  filter.set_l4_port(number_argument(arguments, "L4-PORT"));
  if (const std::string* state = find(arguments, "STATE")) {
    filter.set_state(*state);
  }
  if (const std::string* group = find(arguments, "GROUP")) {
    filter.set_group(*group);
  }
  return filter;
}

Section connections_section() {
  Section section{.key = "connections", .when_empty = "no connections"};
  section.columns = {left("protocol", "PROTOCOL"),
                     left("state", "STATE"),
                     left("original", "VNI, FROM, PACKETS"),
                     left("reply", "REPLIES FROM"),
                     right("packets", "PACKETS"),
                     right("bytes", "BYTES"),
                     right("idle_milliseconds", "IDLE"),
                     right("timeout_milliseconds", "LEFT"),
                     left("egress_rule", "EGRESS RULE"),
                     left("ingress_rule", "INGRESS RULE"),
                     detail("age_milliseconds", "AGE"),
                     detail("offloaded", "OFFLOADED")};
  return section;
}

void append(Section& section, const ConnectionInfo& connection) {
  const ConnectionDirection& original_half = connection.original();
  const ConnectionDirection& reply_half = connection.reply();
  section.rows.push_back(
      {protocol(connection.protocol()),
       text(connection.state()),
       original(connection),
       {scope_text(reply_half), json_of(reply_half, connection.protocol())},
       both(original_half.packets(), reply_half.packets()),
       both(original_half.bytes(), reply_half.bytes()),
       milliseconds(std::min(original_half.idle_milliseconds(), reply_half.idle_milliseconds())),
       milliseconds(connection.timeout_milliseconds()),
       text(connection.egress_rule()),
       text(connection.ingress_rule()),
       milliseconds(connection.age_milliseconds()),
       boolean(connection.offloaded())});
}

Display connection_summary_display(const ShowConnectionSummaryResponse& response) {
  Section tables{.key = "tables", .heading = "Tables", .when_empty = "no tables"};
  tables.columns = {left("family", "FAMILY"),       right("used", "USED"),
                    right("capacity", "CAPACITY"),  right("used_percent", "USED %"),
                    right("high_water", "HIGHEST"), right("full_events", "FULL EVENTS"),
                    right("created", "CREATED"),    right("evicted", "EVICTED"),
                    right("expired", "EXPIRED"),    right("bytes", "BYTES")};
  for (const auto& table : response.tables()) {
    tables.rows.push_back({text(table.family()), number(table.used()), number(table.capacity()),
                           percent(table.used(), table.capacity()), number(table.high_water()),
                           number(table.full_events()), number(table.created()),
                           number(table.evicted()), number(table.expired()),
                           number(table.bytes())});
  }
  Section states{.key = "states", .heading = "Connections", .when_empty = "no connections"};
  states.columns = {left("protocol", "PROTOCOL"), left("state", "STATE"),
                    right("connections", "CONNECTIONS")};
  for (const auto& count : response.states()) {
    states.rows.push_back(
        {protocol(count.protocol()), text(count.state()), number(count.connections())});
  }
  Section forwarding{.key = "forwarding",
                     .heading = "Forwarding",
                     .style = Section::Style::kObject,
                     .columns = {left("fast_path", "Fast path")},
                     .rows = {{boolean(response.fast_path())}}};
  return {{std::move(tables), std::move(states), std::move(forwarding)}};
}

Display connection_timeouts_display(const ShowConnectionSummaryResponse& response) {
  return {{timeouts_section(response)}};
}

Answer show_connections(Clients& clients, const Arguments& arguments) {
  dataplane::v1::ShowConnectionsRequest request;
  *request.mutable_filter() = connection_filter(arguments);
  request.set_limit(number_argument(arguments, "COUNT"));
  request.set_top(number_argument(arguments, "N"));
  Section section = connections_section();
  auto failure = clients.call_dataplane(
      [&](auto& stub, auto* context) {
        const auto reader = stub.ShowConnections(context, request);
        dataplane::v1::ShowConnectionsResponse batch;
        while (reader->Read(&batch)) {
          for (const auto& connection : batch.connections()) {
            append(section, connection);
          }
        }
        return reader->Finish();
      },
      kReadTimeout);
  return failure ? failed(*failure) : Answer{{{std::move(section)}}, {}};
}

Answer show_connection_summary(Clients& clients, const Arguments& /*arguments*/) {
  ShowConnectionSummaryResponse response;
  auto failure = fetch(clients, response);
  return failure ? failed(*failure) : Answer{connection_summary_display(response), {}};
}

Answer show_connection_timeouts(Clients& clients, const Arguments& /*arguments*/) {
  ShowConnectionSummaryResponse response;
  auto failure = fetch(clients, response);
  return failure ? failed(*failure) : Answer{connection_timeouts_display(response), {}};
}

Answer flush_connections(Clients& clients, const Arguments& arguments) {
  dataplane::v1::FlushConnectionsRequest request;
  *request.mutable_filter() = connection_filter(arguments);
  dataplane::v1::FlushConnectionsResponse response;
  auto failure = clients.call_dataplane(
      [&](auto& stub, auto* context) { return stub.FlushConnections(context, request, &response); },
      kReadTimeout);
  if (failure) {
    return failed(*failure);
  }
  Section section{.key = "flushed",
                  .style = Section::Style::kObject,
                  .columns = {left("connections", "Connections flushed")},
                  .rows = {{number(response.flushed())}}};
  return {{{std::move(section)}}, {}};
}

Answer set_connection_timeout(Clients& clients, const Arguments& arguments) {
  dataplane::v1::SetConnectionTimeoutsRequest request;
  auto* timeout = request.add_timeouts();
  timeout->set_name(*find(arguments, "NAME"));
  timeout->set_seconds(number_argument(arguments, "TIME"));
  dataplane::v1::SetConnectionTimeoutsResponse response;
  if (auto failure = clients.call_dataplane([&](auto& stub, auto* context) {
        return stub.SetConnectionTimeouts(context, request, &response);
      })) {
    return failed(*failure);
  }
  return show_connection_timeouts(clients, arguments);
}

}  // namespace alkaid::console
