// The data plane over its Unix socket.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

#include <grpcpp/grpcpp.h>

#include "alkaid/dataplane/v1/dataplane.grpc.pb.h"
#include "control/agent/reconcile/dataplane_client.hpp"

namespace alkaid::agent {

class GrpcDataplaneClient : public DataplaneClient {
 public:
  // Called on a thread of the client's own; must not block and not call the client.
  struct Listener {
    std::function<void(const api::PortStatus&)> port_changed;
    std::function<void(const api::TableStatus&)> table_changed;
    // Of the connection with this number, counted from 1.
    std::function<void(std::uint64_t connection, std::string reason)> lost;
  };

  explicit GrpcDataplaneClient(std::string socket_path) : socket_path_(std::move(socket_path)) {}
  ~GrpcDataplaneClient() override { close(); }
  GrpcDataplaneClient(const GrpcDataplaneClient&) = delete;
  GrpcDataplaneClient& operator=(const GrpcDataplaneClient&) = delete;

  // Before the first connect().
  void set_listener(Listener listener) { listener_ = std::move(listener); }

  grpc::Status connect(DataplaneHello& hello) override;
  grpc::Status read(const std::function<void(const api::ReadResponse&)>& take) override;
  grpc::Status apply(api::ApplyRequest& request, api::ApplyResponse& response) override;
  void close() override;

  // The connection in use or last used.
  [[nodiscard]] std::uint64_t connection() const { return connection_; }

  // Any thread, once: ends the call that is under way and refuses all later ones.
  void interrupt();

 private:
  using Stub = api::Dataplane::Stub;

  // Runs one call with a deadline, so that interrupt() can end it.
  grpc::Status call(std::chrono::milliseconds timeout,
                    const std::function<grpc::Status(grpc::ClientContext&)>& run);
  grpc::Status watch_events();
  void watch(std::uint64_t connection, std::shared_ptr<grpc::ClientContext> context,
             std::shared_ptr<Stub> stub, std::function<void()> confirmed);

  const std::string socket_path_;
  Listener listener_;
  std::shared_ptr<Stub> stub_;
  std::uint64_t session_ = 0;
  std::uint64_t connection_ = 0;
  std::thread watcher_;

  std::mutex mutex_;  // what interrupt() needs
  bool interrupted_ = false;
  grpc::ClientContext* active_ = nullptr;
  std::shared_ptr<grpc::ClientContext> watching_;
};

}  // namespace alkaid::agent
