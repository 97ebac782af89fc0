// From Alcor's messages to typed, validated resources.
#pragma once

#include <vector>

#include "alcor/schema/goalstate.pb.h"
#include "alcor/schema/goalstateprovisioner.pb.h"
#include "control/agent/goal_state/decoded_goal_state.hpp"
#include "control/agent/port_attach.hpp"
#include "control/common/net/ip_address.hpp"

namespace alkaid::agent {

struct DecodeContext {
  const PortAttach& port_attach;
  std::vector<IpAddress> own_addresses;  // of this host; empty: not known yet
};

// Any thread. The message must outlive the result. A resource that is malformed is refused with
// INVALID_ARG, the others are decoded.
DecodedGoalState decode(const alcor::schema::GoalState& message, const DecodeContext& context);
DecodedGoalState decode(const alcor::schema::GoalStateV2& message, const DecodeContext& context);
DecodedGoalState decode(const alcor::schema::NeighborRulesRequest& message,
                        const DecodeContext& context);

// Nothing of it is applied; the results stay.
void drop_changes(DecodedGoalState& decoded);

// Our own address is not known and the message is for several hosts: every resource waits for a
// later push.
void postpone(DecodedGoalState& decoded);

}  // namespace alkaid::agent
