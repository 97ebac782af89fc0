// Which of several next hops each slot of flows uses.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "dataplane/underlay/link_choice.hpp"

namespace alkaid {

// usable[i]: next hop i can be used; at least one can, and there are at most kMostNextHops.
//
// Resilient: every slot has its own order of preference over all next hops and takes the first that
// is usable. So the loss of one moves only its own slots, spread over the others, and its return
// brings back exactly these. The result depends on nothing but `usable`: no history, the same on
// every host. Shares differ by at most one slot while all are usable.
std::array<std::uint8_t, kEcmpSlots> ecmp_slots(std::span<const bool> usable);

}  // namespace alkaid
