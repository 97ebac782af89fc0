#include "dataplane/api/change_connections.hpp"

#include <string>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "control/common/logging.hpp"
#include "dataplane/offload/offloader.hpp"

namespace alkaid {
namespace {

// Taking a connection down costs more than looking at one.
constexpr std::uint32_t kPlacesPerStep = 8192;
constexpr std::size_t kLongestShown = 64;
// Times of connections wrap after twice as long.
constexpr std::uint32_t kMostSeconds = 2'000'000;

}  // namespace

bool ConnectionFlush::advance() {
  found_.clear();
  const bool has_more = search_.advance(kPlacesPerStep, kPlacesPerStep, found_);
  ConnectionKeeper& keeper = dataplane_.connections();
  for (const auto& connection : found_) {
    const ConnectionId& id = connection.id;
    const bool is_down = id.ipv6 ? keeper.take_down<FlowKeyV6>(id.number, id.life)
                                 : keeper.take_down<FlowKeyV4>(id.number, id.life);
    flushed_ += is_down ? 1 : 0;
  }
  dataplane_.offloader().connections_ended();
  if (!has_more) {
    dataplane_.offloader().wait_until_removed();
  }
  return has_more;
}

grpc::Status set_connection_timeouts(Dataplane& dataplane,
                                     const dataplane::v1::SetConnectionTimeoutsRequest& request) {
  ConnectionTimeouts timeouts = dataplane.connections().timeouts();
  std::string changes;
  for (const auto& wanted : request.timeouts()) {
    const std::string name = printable(wanted.name(), kLongestShown);
    std::string names;
    bool is_known = false;
    for_each_timeout([&](const char* known, auto member) {
      names.append(names.empty() ? "" : ", ").append(known);
      if (wanted.name() == known) {
        is_known = true;
        timeouts.*member = wanted.seconds();
      }
    });
    if (!is_known) {
      return {grpc::StatusCode::INVALID_ARGUMENT,
              fmt::format("timeouts.name: there is no time-out \"{}\"; there are {}", name, names)};
    }
    if (wanted.seconds() == 0 || wanted.seconds() > kMostSeconds) {
      return {grpc::StatusCode::INVALID_ARGUMENT,
              fmt::format("timeouts.seconds: {} of \"{}\" is not within 1 to {}", wanted.seconds(),
                          name, kMostSeconds)};
    }
    changes += fmt::format("{}{} {} s", changes.empty() ? "" : ", ", name, wanted.seconds());
  }
  if (!changes.empty()) {
    dataplane.connections().set_timeouts(timeouts);
    spdlog::info("time-outs of connections: {}", changes);
  }
  return grpc::Status::OK;
}

}  // namespace alkaid
