// What makes goal states outlive the process, as the reconciler's thread sees it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "control/agent/reconcile/goal_state_task.hpp"

namespace alkaid::agent {

// Called on the reconciler's thread.
class Durability {
 public:
  virtual ~Durability() = default;

  // What has changed in the desired state since the last call begins to be stored.
  virtual void submit() = 0;
  // The same in the middle of a message: it is stored with what the next submit() adds, or not at
  // all.
  virtual void submit_ahead() = 0;

  // Calls `done` of every task, in order, once all that was submitted is stored; on any thread. If
  // it can't be stored, the statuses say so.
  virtual void finish(std::vector<std::unique_ptr<GoalStateTask>> tasks) = 0;

  // Any thread: where it is stored, and why not at present (empty: it is).
  [[nodiscard]] virtual const std::string& path() const = 0;
  [[nodiscard]] virtual std::string problem() const = 0;
};

}  // namespace alkaid::agent
