#include "control/console/show/offload.hpp"

#include <utility>

#include "control/console/clients.hpp"

namespace alkaid::console {
namespace {

Section summary(const dataplane::v1::ShowOffloadResponse& response) {
  Section section{.key = "offload", .style = Section::Style::kObject};
  section.columns = {left("on", "on"),
                     right("connections", "connections in hardware"),
                     right("capacity", "at most"),
                     right("rules", "rules"),
                     right("after_packets", "earned after packets"),
                     right("idle_seconds", "taken back after idle seconds"),
                     right("installed", "connections installed so far"),
                     right("refused_full", "refused, all places taken"),
                     right("late_removals", "removals not waited for to the end"),
                     right("stuck", "connections whose rules a driver doesn't remove")};
  section.rows = {{boolean(response.on()), number(response.connections()),
                   number(response.capacity()), number(response.rules()),
                   number(response.after_packets()), number(response.idle_seconds()),
                   number(response.installed()), number(response.refused_full()),
                   number(response.late_removals()), number(response.stuck())}};
  return section;
}

Section ports(const dataplane::v1::ShowOffloadResponse& response) {
  Section section{.key = "ports", .heading = "Ports", .when_empty = "no ports"};
  section.columns = {left("id", "PORT"),
                     left("forwards", "FORWARDS"),
                     right("connections", "CONNECTIONS"),
                     right("rx_packets", "RX PACKETS"),
                     right("tx_packets", "TX PACKETS"),
                     left("reason", "REASON"),
                     detail("rx_bytes", "RX BYTES"),
                     detail("tx_bytes", "TX BYTES")};
  for (const auto& port : response.ports()) {
    section.rows.push_back({text(port.id()), text(port.hardware() ? "hardware" : "software"),
                            number(port.connections()), number(port.rx_packets()),
                            number(port.tx_packets()), text(port.reason()), number(port.rx_bytes()),
                            number(port.tx_bytes())});
  }
  return section;
}

Section ends(const dataplane::v1::ShowOffloadResponse& response) {
  Section section{.key = "ends",
                  .heading = "Connections taken back",
                  .when_empty = "no connection was taken back"};
  section.columns = {left("reason", "REASON"), right("connections", "CONNECTIONS"),
                     left("description", "DESCRIPTION")};
  for (const auto& end : response.ends()) {
    section.rows.push_back(
        {text(end.reason()), number(end.connections()), text(end.description())});
  }
  return section;
}

Section errors(const dataplane::v1::ShowOffloadResponse& response) {
  Section section{.key = "errors",
                  .heading = "What drivers refused",
                  .when_empty = "no driver refused anything"};
  section.columns = {right("errno", "ERRNO"), right("count", "COUNT"), left("text", "TEXT")};
  for (const auto& error : response.errors()) {
    section.rows.push_back({number(error.number()), number(error.count()), text(error.text())});
  }
  return section;
}

}  // namespace

Display offload_display(const dataplane::v1::ShowOffloadResponse& response) {
  return {{summary(response), ports(response), ends(response), errors(response)}};
}

Answer show_offload(Clients& clients, const Arguments& /*arguments*/) {
  dataplane::v1::ShowOffloadResponse response;
  if (auto failure = clients.call_offload(
          [&](auto& stub, auto* context) { return stub.ShowOffload(context, {}, &response); })) {
    return failed(*failure);
  }
  return {offload_display(response), {}};
}

}  // namespace alkaid::console
