#include "control/console/show/port.hpp"

#include <fmt/format.h>

#include "control/common/logging.hpp"
#include "control/console/api_values.hpp"
#include "control/console/clients.hpp"

namespace alkaid::console {
namespace {

using dataplane::v1::ShowPortsResponse;
using PortInfo = ShowPortsResponse::PortInfo;

// A device whose VLANs are guests' ports.
bool is_trunk(const PortInfo& port) {
  return !port.has_config() && port.id().starts_with("trunk:");
}

// Not a guest's: it has no configuration.
bool is_own(const PortInfo& port) {
  return port.uplink() || port.exception() || is_trunk(port);
}

std::string kind_text(const PortInfo& port) {
  return port.uplink()      ? "uplink"
         : port.exception() ? "exception"
         : is_trunk(port)   ? "trunk"
                            : "guest";
}

std::string state_text(const PortInfo& port) {
  switch (port.status().state()) {
    case dataplane::v1::ATTACHED:
      return is_own(port) || port.config().admin_up() ? "up" : "admin_down";
    case dataplane::v1::WAITING:
      return "waiting";
    case dataplane::v1::FAILED:
      return "failed";
    default:
      return is_own(port) ? "up" : "unknown";
  }
}

std::vector<std::string> fixed_ips(const PortInfo& port) {
  std::vector<std::string> result;
  for (const auto& address : port.config().fixed_ips()) {
    result.push_back(ip_text(address));
  }
  return result;
}

Value address_pairs(const PortInfo& port) {
  std::vector<std::string> texts;
  Json pairs = Json::array();
  for (const auto& pair : port.config().allowed_address_pairs()) {
    const std::string prefix = prefix_text(pair.prefix());
    const Value pair_mac = mac(pair.mac());
    texts.push_back(pair.mac() == 0 ? prefix : fmt::format("{} {}", prefix, pair_mac.text));
    pairs.push_back({{"prefix", prefix}, {"mac", pair_mac.json}});
  }
  return {list(texts).text, std::move(pairs)};
}

Value workers(const PortInfo& port) {
  std::vector<std::string> numbers;
  Value value;
  value.json = Json::array();
  for (const auto worker : port.workers()) {
    numbers.push_back(fmt::format("{}", worker));
    value.json.push_back(worker);
  }
  value.text = list(numbers).text;
  return value;
}

std::optional<Failure> fetch(Clients& clients, const Arguments& arguments,
                             ShowPortsResponse& response) {
  dataplane::v1::ShowPortsRequest request;
  const auto id = arguments.find("ID");
  if (id != arguments.end()) {
    request.set_id(id->second);
  }
  auto failure = clients.call_dataplane(
      [&](auto& stub, auto* context) { return stub.ShowPorts(context, request, &response); });
  if (!failure && id != arguments.end() && response.ports().empty()) {
    return Failure{ExitCode::kRefused, fmt::format("there is no port \"{}\"; show port lists them",
                                                   printable(id->second, 64))};
  }
  return failure;
}

}  // namespace

Display ports_display(const ShowPortsResponse& response, Section::Style style) {
  Section section{.key = "ports", .style = style, .when_empty = "no ports"};
  section.columns = {left("id", "PORT"),
                     left("kind", "KIND"),
                     left("state", "STATE"),
                     left("vni", "VNI"),
                     left("mac", "MAC"),
                     left("fixed_ips", "ADDRESSES"),
                     left("attachment", "ATTACHMENT"),
                     right("rx_packets", "RX PACKETS"),
                     right("tx_packets", "TX PACKETS"),
                     right("drops", "DROPS"),
                     left("detail", "DETAIL"),
                     detail("rx_bytes", "RX BYTES"),
                     detail("tx_bytes", "TX BYTES"),
                     detail("allowed_address_pairs", "ALLOWED PAIRS"),
                     detail("admin_up", "ADMIN UP"),
                     detail("mtu", "MTU"),
                     detail("driver", "DRIVER"),
                     detail("device_mac", "DEVICE MAC"),
                     detail("index", "INDEX"),
                     detail("workers", "WORKERS")};
  for (const PortInfo& port : response.ports()) {
    section.rows.push_back({text(port.id()),
                            text(kind_text(port)),
                            text(state_text(port)),
                            vni(port.config().vni()),
                            mac(is_own(port) ? port.mac() : port.config().mac()),
                            list(fixed_ips(port)),
                            text(port.device()),
                            number(port.rx_packets()),
                            number(port.tx_packets()),
                            number(port.drops()),
                            text(port.status().detail()),
                            number(port.rx_bytes()),
                            number(port.tx_bytes()),
                            address_pairs(port),
                            boolean(is_own(port) || port.config().admin_up()),
                            number(port.mtu()),
                            text(port.driver()),
                            mac(port.mac()),
                            number(port.index()),
                            workers(port)});
  }
  return {{std::move(section)}};
}

Display port_stats_display(const ShowPortsResponse& response) {
  Section section{.key = "ports", .style = Section::Style::kRecords};
  section.columns = {left("id", "PORT"),           left("rx_packets", "RX PACKETS"),
                     left("rx_bytes", "RX BYTES"), left("tx_packets", "TX PACKETS"),
                     left("tx_bytes", "TX BYTES"), left("drops", "DROPS")};
  for (const PortInfo& port : response.ports()) {
    section.rows.push_back({text(port.id()), number(port.rx_packets()), number(port.rx_bytes()),
                            number(port.tx_packets()), number(port.tx_bytes()),
                            number(port.drops())});
  }
  return {{std::move(section)}};
}

Answer show_ports(Clients& clients, const Arguments& arguments) {
  ShowPortsResponse response;
  if (auto failure = fetch(clients, arguments, response)) {
    return failed(*failure);
  }
  return {ports_display(response, Section::Style::kTable), {}};
}

Answer show_port(Clients& clients, const Arguments& arguments) {
  ShowPortsResponse response;
  if (auto failure = fetch(clients, arguments, response)) {
    return failed(*failure);
  }
  return {ports_display(response, Section::Style::kRecords), {}};
}

Answer show_port_stats(Clients& clients, const Arguments& arguments) {
  ShowPortsResponse response;
  if (auto failure = fetch(clients, arguments, response)) {
    return failed(*failure);
  }
  return {port_stats_display(response), {}};
}

}  // namespace alkaid::console
