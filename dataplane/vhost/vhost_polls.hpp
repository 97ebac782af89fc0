// How port-rx takes frames from guests. Design: docs/design/vhost.md.
#pragma once

#include <cstdint>
#include <memory>

#include <rte_graph.h>

#include "dataplane/rcu/quiescence.hpp"
#include "dataplane/vhost/vhost_poll_set.hpp"

namespace alkaid {

class Worker;

// Control thread: what a worker polls from now on; nullptr: nothing. The old set is retired.
void publish_vhost_polls(unsigned worker, std::unique_ptr<VhostPollSet> set,
                         QuiescenceDomain& quiescence);

// The worker's thread; the set that it has now, nullptr: none.
VhostPollSet* vhost_polls_of(unsigned worker);

// The worker's thread, in port-rx: polls the rings that are due and sends what they hold where
// port-rx sends guests' frames. Large ones are cut unless another guest takes them whole, and what
// is left of checksums is marked (left_to_device.hpp). is_busy: other devices had packets in this
// walk. Returns how many the rings held.
std::uint16_t receive_from_guests(rte_graph* graph, rte_node* node, Worker& worker,
                                  VhostPollSet& polls, bool is_busy);

}  // namespace alkaid
