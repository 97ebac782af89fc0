// Serves the local API on a Unix socket.
#pragma once

#include <memory>
#include <string>

#include <grpcpp/grpcpp.h>

#include "dataplane/api/offload_service.hpp"
#include "dataplane/api/placement_service.hpp"
#include "dataplane/api/service.hpp"
#include "dataplane/api/vhost_service.hpp"
#include "dataplane/api/xdp_service.hpp"
#include "dataplane/control/dataplane.hpp"

namespace alkaid {

class ApiServer {
 public:
  // Starts serving; gRPC's threads inherit the caller's CPU affinity, so call from the control
  // thread, never from a worker. The socket is its owner's only. Throws std::runtime_error.
  ApiServer(Dataplane& dataplane, const std::string& socket_path);
  ~ApiServer();
  ApiServer(const ApiServer&) = delete;
  ApiServer& operator=(const ApiServer&) = delete;

  // Ends open calls and refuses new ones; the socket's file is gone afterwards.
  void stop();

 private:
  const std::string socket_path_;
  DataplaneService service_;
  PlacementService placement_;
  VhostService vhost_;
  XdpService xdp_;
  OffloadService offload_;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace alkaid
