#include "control/console/show/drops.hpp"

#include "control/console/clients.hpp"

namespace alkaid::console {
namespace {

Answer fetch(Clients& clients, const Arguments& arguments, bool include_zero) {
  dataplane::v1::ShowDropsRequest request;
  request.set_include_zero(include_zero);
  if (const auto id = arguments.find("ID"); id != arguments.end()) {
    request.set_port(id->second);
  }
  dataplane::v1::ShowDropsResponse response;
  auto failure = clients.call_dataplane(
      [&](auto& stub, auto* context) { return stub.ShowDrops(context, request, &response); });
  if (failure) {
    return failed(*failure);
  }
  return {drops_display(response), {}};
}

}  // namespace

Display drops_display(const dataplane::v1::ShowDropsResponse& response) {
  Section section{.key = "drops", .when_empty = "no drops"};
  section.columns = {left("port", "PORT"), left("reason", "REASON"), right("packets", "PACKETS"),
                     left("description", "DESCRIPTION")};
  for (const auto& drop : response.drops()) {
    section.rows.push_back(
        {text(drop.port()), text(drop.reason()), number(drop.packets()), text(drop.description())});
  }
  return {{std::move(section)}};
}

Answer show_drops(Clients& clients, const Arguments& arguments) {
  return fetch(clients, arguments, false);
}

Answer show_all_drops(Clients& clients, const Arguments& arguments) {
  return fetch(clients, arguments, true);
}

}  // namespace alkaid::console
