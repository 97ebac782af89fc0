// How long goal states spend where: histograms of plain counters, for whoever exports them.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace alkaid::agent {

enum class Stage : std::uint8_t {
  kDecode,   // bytes to resources: per message, or per part of a large one
  kWait,     // from received to merged: decoding and whatever stood before it in the queue
  kMerge,    // into the desired state, per batch of messages
  kProgram,  // waiting for the data plane, per batch of messages
  kStore,    // until it is on the disk, beside programming, per batch of messages
  kTotal,    // from received to replied, per message
};
inline constexpr std::size_t kStages = 6;

constexpr std::string_view name_of(Stage stage) {
  constexpr std::array<std::string_view, kStages> kNames = {"decode",  "wait",  "merge",
                                                            "program", "store", "total"};
  return kNames[static_cast<std::size_t>(stage)];
}

// Any thread.
class StageTimes {
 public:
  // Bucket i counts what took less than bound(i) microseconds and no less than bound(i - 1); the
  // last one has no bound.
  static constexpr std::size_t kBuckets = 16;
  static constexpr std::uint64_t bound(std::size_t bucket) {
    return std::uint64_t{16} << 2 * bucket;
  }

  struct Histogram {
    std::array<std::uint64_t, kBuckets> counts{};
    std::uint64_t microseconds = 0;  // sum
  };

  void note(Stage stage, std::chrono::steady_clock::duration spent) {
    const auto count = std::chrono::duration_cast<std::chrono::microseconds>(spent).count();
    const std::uint64_t microseconds = count > 0 ? static_cast<std::uint64_t>(count) : 0;
    Counters& counters = stages_[static_cast<std::size_t>(stage)];
    std::size_t bucket = 0;
    while (bucket + 1 < kBuckets && microseconds >= bound(bucket)) {
      ++bucket;
    }
    counters.counts[bucket].fetch_add(1, std::memory_order_relaxed);
    counters.microseconds.fetch_add(microseconds, std::memory_order_relaxed);
  }

  [[nodiscard]] Histogram read(Stage stage) const {
    const Counters& counters = stages_[static_cast<std::size_t>(stage)];
    Histogram histogram;
    for (std::size_t i = 0; i < kBuckets; ++i) {
      histogram.counts[i] = counters.counts[i].load(std::memory_order_relaxed);
    }
    histogram.microseconds = counters.microseconds.load(std::memory_order_relaxed);
    return histogram;
  }

 private:
  struct Counters {
    std::array<std::atomic<std::uint64_t>, kBuckets> counts{};
    std::atomic<std::uint64_t> microseconds{0};
  };
  std::array<Counters, kStages> stages_;
};

}  // namespace alkaid::agent
