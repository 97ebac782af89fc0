#include "dataplane/api/connection_filter.hpp"

#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "control/common/logging.hpp"
#include "dataplane/api/convert.hpp"

namespace alkaid {
namespace {

constexpr std::size_t kLongestShown = 64;

grpc::Status invalid(std::string message) {
  return {grpc::StatusCode::INVALID_ARGUMENT, std::move(message)};
}

// visit(state, name) of every state that a connection can be in.
template <class Visit>
void for_each_state(Visit&& visit) {
  constexpr auto kFirst = static_cast<std::uint8_t>(ConnectionState::kNone) + 1;
  constexpr auto kEnd = static_cast<std::uint8_t>(ConnectionState::kCount);
  for (auto number = kFirst; number < kEnd; ++number) {
    const auto state = static_cast<ConnectionState>(number);
    visit(state, name_of(state));
  }
}

grpc::Status set_state(const std::string& name, ConnectionFilter& filter) {
  std::string names;
  for_each_state([&](ConnectionState state, std::string_view known) {
    names.append(names.empty() ? "" : ", ").append(known);
    if (known == name) {
      filter.state = state;
    }
  });
  return filter.state != ConnectionState::kNone
             ? grpc::Status::OK
             : invalid(fmt::format("filter.state: \"{}\" is none of {}",
                                   printable(name, kLongestShown), names));
}

}  // namespace

grpc::Status from_api(Dataplane& dataplane, const api::ConnectionFilter& message,
                      ConnectionFilter& filter) {
  if (!message.port().empty()) {
    const Port* port = dataplane.ports().find(message.port());
    if (port == nullptr) {
      return {grpc::StatusCode::NOT_FOUND, fmt::format("filter.port: there is no guest port \"{}\"",
                                                       printable(message.port(), kLongestShown))};
    }
    filter.port = {.index = static_cast<FlowPort>(port->index),
                   .generation = short_generation(port->generation)};
  }
  if (message.vni() != 0) {
    const auto vni = Vni::from_number(message.vni());
    if (!vni) {
      return invalid(fmt::format("filter.vni: {} is no VNI (1 to {})", message.vni(), Vni::kMax));
    }
    // A VNI that nothing here refers to has no zone, and so no connections.
    filter.zone = dataplane.tables().segments.zone_of(*vni);
  }
  if (message.has_address()) {
    IpPrefix prefix{IpAddress::from_numbers(message.address().address().high(),
                                            message.address().address().low()),
                    0};
    if (message.address().length() > prefix.max_length()) {
      return invalid(fmt::format("filter.address: length {} is beyond {}",
                                 message.address().length(), prefix.max_length()));
    }
    prefix.length = static_cast<std::uint8_t>(message.address().length());
    filter.address = prefix;
  }
  if (message.has_protocol()) {
    if (message.protocol() > UINT8_MAX) {
      return invalid(fmt::format("filter.protocol: {} is no IP protocol number (0 to 255)",
                                 message.protocol()));
    }
    filter.protocol = static_cast<std::uint8_t>(message.protocol());
  }
  if (message.l4_port() > UINT16_MAX) {
    return invalid(fmt::format("filter.l4_port: {} is beyond 65535", message.l4_port()));
  }
  filter.l4_port = static_cast<std::uint16_t>(message.l4_port());
  if (!message.group().empty()) {
    filter.rule = [&rules = dataplane.tables().rules, group = message.group()](RuleNumber number) {
      const RuleName* name = rules.name(number);
      return name != nullptr && name->group == group;
    };
  }
  return message.state().empty() ? grpc::Status::OK : set_state(message.state(), filter);
}

}  // namespace alkaid
