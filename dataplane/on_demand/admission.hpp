// Which packets may wait for their neighbor.
#pragma once

#include <rte_mbuf.h>

#include "dataplane/graph/packet_context.hpp"
#include "dataplane/worker/worker.hpp"

namespace alkaid {

// kNone, or why a guest's packet is dropped instead: the sender's security groups allow it nowhere,
// so that nobody need be asked. The connection that it belongs to, if there is one, is taken off
// the fast path until a packet has gone on, so that none overtakes it. To be called before the
// packet is rewritten. Any worker's thread; nothing is changed for what is only explained.
[[nodiscard]] DropReason admit_to_wait(Worker& worker, rte_mbuf* packet,
                                       const PacketContext& context);

}  // namespace alkaid
