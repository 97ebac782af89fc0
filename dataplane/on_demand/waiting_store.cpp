#include "dataplane/on_demand/waiting_store.hpp"

#include <algorithm>
#include <random>

namespace alkaid {
namespace {

constexpr std::uint64_t kWholeToken = 1000;

std::uint64_t random_number() {
  std::random_device device;
  return std::uint64_t{device()} << 32 | device() | 1;
}

}  // namespace

WaitingStore::WaitingStore(const Limits& limits)
    : limits_(limits),
      secret_(random_number()),
      buckets_(std::bit_ceil(std::max<std::size_t>(limits.packets, 1)), kNone),
      entries_(limits.packets),
      slots_(limits.packets),
      ports_(limits.ports) {
  for (Index i = limits.packets; i-- > 0;) {
    entries_[i].next_in_bucket = free_entry_;
    free_entry_ = i;
    slots_[i].next = free_slot_;
    free_slot_ = i;
  }
  for (PortShare& port : ports_) {
    port.tokens = limits.burst * kWholeToken;
  }
}

WaitingStore::Index& WaitingStore::bucket(const WaiterKey& key) {
  const std::uint64_t hash = key.address.hash(secret_ ^ key.waiter.port);
  return buckets_[hash & (buckets_.size() - 1)];
}

WaitingStore::Index WaitingStore::find(const WaiterKey& key) const {
  const std::uint64_t hash = key.address.hash(secret_ ^ key.waiter.port);
  Index entry = buckets_[hash & (buckets_.size() - 1)];
  while (entry != kNone && !(entries_[entry].key == key)) {
    entry = entries_[entry].next_in_bucket;
  }
  return entry;
}

bool WaitingStore::take_token(PortShare& port, Time now) {
  // What one millisecond brings: as many thousandths as tokens come in a second.
  port.tokens = std::min(port.tokens + std::uint64_t{now - port.filled} * limits_.per_second,
                         limits_.burst * kWholeToken);
  port.filled = now;
  if (port.tokens < kWholeToken) {
    return false;
  }
  port.tokens -= kWholeToken;
  return true;
}

// There is a free one: every entry has a packet.
WaitingStore::Index WaitingStore::make_entry(const WaiterKey& key, Time now) {
  const Index index = free_entry_;
  free_entry_ = entries_[index].next_in_bucket;
  Index& head = bucket(key);
  PortShare& port = ports_[key.waiter.port];
  entries_[index] = Entry{.key = key,
                          .deadline = now + limits_.wait,
                          .next_in_bucket = head,
                          .older = newest_,
                          .previous_of_port = port.last};
  head = index;
  (newest_ != kNone ? entries_[newest_].newer : oldest_) = index;
  newest_ = index;
  (port.last != kNone ? entries_[port.last].next_of_port : port.first) = index;
  port.last = index;
  ++destinations_;
  return index;
}

void WaitingStore::unlink(Index index) {
  const Entry& entry = entries_[index];
  Index* link = &bucket(entry.key);
  while (*link != index) {
    link = &entries_[*link].next_in_bucket;
  }
  *link = entry.next_in_bucket;
  (entry.older != kNone ? entries_[entry.older].newer : oldest_) = entry.newer;
  (entry.newer != kNone ? entries_[entry.newer].older : newest_) = entry.older;
  PortShare& port = ports_[entry.key.waiter.port];
  (entry.previous_of_port != kNone ? entries_[entry.previous_of_port].next_of_port : port.first) =
      entry.next_of_port;
  (entry.next_of_port != kNone ? entries_[entry.next_of_port].previous_of_port : port.last) =
      entry.previous_of_port;
  port.waiting -= entry.count;
  waiting_ -= entry.count;
  --destinations_;
}

WaitingStore::Answer WaitingStore::add(const WaiterKey& key, void* packet, Time now) {
  PortShare& port = ports_[key.waiter.port];
  if (port.waiting >= limits_.packets - waiting_) {
    return Answer::kTooMany;
  }
  Index index = find(key);
  const bool is_first = index == kNone;
  if (is_first) {
    if (!take_token(port, now)) {
      return Answer::kRateLimited;
    }
    index = make_entry(key, now);
  } else if (entries_[index].count >= limits_.per_destination) {
    return Answer::kTooMany;
  }
  const Index slot = free_slot_;
  free_slot_ = slots_[slot].next;
  slots_[slot] = {packet, kNone};
  Entry& entry = entries_[index];
  (is_first ? entry.first : slots_[entry.last].next) = slot;
  entry.last = slot;
  ++entry.count;
  ++port.waiting;
  ++waiting_;
  return is_first ? Answer::kFirst : Answer::kJoined;
}

}  // namespace alkaid
