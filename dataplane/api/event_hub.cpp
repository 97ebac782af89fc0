#include "dataplane/api/event_hub.hpp"

namespace alkaid {

EventHub::Subscription::Subscription(EventHub& hub) : hub_(hub) {
  const std::lock_guard lock(hub_.mutex_);
  hub_.subscriptions_.insert(this);
}

EventHub::Subscription::~Subscription() {
  const std::lock_guard lock(hub_.mutex_);
  hub_.subscriptions_.erase(this);
}

std::optional<dataplane::v1::Event> EventHub::Subscription::next(
    std::chrono::milliseconds timeout) {
  std::unique_lock lock(hub_.mutex_);
  hub_.changed_.wait_for(lock, timeout, [this] { return hub_.closed_ || !queue_.empty(); });
  if (queue_.empty()) {
    return std::nullopt;
  }
  auto event = std::move(queue_.front());
  queue_.pop_front();
  return event;
}

bool EventHub::Subscription::has_overflowed() const {
  const std::lock_guard lock(hub_.mutex_);
  return overflowed_;
}

void EventHub::publish(const dataplane::v1::Event& event) {
  {
    const std::lock_guard lock(mutex_);
    for (Subscription* subscription : subscriptions_) {
      if (subscription->queue_.size() >= kQueueLimit) {
        subscription->overflowed_ = true;
      } else {
        subscription->queue_.push_back(event);
      }
    }
  }
  changed_.notify_all();
}

void EventHub::close() {
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
  }
  changed_.notify_all();
}

bool EventHub::is_closed() const {
  const std::lock_guard lock(mutex_);
  return closed_;
}

}  // namespace alkaid
