// How conditions of resources are made.
#pragma once

#include <string>
#include <utility>

#include <fmt/format.h>

#include "control/agent/reconcile/reconciler.hpp"

namespace alkaid::agent {

inline Condition pending(std::string field, std::string value, std::string message) {
  return {Status::kPending, std::move(field), std::move(value), std::move(message)};
}

template <class Map, class Key>
Condition Reconciler::object_condition(const Map& failures, const Key& key) const {
  if (!connected_) {
    return disconnected();
  }
  const auto failure = failures.empty() ? failures.end() : failures.find(key);
  if (failure == failures.end()) {
    return {};
  }
  const Failure& found = failure->second;
  if (found.code == api::TABLE_FULL) {
    return pending(found.field, "",
                   fmt::format("the data plane has no room now, tried again: {}", found.message));
  }
  if (found.code == api::INVALID && !found.is_delete) {
    return {Status::kInvalidArgument, found.field, "",
            fmt::format("the data plane refused it: {}", found.message)};
  }
  return {Status::kFailure, found.field, "",
          fmt::format("the data plane failed on it: {}", found.message)};
}

}  // namespace alkaid::agent
