// alkaid.agent.v1.Agent: what the console asks.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <utility>

#include <grpcpp/grpcpp.h>

#include "alkaid/agent/v1/agent.grpc.pb.h"
#include "control/agent/reconcile/reconciler_thread.hpp"
#include "control/agent/server/event_log.hpp"

namespace alkaid::agent {

class LocalService final : public v1::Agent::CallbackService {
 public:
  // dataplane_answers: any thread, must not block.
  LocalService(ReconcilerThread& reconciler, EventLog& events, std::string port_attach,
               std::function<bool()> dataplane_answers)
      : reconciler_(reconciler),
        events_(events),
        port_attach_(std::move(port_attach)),
        dataplane_answers_(std::move(dataplane_answers)),
        started_(std::chrono::steady_clock::now()) {}

  grpc::ServerUnaryReactor* GetConfig(grpc::CallbackServerContext* context,
                                      const v1::GetConfigRequest* request,
                                      v1::GetConfigResponse* response) override;
  grpc::ServerUnaryReactor* GetGoalState(grpc::CallbackServerContext* context,
                                         const v1::GetGoalStateRequest* request,
                                         v1::GetGoalStateResponse* response) override;
  grpc::ServerUnaryReactor* GetSlices(grpc::CallbackServerContext* context,
                                      const v1::GetSlicesRequest* request,
                                      v1::GetSlicesResponse* response) override;
  grpc::ServerWriteReactor<v1::Event>* WatchEvents(grpc::CallbackServerContext* context,
                                                   const v1::WatchEventsRequest* request) override;

 private:
  ReconcilerThread& reconciler_;
  EventLog& events_;
  const std::string port_attach_;
  const std::function<bool()> dataplane_answers_;
  const std::chrono::steady_clock::time_point started_;
};

}  // namespace alkaid::agent
