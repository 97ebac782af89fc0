#include "dataplane/api/server.hpp"

#include <sys/stat.h>
#include <sys/un.h>

#include <chrono>
#include <stdexcept>

#include <fmt/format.h>
#include <unistd.h>

namespace alkaid {
namespace {

constexpr int kLargestMessage = 512 * 1024 * 1024;

}  // namespace

ApiServer::ApiServer(Dataplane& dataplane, const std::string& socket_path)
    : socket_path_(socket_path),
      service_(dataplane),
      placement_(dataplane),
      vhost_(dataplane),
      xdp_(dataplane),
      offload_(dataplane) {
  if (socket_path.size() >= sizeof(sockaddr_un::sun_path)) {
    throw std::runtime_error(
        fmt::format("the socket's path {} is longer than {} bytes; choose a "
                    "shorter --run-dir",
                    socket_path, sizeof(sockaddr_un::sun_path) - 1));
  }
  const mode_t mask = ::umask(0177);
  grpc::ServerBuilder builder;
  builder.AddListeningPort("unix:" + socket_path, grpc::InsecureServerCredentials());
  builder.RegisterService(&service_);
  builder.RegisterService(&placement_);
  builder.RegisterService(&vhost_);
  builder.RegisterService(&xdp_);
  builder.RegisterService(&offload_);
  builder.SetMaxReceiveMessageSize(kLargestMessage);
  builder.SetSyncServerOption(grpc::ServerBuilder::NUM_CQS, 1);
  server_ = builder.BuildAndStart();
  ::umask(mask);
  if (!server_) {
    throw std::runtime_error(fmt::format("can't serve on the socket {}", socket_path));
  }
}

void ApiServer::stop() {
  if (server_) {
    service_.stop();
    server_->Shutdown(std::chrono::system_clock::now() + std::chrono::milliseconds(200));
    server_.reset();
    ::unlink(socket_path_.c_str());
  }
}

ApiServer::~ApiServer() {
  stop();
}

}  // namespace alkaid
