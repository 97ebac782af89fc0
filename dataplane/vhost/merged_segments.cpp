#include "dataplane/vhost/merged_segments.hpp"

#include <array>
#include <cstddef>
#include <vector>

#include <rte_common.h>

#include "dataplane/vhost/vhost_numbers.hpp"
#include "dataplane/worker/counter.hpp"

namespace alkaid {
namespace {

// One worker's of one device; only that worker writes them.
struct alignas(RTE_CACHE_LINE_SIZE) Counts {
  Counter segments;
  Counter packets;
};

// By number and worker. Ports are published to the workers after the counts of their devices.
std::array<std::vector<Counts>, kMostVhosts>& counts() {
  static std::array<std::vector<Counts>, kMostVhosts> all;
  return all;
}

std::vector<Counts>& counts_of(std::uint16_t number) {
  return counts()[std::size_t{number} - kFirstVhost];
}

}  // namespace

void begin_merged_counts(std::uint16_t number, unsigned workers) {
  counts_of(number) = std::vector<Counts>(workers);
}

void end_merged_counts(std::uint16_t number) {
  counts_of(number) = std::vector<Counts>{};
}

void count_merged(std::uint16_t number, unsigned worker, const MergedSegments& merged) {
  Counts& own = counts_of(number)[worker];
  own.segments.add(merged.segments);
  own.packets.add(merged.packets);
}

MergedSegments merged_segments(std::uint16_t number) {
  MergedSegments sum;
  if (is_vhost(number)) {
    for (const Counts& worker : counts_of(number)) {
      sum.segments += worker.segments.read();
      sum.packets += worker.packets.read();
    }
  }
  return sum;
}

}  // namespace alkaid
