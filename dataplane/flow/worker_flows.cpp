#include "dataplane/flow/worker_flows.hpp"

#include <algorithm>

namespace alkaid {
namespace {

// Victims that are never chosen: a burst's.
constexpr std::uint64_t kFewestSpared = 64;

}  // namespace

template <class Key>
WorkerFlows<Key>::WorkerFlows(FlowState& state, QuiescenceDomain& quiescence, unsigned worker)
    : state_(state),
      table_(state.table<Key>()),
      quiescence_(quiescence),
      worker_(worker),
      victims_(table_.victims()),
      batches_(kBatches) {}

template <class Key>
std::optional<ConnectionNumber> WorkerFlows<Key>::allocate() {
  if (cached_ == 0) [[unlikely]] {
    cached_ = table_.take_free({cache_.data(), kRefill});
    if (cached_ == 0) {
      return std::nullopt;
    }
  }
  return cache_[--cached_];
}

template <class Key>
void WorkerFlows<Key>::prefetch_free(std::size_t count) const {
  for (std::size_t i = 1; i <= std::min(count, cached_); ++i) {
    const ConnectionNumber number = cache_[cached_ - i];
    __builtin_prefetch(&table_.half(number, Direction::kOriginal), 1);
    __builtin_prefetch(&table_.half(number, Direction::kReply), 1);
    __builtin_prefetch(&table_.record(number), 1);
  }
}

template <class Key>
void WorkerFlows<Key>::offer_as_victim(ConnectionNumber number) {
  victims_.push(number, table_.record(number).life.load(std::memory_order_relaxed));
}

template <class Key>
bool WorkerFlows<Key>::take_down(ConnectionNumber number) {
  const std::uint32_t life = table_.record(number).life.load(std::memory_order_acquire);
  if (is_waiting_list_full() || !state_.end_connection<Key>(worker_, number, life)) {
    return false;
  }
  counters_.ended.add(1);
  retire(number);
  return true;
}

template <class Key>
void WorkerFlows<Key>::retire(ConnectionNumber number) {
  Batch& batch = batches_[open_batch_ % kBatches];
  batch.numbers[batch.count++] = number;
  if (batch.count == kBatchSize) {
    close_batch();
  }
}

template <class Key>
void WorkerFlows<Key>::close_batch() {
  batches_[open_batch_ % kBatches].token = quiescence_.start_grace_period();
  batches_[++open_batch_ % kBatches].count = 0;
}

template <class Key>
void WorkerFlows<Key>::reclaim() {
  while (first_batch_ != open_batch_) {
    Batch& batch = batches_[first_batch_ % kBatches];
    if (!quiescence_.has_passed(batch.token)) {
      return;
    }
    if (cached_ + batch.count <= kCacheSize) {
      std::copy_n(batch.numbers.begin(), batch.count,
                  cache_.begin() + static_cast<std::ptrdiff_t>(cached_));
      cached_ += batch.count;
    } else {
      table_.give_back({batch.numbers.data(), batch.count});
    }
    ++first_batch_;
  }
}

// In stages, so that the cache misses of many victims overlap; and locked instructions, which wait
// for whatever has been written before, come before anything is written.
template <class Key>
std::size_t WorkerFlows<Key>::evict_some(std::size_t wanted) {
  if (is_waiting_list_full()) [[unlikely]] {
    return 0;
  }
  // The newest are spared, since they may be answered yet: in all workers' queues a quarter of the
  // reserve, while there is that much room.
  const std::uint64_t workers = state_.port_connections.control_thread();
  const std::uint64_t waiting = (open_batch_ - first_batch_) * kBatchSize;
  const bool is_room_left = table_.free_count() + waiting >= table_.reserve() / 8;
  const std::uint64_t spared =
      is_room_left ? std::max<std::uint64_t>(kFewestSpared, table_.reserve() / 4 / workers)
                   : kFewestSpared;
  std::array<VictimQueue::Victim, kEvictAtOnce> victims;
  std::size_t count = 0;
  while (count < wanted && victims_.count() > spared) {
    victims[count] = victims_.pop();
    __builtin_prefetch(&table_.record(victims[count].number), 1);
    ++count;
  }
  std::array<ConnectionNumber, kEvictAtOnce> chosen_numbers;
  std::size_t chosen = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const ConnectionNumber number = victims[i].number;
    const ConnectionRecord& record = table_.record(number);
    const std::uint32_t life = record.life.load(std::memory_order_acquire);
    if (victims_.is_of(victims[i], life) &&
        eviction_class(record.word()) != EvictionClass::kSettled && table_.end_life(number, life)) {
      chosen_numbers[chosen++] = number;
      __builtin_prefetch(&table_.half(number, Direction::kOriginal).key);
      __builtin_prefetch(&table_.half(number, Direction::kReply).key);
    }
  }
  for (std::size_t i = 0; i < chosen; ++i) {
    for (const Direction direction : {Direction::kOriginal, Direction::kReply}) {
      table_.prefetch_bucket(table_.half(chosen_numbers[i], direction).key.hash());
    }
  }
  for (std::size_t i = 0; i < chosen; ++i) {
    state_.forget_ended<Key>(worker_, chosen_numbers[i]);
    retire(chosen_numbers[i]);
  }
  counters_.evicted.add(chosen);
  counters_.ended.add(chosen);
  return count;
}

template <class Key>
void WorkerFlows<Key>::evict() {
  // Connections that have settled since they were offered are passed over: a few tries per walk.
  constexpr int kTries = 4;
  for (int i = 0; i < kTries && is_short_of_room(); ++i) {
    if (evict_some(kEvictAtOnce) < kEvictAtOnce) {
      return;
    }
  }
}

template <class Key>
void WorkerFlows<Key>::housekeep() {
  // Also for others who have none to evict themselves.
  const bool is_wanted = cached_ < kRefill / 2 || table_.free_count() < table_.reserve() / 4;
  if (is_wanted && is_short_of_room()) [[unlikely]] {
    evict();
  }
  victims_.give_way();
  if (batches_[open_batch_ % kBatches].count > 0) {
    close_batch();
  }
  if (first_batch_ != open_batch_) {
    reclaim();
  }
}

template class WorkerFlows<FlowKeyV4>;
template class WorkerFlows<FlowKeyV6>;

}  // namespace alkaid
