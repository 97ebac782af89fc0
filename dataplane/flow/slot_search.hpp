// Which of a bucket's slots hold a value, bit i for slot i. All at once, since a search that may
// end at any slot is a branch that is predicted wrongly. Called by any thread while others write
// slots: one that changes meanwhile counts as it was or as it becomes.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

// The sanitizer of threads would take a vector's load for one that races.
#if !defined(__SANITIZE_THREAD__)
#if defined(__SSE2__)
#define ALKAID_SLOTS_SSE2
#include <emmintrin.h>
#elif defined(__aarch64__)
#define ALKAID_SLOTS_NEON
#include <arm_neon.h>
#endif
#endif

namespace alkaid {

inline constexpr std::size_t kBucketSlots = 10;

template <class Value>
using BucketSlots = std::array<std::atomic<Value>, kBucketSlots>;

// For every processor.
template <class Value>
unsigned slots_with_portably(const BucketSlots<Value>& slots, Value wanted) {
  unsigned mask = 0;
  for (std::size_t i = 0; i < kBucketSlots; ++i) {
    mask |= unsigned{slots[i].load(std::memory_order_relaxed) == wanted} << i;
  }
  return mask;
}

#if defined(ALKAID_SLOTS_SSE2)

inline unsigned slots_with(const BucketSlots<std::uint16_t>& slots, std::uint16_t wanted) {
  const auto* values = reinterpret_cast<const std::uint16_t*>(slots.data());
  const __m128i pattern = _mm_set1_epi16(static_cast<short>(wanted));
  const auto equal = [&](std::size_t first) {
    return _mm_cmpeq_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(values + first)),
                           pattern);
  };
  // A byte each of slots 0 to 7, then of slots 2 to 9.
  const auto mask = static_cast<unsigned>(_mm_movemask_epi8(_mm_packs_epi16(equal(0), equal(2))));
  return (mask & 0xff) | (mask >> 8) << 2;
}

inline unsigned slots_with(const BucketSlots<std::uint32_t>& slots, std::uint32_t wanted) {
  const auto* words = reinterpret_cast<const std::uint32_t*>(slots.data());
  const __m128i pattern = _mm_set1_epi32(static_cast<int>(wanted));
  const auto equal = [&](std::size_t first) {
    const __m128i four = _mm_loadu_si128(reinterpret_cast<const __m128i*>(words + first));
    return static_cast<unsigned>(_mm_movemask_ps(_mm_castsi128_ps(_mm_cmpeq_epi32(four, pattern))));
  };
  return equal(0) | equal(4) << 4 | equal(6) << 6;
}

#elif defined(ALKAID_SLOTS_NEON)

// There is no movemask: each slot that is equal keeps its bit, and the bits are added up. The loads
// begin where eight bytes do in a bucket, which arm64 needs to read each slot whole.
template <class Value>
unsigned last_two_with(const BucketSlots<Value>& slots, Value wanted) {
  return unsigned{slots[8].load(std::memory_order_relaxed) == wanted} << 8 |
         unsigned{slots[9].load(std::memory_order_relaxed) == wanted} << 9;
}

inline unsigned slots_with(const BucketSlots<std::uint16_t>& slots, std::uint16_t wanted) {
  const auto* values = reinterpret_cast<const std::uint16_t*>(slots.data());
  const uint16x8_t equal = vceqq_u16(vld1q_u16(values), vdupq_n_u16(wanted));
  return vaddvq_u16(vandq_u16(equal, uint16x8_t{1, 2, 4, 8, 16, 32, 64, 128})) |
         last_two_with(slots, wanted);
}

inline unsigned slots_with(const BucketSlots<std::uint32_t>& slots, std::uint32_t wanted) {
  const auto* values = reinterpret_cast<const std::uint32_t*>(slots.data());
  const uint32x4_t pattern = vdupq_n_u32(wanted);
  const auto equal = [&](std::size_t first, uint32x4_t bits) {
    return vandq_u32(vceqq_u32(vld1q_u32(values + first), pattern), bits);
  };
  return vaddvq_u32(
             vorrq_u32(equal(0, uint32x4_t{1, 2, 4, 8}), equal(4, uint32x4_t{16, 32, 64, 128}))) |
         last_two_with(slots, wanted);
}

#else

template <class Value>
unsigned slots_with(const BucketSlots<Value>& slots, Value wanted) {
  return slots_with_portably(slots, wanted);
}

#endif

}  // namespace alkaid
