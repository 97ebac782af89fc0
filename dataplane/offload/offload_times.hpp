// How much the offloader has drivers do at a time, and when.
#pragma once

#include <cstddef>
#include <cstdint>

#include "dataplane/flow/connection.hpp"

namespace alkaid {

// What the executor has to do at most beside what is urgent, so that nothing of it gets old.
inline constexpr std::size_t kMostInstalling = 256;
inline constexpr std::size_t kMostQuerying = 256;
inline constexpr std::size_t kMostRemoving = 256;  // that nobody waits for, by age

inline constexpr Milliseconds kQueryInterval = 1000;
// After a refusal, until a connection is tried again.
inline constexpr Milliseconds kRetryConnection = 10000;

constexpr bool is_before(Milliseconds a, Milliseconds b) {
  return static_cast<std::int32_t>(a - b) < 0;
}

// Of a connection that has packets now. A worker's clock may be ahead of the reading of ours.
constexpr bool is_recent_at(Milliseconds time, Milliseconds now) {
  constexpr Milliseconds kRecently = 2000;
  return is_before(now, time + kRecently);
}

}  // namespace alkaid
