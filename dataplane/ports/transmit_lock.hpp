// What is looked at before something is sent by a device. One transmit queue, two writers: while a
// port moves from a worker to another, either may send (docs/design/workers.md).
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include <rte_config.h>
#include <rte_spinlock.h>

#include "dataplane/xdp/xdp_numbers.hpp"

namespace alkaid {

// Of one device; workers take it only while it is engaged.
struct TransmitLock {
  std::atomic<bool> is_engaged{false};
  // It is the kernel's and has no carrier: the kernel would discard what is sent, and tell nobody.
  // The control thread says so, the worker that receives by it all the same knows better.
  std::atomic<bool> is_cut_off{false};
  rte_spinlock_t lock = RTE_SPINLOCK_INITIALIZER;
};

// By ethdev, which is a number of the whole process; then devices by AF_XDP.
inline std::array<TransmitLock, RTE_MAX_ETHPORTS + kMostXdps> transmit_locks;

inline TransmitLock& transmit_lock_of(std::uint16_t number) {
  return transmit_locks[is_xdp(number) ? RTE_MAX_ETHPORTS + (number - kFirstXdp) : number];
}

// Around one call of the driver; workers.
class TransmitGuard {
 public:
  explicit TransmitGuard(std::uint16_t ethdev) {
    TransmitLock& lock = transmit_lock_of(ethdev);
    if (lock.is_engaged.load(std::memory_order_acquire)) [[unlikely]] {
      taken_ = &lock.lock;
      rte_spinlock_lock(taken_);
    }
  }
  ~TransmitGuard() {
    if (taken_ != nullptr) [[unlikely]] {
      rte_spinlock_unlock(taken_);
    }
  }
  TransmitGuard(const TransmitGuard&) = delete;
  TransmitGuard& operator=(const TransmitGuard&) = delete;

 private:
  rte_spinlock_t* taken_ = nullptr;
};

}  // namespace alkaid
