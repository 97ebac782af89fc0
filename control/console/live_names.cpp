#include "control/console/live_names.hpp"

#include <set>

#include <fmt/format.h>

#include "control/console/api_values.hpp"
#include "control/console/table_reader.hpp"

namespace alkaid::console {
namespace {

constexpr std::chrono::milliseconds kTimeout{1000};

dataplane::v1::ShowConnectionSummaryResponse summary_of(Clients& clients) {
  dataplane::v1::ShowConnectionSummaryResponse response;
  clients.call_dataplane(
      [&](auto& stub, auto* context) { return stub.ShowConnectionSummary(context, {}, &response); },
      kTimeout);
  return response;
}

}  // namespace

std::vector<std::string> live_names(Clients& clients, NameKind kind, std::size_t most) {
  std::set<std::string> found;
  switch (kind) {
    case NameKind::kPort: {
      dataplane::v1::ShowPortsResponse response;
      clients.call_dataplane(
          [&](auto& stub, auto* context) { return stub.ShowPorts(context, {}, &response); },
          kTimeout);
      for (const auto& port : response.ports()) {
        found.insert(port.id());
      }
      break;
    }
    case NameKind::kVni:
      read_objects(
          clients, {dataplane::v1::SEGMENT}, 0,
          [&](const auto& batch) {
            for (const auto& segment : batch.segments()) {
              found.insert(fmt::format("{}", segment.vni()));
            }
          },
          kTimeout);
      break;
    case NameKind::kRouteTable:
      read_objects(
          clients, {dataplane::v1::ROUTE}, 0,
          [&](const auto& batch) {
            for (const auto& route : batch.routes()) {
              found.insert(identifier_text(route.key().table()));
            }
          },
          kTimeout);
      break;
    case NameKind::kSecurityGroup:
      read_objects(
          clients, {dataplane::v1::SECURITY_GROUP}, 0,
          [&](const auto& batch) {
            for (const auto& group : batch.security_groups()) {
              found.insert(group.id());
            }
          },
          kTimeout);
      break;
    case NameKind::kSlice: {
      agent::v1::GetSlicesResponse response;
      clients.call_agent(
          [&](auto& stub, auto* context) { return stub.GetSlices(context, {}, &response); },
          kTimeout);
      for (const auto& slice : response.slices()) {
        found.insert(slice.name());
      }
      break;
    }
    case NameKind::kConnectionState: {
      const auto summary = summary_of(clients);
      for (const auto& count : summary.states()) {
        found.insert(count.state());
      }
      break;
    }
    case NameKind::kTimeout: {
      const auto summary = summary_of(clients);
      for (const auto& timeout : summary.timeouts()) {
        found.insert(timeout.name());
      }
      break;
    }
    case NameKind::kNone:
      break;
  }
  std::vector<std::string> names{found.begin(), found.end()};
  if (names.size() > most) {
    names.resize(most);
  }
  return names;
}

}  // namespace alkaid::console
