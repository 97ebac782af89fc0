// Follows one packet from node to node.
#pragma once

#include <rte_mbuf.h>

#include "dataplane/explain/explanation.hpp"
#include "dataplane/worker/worker.hpp"

namespace alkaid {

// From `first` on, with a context as that node expects it; the packet is rewritten on its way and
// stays the caller's. Nodes that would answer, count or make something are not entered. Control
// thread, for any worker.
Explanation walk(Worker& worker, rte_mbuf* packet, NodeId first);

}  // namespace alkaid
