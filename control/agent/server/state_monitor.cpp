#include "control/agent/server/state_monitor.hpp"

#include <utility>

namespace alkaid::agent {

void StateMonitor::start(Listener answered) {
  answered_ = std::move(answered);
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

void StateMonitor::run() {
  std::unique_lock lock{mutex_};
  while (!stopping_) {
    if (!asked_) {
      asked_ = true;
      lock.unlock();
      reconciler_.post([this](Reconciler& reconciler) { look(reconciler); });
      lock.lock();
    }
    wake_.wait_for(lock, kInterval, [this] { return stopping_; });
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
  answered_(in_sync_);
  const std::lock_guard lock{mutex_};
  asked_ = false;
}

}  // namespace alkaid::agent
