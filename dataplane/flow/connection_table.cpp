#include "dataplane/flow/connection_table.hpp"

#include <algorithm>

#include "dataplane/flow/populate.hpp"

namespace alkaid {
namespace {

// A creator keeps up to half of its own part at hand.
constexpr std::uint32_t kReservePerCreator = 1024;
constexpr std::uint32_t kReserveShare = 64;

std::uint32_t reserve_for(std::uint32_t capacity, std::size_t creators) {
  return std::max(static_cast<std::uint32_t>(creators) * kReservePerCreator,
                  capacity / kReserveShare);
}

}  // namespace

template <class Key>
std::size_t ConnectionTable<Key>::bytes_of_all(std::size_t creators) const {
  const std::size_t count = capacity_with_reserve();
  return FlowIndex::bytes(2 * count) + FlowMemory::bytes_of<ConnectionNumber>(count) +
         VictimPool::bytes(capacity_with_reserve(), creators) +
         FlowMemory::bytes_of<ConnectionRecord>(count) +
         FlowMemory::bytes_of<Connection<Key>>(count);
}

template <class Key>
ConnectionTable<Key>::ConnectionTable(std::uint32_t capacity, std::size_t creators)
    : capacity_(capacity),
      has_one_creator_(creators == 1),
      reserve_(reserve_for(capacity, creators)),
      memory_(bytes_of_all(creators)),
      index_(2 * std::uint64_t{capacity_with_reserve()}, memory_),
      free_(memory_.take<ConnectionNumber>(capacity_with_reserve())),
      victims_(capacity_with_reserve(), creators, memory_),
      records_(memory_.take<ConnectionRecord>(capacity_with_reserve())),
      connections_(memory_.take<Connection<Key>>(capacity_with_reserve())) {
  for (auto& stripe : stripes_) {
    rte_spinlock_init(&stripe);
  }
  rte_spinlock_init(&free_lock_);
  populate(free_, capacity_with_reserve() * sizeof(ConnectionNumber));
  populate_connections(*this, 0, kConnectionsAhead);
}

template <class Key>
FlowReference ConnectionTable<Key>::find_either(ConnectionNumber number,
                                                const ConnectionHashes& hashes) const {
  const Connection<Key>& connection = connections_[number];
  const FlowReference original = find(connection.original.key, hashes.original);
  return original != kNoFlow ? original : find(connection.reply.key, hashes.reply);
}

template <class Key>
template <class Insert>
auto ConnectionTable<Key>::insert_with(ConnectionNumber number, const ConnectionHashes& hashes,
                                       Insert&& insert_reference) -> InsertResult {
  InsertResult result{.existing = find_either(number, hashes)};
  if (result.existing != kNoFlow) [[unlikely]] {
    return result;
  }
  const FlowReference original = reference_of(number, Direction::kOriginal);
  result.full = !insert_reference(hashes.original, original);
  if (!result.full && !insert_reference(hashes.reply, reference_of(number, Direction::kReply)))
      [[unlikely]] {
    index_.erase(hashes.original, original);
    result.full = true;
  }
  return result;
}

template <class Key>
auto ConnectionTable<Key>::insert(ConnectionNumber number, const ConnectionHashes& hashes)
    -> InsertResult {
  if (has_one_creator_) {
    return insert_with(number, hashes, [this](std::uint64_t hash, FlowReference reference) {
      return index_.insert_alone(hash, reference);
    });
  }
  rte_spinlock_t* stripe = &stripes_[(hashes.original ^ hashes.reply) % kStripes];
  rte_spinlock_lock(stripe);
  const InsertResult result =
      insert_with(number, hashes, [this](std::uint64_t hash, FlowReference reference) {
        return index_.insert(hash, reference);
      });
  rte_spinlock_unlock(stripe);
  return result;
}

template <class Key>
bool ConnectionTable<Key>::end_life(ConnectionNumber number, std::uint32_t life) {
  return (life & 1) != 0 &&
         records_[number].life.compare_exchange_strong(life, life + 1, std::memory_order_seq_cst);
}

template <class Key>
void ConnectionTable<Key>::unlink(ConnectionNumber number) {
  const Connection<Key>& connection = connections_[number];
  index_.erase(connection.original.key.hash(), reference_of(number, Direction::kOriginal));
  index_.erase(connection.reply.key.hash(), reference_of(number, Direction::kReply));
}

template <class Key>
std::size_t ConnectionTable<Key>::take_free(std::span<ConnectionNumber> numbers) {
  std::size_t taken = 0;
  rte_spinlock_lock(&free_lock_);
  std::uint32_t free = free_count_.load(std::memory_order_relaxed);
  while (taken < numbers.size() && free > 0) {
    numbers[taken++] = free_[--free];
  }
  free_count_.store(free, std::memory_order_relaxed);
  std::uint32_t fresh = fresh_.load(std::memory_order_relaxed);
  while (taken < numbers.size() && fresh < capacity_with_reserve()) {
    numbers[taken++] = fresh++;
  }
  fresh_.store(fresh, std::memory_order_relaxed);
  rte_spinlock_unlock(&free_lock_);
  return taken;
}

template <class Key>
void ConnectionTable<Key>::give_back(std::span<const ConnectionNumber> numbers) {
  rte_spinlock_lock(&free_lock_);
  std::uint32_t free = free_count_.load(std::memory_order_relaxed);
  for (const ConnectionNumber number : numbers) {
    free_[free++] = number;
  }
  free_count_.store(free, std::memory_order_relaxed);
  rte_spinlock_unlock(&free_lock_);
}

template class ConnectionTable<FlowKeyV4>;
template class ConnectionTable<FlowKeyV6>;

}  // namespace alkaid
