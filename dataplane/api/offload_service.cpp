#include "dataplane/api/offload_service.hpp"

#include <cstring>
#include <string>

#include <spdlog/spdlog.h>

#include "dataplane/api/on_control_thread.hpp"
#include "dataplane/offload/offloader.hpp"

namespace alkaid {
namespace {

void describe(Dataplane& dataplane, dataplane::v1::ShowOffloadResponse& response) {
  const Offloader& offloader = dataplane.offloader();
  response.set_on(offloader.is_on());
  response.set_after_packets(offloader.settings().after_packets);
  response.set_idle_seconds(offloader.settings().idle_seconds);
  response.set_connections(static_cast<std::uint32_t>(offloader.connections()));
  response.set_capacity(offloader.settings().connections);
  response.set_rules(static_cast<std::uint32_t>(offloader.rules()));
  const Offloader::Counts& counts = offloader.counts();
  response.set_installed(counts.installed);
  response.set_refused_full(counts.refused_full);
  response.set_late_removals(counts.late_removals);
  response.set_stuck(static_cast<std::uint32_t>(offloader.stuck()));
  for (const auto& view : offloader.port_views()) {
    const HardwareCounts hardware = offloader.counts_of(view.port);
    auto* port = response.add_ports();
    port->set_id(dataplane.port_table().find(view.port)->id);
    port->set_hardware(view.is_hardware);
    port->set_reason(view.reason);
    port->set_connections(static_cast<std::uint32_t>(view.connections));
    port->set_rx_packets(hardware.rx_packets);
    port->set_rx_bytes(hardware.rx_bytes);
    port->set_tx_packets(hardware.tx_packets);
    port->set_tx_bytes(hardware.tx_bytes);
  }
  for (std::size_t i = 0; i < counts.ends.size(); ++i) {
    const OffloadEndText& text = text_of(static_cast<OffloadEnd>(i));
    auto* end = response.add_ends();
    end->set_reason(std::string{text.name});
    end->set_description(std::string{text.description});
    end->set_connections(counts.ends[i]);
  }
  for (const auto& [number, count] : counts.errors) {
    auto* error = response.add_errors();
    error->set_number(static_cast<std::uint32_t>(number));
    error->set_text(std::strerror(number));
    error->set_count(count);
  }
}

}  // namespace

grpc::Status OffloadService::ShowOffload(grpc::ServerContext* /*context*/,
                                         const dataplane::v1::ShowOffloadRequest* /*request*/,
                                         dataplane::v1::ShowOffloadResponse* response) {
  return on_control_thread(dataplane_.executor(), [&] { describe(dataplane_, *response); });
}

grpc::Status OffloadService::SetOffload(grpc::ServerContext* /*context*/,
                                        const dataplane::v1::SetOffloadRequest* request,
                                        dataplane::v1::SetOffloadResponse* /*response*/) {
  return on_control_thread(dataplane_.executor(), [&] {
    dataplane_.offloader().set_on(request->on());
    spdlog::info("offload: switched {}", request->on() ? "on" : "off");
  });
}

}  // namespace alkaid
