#include "control/agent/metrics/dataplane_metrics.hpp"

#include <algorithm>
#include <map>
#include <unordered_set>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <grpcpp/grpcpp.h>

namespace alkaid::agent {
namespace {

namespace api = dataplane::v1;

constexpr double kMicrosecondsOfASecond = 1e6;
constexpr const char* kOther = "other";

// What one scrape has asked for.
struct Answers {
  api::GetInfoResponse info;
  api::ShowPortsResponse ports;
  api::ShowDropsResponse drops;
  api::ShowWorkersResponse workers;
  api::ShowTablesResponse tables;
  api::ShowDhcpResponse dhcp;
  api::ShowUnderlayResponse underlay;
  api::ShowConnectionSummaryResponse connections;
  api::ShowVhostResponse vhost;
};

template <class Stub, class Method, class Request, class Response>
bool ask(Stub& stub, std::chrono::system_clock::time_point deadline, Method method,
         const Request& request, Response& response) {
  grpc::ClientContext context;
  context.set_deadline(deadline);
  return (stub.*method)(&context, request, &response).ok();
}

bool ask(api::Dataplane::Stub& stub, std::chrono::system_clock::time_point deadline,
         Answers& answers) {
  const auto call = [&](auto method, const auto& request, auto& response) {
    return ask(stub, deadline, method, request, response);
  };
  using Stub = api::Dataplane::Stub;
  return call(&Stub::GetInfo, api::GetInfoRequest{}, answers.info) &&
         call(&Stub::ShowPorts, api::ShowPortsRequest{}, answers.ports) &&
         call(&Stub::ShowDrops, api::ShowDropsRequest{}, answers.drops) &&
         call(&Stub::ShowWorkers, api::ShowWorkersRequest{}, answers.workers) &&
         call(&Stub::ShowTables, api::ShowTablesRequest{}, answers.tables) &&
         call(&Stub::ShowDhcp, api::ShowDhcpRequest{}, answers.dhcp) &&
         call(&Stub::ShowUnderlay, api::ShowUnderlayRequest{}, answers.underlay) &&
         call(&Stub::ShowConnectionSummary, api::ShowConnectionSummaryRequest{},
              answers.connections);
}

double number(std::uint64_t value) {
  return static_cast<double>(value);
}

void add_port(MetricSet& metrics, const std::string& id,
              const api::ShowPortsResponse::PortInfo& port) {
  constexpr const char* kPackets = "alkaid_port_packets_total";
  constexpr const char* kPacketsHelp =
      "Packets by port, received from it (rx) and sent to it (tx).";
  constexpr const char* kBytes = "alkaid_port_bytes_total";
  constexpr const char* kBytesHelp = "Bytes by port, received from it (rx) and sent to it (tx).";
  metrics.counter(kPackets, kPacketsHelp, number(port.rx_packets()),
                  {{"port", id}, {"direction", "rx"}});
  metrics.counter(kPackets, kPacketsHelp, number(port.tx_packets()),
                  {{"port", id}, {"direction", "tx"}});
  metrics.counter(kBytes, kBytesHelp, number(port.rx_bytes()), {{"port", id}, {"direction", "rx"}});
  metrics.counter(kBytes, kBytesHelp, number(port.tx_bytes()), {{"port", id}, {"direction", "tx"}});
}

const char* kind_of(const api::ShowPortsResponse::PortInfo& port) {
  return port.uplink() ? "uplink" : port.exception() ? "exception" : "guest";
}

// An attached port's detail says nothing else.
bool has_no_carrier(const api::PortStatus& status) {
  return status.state() == api::ATTACHED && !status.detail().empty();
}

// Returns the ports that are shown singly.
std::unordered_set<std::string> add_ports(MetricSet& metrics,
                                          const api::ShowPortsResponse& response,
                                          const api::ShowDropsResponse& drops) {
  std::vector<const api::ShowPortsResponse::PortInfo*> ports;
  std::map<std::pair<std::string, std::string>, std::uint64_t> counts;
  std::map<std::string, std::uint64_t> without_carrier;
  for (const auto& port : response.ports()) {
    ports.push_back(&port);
    ++counts[{kind_of(port), api::PortState_Name(port.status().state())}];
    without_carrier[kind_of(port)] += has_no_carrier(port.status()) ? 1 : 0;
  }
  for (const auto& [key, count] : counts) {
    metrics.gauge("alkaid_ports", "Ports by kind and state.", number(count),
                  {{"kind", key.first}, {"state", key.second}});
  }
  for (const auto& [kind, count] : without_carrier) {
    metrics.gauge("alkaid_ports_without_carrier",
                  "Attached ports by kind whose device's link is down.", number(count),
                  {{"kind", kind}});
  }
  std::sort(ports.begin(), ports.end(),
            [](const auto* a, const auto* b) { return a->index() < b->index(); });
  std::unordered_set<std::string> single;
  api::ShowPortsResponse::PortInfo rest;
  for (const auto* port : ports) {
    if (single.size() < kMostMetricPorts) {
      single.insert(port->id());
      add_port(metrics, port->id(), *port);
    } else {
      rest.set_rx_packets(rest.rx_packets() + port->rx_packets());
      rest.set_rx_bytes(rest.rx_bytes() + port->rx_bytes());
      rest.set_tx_packets(rest.tx_packets() + port->tx_packets());
      rest.set_tx_bytes(rest.tx_bytes() + port->tx_bytes());
    }
  }
  if (ports.size() > kMostMetricPorts) {
    add_port(metrics, kOther, rest);
  }
  std::map<std::pair<std::string, std::string>, std::uint64_t> dropped;
  for (const auto& drop : drops.drops()) {
    const bool is_shown = drop.port().empty() || single.contains(drop.port());
    dropped[{is_shown ? drop.port() : kOther, drop.reason()}] += drop.packets();
  }
  for (const auto& [key, packets] : dropped) {
    metrics.counter("alkaid_port_drops_total",
                    "Dropped packets by port (none: of packets without one) and reason.",
                    number(packets), {{"port", key.first}, {"reason", key.second}});
  }
  return single;
}

void add_merged(MetricSet& metrics, const api::ShowVhostResponse& response,
                const std::unordered_set<std::string>& single) {
  std::map<std::string, api::ShowVhostResponse::Merged> ports;
  for (const auto& guest : response.guests()) {
    auto& merged = ports[single.contains(guest.port()) ? guest.port() : kOther];
    merged.set_segments(merged.segments() + guest.merged().segments());
    merged.set_packets(merged.packets() + guest.merged().packets());
  }
  for (const auto& [port, merged] : ports) {
    metrics.counter("alkaid_port_merged_segments_total",
                    "TCP segments that were put together for guests.", number(merged.segments()),
                    {{"port", port}});
    metrics.counter("alkaid_port_merged_packets_total",
                    "Large packets that TCP segments for guests became.", number(merged.packets()),
                    {{"port", port}});
  }
}

void add_workers(MetricSet& metrics, const Answers& answers) {
  const double hertz = std::max(1.0, number(answers.info.tsc_hertz()));
  for (const auto& worker : answers.workers.workers()) {
    const std::string name = fmt::format("{}", worker.worker());
    metrics.counter("alkaid_worker_packets_total", "Packets received by workers.",
                    number(worker.packets()), {{"worker", name}});
    metrics.counter("alkaid_worker_busy_seconds_total", "Time in which workers had packets.",
                    number(worker.busy_cycles()) / hertz, {{"worker", name}});
    metrics.counter("alkaid_worker_idle_seconds_total", "Time in which workers had none.",
                    number(worker.idle_cycles()) / hertz, {{"worker", name}});
  }
}

void add_tables(MetricSet& metrics, const api::ShowTablesResponse& tables) {
  for (const auto& table : tables.tables()) {
    const Labels label = {{"table", table.name()}};
    metrics.gauge("alkaid_table_entries", "Entries of tables.", number(table.used()), label);
    metrics.gauge("alkaid_table_capacity", "Entries that tables have room for.",
                  number(table.capacity()), label);
    metrics.gauge("alkaid_table_entries_max", "Most entries that tables had.",
                  number(table.high_water()), label);
    metrics.counter("alkaid_table_refused_total", "What tables had no room for.",
                    number(table.full_events()), label);
    metrics.gauge("alkaid_table_bytes", "Memory of tables.", number(table.bytes()), label);
  }
}

void add_connections(MetricSet& metrics, const api::ShowConnectionSummaryResponse& summary) {
  for (const auto& table : summary.tables()) {
    const Labels label = {{"family", table.family()}};
    metrics.gauge("alkaid_connections", "Connections that are tracked.", number(table.used()),
                  label);
    metrics.counter("alkaid_connections_created_total", "Connections that began.",
                    number(table.created()), label);
    metrics.counter("alkaid_connections_expired_total", "Connections that were idle too long.",
                    number(table.expired()), label);
    metrics.counter("alkaid_connections_evicted_total",
                    "Connections without an answer or at their end that made room.",
                    number(table.evicted()), label);
  }
  // Of all states: protocols other than the known ones are summed up.
  std::map<std::pair<std::string, std::string>, std::uint64_t> states;
  for (const auto& count : summary.states()) {
    const std::map<std::uint32_t, const char*> names = {
        {1, "icmp"}, {6, "tcp"}, {17, "udp"}, {58, "icmpv6"}};
    const auto name = names.find(count.protocol());
    states[{name == names.end() ? kOther : name->second, count.state()}] += count.connections();
  }
  for (const auto& [key, count] : states) {
    metrics.gauge("alkaid_connection_states", "Connections by protocol and state.", number(count),
                  {{"protocol", key.first}, {"state", key.second}});
  }
}

void add_underlay(MetricSet& metrics, const api::ShowUnderlayResponse& underlay) {
  std::map<std::string, std::uint64_t> states;
  for (const auto& hop : underlay.next_hops()) {
    ++states[api::ShowUnderlayResponse::State_Name(hop.state())];
  }
  for (const auto& [state, count] : states) {
    metrics.gauge("alkaid_next_hops", "Next hops of the underlay by state.", number(count),
                  {{"state", state}});
  }
  metrics.gauge("alkaid_tunnels", "Pairs of a VTEP and a VNI that packets are sent to.",
                number(static_cast<std::uint64_t>(underlay.tunnels_size())));
}

}  // namespace

DataplaneMetrics::DataplaneMetrics(const std::string& socket_path) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(-1);
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 1000);
  const auto channel = grpc::CreateCustomChannel("unix:" + socket_path,
                                                 grpc::InsecureChannelCredentials(), arguments);
  stub_ = api::Dataplane::NewStub(channel);
  vhost_ = api::Vhost::NewStub(channel);
}

