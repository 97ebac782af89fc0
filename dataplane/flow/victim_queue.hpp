// Connections that may have to make room, oldest first: a queue per worker, all in one memory.
// Four bytes a connection, however many workers there are. Design: docs/design/flow-table.md.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include <rte_spinlock.h>

#include "dataplane/flow/connection.hpp"
#include "dataplane/flow/flow_memory.hpp"

namespace alkaid {

// The memory: pieces of 256 places, which go to the queues that need them.
class VictimPool {
 public:
  static constexpr std::uint32_t kPiece = 256;
  static constexpr std::uint32_t kNone = UINT32_MAX;

  // connections: what the queues have room for, all together; at most 2^31. memory: bytes() of it
  // are not taken yet.
  VictimPool(std::uint32_t connections, std::size_t queues, FlowMemory& memory);
  static std::size_t bytes(std::uint32_t connections, std::size_t queues);

  // ---- any worker
  // A piece; kNone: all are in use.
  std::uint32_t take();
  // Asks who has more than a share for a piece.
  void want() { is_wanted_.store(true, std::memory_order_relaxed); }
  [[nodiscard]] bool is_wanted() const { return is_wanted_.load(std::memory_order_relaxed); }
  // Places of one queue if all had as many.
  [[nodiscard]] std::uint64_t share() const { return share_; }
  void give_back(std::uint32_t piece);
  [[nodiscard]] std::uint32_t& place(std::uint32_t piece, std::uint32_t index) const {
    return places_[std::size_t{piece} * kPiece + index];
  }
  // The next piece of a queue; its owner's.
  [[nodiscard]] std::uint32_t& next(std::uint32_t piece) const { return next_[piece]; }
  // Of a place's bits: the connection's number; above it so much of its life as there is room for.
  [[nodiscard]] unsigned number_bits() const { return number_bits_; }

 private:
  static std::uint32_t pieces(std::uint32_t connections, std::size_t queues) {
    return (connections + kPiece - 1) / kPiece + static_cast<std::uint32_t>(queues);
  }

  const std::uint32_t pieces_;
  const std::uint64_t share_;
  const unsigned number_bits_;
  std::uint32_t* const places_;
  std::uint32_t* const next_;
  rte_spinlock_t lock_;
  std::uint32_t free_ = kNone;
  std::uint32_t fresh_ = 0;
  std::atomic<bool> is_wanted_{false};
};

// One worker's: first in, first out; it forgets its oldest where the pool has no piece left.
class VictimQueue {
 public:
  // A connection in the life in which it was offered, as far as its low bits tell: with a million
  // connections one in 2,048 that were offered in an earlier life is taken for the one that has the
  // number now, with 16 million one in 128. It goes although it is young.
  struct Victim {
    ConnectionNumber number;
    std::uint32_t low_life;
  };

  // No more of them than the pool was told.
  explicit VictimQueue(VictimPool& pool) : pool_(pool), first_(pool.take()), last_(first_) {}

  [[nodiscard]] std::uint64_t count() const { return count_; }
  void push(ConnectionNumber number, std::uint32_t life) {
    if (end_ == VictimPool::kPiece) [[unlikely]] {
      add_piece();
    }
    pool_.place(last_, end_++) = number | low_life(life);
    ++count_;
  }
  // Of count() > 0.
  Victim pop() {
    const std::uint32_t victim = pool_.place(first_, begin_++);
    --count_;
    if (begin_ == VictimPool::kPiece) [[unlikely]] {
      drop_first();
    }
    const std::uint32_t number_mask = (1U << pool_.number_bits()) - 1;
    return {victim & number_mask, victim & ~number_mask};
  }
  // Forgets the oldest for another queue, if one has found no piece and this one has more than its
  // share.
  void give_way() {
    if (pool_.is_wanted() && count_ > pool_.share()) [[unlikely]] {
      give_up_first();
    }
  }
  // life: of the connection with the victim's number.
  [[nodiscard]] bool is_of(const Victim& victim, std::uint32_t life) const {
    return victim.low_life == low_life(life);
  }

 private:
  // Lives are odd.
  [[nodiscard]] std::uint32_t low_life(std::uint32_t life) const {
    return life >> 1 << pool_.number_bits();
  }
  void add_piece();
  void drop_first();
  void give_up_first();

  VictimPool& pool_;
  std::uint32_t first_;
  std::uint32_t last_;
  std::uint32_t begin_ = 0;  // in the first piece
  std::uint32_t end_ = 0;    // in the last one
  std::uint64_t count_ = 0;
};

}  // namespace alkaid
