// Reconciler: neighbors of large messages are written while more of them are decoded and merged.
#include <utility>
#include <vector>

#include "control/agent/reconcile/reconciler.hpp"

namespace alkaid::agent {
namespace {

// Fewer wait for more as long as others are being written: each write costs a round trip.
constexpr std::size_t kWorthAWrite = 2048;

}  // namespace

void Reconciler::write_ahead() {
  while (pipe_.has_finished()) {
    finish_oldest_write();
  }
  const bool is_worth_it = pipe_.under_way() == 0 || dirty_.neighbors.size() >= kWorthAWrite;
  if (!connected_ || !is_worth_it) {
    return;
  }
  ChangeBatch batch;
  for (const NeighborKey& key : dirty_.neighbors) {
    const auto wanted =
        mirror_.is_unclaimed_local(key) ? std::nullopt : store_.wanted_neighbor(key);
    const auto programmed = mirror_.neighbors.find(key);
    if (wanted && (programmed == mirror_.neighbors.end() || programmed->second.object != *wanted)) {
      batch.set_neighbor(key, *wanted);
    } else {
      // It has to go, or it is what a write that is under way may be about to change.
      left_for_flush_.insert(key);
    }
  }
  dirty_.neighbors.clear();
  for (api::ApplyRequest& request : batch.requests()) {
    if (pipe_.under_way() >= ApplyPipe::kMostUnderWay) {
      finish_oldest_write();
    }
    if (connected_) {
      pipe_.start(std::move(request));
    }
  }
}

void Reconciler::finish_oldest_write() {
  std::vector<ApplyPipe::Write> writes;
  {
    const Attendance::Absence away{attendance_};
    writes.push_back(pipe_.finish());
  }
  // The connection may be closed for it, and must not be under those that use it.
  while (!writes.front().status.ok() && pipe_.under_way() > 0) {
    writes.push_back(pipe_.finish());
  }
  for (ApplyPipe::Write& write : writes) {
    spent_ahead_ += write.spent;
    if (connected_) {
      take_answer(write.request, write.response, write.status);
    }
  }
}

void Reconciler::finish_writing_ahead() {
  while (pipe_.under_way() > 0) {
    finish_oldest_write();
  }
  if (dirty_.neighbors.empty()) {
    dirty_.neighbors.swap(left_for_flush_);
  }
  dirty_.neighbors.insert(left_for_flush_.begin(), left_for_flush_.end());
  left_for_flush_ = {};
}

}  // namespace alkaid::agent
