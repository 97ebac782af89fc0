// Decodes some of a large message's neighbors, while others are merged already.
#pragma once

#include <memory>
#include <span>
#include <string_view>

#include "control/agent/goal_state/decoder.hpp"
#include "control/agent/goal_state/host_filter.hpp"
#include "control/agent/reconcile/goal_state_task.hpp"

namespace alkaid::agent {

// How neighbors stand in a message.
enum class NeighborForm {
  kState,     // NeighborState: v1 and PushGoalstates
  kMapEntry,  // key and NeighborState: v2
};

// Any thread. entries: the encoded neighbors, which must outlive the result. filter: of a v2
// message, else nullptr. What can't be read is refused alone, like any malformed resource.
NeighborPart decode_neighbors(std::span<const std::string_view> entries, NeighborForm form,
                              const DecodeContext& context, const HostFilter* filter);

}  // namespace alkaid::agent
