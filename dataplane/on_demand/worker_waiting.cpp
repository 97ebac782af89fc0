#include "dataplane/on_demand/worker_waiting.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <stdexcept>

#include <fmt/format.h>
#include <rte_errno.h>
#include <rte_ring_elem.h>

#include "dataplane/graph/packet_context.hpp"

namespace alkaid {
namespace {

// Elements are copied by words.
static_assert(sizeof(RaisedMiss) % 4 == 0 && sizeof(ReleaseOrder) % 4 == 0);

rte_ring* make_ring(const std::string& name, std::size_t element, std::uint32_t count) {
  rte_ring* ring = rte_ring_create_elem(name.c_str(), static_cast<unsigned>(element),
                                        std::bit_ceil(std::max(count + 1, 2U)), SOCKET_ID_ANY,
                                        RING_F_SP_ENQ | RING_F_SC_DEQ);
  if (ring == nullptr) {
    throw std::runtime_error(
        fmt::format("can't create the ring {}: {}", name, rte_strerror(rte_errno)));
  }
  return ring;
}

}  // namespace

WorkerWaiting::WorkerWaiting(unsigned worker, const WaitingStore::Limits& limits, rte_mempool* pool,
                             NewsBell& bell)
    : pool_(pool),
      bell_(bell),
      store_(limits),
      misses_(make_ring(fmt::format("misses-{}", worker), sizeof(RaisedMiss), limits.packets)),
      orders_(make_ring(fmt::format("orders-{}", worker), sizeof(ReleaseOrder), limits.packets)) {
  static_assert(WaitingStore::Limits{}.per_destination <= kMostAtOnce - kMostReleased);
}

WorkerWaiting::~WorkerWaiting() {
  store_.take_expired(0, true, UINT32_MAX,
                      [](void* packet) { rte_pktmbuf_free(static_cast<rte_mbuf*>(packet)); });
}

std::optional<RaisedMiss> WorkerWaiting::take_miss() {
  RaisedMiss miss;
  if (rte_ring_dequeue_elem(misses_.get(), &miss, sizeof(miss)) != 0) {
    return std::nullopt;
  }
  return miss;
}

bool WorkerWaiting::order(const ReleaseOrder& order) {
  // The ring API takes a pointer to non-const but only reads.
  auto copy = order;
  return rte_ring_enqueue_elem(orders_.get(), &copy, sizeof(copy)) == 0;
}

bool WorkerWaiting::next_order() {
  if (rte_ring_dequeue_elem(orders_.get(), &next_, sizeof(next_)) != 0) {
    return false;
  }
  if (next_.is_port_gone != 0) {
    gone_port_ = next_.key.waiter;
  }
  return true;
}

rte_mbuf* WorkerWaiting::settle(rte_mbuf* packet) {
  const std::uint32_t large = large_buffers(packet);
  if (large == 0) {
    return packet;
  }
  if (packet->pkt_len <= kStandardBuffer) {
    rte_mbuf* copy = rte_pktmbuf_copy(packet, pool_, 0, UINT32_MAX);
    if (copy != nullptr) {
      std::memcpy(rte_mbuf_to_priv(copy), rte_mbuf_to_priv(packet), kPacketContextSize);
    }
    return copy;
  }
  return large_ + large <= kMostLarge ? packet : nullptr;
}

DropReason WorkerWaiting::add(rte_mbuf* packet, const RaisedMiss& miss, WaitingStore::Time now) {
  rte_mbuf* settled = settle(packet);
  if (settled == nullptr) {
    return DropReason::awaited_too_many;
  }
  WaitingStore::Answer answer = store_.add(miss.key, settled, now);
  if (answer == WaitingStore::Answer::kFirst) {
    auto copy = miss;
    if (rte_ring_enqueue_elem(misses_.get(), &copy, sizeof(copy)) != 0) {
      store_.take(miss.key, [](void*) {});
      answer = WaitingStore::Answer::kTooMany;
    } else {
      counters_.misses.add(1);
      has_raised_ = true;
    }
  }
  if (answer == WaitingStore::Answer::kTooMany || answer == WaitingStore::Answer::kRateLimited) {
    if (settled != packet) {
      rte_pktmbuf_free(settled);
    }
    return answer == WaitingStore::Answer::kTooMany ? DropReason::awaited_too_many
                                                    : DropReason::awaited_rate_limited;
  }
  if (settled != packet) {
    rte_pktmbuf_free(packet);
  }
  large_ += large_buffers(settled);
  counters_.waited.add(1);
  publish_waiting();
  return DropReason::kNone;
}

}  // namespace alkaid
