// What consoles change about connections. Control thread.
#pragma once

#include <cstdint>
#include <vector>

#include <grpcpp/grpcpp.h>

#include "alkaid/dataplane/v1/dataplane.pb.h"
#include "dataplane/control/dataplane.hpp"
#include "dataplane/flow/connection_search.hpp"

namespace alkaid {

// Forgets the connections that a filter selects, in steps of some milliseconds.
class ConnectionFlush {
 public:
  ConnectionFlush(Dataplane& dataplane, ConnectionFilter filter)
      : dataplane_(dataplane), search_(dataplane.flows(), std::move(filter)) {}

  // False: it has looked at all.
  bool advance();
  [[nodiscard]] std::uint64_t flushed() const { return flushed_; }

 private:
  Dataplane& dataplane_;
  ConnectionSearch search_;
  std::vector<ConnectionSnapshot> found_;
  std::uint64_t flushed_ = 0;
};

// All of them or, with INVALID_ARGUMENT, none.
grpc::Status set_connection_timeouts(Dataplane& dataplane,
                                     const dataplane::v1::SetConnectionTimeoutsRequest& request);

}  // namespace alkaid
