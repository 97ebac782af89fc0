// A hash map with lock-free readers (workers) and one writer (the control thread), on rte_hash.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>

#include <rte_errno.h>
#include <rte_hash.h>
#include <rte_hash_crc.h>
#include <rte_lcore.h>

#include "dataplane/rcu/quiescence.hpp"
#include "dataplane/tables/table_occupancy.hpp"

namespace alkaid {

// Key: a trivially copyable type without padding, compared bytewise. Values are immutable objects
// owned by the map: changing one means putting a new one in its place; the old one is freed after a
// grace period.
template <class Key, class Value>
class ConcurrentMap {
  static_assert(std::is_trivially_copyable_v<Key> && std::has_unique_object_representations_v<Key>);

 public:
  // name: unique in the process, at most 26 characters. capacity: entries, at least 8.
  ConcurrentMap(std::string name, std::uint32_t capacity, QuiescenceDomain& quiescence)
      : quiescence_(quiescence), occupancy_{.name = std::move(name), .capacity = capacity} {
    rte_hash_parameters parameters{};
    parameters.name = occupancy_.name.c_str();
    parameters.entries = capacity;
    parameters.key_len = sizeof(Key);
    parameters.hash_func = rte_hash_crc;
    parameters.hash_func_init_val = 0x416c6b64;
    parameters.socket_id = SOCKET_ID_ANY;
    // The extension table keeps a crowded bucket from refusing keys while there is room elsewhere.
    parameters.extra_flag = RTE_HASH_EXTRA_FLAGS_RW_CONCURRENCY_LF | RTE_HASH_EXTRA_FLAGS_EXT_TABLE;
    const std::uint64_t before = dpdk_heap_in_use();
    hash_ = rte_hash_create(&parameters);
    if (hash_ == nullptr) {
      throw std::runtime_error("can't create the table '" + occupancy_.name + "' of " +
                               std::to_string(capacity) + " entries: " + rte_strerror(rte_errno) +
                               " (more memory: --memory; fewer entries: --max-" + occupancy_.name +
                               ")");
    }
    occupancy_.bytes = dpdk_heap_in_use() - before;
  }
  ~ConcurrentMap() {
    quiescence_.drain();
    for_each([](const Key&, const Value& value) { delete &value; });
    rte_hash_free(hash_);
  }
  ConcurrentMap(const ConcurrentMap&) = delete;
  ConcurrentMap& operator=(const ConcurrentMap&) = delete;

  // Any thread; a worker may use the result until it next reports a quiescent state.
  [[nodiscard]] const Value* find(const Key& key) const {
    void* value = nullptr;
    return rte_hash_lookup_data(hash_, &key, &value) >= 0 ? static_cast<const Value*>(value)
                                                          : nullptr;
  }

  // Control thread. Inserts or replaces; false if the table is full (the old value, if any, stays).
  bool put(const Key& key, std::unique_ptr<const Value> value) {
    const Value* old = find(key);
    if (old == nullptr && occupancy_.used >= occupancy_.capacity) {
      ++occupancy_.full_events;
      return false;
    }
    // rte_hash takes a void*; the map never writes through it.
    auto* raw = const_cast<void*>(static_cast<const void*>(value.get()));
    int result = rte_hash_add_key_data(hash_, &key, raw);
    if (result == -ENOSPC) {
      // Slots of deleted keys come back only after their grace period.
      quiescence_.drain();
      result = rte_hash_add_key_data(hash_, &key, raw);
    }
    if (result != 0) {
      ++occupancy_.full_events;
      return false;
    }
    static_cast<void>(value.release());
    if (old != nullptr) {
      quiescence_.retire_object(old);
    } else {
      ++occupancy_.used;
      occupancy_.high_water = std::max(occupancy_.high_water, occupancy_.used);
    }
    return true;
  }

  // Control thread. False if there is no such key.
  bool erase(const Key& key) {
    const Value* old = find(key);
    if (old == nullptr) {
      return false;
    }
    const int position = rte_hash_del_key(hash_, &key);
    quiescence_.retire([this, old, position] {
      rte_hash_free_key_with_position(hash_, position);
      delete old;
    });
    --occupancy_.used;
    return true;
  }

  // Control thread. visit(const Key&, const Value&); must not change the map.
  template <class Visit>
  void for_each(Visit&& visit) const {
    const void* key = nullptr;
    void* value = nullptr;
    std::uint32_t iterator = 0;
    while (rte_hash_iterate(hash_, &key, &value, &iterator) >= 0) {
      visit(*static_cast<const Key*>(key), *static_cast<const Value*>(value));
    }
  }

  [[nodiscard]] TableOccupancy occupancy() const {
    TableOccupancy occupancy = occupancy_;
    occupancy.bytes += occupancy.used * (sizeof(Value) + kHeapOverhead);
    return occupancy;
  }

 private:
  static constexpr std::size_t kHeapOverhead = 16;  // of the process's heap, per object

  QuiescenceDomain& quiescence_;
  TableOccupancy occupancy_;  // bytes: of the hash alone
  rte_hash* hash_ = nullptr;
};

}  // namespace alkaid
