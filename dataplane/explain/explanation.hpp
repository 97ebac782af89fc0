// What becomes of a packet, stage by stage.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "dataplane/graph/node_id.hpp"
#include "dataplane/packet/drop_reason.hpp"

namespace alkaid {

struct Explanation {
  enum class Outcome : std::uint8_t {
    kForwarded,  // leaves by `egress`
    kDropped,    // for `reason`
    kAnswered,   // by a local service
    kConsumed,   // taken in, without an answer
    kWaits,      // until its neighbor is known, for a bounded time
  };
  // One node's decision.
  struct Stage {
    NodeId node;
    std::string decision;  // "to route", "dropped"
    std::vector<std::string> facts;
  };

  std::vector<Stage> stages;
  Outcome outcome = Outcome::kDropped;
  DropReason reason = DropReason::kNone;
  std::string description;  // of the outcome, in words
  std::string egress;       // port id, or the uplink's attachment; several for replicated packets
  bool hit = false;         // packets like it take the fast path now
  bool is_known = false;    // it belongs to a connection
  std::vector<std::uint8_t> frame;  // as it would leave, if it is forwarded and not replicated
};

}  // namespace alkaid
