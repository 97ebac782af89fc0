// What the numbers in a connection stand for. Control thread.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "dataplane/control/dataplane.hpp"
#include "dataplane/flow/connection.hpp"

namespace alkaid {

// Made for one batch: remembers what it has looked up.
class ConnectionNames {
 public:
  explicit ConnectionNames(Dataplane& dataplane) : dataplane_(dataplane) {}

  // 0: neither a segment nor a port of this host has the zone any more.
  std::uint32_t vni_of(std::uint32_t zone);
  // Empty: the underlay, or a port that has gone.
  [[nodiscard]] std::string port_id(FlowPort index) const;
  // "GROUP/RULE"; empty: none, or a rule that has gone.
  [[nodiscard]] std::string rule(RuleNumber number) const;

 private:
  std::uint32_t vni_by_ports(std::uint32_t zone) const;

  Dataplane& dataplane_;
  std::map<std::uint32_t, std::uint32_t> vnis_;  // by zone
};

}  // namespace alkaid
