// Memory in use: DPDK's heaps and the process's own.
#pragma once

#include <cstdint>

#include <malloc.h>
#include <rte_malloc.h>

namespace alkaid::perf {

struct MemoryInUse {
  std::uint64_t dpdk_heap = 0;
  std::uint64_t process_heap = 0;

  [[nodiscard]] std::uint64_t total() const { return dpdk_heap + process_heap; }
};

inline MemoryInUse memory_in_use() {
  MemoryInUse use;
  for (int socket = 0; socket < RTE_MAX_NUMA_NODES; ++socket) {
    rte_malloc_socket_stats stats{};
    if (rte_malloc_get_socket_stats(socket, &stats) == 0) {
      use.dpdk_heap += stats.heap_allocsz_bytes;
    }
  }
  const struct mallinfo2 heap = mallinfo2();
  use.process_heap = heap.uordblks + heap.hblkhd;
  return use;
}

}  // namespace alkaid::perf
