// Explains what the data plane would do with a packet: sends it through the nodes' own decisions on
// the live state, without creating, counting or changing anything. Design: docs/design/explain.md.
#pragma once

#include <variant>

#include "dataplane/control/dataplane.hpp"
#include "dataplane/explain/described_packet.hpp"
#include "dataplane/explain/explanation.hpp"

namespace alkaid {

// Control thread. The error names what is wrong with the description.
std::variant<Explanation, ObjectError> explain(Dataplane& dataplane, const DescribedPacket& packet);

}  // namespace alkaid
