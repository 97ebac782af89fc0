// How full the pools of packet buffers are, as "show tables" has it.
#pragma once

#include <vector>

#include "dataplane/ports/packet_pools.hpp"
#include "dataplane/tables/table_occupancy.hpp"

namespace alkaid {

// "packet-buffers" and, once they are made, "jumbo-buffers"; of several NUMA nodes those of each,
// as "packet-buffers-node1". Buffers at work and in caches count as used. Control thread.
std::vector<TableOccupancy> buffer_occupancies(const PacketPools& pools);

}  // namespace alkaid