void DataplaneMetrics::collect(MetricSet& metrics) {
  Answers answers;
  const auto deadline = std::chrono::system_clock::now() + kTimeout;
  const bool up = ask(*stub_, deadline, answers);
  metrics.gauge("alkaid_dataplane_up", "1 if the data plane answers.", up ? 1 : 0);
  if (!up) {
    return;
  }
  metrics.gauge("alkaid_dataplane_info", "1; the data plane's version.", 1,
                {{"version", answers.info.version()}, {"dpdk", answers.info.dpdk_version()}});
  metrics.gauge("alkaid_dataplane_uptime_seconds", "Time since the data plane's start.",
                number(answers.info.uptime_microseconds()) / kMicrosecondsOfASecond);
  metrics.counter("alkaid_dataplane_operations_total", "Objects written to the data plane.",
                  number(answers.info.operations()));
  const auto single = add_ports(metrics, answers.ports, answers.drops);
  // A data plane of an earlier version doesn't know the call.
  if (ask(*vhost_, deadline, &api::Vhost::Stub::ShowVhost, api::ShowVhostRequest{},
          answers.vhost)) {
    add_merged(metrics, answers.vhost, single);
  }
  add_workers(metrics, answers);
  add_tables(metrics, answers.tables);
  add_connections(metrics, answers.connections);
  add_underlay(metrics, answers.underlay);
  for (const auto& counter : answers.dhcp.counters()) {
    metrics.counter("alkaid_guest_service_messages_total",
                    "DHCP, DHCPv6 and router discovery: messages by kind.", number(counter.value()),
                    {{"kind", counter.name()}});
  }
}

}  // namespace alkaid::agent
