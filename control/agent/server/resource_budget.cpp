#include "control/agent/server/resource_budget.hpp"

namespace alkaid::agent {

bool ResourceBudget::try_enter(std::size_t resources) {
  const std::lock_guard lock{mutex_};
  if (!waiting_.empty() || !has_room(resources)) {
    return false;
  }
  taken_ += resources;
  return true;
}

void ResourceBudget::enter(std::size_t resources, std::function<void()> start) {
  std::vector<std::function<void()>> startable;
  {
    const std::lock_guard lock{mutex_};
    waiting_.emplace_back(resources, std::move(start));
    startable = take_startable();
  }
  for (const auto& run : startable) {
    run();
  }
}

void ResourceBudget::leave(std::size_t resources) {
  std::vector<std::function<void()>> startable;
  {
    const std::lock_guard lock{mutex_};
    taken_ -= resources;
    startable = take_startable();
  }
  for (const auto& run : startable) {
    run();
  }
}

std::vector<std::function<void()>> ResourceBudget::take_startable() {
  std::vector<std::function<void()>> startable;
  while (!waiting_.empty() && has_room(waiting_.front().first)) {
    taken_ += waiting_.front().first;
    startable.push_back(std::move(waiting_.front().second));
    waiting_.pop_front();
  }
  return startable;
}

}  // namespace alkaid::agent
