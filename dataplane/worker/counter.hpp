// Counters with one writing thread and any number of readers.
#pragma once

#include <atomic>
#include <cstdint>

namespace alkaid {

// Compiles to a plain add: the single writer needs no locked instruction, readers see whole values.
class Counter {
 public:
  void add(std::uint64_t amount) {
    value_.store(value_.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
  }
  [[nodiscard]] std::uint64_t read() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};
static_assert(sizeof(Counter) == 8);

}  // namespace alkaid
