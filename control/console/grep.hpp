// | grep PATTERN
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <variant>

#include <regex.h>

namespace alkaid::console {

// Keeps the lines in which a POSIX extended regular expression matches.
class LineFilter {
 public:
  // The error says what is wrong with the pattern.
  static std::variant<LineFilter, std::string> make(const std::string& pattern);

  [[nodiscard]] std::string apply(std::string_view text) const;

 private:
  struct Free {
    void operator()(regex_t* expression) const;
  };

  explicit LineFilter(std::unique_ptr<regex_t, Free> expression)
      : expression_(std::move(expression)) {}

  std::unique_ptr<regex_t, Free> expression_;
};

}  // namespace alkaid::console
