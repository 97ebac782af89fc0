#include "control/console/show/worker.hpp"

#include <algorithm>
#include <set>
#include <string>

#include <fmt/format.h>

#include "control/console/api_values.hpp"
#include "control/console/clients.hpp"

namespace alkaid::console {
namespace {

// Classes of burst sizes as the API counts them: 0, 1, 2-3, 4-7, ...
std::string burst_class(int index, int classes) {
  if (index < 2) {
    return fmt::format("{}", index);
  }
  // Shifts beyond this can't occur with the API's ten classes.
  const std::uint64_t low = std::uint64_t{1} << std::min(index - 1, 62);
  return index == classes - 1 ? fmt::format("{}+", low) : fmt::format("{}-{}", low, 2 * low - 1);
}

Value queues_of(const dataplane::v1::ShowWorkersResponse::Worker& worker) {
  Value value = none();
  value.json = Json::array();
  for (const auto& queue : worker.queues()) {
    value.json.push_back({{"port", queue.port()}, {"queue", queue.queue()}});
  }
  return value;
}

Section bursts_section(const dataplane::v1::ShowWorkersResponse& response) {
  int classes = 0;
  for (const auto& worker : response.workers()) {
    classes = std::max(classes, worker.burst_histogram_size());
  }
  classes = std::min(classes, 32);
  Section section{.key = "bursts",
                  .heading = "Graph walks by packets received",
                  .when_empty = "no walks",
                  .only_text = true};
  section.columns = {right("worker", "WORKER")};
  for (int i = 0; i < classes; ++i) {
    section.columns.push_back(right("", burst_class(i, classes)));
  }
  for (const auto& worker : response.workers()) {
    std::vector<Value> row{number(worker.worker())};
    for (int i = 0; i < std::min(worker.burst_histogram_size(), classes); ++i) {
      row.push_back(number(worker.burst_histogram(i)));
    }
    section.rows.push_back(std::move(row));
  }
  return section;
}

std::optional<Failure> fetch_graph(Clients& clients, dataplane::v1::ShowGraphResponse& response) {
  return clients.call_dataplane(
      [&](auto& stub, auto* context) { return stub.ShowGraph(context, {}, &response); });
}

}  // namespace

Display workers_display(const dataplane::v1::ShowWorkersResponse& response,
                        const dataplane::v1::GetPlacementResponse& placement) {
  const std::set<std::uint32_t> resting(placement.resting().begin(), placement.resting().end());
  Section section{.key = "workers", .when_empty = "no workers"};
  section.columns = {right("worker", "WORKER"),
                     right("lcore", "LCORE"),
                     right("cpu", "CPU"),
                     left("state", "STATE"),
                     right("busy_percent", "BUSY"),
                     right("packets", "PACKETS"),
                     right("cycles_per_packet", "CYCLES/PACKET"),
                     right("graph_walks", "WALKS"),
                     right("sleeps", "SLEEPS"),
                     right("idle_backoff_microseconds", "BACK-OFF µs"),
                     left("ports", "PORTS"),
                     detail("queues", "QUEUES"),
                     detail("busy_cycles", "BUSY CYCLES"),
                     detail("idle_cycles", "IDLE CYCLES"),
                     detail("burst_histogram", "BURSTS")};
  for (const auto& worker : response.workers()) {
    Value histogram = none();
    histogram.json = Json::array();
    for (const auto walks : worker.burst_histogram()) {
      histogram.json.push_back(walks);
    }
    section.rows.push_back(
        {number(worker.worker()), number(worker.lcore()), number(worker.cpu()),
         text(resting.contains(worker.worker()) ? "off" : "on"),
         percent(worker.busy_cycles(), worker.busy_cycles() + worker.idle_cycles()),
         number(worker.packets()), ratio(worker.busy_cycles(), worker.packets()),
         number(worker.graph_walks()), number(worker.sleeps()),
         number(worker.idle_backoff_microseconds()),
         list({worker.ports().begin(), worker.ports().end()}), queues_of(worker),
         number(worker.busy_cycles()), number(worker.idle_cycles()), std::move(histogram)});
  }
  return {{std::move(section), bursts_section(response)}};
}

Display graph_display(const dataplane::v1::ShowGraphResponse& response) {
  Section section{.key = "nodes", .when_empty = "no nodes"};
  section.columns = {left("name", "NODE"),
                     right("calls", "CALLS"),
                     right("packets", "PACKETS"),
                     right("packets_per_call", "PACKETS/CALL"),
                     right("cycles_per_packet", "CYCLES/PACKET"),
                     left("description", "DESCRIPTION"),
                     detail("cycles", "CYCLES"),
                     detail("next", "NEXT")};
  for (const auto& node : response.nodes()) {
    section.rows.push_back({text(node.name()), number(node.calls()), number(node.packets()),
                            ratio(node.packets(), node.calls()),
                            ratio(node.cycles(), node.packets()), text(node.description()),
                            number(node.cycles()), list({node.next().begin(), node.next().end()})});
  }
  return {{std::move(section)}};
}

Answer show_workers(Clients& clients, const Arguments& /*arguments*/) {
  dataplane::v1::ShowWorkersResponse response;
  if (auto failure = clients.call_dataplane(
          [&](auto& stub, auto* context) { return stub.ShowWorkers(context, {}, &response); })) {
    return failed(*failure);
  }
  dataplane::v1::GetPlacementResponse placement;
  if (auto failure = clients.call_placement([&](auto& stub, auto* context) {
        const grpc::Status status = stub.GetPlacement(context, {}, &placement);
        // In a data plane that is older no worker rests.
        return status.error_code() == grpc::StatusCode::UNIMPLEMENTED ? grpc::Status::OK : status;
      })) {
    return failed(*failure);
  }
  return {workers_display(response, placement), {}};
}

Answer show_graph(Clients& clients, const Arguments& /*arguments*/) {
  dataplane::v1::ShowGraphResponse response;
  if (auto failure = fetch_graph(clients, response)) {
    return failed(*failure);
  }
  return {graph_display(response), {}};
}

Answer show_graph_dot(Clients& clients, const Arguments& /*arguments*/) {
  dataplane::v1::ShowGraphResponse response;
  if (auto failure = fetch_graph(clients, response)) {
    return failed(*failure);
  }
  Section section{.key = "dot", .style = Section::Style::kText, .content = response.dot()};
  return {{{std::move(section)}}, {}};
}

}  // namespace alkaid::console
