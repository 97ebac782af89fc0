// What happened: events for watchers and the list of refused resources.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "alkaid/agent/v1/agent.pb.h"

namespace alkaid::agent {

// Microseconds since the Unix epoch.
std::uint64_t now_microseconds();

// Any thread.
class EventLog {
 public:
  static constexpr std::size_t kMostEvents = 1024;
  static constexpr std::size_t kMostRefused = 256;

  // Told about every new event; must not block and may be called from any thread.
  class Watcher {
   public:
    virtual ~Watcher() = default;
    virtual void poke() = 0;
  };

  void add(v1::Event::Severity severity, std::string_view kind, std::string message);
  void add(v1::Event::Severity severity, std::string_view kind, std::string message,
           v1::Problem problem);
  // Remembers a refused resource; adds no event.
  void remember_refused(v1::Problem problem);

  // The first event whose number is `number` or more; `number` becomes that of the next one. False
  // if there is none yet. lost: events between that were forgotten.
  bool next(std::uint64_t& number, v1::Event& event, std::uint64_t& lost) const;
  // The number of the next event.
  [[nodiscard]] std::uint64_t end() const;

  [[nodiscard]] std::vector<v1::Problem> refused() const;  // newest first

  void subscribe(const std::shared_ptr<Watcher>& watcher);

 private:
  mutable std::mutex mutex_;
  std::deque<v1::Event> events_;
  std::uint64_t first_ = 0;  // number of events_.front()
  std::deque<v1::Problem> refused_;
  std::vector<std::weak_ptr<Watcher>> watchers_;
};

}  // namespace alkaid::agent
