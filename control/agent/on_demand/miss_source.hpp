// The data plane's calls about missing neighbors, over its Unix socket.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include <grpcpp/grpcpp.h>

#include "alkaid/dataplane/v1/dataplane.grpc.pb.h"
#include "control/agent/reconcile/objects.hpp"

namespace alkaid::agent {

// Any thread. A connection of its own beside the reconciler's.
class MissSource {
 public:
  explicit MissSource(const std::string& socket_path);

  // Watches until the stream ends, and says why. take: for every batch, on this thread; the first
  // one is empty.
  grpc::Status watch(const std::function<void(const dataplane::v1::MissBatch&)>& take);
  // Best effort: what is not ended is over soon by itself.
  void end_misses(const std::vector<std::uint64_t>& misses);
  // Milliseconds since each was last used; empty if the data plane doesn't say.
  std::vector<std::uint32_t> read_use(const std::vector<NeighborKey>& keys);

  // Ends what is under way and refuses what comes.
  void stop();

 private:
  grpc::Status call(std::chrono::milliseconds deadline,
                    const std::function<grpc::Status(grpc::ClientContext&)>& run);

  std::unique_ptr<dataplane::v1::Dataplane::Stub> stub_;
  std::mutex mutex_;
  std::set<grpc::ClientContext*> active_;
  bool stopping_ = false;
};

}  // namespace alkaid::agent
