// A name for whoever has an address.
#pragma once

#include <cstdint>

namespace alkaid {

// Names the neighbor that is found by an address, so that it is found again without a search: a
// move to another port, host or MAC shows at once. Good for days: the signature tells if the
// address has become unknown and its place another's.
struct NeighborSlot {
  static constexpr std::uint32_t kNoPlace = UINT32_MAX;

  std::uint32_t place = kNoPlace;
  std::uint32_t signature = 0;

  [[nodiscard]] bool is_set() const { return place != kNoPlace; }
};

}  // namespace alkaid
