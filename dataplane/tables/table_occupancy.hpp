// How full a table is and was; control thread.
#pragma once

#include <cstdint>
#include <string>

namespace alkaid {

struct TableOccupancy {
  std::string name;
  std::uint64_t used = 0;
  std::uint64_t capacity = 0;
  std::uint64_t high_water = 0;
  std::uint64_t full_events = 0;  // objects refused because there was no room
  std::uint64_t bytes = 0;        // of memory that the table takes, about
};

// Bytes that are allocated in DPDK's heaps. Slow; for start-up.
std::uint64_t dpdk_heap_in_use();

}  // namespace alkaid
