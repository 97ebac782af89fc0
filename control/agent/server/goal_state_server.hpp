// The TCP endpoint on which goal states come.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include <grpcpp/grpcpp.h>

#include "control/agent/server/channel_config.hpp"
#include "control/agent/server/connection_acceptor.hpp"
#include "control/agent/server/goal_state_service.hpp"

namespace alkaid::agent {

// start(), stop() and destroy() from one thread.
class GoalStateServer {
 public:
  // Returns an error text that says what to do, empty if it serves.
  std::string start(const ChannelConfig& config, GoalStateService& service);

  // No new calls; those open end by `deadline`.
  void stop(std::chrono::system_clock::time_point deadline);

  // After stop(), when nothing is left that answers a call. May be repeated.
  void destroy() { server_.reset(); }

  // What health checks are told: whether the data plane is as wanted. Any thread, after start()
  // and before destroy().
  void set_ready(bool ready);

  // The TCP port served, after start().
  [[nodiscard]] int port() const { return acceptor_ ? acceptor_->port() : 0; }
  // After start(), any thread.
  [[nodiscard]] ConnectionAcceptor::Counters connections() { return acceptor_->counters(); }

 private:
  std::shared_ptr<grpc::ServerCredentials> credentials_;  // outlive the server
  std::optional<ConnectionAcceptor> acceptor_;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace alkaid::agent
