// The reconciler's view of a data plane.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include <grpcpp/support/status.h>

#include "alkaid/dataplane/v1/dataplane.pb.h"
#include "control/common/net/ip_address.hpp"

namespace alkaid::agent {

namespace api = ::alkaid::dataplane::v1;

struct DataplaneHello {
  std::uint64_t instance = 0;  // new with every start of the data plane
  std::string version;
  std::vector<IpAddress> vteps;
};

// One connection at a time; all calls block for a bounded time and come from the reconciler's
// thread. Any status but OK means that the connection is of no use any more.
class DataplaneClient {
 public:
  virtual ~DataplaneClient() = default;

  // Takes the writer's session and subscribes to events.
  virtual grpc::Status connect(DataplaneHello& hello) = 0;

  // Reads every object back.
  virtual grpc::Status read(const std::function<void(const api::ReadResponse&)>& take) = 0;

  // Fills in the session.
  virtual grpc::Status apply(api::ApplyRequest& request, api::ApplyResponse& response) = 0;

  virtual void close() = 0;
};

}  // namespace alkaid::agent
