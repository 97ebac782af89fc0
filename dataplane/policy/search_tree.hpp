// Which interval of a line a point is in: a static B+ tree whose nodes are cache lines.
// Design and numbers: docs/design/security-groups.md.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <new>
#include <span>
#include <vector>

namespace alkaid {

// __int128 is no integral type of the standard in every mode, hence no numeric_limits of it.
__extension__ using Uint128 = unsigned __int128;

template <class Key>
inline constexpr Key kLargestKey = static_cast<Key>(~Key{0});

// Keys of a tree's node: one cache line of 32-bit keys, two of 128-bit ones.
template <class Key>
inline constexpr std::size_t kNodeKeys = sizeof(Key) == 4 ? 16 : 8;

template <class T>
struct CacheAligned {
  using value_type = T;
  CacheAligned() = default;
  template <class U>
  CacheAligned(const CacheAligned<U>& /*other*/) {}  // NOLINT(google-explicit-constructor)
  T* allocate(std::size_t count) {
    return static_cast<T*>(::operator new (count * sizeof(T), std::align_val_t{64}));
  }
  void deallocate(T* memory, std::size_t /*count*/) {
    ::operator delete (memory, std::align_val_t{64});
  }
  bool operator==(const CacheAligned&) const = default;
};

// Keys of any number of trees, node by node.
template <class Key>
using KeyArena = std::vector<Key, CacheAligned<Key>>;

// n + 1 adjacent intervals cover the whole line; the tree holds the last points of the first n. Its
// keys are in an arena, this is where. Immutable once built, so any thread may search.
struct SearchTree {
  static constexpr std::size_t kMostLevels = 8;

  std::uint32_t levels = 0;                            // 0: one interval
  std::array<std::uint32_t, kMostLevels> first_key{};  // in the arena; [0] is the leaves' level

  // ends: ascending, all below the largest key. Appends nodes to the arena.
  template <class Key>
  static SearchTree build(std::span<const Key> ends, KeyArena<Key>& arena);

  // The interval that the point is in, 0 .. n.
  template <class Key>
  [[nodiscard]] std::size_t find(const Key* arena, Key point) const {
    constexpr std::size_t kKeys = kNodeKeys<Key>;
    std::size_t node = 0;
    for (std::uint32_t level = levels; level > 1; --level) {
      node = node * (kKeys + 1) + count_below(arena + first_key[level - 1] + node * kKeys, point);
    }
    return levels == 0 ? 0 : node * kKeys + count_below(arena + first_key[0] + node * kKeys, point);
  }

 private:
  // Without branches; compilers make vector code of it.
  template <class Key>
  static std::size_t count_below(const Key* keys, Key point) {
    std::uint32_t below = 0;
    for (std::size_t i = 0; i < kNodeKeys<Key>; ++i) {
      below += keys[i] < point ? 1 : 0;
    }
    return below;
  }
};

template <class Key>
SearchTree SearchTree::build(std::span<const Key> ends, KeyArena<Key>& arena) {
  constexpr std::size_t kKeys = kNodeKeys<Key>;
  SearchTree tree;
  if (ends.empty()) {
    return tree;
  }
  // Unused keys are the largest one, which no point is above.
  const auto pad_to_node = [&arena] {
    arena.resize((arena.size() + kKeys - 1) / kKeys * kKeys, kLargestKey<Key>);
  };
  pad_to_node();
  std::size_t nodes = (ends.size() + kKeys - 1) / kKeys;
  tree.first_key[0] = static_cast<std::uint32_t>(arena.size());
  tree.levels = 1;
  arena.insert(arena.end(), ends.begin(), ends.end());
  pad_to_node();
  // How many leaves' keys lie under one node of the level below.
  std::size_t under = kKeys;
  while (nodes > 1) {
    const std::size_t parents = (nodes + kKeys) / (kKeys + 1);
    tree.first_key[tree.levels++] = static_cast<std::uint32_t>(arena.size());
    for (std::size_t parent = 0; parent < parents; ++parent) {
      for (std::size_t i = 0; i < kKeys; ++i) {
        // What is above the last key of the subtree on the left goes to the right.
        const std::size_t right = parent * (kKeys + 1) + i + 1;
        arena.push_back(right < nodes ? ends[right * under - 1] : kLargestKey<Key>);
      }
    }
    nodes = parents;
    under *= kKeys + 1;
  }
  return tree;
}

}  // namespace alkaid
