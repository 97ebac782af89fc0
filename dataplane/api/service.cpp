#include "dataplane/api/service.hpp"

#include <chrono>
#include <random>

#include <rte_cycles.h>
#include <rte_version.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include "control/common/logging.hpp"
#include "dataplane/api/apply.hpp"
#include "dataplane/api/convert.hpp"
#include "dataplane/api/explain.hpp"
#include "dataplane/api/read.hpp"
#include "dataplane/api/show.hpp"
#include "dataplane/api/show_security_groups.hpp"

namespace alkaid {
namespace {

constexpr std::chrono::milliseconds kEventPoll{100};

std::uint64_t now_microseconds() {
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(
                                        std::chrono::system_clock::now().time_since_epoch())
                                        .count());
}

std::uint64_t random_session() {
  std::random_device device;
  return (std::uint64_t{device()} << 32 | device()) | 1;  // never zero: zero is "no session"
}

api::Event event_of(const TableOccupancy& occupancy, bool full) {
  api::Event event;
  event.set_time_microseconds(now_microseconds());
  auto* table = event.mutable_table();
  table->set_table(occupancy.name);
  table->set_full(full);
  table->set_used(occupancy.used);
  table->set_capacity(occupancy.capacity);
  return event;
}

// The option that makes a table larger.
std::string flag_of(const std::string& table) {
  return table.starts_with("connections") ? "--connections" : "--max-" + table;
}

}  // namespace

DataplaneService::DataplaneService(Dataplane& dataplane) : dataplane_(dataplane) {
  dataplane_.on_port_state([this](const PortView& view) {
    api::Event event;
    event.set_time_microseconds(now_microseconds());
    to_api(view, *event.mutable_port());
    events_.publish(event);
  });
  dataplane_.on_table_state([this](const TableOccupancy& occupancy, bool full) {
    events_.publish(event_of(occupancy, full));
    if (full) {
      spdlog::warn("the table of {} is full ({} of {}): objects are refused (more: {})",
                   occupancy.name, occupancy.used, occupancy.capacity, flag_of(occupancy.name));
    } else {
      spdlog::info("the table of {} takes objects again ({} of {})", occupancy.name, occupancy.used,
                   occupancy.capacity);
    }
  });
  dataplane_.on_table_level([this](const TableOccupancy& occupancy, bool high) {
    events_.publish(event_of(occupancy, false));
    if (high) {
      spdlog::warn("the table of {} is more than {} % full ({} of {}; more: {})", occupancy.name,
                   TableWatch::kHighPercent, occupancy.used, occupancy.capacity,
                   flag_of(occupancy.name));
    } else {
      spdlog::info("the table of {} is less than {} % full again ({} of {})", occupancy.name,
                   TableWatch::kCalmPercent, occupancy.used, occupancy.capacity);
    }
  });
}

grpc::Status DataplaneService::GetInfo(grpc::ServerContext* /*context*/,
                                       const api::GetInfoRequest* /*request*/,
                                       api::GetInfoResponse* response) {
  return on_control_thread([&] {
    response->set_version(ALKAID_VERSION);
    response->set_instance(dataplane_.instance());
    response->set_uptime_microseconds(static_cast<std::uint64_t>(dataplane_.uptime().count()));
    response->set_process_id(static_cast<std::uint32_t>(::getpid()));
    response->set_dpdk_version(rte_version());
    for (const auto& vtep : dataplane_.underlay().vteps) {
      to_api(vtep.address, *response->add_vteps());
    }
    response->set_underlay_mtu(dataplane_.programmer().underlay_mtu());
    response->set_operations(dataplane_.programmer().operations());
    response->set_apply_calls(apply_calls_);
    response->set_session_client(session_client_);
    response->set_tsc_hertz(rte_get_tsc_hz());
  });
}

grpc::Status DataplaneService::OpenSession(grpc::ServerContext* /*context*/,
                                           const api::OpenSessionRequest* request,
                                           api::OpenSessionResponse* response) {
  return on_control_thread([&] {
    session_ = random_session();
    session_client_ = request->client();
    spdlog::info("session opened by {}", printable(session_client_));
    response->set_session(session_);
    response->set_instance(dataplane_.instance());
  });
}

