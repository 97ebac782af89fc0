// What may follow at the cursor: for Tab and for ?.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "control/console/command_tree.hpp"

namespace alkaid::console {

struct Candidate {
  std::string word;
  std::string help;
  bool insertable = true;  // false: a hint ("SECONDS") or a word that can't be typed as it is
};

struct Completion {
  std::string partial;  // the word at the cursor, as far as it is typed
  std::vector<Candidate> candidates;

  // What Tab appends: the rest of what all insertable candidates begin with, and a blank if there
  // is only one. Empty if they have nothing more in common.
  [[nodiscard]] std::string insertion() const;
};

// Values that exist now, of an argument.
using NameSource = std::function<std::vector<std::string>(NameKind kind)>;

// No candidates if the words before the cursor are wrong.
Completion complete(const Node& root, std::string_view before_cursor, const NameSource& names);

}  // namespace alkaid::console
