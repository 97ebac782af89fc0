#include "dataplane/tables/table_occupancy.hpp"

#include <rte_malloc.h>

namespace alkaid {

std::uint64_t dpdk_heap_in_use() {
  std::uint64_t bytes = 0;
  for (int socket = 0; socket < RTE_MAX_NUMA_NODES; ++socket) {
    rte_malloc_socket_stats stats{};
    if (rte_malloc_get_socket_stats(socket, &stats) == 0) {
      bytes += stats.heap_allocsz_bytes;
    }
  }
  return bytes;
}

}  // namespace alkaid
