// The newest revision_number that was applied of each resource.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <unordered_map>

#include "control/agent/goal_state/resources.hpp"

namespace alkaid::agent {

// Of bounded size: remembers at least the `capacity` resources that were seen last, at most twice
// as many, those that were deleted included (so that what comes late doesn't bring them back). A
// resource is known by 128 bits of hash. For one thread.
class Revisions {
 public:
  static constexpr std::size_t kDefaultCapacity = std::size_t{1} << 20;

  explicit Revisions(std::size_t capacity = kDefaultCapacity) : capacity_(capacity) {}

  // Takes the revision over unless a newer one is known, which is returned then. Revision 0 is that
  // of clients that say none: always taken, never remembered.
  std::optional<std::uint32_t> advance(ResourceType type, std::string_view id,
                                       std::uint32_t revision);

 private:
  struct Fingerprint {
    std::uint64_t high = 0;
    std::uint64_t low = 0;

    bool operator==(const Fingerprint&) const = default;
  };
  struct Hash {
    std::size_t operator()(const Fingerprint& fingerprint) const noexcept {
      return fingerprint.low;
    }
  };
  using Generation = std::unordered_map<Fingerprint, std::uint32_t, Hash>;

  std::size_t capacity_;
  Generation young_;  // seen since it was last full
  Generation old_;    // seen in the time before
};

}  // namespace alkaid::agent
