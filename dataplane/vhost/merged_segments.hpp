// How many TCP segments were put together for guests (segment_merger.hpp), by their devices'
// numbers (vhost_numbers.hpp).
#pragma once

#include <cstdint>

namespace alkaid {

struct MergedSegments {
  std::uint64_t segments = 0;
  std::uint64_t packets = 0;  // that they became
};

// The control thread, before workers 0 to `workers` - 1 send to the device and after they did; it
// counts from zero.
void begin_merged_counts(std::uint16_t number, unsigned workers);
void end_merged_counts(std::uint16_t number);

// That worker.
void count_merged(std::uint16_t number, unsigned worker, const MergedSegments& merged);

// The control thread; zero if there is no such device.
MergedSegments merged_segments(std::uint16_t number);

}  // namespace alkaid
