// What a push did, for people and for programs.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "control/goalstate/push_client.hpp"

namespace alkaid::goalstate {

struct Totals {
  std::size_t success = 0;
  std::size_t pending = 0;
  std::size_t failure = 0;  // FAILURE, OUT_OF_ORDER and numbers without a name
  std::size_t invalid_arg = 0;
  std::size_t slices_refused = 0;  // or not at the message's version

  [[nodiscard]] bool all_good() const {
    return failure == 0 && invalid_arg == 0 && slices_refused == 0;
  }
};

Totals count(const std::vector<Reply>& replies);

// A table of statuses, a line for each slice that was told, and a line that sums them up. Of
// successes the first `longest_success_list` are listed, everything else always.
std::string to_text(const std::vector<Reply>& replies, std::size_t longest_success_list);

// {"replies": [{"file": ..., fields of GoalStateOperationReply}], "summary": {...}}
std::string to_json(const std::vector<Reply>& replies);

}  // namespace alkaid::goalstate
