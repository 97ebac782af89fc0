#include "dataplane/flow/worker_flows.hpp"

#include <algorithm>

namespace alkaid {
namespace {

// Victims that are never chosen: a burst's.
constexpr std::uint64_t kFewestSpared = 64;

// A victim that hardware forwards is asked back and offered again: its rules go before it does. One
// that gets the mark behind this look is told of when it has ended (forget_ended()).
template <class Key>
bool must_come_back(FlowState& state, unsigned worker, VictimQueue& victims,
                    ConnectionNumber number, std::uint32_t life) {
  const ConnectionRecord& record = state.table<Key>().record(number);
  if ((record.state.load(std::memory_order_relaxed) & ConnectionRecord::kOffloaded) == 0)
      [[likely]] {
    return false;
  }
  state.offload_notices.tell(worker, {.number = number, .ipv6 = Key::kIsV6});
  victims.push(number, life);
  return true;
}

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
void WorkerFlows<Key>::prefetch_free(std::size_t ahead) const {
  if (ahead < cached_) {
    const ConnectionNumber number = cache_[cached_ - 1 - ahead];
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

// One that lives keeps its keys until this worker's next quiescent state, whoever ends it.
template <class Key>
bool WorkerFlows<Key>::may_be_evicted(const Victim& victim, std::uint32_t life) const {
  return (life & 1) != 0 && victims_.is_of(victim, life) &&
         eviction_class(table_.record(victim.number).word()) != EvictionClass::kSettled;
}

// Locked instructions, which wait for whatever has been written before, come before anything is
// written.
template <class Key>
void WorkerFlows<Key>::end_victims() {
  std::array<ConnectionNumber, kEvictAtOnce> ended;
  std::size_t count = 0;
  for (std::size_t i = 0; i < found_.count; ++i) {
    const ConnectionNumber number = found_.all[i].number;
    const std::uint32_t life = life_of(number);
    if (may_be_evicted(found_.all[i], life) &&
        !must_come_back<Key>(state_, worker_, victims_, number, life) &&
        table_.end_life(number, life)) {
      ended[count++] = number;
    }
  }
  for (std::size_t i = 0; i < count; ++i) {
    state_.forget_ended<Key>(worker_, ended[i]);
    retire(ended[i]);
  }
  counters_.evicted.add(count);
  counters_.ended.add(count);
  found_.count = 0;
}

template <class Key>
void WorkerFlows<Key>::look_for_buckets() {
  for (std::size_t i = 0; i < read_.count; ++i) {
    const ConnectionNumber number = read_.all[i].number;
    if (may_be_evicted(read_.all[i], life_of(number))) {
      for (const Direction direction : {Direction::kOriginal, Direction::kReply}) {
        table_.prefetch_bucket(table_.half(number, direction).key.hash());
      }
      found_.add(read_.all[i]);
    }
  }
  read_.count = 0;
}

template <class Key>
void WorkerFlows<Key>::look_for_keys() {
  for (std::size_t i = 0; i < chosen_.count; ++i) {
    const ConnectionNumber number = chosen_.all[i].number;
    const std::uint32_t life = life_of(number);
    if (may_be_evicted(chosen_.all[i], life) &&
        !must_come_back<Key>(state_, worker_, victims_, number, life)) {
      __builtin_prefetch(&table_.half(number, Direction::kOriginal).key);
      __builtin_prefetch(&table_.half(number, Direction::kReply).key);
      read_.add(chosen_.all[i]);
    }
  }
  chosen_.count = 0;
}

template <class Key>
void WorkerFlows<Key>::choose_victims() {
  // The newest are spared, since they may be answered yet: in all workers' queues a quarter of the
  // reserve, while there is that much room.
  const std::uint64_t workers = state_.port_connections.control_thread();
  const std::uint64_t waiting = (open_batch_ - first_batch_) * kBatchSize;
  const bool is_room_left = table_.free_count() + waiting >= table_.reserve() / 8;
  const std::uint64_t spared =
      is_room_left ? std::max<std::uint64_t>(kFewestSpared, table_.reserve() / 4 / workers)
                   : kFewestSpared;
  while (chosen_.count < kEvictAtOnce && victims_.count() > spared) {
    chosen_.add(victims_.pop());
    __builtin_prefetch(&table_.record(chosen_.all[chosen_.count - 1].number), 1);
  }
}

// Every victim one stage further, the last stage first, so that what one stage fetches arrives
// while the others work. False: there are none.
template <class Key>
bool WorkerFlows<Key>::take_victims_further() {
  if (is_waiting_list_full()) [[unlikely]] {
    return false;
  }
  end_victims();
  look_for_buckets();
  look_for_keys();
  choose_victims();
  return chosen_.count + read_.count + found_.count > 0;
}

template <class Key>
void WorkerFlows<Key>::evict() {
  // As many steps as the first victims need to come to their end. Those that have settled since
  // they were offered are passed over.
  constexpr int kSteps = 4;
  for (int i = 0; i < kSteps && is_short_of_room(); ++i) {
    if (!take_victims_further()) {
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
