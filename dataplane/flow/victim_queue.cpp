#include "dataplane/flow/victim_queue.hpp"

#include <bit>

#include "dataplane/flow/populate.hpp"

namespace alkaid {

VictimPool::VictimPool(std::uint32_t connections, std::size_t queues, FlowMemory& memory)
    : pieces_(pieces(connections, queues)),
      share_(std::uint64_t{pieces_} / queues * kPiece),
      number_bits_(static_cast<unsigned>(std::bit_width(connections - 1))),
      places_(memory.take<std::uint32_t>(std::size_t{pieces_} * kPiece)),
      next_(memory.take<std::uint32_t>(pieces_)) {
  rte_spinlock_init(&lock_);
  populate(places_, queues * kPiece * sizeof(*places_));  // the next pages are far between
}

std::size_t VictimPool::bytes(std::uint32_t connections, std::size_t queues) {
  const std::size_t count = pieces(connections, queues);
  return FlowMemory::bytes_of<std::uint32_t>(count * kPiece) +
         FlowMemory::bytes_of<std::uint32_t>(count);
}

std::uint32_t VictimPool::take() {
  rte_spinlock_lock(&lock_);
  std::uint32_t piece = free_;
  if (piece != kNone) {
    free_ = next_[piece];
  } else if (fresh_ < pieces_) {
    piece = fresh_++;
  }
  rte_spinlock_unlock(&lock_);
  return piece;
}

void VictimPool::give_back(std::uint32_t piece) {
  rte_spinlock_lock(&lock_);
  next_[piece] = free_;
  free_ = piece;
  is_wanted_.store(false, std::memory_order_relaxed);
  rte_spinlock_unlock(&lock_);
}

void VictimQueue::add_piece() {
  std::uint32_t piece = pool_.take();
  if (piece == VictimPool::kNone) {
    if (count_ < pool_.share()) {
      pool_.want();
    }
    // The oldest are forgotten.
    piece = first_;
    if (first_ == last_) {
      count_ = 0;
    } else {
      count_ -= VictimPool::kPiece - begin_;
      first_ = pool_.next(first_);
    }
    begin_ = 0;
  }
  if (piece != last_) {
    pool_.next(last_) = piece;
    last_ = piece;
  }
  end_ = 0;
}

void VictimQueue::give_up_first() {
  count_ -= VictimPool::kPiece - begin_;  // more than a share is more than one piece
  drop_first();
}

void VictimQueue::drop_first() {
  begin_ = 0;
  if (first_ == last_) {
    end_ = 0;  // it was full, and is empty
    return;
  }
  const std::uint32_t dropped = first_;
  first_ = pool_.next(first_);
  pool_.give_back(dropped);
}

}  // namespace alkaid
