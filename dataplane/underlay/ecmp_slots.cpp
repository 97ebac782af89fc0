#include "dataplane/underlay/ecmp_slots.hpp"

namespace alkaid {
namespace {

std::uint8_t first_usable(std::size_t slot, std::span<const bool> usable) {
  std::array<std::uint8_t, kMostNextHops> left{};
  std::size_t size = usable.size();
  for (std::size_t i = 0; i < size; ++i) {
    left[i] = static_cast<std::uint8_t>(i);
  }
  // The slot's number in a mixed radix picks the first, the second, ... preference: slots that
  // share the first one differ in the second.
  std::size_t digits = slot;
  while (size > 1) {
    const std::size_t at = digits % size;
    digits /= size;
    if (usable[left[at]]) {
      return left[at];
    }
    --size;
    for (std::size_t i = at; i < size; ++i) {
      left[i] = left[i + 1];
    }
    if (digits == 0) {
      digits = slot;  // few slots are left to tell apart by now: begin again
    }
  }
  return left[0];
}

}  // namespace

std::array<std::uint8_t, kEcmpSlots> ecmp_slots(std::span<const bool> usable) {
  std::array<std::uint8_t, kEcmpSlots> slots{};
  for (std::size_t slot = 0; slot < kEcmpSlots; ++slot) {
    slots[slot] = first_usable(slot, usable);
  }
  return slots;
}

}  // namespace alkaid
