// Hands events from the control thread to any number of subscribed calls.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <set>

#include "alkaid/dataplane/v1/dataplane.pb.h"

namespace alkaid {

class EventHub {
 public:
  // One subscriber's queue, bounded: who does not read is cut off, and must read back what it
  // missed.
  class Subscription {
   public:
    explicit Subscription(EventHub& hub);
    ~Subscription();
    Subscription(const Subscription&) = delete;
    Subscription& operator=(const Subscription&) = delete;

    // Waits at most `timeout` for the next event.
    std::optional<dataplane::v1::Event> next(std::chrono::milliseconds timeout);
    // Events were lost: the subscription is of no use any more.
    [[nodiscard]] bool has_overflowed() const;

   private:
    friend class EventHub;
    EventHub& hub_;
    std::deque<dataplane::v1::Event> queue_;
    bool overflowed_ = false;
  };

  // Any thread.
  void publish(const dataplane::v1::Event& event);
  void close();
  [[nodiscard]] bool is_closed() const;

 private:
  static constexpr std::size_t kQueueLimit = 65536;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::set<Subscription*> subscriptions_;
  bool closed_ = false;
};

}  // namespace alkaid
