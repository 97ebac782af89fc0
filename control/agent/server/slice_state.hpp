// What is told of a slice, as a message.
#pragma once

#include "alcor/schema/slice.pb.h"
#include "control/agent/goal_state/slice_change.hpp"

namespace alkaid::agent {

inline void fill_slice_state(const SliceReport& report, alcor::schema::SliceState& state) {
  state.set_name(report.name);
  state.set_version(report.version);
  state.set_digest(report.digest);
  state.set_resources(report.resources);
  state.set_problem(report.problem);
}

}  // namespace alkaid::agent
