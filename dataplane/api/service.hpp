// The local API's calls. gRPC threads enter here and hand their work to the control thread.
#pragma once

#include <cstdint>
#include <string>

#include "alkaid/dataplane/v1/dataplane.grpc.pb.h"
#include "dataplane/api/event_hub.hpp"
#include "dataplane/api/on_control_thread.hpp"
#include "dataplane/control/dataplane.hpp"

namespace alkaid {

namespace api = alkaid::dataplane::v1;

class DataplaneService final : public api::Dataplane::Service {
 public:
  explicit DataplaneService(Dataplane& dataplane);

  // Ends subscriptions. Call before the server's shutdown.
  void stop() { events_.close(); }

  grpc::Status GetInfo(grpc::ServerContext* context, const api::GetInfoRequest* request,
                       api::GetInfoResponse* response) override;
  grpc::Status OpenSession(grpc::ServerContext* context, const api::OpenSessionRequest* request,
                           api::OpenSessionResponse* response) override;
  grpc::Status Apply(grpc::ServerContext* context, const api::ApplyRequest* request,
                     api::ApplyResponse* response) override;
  grpc::Status Read(grpc::ServerContext* context, const api::ReadRequest* request,
                    grpc::ServerWriter<api::ReadResponse>* writer) override;
  grpc::Status WatchEvents(grpc::ServerContext* context, const api::WatchEventsRequest* request,
                           grpc::ServerWriter<api::Event>* writer) override;
  grpc::Status ShowPorts(grpc::ServerContext* context, const api::ShowPortsRequest* request,
                         api::ShowPortsResponse* response) override;
  grpc::Status ShowDrops(grpc::ServerContext* context, const api::ShowDropsRequest* request,
                         api::ShowDropsResponse* response) override;
  grpc::Status ShowWorkers(grpc::ServerContext* context, const api::ShowWorkersRequest* request,
                           api::ShowWorkersResponse* response) override;
  grpc::Status ShowGraph(grpc::ServerContext* context, const api::ShowGraphRequest* request,
                         api::ShowGraphResponse* response) override;
  grpc::Status ShowDhcp(grpc::ServerContext* context, const api::ShowDhcpRequest* request,
                        api::ShowDhcpResponse* response) override;
  grpc::Status ShowUnderlay(grpc::ServerContext* context, const api::ShowUnderlayRequest* request,
                            api::ShowUnderlayResponse* response) override;
  grpc::Status ShowTables(grpc::ServerContext* context, const api::ShowTablesRequest* request,
                          api::ShowTablesResponse* response) override;
  grpc::Status ShowSecurityGroups(grpc::ServerContext* context,
                                  const api::ShowSecurityGroupsRequest* request,
                                  api::ShowSecurityGroupsResponse* response) override;
  // In connection_calls.cpp.
  grpc::Status ShowConnections(grpc::ServerContext* context,
                               const api::ShowConnectionsRequest* request,
                               grpc::ServerWriter<api::ShowConnectionsResponse>* writer) override;
  grpc::Status ShowConnectionSummary(grpc::ServerContext* context,
                                     const api::ShowConnectionSummaryRequest* request,
                                     api::ShowConnectionSummaryResponse* response) override;
  grpc::Status FlushConnections(grpc::ServerContext* context,
                                const api::FlushConnectionsRequest* request,
                                api::FlushConnectionsResponse* response) override;
  grpc::Status SetConnectionTimeouts(grpc::ServerContext* context,
                                     const api::SetConnectionTimeoutsRequest* request,
                                     api::SetConnectionTimeoutsResponse* response) override;
  // In on_demand_calls.cpp.
  grpc::Status WatchMisses(grpc::ServerContext* context, const api::WatchMissesRequest* request,
                           grpc::ServerWriter<api::MissBatch>* writer) override;
  grpc::Status EndMisses(grpc::ServerContext* context, const api::EndMissesRequest* request,
                         api::EndMissesResponse* response) override;
  grpc::Status ReadNeighborUse(grpc::ServerContext* context,
                               const api::ReadNeighborUseRequest* request,
                               api::ReadNeighborUseResponse* response) override;
  grpc::Status ShowOnDemand(grpc::ServerContext* context, const api::ShowOnDemandRequest* request,
                            api::ShowOnDemandResponse* response) override;
  grpc::Status Explain(grpc::ServerContext* context, const api::ExplainRequest* request,
                       api::ExplainResponse* response) override;

 private:
  // UNAVAILABLE if the data plane is stopping.
  template <class Work>
  grpc::Status on_control_thread(Work&& work) {
    return alkaid::on_control_thread(dataplane_.executor(), work);
  }

  // `Dataplane` alone would name the generated service here.
  alkaid::Dataplane& dataplane_;
  EventHub events_;
  // Control thread.
  std::uint64_t session_ = 0;
  std::string session_client_;
  std::uint64_t apply_calls_ = 0;
};

}  // namespace alkaid
