// A data plane that forwards nothing: it answers the local API's writer as a real one does and
// keeps no tables, so that thousands of agents fit on one machine. It says so in its version.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <grpcpp/grpcpp.h>

#include "alkaid/dataplane/v1/dataplane.grpc.pb.h"

namespace alkaid::perf {

// One service behind any number of Unix sockets: every agent believes that it has its own.
class NullDataplane {
 public:
  // Throws std::runtime_error.
  explicit NullDataplane(const std::vector<std::string>& sockets);
  ~NullDataplane();
  NullDataplane(const NullDataplane&) = delete;
  NullDataplane& operator=(const NullDataplane&) = delete;

  // Neighbors that were written, by all agents.
  [[nodiscard]] std::uint64_t neighbors() const;

 private:
  class Service;
  std::unique_ptr<Service> service_;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace alkaid::perf
