// Memory in use: DPDK's heaps and the process's own.
#pragma once

#include <cstdint>

#include <malloc.h>

#include "dataplane/tables/table_occupancy.hpp"

namespace alkaid::perf {

struct MemoryInUse {
  std::uint64_t dpdk_heap = 0;
  std::uint64_t process_heap = 0;

  [[nodiscard]] std::uint64_t total() const { return dpdk_heap + process_heap; }
};

inline MemoryInUse memory_in_use() {
  MemoryInUse use;
  use.dpdk_heap = dpdk_heap_in_use();
  const struct mallinfo2 heap = mallinfo2();
  use.process_heap = heap.uordblks + heap.hblkhd;
  return use;
}

}  // namespace alkaid::perf
