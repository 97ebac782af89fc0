#include "dataplane/rcu/quiescence.hpp"

#include <new>

#include <rte_malloc.h>

namespace alkaid {

void QuiescenceDomain::Free::operator()(rte_rcu_qsbr* state) const {
  rte_free(state);
}

QuiescenceDomain::QuiescenceDomain(unsigned workers) {
  const std::size_t size = rte_rcu_qsbr_get_memsize(workers);
  state_.reset(static_cast<rte_rcu_qsbr*>(rte_zmalloc("quiescence", size, RTE_CACHE_LINE_SIZE)));
  if (!state_ || rte_rcu_qsbr_init(state_.get(), workers) != 0) {
    throw std::bad_alloc();
  }
}

QuiescenceDomain::~QuiescenceDomain() {
  drain();
}

void QuiescenceDomain::retire(std::function<void()> release) {
  retired_.push_back({rte_rcu_qsbr_start(state_.get()), std::move(release)});
}

std::size_t QuiescenceDomain::reclaim() {
  while (!retired_.empty() &&
         rte_rcu_qsbr_check(state_.get(), retired_.front().token, false) == 1) {
    const auto release = std::move(retired_.front().release);
    retired_.pop_front();
    release();
  }
  return retired_.size();
}

void QuiescenceDomain::drain() {
  // A release may retire more.
  while (!retired_.empty()) {
    rte_rcu_qsbr_check(state_.get(), retired_.back().token, true);
    reclaim();
  }
}

}  // namespace alkaid
