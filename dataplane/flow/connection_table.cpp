#include "dataplane/flow/connection_table.hpp"

#include <algorithm>

#include "dataplane/flow/populate.hpp"

namespace alkaid {
namespace {

constexpr std::uint32_t kFewestReserve = 1024;
constexpr std::uint32_t kReserveShare = 16;

}  // namespace

template <class Key>
ConnectionTable<Key>::ConnectionTable(std::uint32_t capacity, std::size_t creators)
    : capacity_(capacity),
      has_one_creator_(creators == 1),
      reserve_(std::max(kFewestReserve, capacity / kReserveShare)),
      index_(2 * std::uint64_t{capacity_with_reserve()}),
      connections_memory_(std::size_t{capacity_with_reserve()} * sizeof(Connection<Key>)),
      records_memory_(std::size_t{capacity_with_reserve()} * sizeof(ConnectionRecord)),
      free_memory_(std::size_t{capacity_with_reserve()} * sizeof(ConnectionNumber)),
      connections_(connections_memory_.as<Connection<Key>>()),
      records_(records_memory_.as<ConnectionRecord>()),
      free_(free_memory_.as<ConnectionNumber>()) {
  for (auto& stripe : stripes_) {
    rte_spinlock_init(&stripe);
  }
  rte_spinlock_init(&free_lock_);
  populate(free_, free_memory_.bytes());
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
         records_[number].life.compare_exchange_strong(life, life + 1, std::memory_order_acq_rel);
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
