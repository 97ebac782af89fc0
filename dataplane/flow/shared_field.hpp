// Plain members of connections that the control thread reads. No grace period waits for it, so a
// connection may be over, and its place be filled in for another one, while it looks: both sides go
// by whole words, and what was read counts only if the connection's life is still the same
// afterwards. Costs what plain accesses do.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace alkaid {

template <class T>
T read_shared(const T& field) {
  static_assert(std::is_integral_v<T>);
  return __atomic_load_n(&field, __ATOMIC_RELAXED);
}

// Who fills it in, before it is published.
template <class T>
void write_shared(T& field, std::type_identity_t<T> value) {
  static_assert(std::is_integral_v<T>);
  __atomic_store_n(&field, value, __ATOMIC_RELAXED);
}

// Of keys, which are 64-bit words.
template <class Key>
inline constexpr std::size_t kKeyWords = sizeof(Key) / sizeof(std::uint64_t);

template <class Key>
Key read_shared_key(const Key& key) {
  using Word [[gnu::may_alias]] = std::uint64_t;
  static_assert(sizeof(Key) % sizeof(Word) == 0 && alignof(Key) == alignof(Word));
  std::array<std::uint64_t, kKeyWords<Key>> words{};
  for (std::size_t i = 0; i < words.size(); ++i) {
    words[i] = __atomic_load_n(reinterpret_cast<const Word*>(&key) + i, __ATOMIC_RELAXED);
  }
  return std::bit_cast<Key>(words);
}

template <class Key>
void write_shared_key(Key& key, const Key& value) {
  using Word [[gnu::may_alias]] = std::uint64_t;
  static_assert(sizeof(Key) % sizeof(Word) == 0 && alignof(Key) == alignof(Word));
  const auto words = std::bit_cast<std::array<std::uint64_t, kKeyWords<Key>>>(value);
  for (std::size_t i = 0; i < words.size(); ++i) {
    __atomic_store_n(reinterpret_cast<Word*>(&key) + i, words[i], __ATOMIC_RELAXED);
  }
}

}  // namespace alkaid
