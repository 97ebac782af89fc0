#include "dataplane/api/vhost_service.hpp"

#include "dataplane/api/on_control_thread.hpp"
#include "dataplane/vhost/merged_segments.hpp"
#include "dataplane/vhost/vhost_view.hpp"

namespace alkaid {
namespace {

namespace api = dataplane::v1;

void describe(const VhostView& view, api::ShowVhostResponse::Guest& into) {
  into.set_connected(view.is_connected);
  into.set_rings_to_guest(view.rings_to_guest);
  into.set_rings_from_guest(view.rings_from_guest);
  into.set_open_checksums(view.offloads.checksums);
  into.set_large_ipv4(view.offloads.large_v4);
  into.set_large_ipv6(view.offloads.large_v6);
  into.set_merges_buffers(view.offloads.merges_buffers);
}

void add(const MergedSegments& merged, api::ShowVhostResponse::Merged& into) {
  into.set_segments(into.segments() + merged.segments);
  into.set_packets(into.packets() + merged.packets);
}

}  // namespace

grpc::Status VhostService::ShowVhost(grpc::ServerContext* /*context*/,
                                     const api::ShowVhostRequest* /*request*/,
                                     api::ShowVhostResponse* response) {
  return on_control_thread(dataplane_.executor(), [&] {
    for (const auto& port : dataplane_.ports().views()) {
      const std::uint16_t number = port.port->device.ethdev;
      const auto view = view_vhost(number);
      if (!view) {
        continue;
      }
      auto* guest = response->add_guests();
      guest->set_port(port.port->id);
      describe(*view, *guest);
      const MergedSegments merged = merged_segments(number);
      add(merged, *guest->mutable_merged());
      add(merged, *response->mutable_merged());
    }
  });
}

}  // namespace alkaid
