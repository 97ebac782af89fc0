// Objects that the data plane refused or had no room for.
#pragma once

#include <map>
#include <string>
#include <unordered_map>

#include "alkaid/dataplane/v1/dataplane.pb.h"
#include "control/agent/reconcile/objects.hpp"

namespace alkaid::agent {

namespace api = ::alkaid::dataplane::v1;

struct Failure {
  api::ErrorCode code = api::ERROR_CODE_UNSPECIFIED;
  bool is_delete = false;
  std::string field;
  std::string message;

  // Will it be tried again without anyone asking?
  [[nodiscard]] bool is_retried() const { return code != api::INVALID || is_delete; }
};

struct Failures {
  std::map<Vni, Failure> segments;
  std::map<std::string, Failure> ports;
  std::unordered_map<NeighborKey, Failure> neighbors;
  std::map<RouteKey, Failure> routes;
  std::unordered_map<DhcpKey, Failure> dhcp;

  [[nodiscard]] bool empty() const {
    return segments.empty() && ports.empty() && neighbors.empty() && routes.empty() && dhcp.empty();
  }
};

}  // namespace alkaid::agent
