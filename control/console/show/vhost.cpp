#include "control/console/show/vhost.hpp"

#include <string>
#include <utility>
#include <vector>

#include "control/console/clients.hpp"

namespace alkaid::console {
namespace {

using Guest = dataplane::v1::ShowVhostResponse::Guest;

Value taken_by_driver(const Guest& guest) {
  std::vector<std::string> names;
  const auto add = [&](bool is_taken, const char* name) {
    if (is_taken) {
      names.emplace_back(name);
    }
  };
  add(guest.open_checksums(), "checksums");
  add(guest.large_ipv4(), "large_ipv4");
  add(guest.large_ipv6(), "large_ipv6");
  add(guest.merges_buffers(), "chains");
  return list(names);
}

}  // namespace

Display vhost_display(const dataplane::v1::ShowVhostResponse& response) {
  Section guests{.key = "guests", .when_empty = "no port is attached by vhost-user"};
  guests.columns = {left("port", "PORT"),
                    left("connected", "CONNECTED"),
                    right("rings_to_guest", "RINGS IN"),
                    right("rings_from_guest", "RINGS OUT"),
                    left("takes", "TAKES"),
                    right("merged_segments", "SEGMENTS MERGED"),
                    right("merged_packets", "INTO PACKETS")};
  for (const Guest& guest : response.guests()) {
    guests.rows.push_back({text(guest.port()), boolean(guest.connected()),
                           number(guest.rings_to_guest()), number(guest.rings_from_guest()),
                           taken_by_driver(guest), number(guest.merged().segments()),
                           number(guest.merged().packets())});
  }
  Section merged{.key = "merged", .style = Section::Style::kObject};
  merged.columns = {right("segments", "segments merged for all guests"),
                    right("packets", "into packets")};
  merged.rows = {{number(response.merged().segments()), number(response.merged().packets())}};
  return {{std::move(guests), std::move(merged)}};
}

Answer show_vhost(Clients& clients, const Arguments& /*arguments*/) {
  dataplane::v1::ShowVhostResponse response;
  if (auto failure = clients.call_vhost(
          [&](auto& stub, auto* context) { return stub.ShowVhost(context, {}, &response); })) {
    return failed(*failure);
  }
  return {vhost_display(response), {}};
}

}  // namespace alkaid::console
