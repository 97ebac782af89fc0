// Messages of slices, and an agent that takes them, for tests.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "tests/unit/agent/agent_host.hpp"

namespace alkaid::agent::test {

inline schema::GoalState in_slice(const std::string& name, schema::Slice::Operation operation,
                                  std::uint64_t version = 0) {
  schema::GoalState message;
  message.mutable_slice()->set_name(name);
  message.mutable_slice()->set_operation(operation);
  message.mutable_slice()->set_version(version);
  return message;
}

inline schema::NeighborState far(int number, const std::string& host = "172.16.0.2",
                                 schema::OperationType operation = schema::CREATE) {
  return neighbor(fmt::format("far-{}", number), "green", fmt::format("10.0.1.{}", number),
                  fmt::format("02:00:00:00:01:{:02x}", number), host, operation);
}

inline void add(schema::GoalState& message, const std::vector<int>& numbers,
                const std::string& host = "172.16.0.2") {
  for (const int number : numbers) {
    *message.add_neighbor_states() = far(number, host);
  }
}

inline schema::GoalState replaced(const std::string& name, const std::vector<int>& numbers,
                                  const std::string& host = "172.16.0.2") {
  auto message = in_slice(name, schema::Slice::REPLACE);
  add(message, numbers, host);
  return message;
}

struct SlicedHost : Host {
  explicit SlicedHost(FakeDataplane& tables, Policy policy = {})
      : Host(tables, true, std::move(policy)) {
    Host::push(green());
  }

  bool has(int number) { return dataplane.has_neighbor(101, fmt::format("10.0.1.{}", number)); }
  SliceReport slice(const std::string& name) { return reconciler.wanted().slices().report(name); }
  std::string refusal() { return slices.size() == 1 ? slices.front().problem : "none told"; }
};

}  // namespace alkaid::agent::test
