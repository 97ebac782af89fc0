#include "control/agent/server/event_log.hpp"

#include <chrono>
#include <utility>

namespace alkaid::agent {

std::uint64_t now_microseconds() {
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(
                                        std::chrono::system_clock::now().time_since_epoch())
                                        .count());
}

void EventLog::add(v1::Event::Severity severity, std::string_view kind, std::string message) {
  add(severity, kind, std::move(message), {});
}

void EventLog::add(v1::Event::Severity severity, std::string_view kind, std::string message,
                   v1::Problem problem) {
  v1::Event event;
  event.set_time_microseconds(now_microseconds());
  event.set_severity(severity);
  event.set_kind(std::string{kind});
  event.set_message(std::move(message));
  if (!problem.resource_type().empty()) {
    *event.mutable_resource() = std::move(problem);
  }
  std::vector<std::shared_ptr<Watcher>> watchers;
  {
    const std::lock_guard lock{mutex_};
    events_.push_back(std::move(event));
    if (events_.size() > kMostEvents) {
      events_.pop_front();
      ++first_;
    }
    std::erase_if(watchers_, [](const auto& watcher) { return watcher.expired(); });
    for (const auto& watcher : watchers_) {
      if (auto alive = watcher.lock()) {
        watchers.push_back(std::move(alive));
      }
    }
  }
  for (const auto& watcher : watchers) {
    watcher->poke();
  }
}

void EventLog::remember_refused(v1::Problem problem) {
  const std::lock_guard lock{mutex_};
  refused_.push_front(std::move(problem));
  if (refused_.size() > kMostRefused) {
    refused_.pop_back();
  }
}

bool EventLog::next(std::uint64_t& number, v1::Event& event, std::uint64_t& lost) const {
  const std::lock_guard lock{mutex_};
  lost = 0;
  if (number < first_) {
    lost = first_ - number;
    number = first_;
  }
  if (number >= first_ + events_.size()) {
    return false;
  }
  event = events_[number - first_];
  ++number;
  return true;
}

std::uint64_t EventLog::end() const {
  const std::lock_guard lock{mutex_};
  return first_ + events_.size();
}

std::vector<v1::Problem> EventLog::refused() const {
  const std::lock_guard lock{mutex_};
  return {refused_.begin(), refused_.end()};
}

void EventLog::subscribe(const std::shared_ptr<Watcher>& watcher) {
  const std::lock_guard lock{mutex_};
  watchers_.push_back(watcher);
}

}  // namespace alkaid::agent
