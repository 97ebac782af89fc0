// Connections as consoles see them. Everything runs on the control thread, in steps of some
// milliseconds: a million connections take about a second to list, but hold up nothing.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include <grpcpp/grpcpp.h>

#include "alkaid/dataplane/v1/dataplane.pb.h"
#include "dataplane/control/dataplane.hpp"
#include "dataplane/flow/connection_search.hpp"

namespace alkaid {

// Places that one step looks at, and connections that it converts at most.
inline constexpr std::uint32_t kPlacesPerStep = 16384;
inline constexpr std::size_t kConnectionsPerStep = 1024;

// One ShowConnections call.
class ConnectionListing {
 public:
  ConnectionListing(Dataplane& dataplane, const dataplane::v1::ShowConnectionsRequest& request)
      : dataplane_(dataplane), request_(request) {}

  grpc::Status start();
  // Fills in the next batch, which may be empty. False: it is the last one.
  bool next(dataplane::v1::ShowConnectionsResponse& batch);

 private:
  bool next_in_order(dataplane::v1::ShowConnectionsResponse& batch);
  void keep_largest(const std::vector<ConnectionSnapshot>& found);
  bool next_of_largest(dataplane::v1::ShowConnectionsResponse& batch);

  struct Candidate {
    std::uint64_t bytes = 0;
    ConnectionId id;
  };
  static bool is_larger(const Candidate& a, const Candidate& b) { return a.bytes > b.bytes; }

  Dataplane& dataplane_;
  const dataplane::v1::ShowConnectionsRequest& request_;
  std::optional<ConnectionSearch> search_;
  std::size_t left_ = 0;            // of the limit
  std::vector<Candidate> largest_;  // of `top`: a heap, the smallest in front
  bool has_searched_ = false;
};

// Counts connections by protocol and state, in steps.
class ConnectionStateCounter {
 public:
  explicit ConnectionStateCounter(Dataplane& dataplane)
      : search_(dataplane.flows(), ConnectionFilter{}) {}

  // False: it has looked at all.
  bool advance();
  void report(dataplane::v1::ShowConnectionSummaryResponse& response) const;

 private:
  ConnectionSearch search_;
  std::map<std::pair<std::uint8_t, ConnectionState>, std::uint64_t> counts_;
  std::vector<ConnectionSnapshot> found_;
};

// All of the summary but the states.
void show_connection_summary(Dataplane& dataplane,
                             dataplane::v1::ShowConnectionSummaryResponse& response);

}  // namespace alkaid
