#include "dataplane/policy/member_set.hpp"

#include <algorithm>
#include <bit>

namespace alkaid {
namespace {

constexpr std::size_t kFewestSlots = 8;

}  // namespace

MemberSet::MemberSet(std::size_t members, const MemberHashSecrets& secrets)
    : secrets_(secrets),
      mask_(std::bit_ceil(std::max(kFewestSlots, 4 * members)) - 1),
      states_(std::make_unique<std::atomic<std::uint8_t>[]>(mask_ + 1)),
      keys_(std::make_unique<Key[]>(mask_ + 1)) {}

bool MemberSet::insert(const IpAddress& address) {
  if (2 * (used_slots_ + 1) > mask_ + 1) {
    return false;
  }
  const std::uint64_t hash = hash_of(address.high(), address.low());
  std::size_t slot = hash & mask_;
  while (states_[slot].load(std::memory_order_relaxed) != kEmpty) {
    slot = (slot + 1) & mask_;
  }
  keys_[slot] = {address.high(), address.low()};
  states_[slot].store(signature_of(hash), std::memory_order_release);
  ++used_slots_;
  ++size_;
  return true;
}

void MemberSet::erase(const IpAddress& address) {
  const std::uint64_t hash = hash_of(address.high(), address.low());
  std::size_t slot = hash & mask_;
  while (states_[slot].load(std::memory_order_relaxed) != signature_of(hash) ||
         keys_[slot].high != address.high() || keys_[slot].low != address.low()) {
    slot = (slot + 1) & mask_;
  }
  states_[slot].store(kErased, std::memory_order_release);
  --size_;
}

std::unique_ptr<MemberSet> MemberSet::make_larger() const {
  auto larger = std::make_unique<MemberSet>(size_ + 1, secrets_);
  for_each([&](const IpAddress& address) { static_cast<void>(larger->insert(address)); });
  return larger;
}

}  // namespace alkaid
