// The local API's calls about connections.
#include <spdlog/spdlog.h>

#include "dataplane/api/change_connections.hpp"
#include "dataplane/api/connection_filter.hpp"
#include "dataplane/api/service.hpp"
#include "dataplane/api/show_connections.hpp"

namespace alkaid {
namespace {

const grpc::Status kClientGone{grpc::StatusCode::CANCELLED, "the client went away"};

}  // namespace

grpc::Status DataplaneService::ShowConnections(
    grpc::ServerContext* /*context*/, const api::ShowConnectionsRequest* request,
    grpc::ServerWriter<api::ShowConnectionsResponse>* writer) {
  ConnectionListing listing(dataplane_, *request);
  grpc::Status status = on_control_thread([&] { return listing.start(); });
  for (bool has_more = true; status.ok() && has_more;) {
    api::ShowConnectionsResponse batch;
    status = on_control_thread([&] { has_more = listing.next(batch); });
    if (status.ok() && batch.connections_size() > 0 && !writer->Write(batch)) {
      return kClientGone;
    }
  }
  return status;
}

grpc::Status DataplaneService::ShowConnectionSummary(
    grpc::ServerContext* context, const api::ShowConnectionSummaryRequest* /*request*/,
    api::ShowConnectionSummaryResponse* response) {
  ConnectionStateCounter states(dataplane_);
  grpc::Status status;
  for (bool has_more = true; status.ok() && has_more;) {
    if (context->IsCancelled()) {
      return kClientGone;
    }
    status = on_control_thread([&] { has_more = states.advance(); });
  }
  if (!status.ok()) {
    return status;
  }
  states.report(*response);
  return on_control_thread([&] { show_connection_summary(dataplane_, *response); });
}

grpc::Status DataplaneService::FlushConnections(grpc::ServerContext* context,
                                                const api::FlushConnectionsRequest* request,
                                                api::FlushConnectionsResponse* response) {
  std::optional<ConnectionFlush> flush;
  grpc::Status status = on_control_thread([&] {
    ConnectionFilter filter;
    grpc::Status result = from_api(dataplane_, request->filter(), filter);
    if (result.ok()) {
      flush.emplace(dataplane_, std::move(filter));
    }
    return result;
  });
  for (bool has_more = true; status.ok() && has_more;) {
    if (context->IsCancelled()) {
      return kClientGone;
    }
    status = on_control_thread([&] { has_more = flush->advance(); });
  }
  if (flush) {
    response->set_flushed(flush->flushed());
    spdlog::info("{} connections flushed", flush->flushed());
  }
  return status;
}

grpc::Status DataplaneService::SetConnectionTimeouts(
    grpc::ServerContext* /*context*/, const api::SetConnectionTimeoutsRequest* request,
    api::SetConnectionTimeoutsResponse* /*response*/) {
  return on_control_thread([&] { return set_connection_timeouts(dataplane_, *request); });
}

}  // namespace alkaid
