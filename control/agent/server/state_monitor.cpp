#include "control/agent/server/state_monitor.hpp"

#include <utility>

namespace alkaid::agent {

void StateMonitor::start(Listener listener) {
  listener_ = std::move(listener);
  thread_ = std::thread{[this] { run(); }};
}

void StateMonitor::stop() {
  {
    const std::lock_guard lock{mutex_};
    stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) {
    thread_.join();
  }
}

void StateMonitor::look_again() {
  {
    const std::lock_guard lock{mutex_};
    has_news_ = true;
  }
  wake_.notify_all();
}

void StateMonitor::run() {
  bool was_ready = false;
  auto next_question = Clock::now();
  std::unique_lock lock{mutex_};
  while (!stopping_) {
    const auto now = Clock::now();
    if (!asked_ && now >= next_question) {
      asked_ = true;
      asked_at_ = now;
      next_question = now + kInterval;
      lock.unlock();
      reconciler_.post([this](Reconciler& reconciler) { look(reconciler); });
      lock.lock();
    }
    const bool is_silent = asked_ && now - asked_at_ >= kLongestSilence;
    const bool is_in_sync = answered_in_sync_ && !is_silent;
    lock.unlock();
    const bool ready =
        is_in_sync && (!listener_.dataplane_answers || listener_.dataplane_answers());
    if (std::exchange(was_ready, ready) != ready && listener_.ready_changed) {
      listener_.ready_changed(ready);
    }
    lock.lock();
    wake_.wait_for(lock, kInterval, [this] { return stopping_ || has_news_; });
    has_news_ = false;
  }
}

void StateMonitor::look(Reconciler& reconciler) {
  // A report walks over all ports and routers. While everything is as wanted, whatever changes that
  // is an event; every now and then it is looked at anyway.
  const std::uint64_t events = events_.end();
  if (!reconciler.connected()) {
    in_sync_ = false;
  } else if (!in_sync_ || events != events_seen_ || ++skipped_ >= kMostSkipped) {
    skipped_ = 0;
    events_seen_ = events;
    v1::GetConfigResponse report;
    reconciler.report(report);
    in_sync_ = report.in_sync();
  }
  listener_.answered(in_sync_);
  const std::lock_guard lock{mutex_};
  asked_ = false;
  if (std::exchange(answered_in_sync_, in_sync_) != in_sync_) {
    has_news_ = true;
    wake_.notify_all();
  }
}

}  // namespace alkaid::agent
