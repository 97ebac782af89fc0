// The addresses that are in a security group: lock-free readers (workers), one writer (the control
// thread).
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "control/common/net/ip_address.hpp"

namespace alkaid {

// Random, the same for all sets: who sends packets can't aim at long probe sequences.
using MemberHashSecrets = std::array<std::uint64_t, 2>;

// A hash set with linear probing, at most half full. A slot gets a key once in the set's life, so a
// reader never sees half of one; when too many slots are used up the owner makes a new set.
class MemberSet {
 public:
  // Has room for `members` and about as many again.
  MemberSet(std::size_t members, const MemberHashSecrets& secrets);

  // Any thread.
  [[nodiscard]] bool contains(const IpAddress& address) const {
    const std::uint64_t high = address.high();
    const std::uint64_t low = address.low();
    const std::uint64_t hash = hash_of(high, low);
    const std::uint8_t wanted = signature_of(hash);
    for (std::size_t slot = hash & mask_;; slot = (slot + 1) & mask_) {
      const std::uint8_t state = states_[slot].load(std::memory_order_acquire);
      if (state == kEmpty) {
        return false;
      }
      if (state == wanted && keys_[slot].high == high && keys_[slot].low == low) {
        return true;
      }
    }
  }

  // ---- control thread
  // False if there is no room: make_larger() and publish that.
  [[nodiscard]] bool insert(const IpAddress& address);  // that is not in it
  void erase(const IpAddress& address);                 // that is in it
  [[nodiscard]] std::unique_ptr<MemberSet> make_larger() const;

  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] std::size_t bytes() const { return (mask_ + 1) * (sizeof(Key) + 1); }
  // visit(const IpAddress&); must not change the set.
  template <class Visit>
  void for_each(Visit&& visit) const {
    for (std::size_t slot = 0; slot <= mask_; ++slot) {
      if (states_[slot].load(std::memory_order_relaxed) >= kFirstSignature) {
        visit(IpAddress::from_numbers(keys_[slot].high, keys_[slot].low));
      }
    }
  }

 private:
  struct Key {
    std::uint64_t high = 0;
    std::uint64_t low = 0;
  };
  static constexpr std::uint8_t kEmpty = 0;
  static constexpr std::uint8_t kErased = 1;
  static constexpr std::uint8_t kFirstSignature = 0x80;

  [[nodiscard]] std::uint64_t hash_of(std::uint64_t high, std::uint64_t low) const {
    __extension__ using Product = unsigned __int128;
    const Product product = Product{high ^ secrets_[0]} * (low ^ secrets_[1]);
    const std::uint64_t folded =
        static_cast<std::uint64_t>(product >> 64) ^ static_cast<std::uint64_t>(product);
    const Product again = Product{folded ^ secrets_[1]} * 0x9e3779b97f4a7c15ULL;
    return static_cast<std::uint64_t>(again >> 64) ^ static_cast<std::uint64_t>(again);
  }
  // Of bits that do not choose the slot.
  static std::uint8_t signature_of(std::uint64_t hash) {
    return static_cast<std::uint8_t>(kFirstSignature | hash >> 57);
  }

  MemberHashSecrets secrets_;
  std::size_t mask_;
  std::unique_ptr<std::atomic<std::uint8_t>[]> states_;
  std::unique_ptr<Key[]> keys_;
  std::size_t size_ = 0;
  std::size_t used_slots_ = 0;  // erased ones among them
};

}  // namespace alkaid