grpc::Status DataplaneService::Apply(grpc::ServerContext* /*context*/,
                                     const api::ApplyRequest* request,
                                     api::ApplyResponse* response) {
  return on_control_thread([&]() -> grpc::Status {
    if (request->session() != session_ || session_ == 0) {
      return {grpc::StatusCode::FAILED_PRECONDITION,
              "the session is not the current one: another agent took over, or none was opened"};
    }
    ++apply_calls_;
    return apply(dataplane_, *request, *response);
  });
}

grpc::Status DataplaneService::Read(grpc::ServerContext* /*context*/,
                                    const api::ReadRequest* request,
                                    grpc::ServerWriter<api::ReadResponse>* writer) {
  // Collected in one go, so that what is read is one consistent state; sent without holding up the
  // control thread.
  std::vector<api::ReadResponse> batches;
  auto status = on_control_thread([&] { batches = read_objects(dataplane_, *request); });
  if (!status.ok()) {
    return status;
  }
  for (const auto& batch : batches) {
    if (!writer->Write(batch)) {
      return {grpc::StatusCode::CANCELLED, "the client went away"};
    }
  }
  return grpc::Status::OK;
}

grpc::Status DataplaneService::WatchEvents(grpc::ServerContext* context,
                                           const api::WatchEventsRequest* /*request*/,
                                           grpc::ServerWriter<api::Event>* writer) {
  EventHub::Subscription subscription(events_);
  bool open = writer->Write(api::Event{});
  while (open && !context->IsCancelled() && !events_.is_closed()) {
    if (const auto event = subscription.next(kEventPoll)) {
      open = writer->Write(*event);
    }
    if (subscription.has_overflowed()) {
      return {grpc::StatusCode::RESOURCE_EXHAUSTED,
              "events were lost: read back and subscribe anew"};
    }
  }
  return grpc::Status::OK;
}

grpc::Status DataplaneService::ShowPorts(grpc::ServerContext* /*context*/,
                                         const api::ShowPortsRequest* request,
                                         api::ShowPortsResponse* response) {
  return on_control_thread([&] { show_ports(dataplane_, *request, *response); });
}

grpc::Status DataplaneService::ShowDrops(grpc::ServerContext* /*context*/,
                                         const api::ShowDropsRequest* request,
                                         api::ShowDropsResponse* response) {
  return on_control_thread([&] { show_drops(dataplane_, *request, *response); });
}

grpc::Status DataplaneService::ShowWorkers(grpc::ServerContext* /*context*/,
                                           const api::ShowWorkersRequest* /*request*/,
                                           api::ShowWorkersResponse* response) {
  return on_control_thread([&] { show_workers(dataplane_, *response); });
}

grpc::Status DataplaneService::ShowGraph(grpc::ServerContext* /*context*/,
                                         const api::ShowGraphRequest* /*request*/,
                                         api::ShowGraphResponse* response) {
  return on_control_thread([&] { show_graph(dataplane_, *response); });
}

grpc::Status DataplaneService::ShowDhcp(grpc::ServerContext* /*context*/,
                                        const api::ShowDhcpRequest* /*request*/,
                                        api::ShowDhcpResponse* response) {
  return on_control_thread([&] { show_dhcp(dataplane_, *response); });
}

grpc::Status DataplaneService::ShowUnderlay(grpc::ServerContext* /*context*/,
                                            const api::ShowUnderlayRequest* /*request*/,
                                            api::ShowUnderlayResponse* response) {
  return on_control_thread([&] { show_underlay(dataplane_, *response); });
}

grpc::Status DataplaneService::ShowTables(grpc::ServerContext* /*context*/,
                                          const api::ShowTablesRequest* /*request*/,
                                          api::ShowTablesResponse* response) {
  return on_control_thread([&] { show_tables(dataplane_, *response); });
}

grpc::Status DataplaneService::ShowSecurityGroups(grpc::ServerContext* /*context*/,
                                                  const api::ShowSecurityGroupsRequest* request,
                                                  api::ShowSecurityGroupsResponse* response) {
  return on_control_thread([&] { show_security_groups(dataplane_, *request, *response); });
}

grpc::Status DataplaneService::Explain(grpc::ServerContext* /*context*/,
                                       const api::ExplainRequest* request,
                                       api::ExplainResponse* response) {
  return on_control_thread([&] { return explain_packet(dataplane_, *request, *response); });
}

}  // namespace alkaid
