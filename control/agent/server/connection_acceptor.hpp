// Accepts TCP connections for a gRPC server, as many as are good for it.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include <grpcpp/server_builder.h>

#include "control/agent/server/open_connections.hpp"

namespace alkaid::agent {

// gRPC's own listener (of 1.51) stops listening for good when the process runs out of file
// descriptors (CVE-2023-4785), and has no limit. This one refuses what is too much by closing it at
// once, and goes on.
class ConnectionAcceptor {
 public:
  struct Counters {
    std::uint64_t accepted = 0;
    std::uint64_t refused = 0;
    std::size_t open = 0;
  };

  // One address may take up three quarters of `limit`: what is left is for the others.
  explicit ConnectionAcceptor(std::size_t limit) : connections_(limit, limit - limit / 4) {}
  ~ConnectionAcceptor() { stop(); }
  ConnectionAcceptor(const ConnectionAcceptor&) = delete;
  ConnectionAcceptor& operator=(const ConnectionAcceptor&) = delete;

  // Binds and listens; connections wait until start(). 0.0.0.0 and :: are every address of both
  // families. port: 0 for any free one. An error text, empty if it listens.
  std::string listen(const std::string& address, std::uint16_t port);
  [[nodiscard]] int port() const { return port_; }

  // Hands connections over from now on, on a thread of its own. After the server's start.
  void start(std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor> server);

  // Before the server's shutdown. The port is free afterwards.
  void stop();

  // Any thread.
  Counters counters();

 private:
  void run();
  // False: nothing waits.
  bool accept_one();
  // Out of descriptors: takes one that was kept for this, to refuse who waits. False: nobody does.
  bool refuse_one();
  void tell_refusal(const char* reason);

  int listener_ = -1;
  int wake_ = -1;  // readable: stop
  int spare_ = -1;
  int port_ = 0;
  std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor> server_;
  std::mutex mutex_;
  OpenConnections connections_;  // mutex_
  std::atomic<std::uint64_t> accepted_{0};
  std::atomic<std::uint64_t> refused_{0};
  std::chrono::steady_clock::time_point next_warning_;
  std::thread thread_;
};

}  // namespace alkaid::agent
