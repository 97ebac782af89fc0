#include "control/console/show/slices.hpp"

#include <string>

#include <fmt/format.h>

#include "control/common/logging.hpp"
#include "control/console/clients.hpp"

namespace alkaid::console {
namespace {

using agent::v1::GetSlicesResponse;

// "NEIGHBOR 20, PORT 1" and [{"type", "resources"}].
Value kinds(const GetSlicesResponse::Slice& slice) {
  std::string line;
  Json json = Json::array();
  for (const auto& kind : slice.kinds()) {
    line += fmt::format("{}{} {}", line.empty() ? "" : ", ", kind.type(), kind.resources());
    json.push_back({{"type", kind.type()}, {"resources", kind.resources()}});
  }
  return {line.empty() ? "-" : line, std::move(json)};
}

// "other 3, messages without a slice 2" and [{"slice", "resources"}], null without a slice.
Value holders(const GetSlicesResponse::Slice& slice) {
  std::string line;
  Json json = Json::array();
  for (const auto& holder : slice.holders()) {
    const bool has_slice = !holder.slice().empty();
    line += fmt::format("{}{} {}", line.empty() ? "" : ", ",
                        has_slice ? text(holder.slice()).text : "messages without a slice",
                        holder.resources());
    json.push_back(
        {{"slice", has_slice ? Json(holder.slice()) : Json()}, {"resources", holder.resources()}});
  }
  if (slice.more_holders() > 0) {
    line += fmt::format(" and {} more", slice.more_holders());
  }
  return {line.empty() ? "-" : line, std::move(json)};
}

}  // namespace

Display slices_display(const GetSlicesResponse& response) {
  Section section{.key = "slices", .when_empty = "no slices"};
  section.columns = {left("name", "NAME"),
                     right("version", "VERSION"),
                     right("resources", "RESOURCES"),
                     left("digest", "DIGEST"),
                     left("kinds", "KINDS"),
                     left("holders", "ALSO HELD BY"),
                     detail("more_holders", "MORE HOLDERS")};
  for (const auto& slice : response.slices()) {
    section.rows.push_back({text(slice.name()), number(slice.version()), number(slice.resources()),
                            text(slice.digest()), kinds(slice), holders(slice),
                            number(slice.more_holders())});
  }
  return {{std::move(section)}};
}

Answer show_slices(Clients& clients, const Arguments& arguments) {
  agent::v1::GetSlicesRequest request;
  const auto name = arguments.find("NAME");
  if (name != arguments.end()) {
    request.set_name(name->second);
  }
  GetSlicesResponse response;
  if (auto failure = clients.call_agent(
          [&](auto& stub, auto* context) { return stub.GetSlices(context, request, &response); })) {
    return failed(*failure);
  }
  if (!request.name().empty() && response.slices().empty()) {
    return failed(
        {ExitCode::kRefused, fmt::format("there is no slice \"{}\"; show slices lists them",
                                         printable(request.name(), 64))});
  }
  return {slices_display(response), {}};
}

}  // namespace alkaid::console
