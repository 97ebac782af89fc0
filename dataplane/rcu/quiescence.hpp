// Quiescent-state based reclamation: what the control thread unpublishes is freed only after every
// worker has finished the burst in which it may have seen it. Design: docs/design/publication.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>

#include <rte_rcu_qsbr.h>

namespace alkaid {

// The workers' quiescent states and the queue of what waits for them. Reporting is done by workers;
// everything else belongs to the control thread.
class QuiescenceDomain {
 public:
  // workers: how many threads report, with ids 0 .. workers - 1. Throws std::bad_alloc.
  explicit QuiescenceDomain(unsigned workers);
  ~QuiescenceDomain();
  QuiescenceDomain(const QuiescenceDomain&) = delete;
  QuiescenceDomain& operator=(const QuiescenceDomain&) = delete;

  [[nodiscard]] unsigned workers() const { return state_->max_threads; }

  // ---- worker threads
  void register_worker(unsigned worker) {
    rte_rcu_qsbr_thread_register(state_.get(), worker);
    rte_rcu_qsbr_thread_online(state_.get(), worker);
  }
  void unregister_worker(unsigned worker) {
    rte_rcu_qsbr_thread_offline(state_.get(), worker);
    rte_rcu_qsbr_thread_unregister(state_.get(), worker);
  }
  // Between two bursts: no pointer from a table is held.
  void report_quiescent(unsigned worker) { rte_rcu_qsbr_quiescent(state_.get(), worker); }
  // Around a sleep: a sleeping worker holds nothing and delays nobody.
  void go_offline(unsigned worker) { rte_rcu_qsbr_thread_offline(state_.get(), worker); }
  void go_online(unsigned worker) { rte_rcu_qsbr_thread_online(state_.get(), worker); }

  // ---- any thread
  // For those who keep track of what waits themselves: after unpublishing, a token; what was
  // unpublished may be used again when it has passed.
  [[nodiscard]] std::uint64_t start_grace_period() { return rte_rcu_qsbr_start(state_.get()); }
  [[nodiscard]] bool has_passed(std::uint64_t token) {
    return rte_rcu_qsbr_check(state_.get(), token, false) == 1;
  }

  // ---- control thread
  // Runs `release` after a grace period, in some later reclaim(). Call after unpublishing.
  void retire(std::function<void()> release);
  template <class T>
  void retire_object(const T* object) {
    retire([object] { delete object; });
  }

  // Runs what is due; never waits. Returns how many still wait.
  std::size_t reclaim();
  // Waits for a whole grace period, then reclaims everything. For shutdown and removal of devices.
  void drain();

 private:
  struct Retired {
    std::uint64_t token;
    std::function<void()> release;
  };
  struct Free {
    void operator()(rte_rcu_qsbr* state) const;
  };

  std::unique_ptr<rte_rcu_qsbr, Free> state_;
  std::deque<Retired> retired_;
};

}  // namespace alkaid
