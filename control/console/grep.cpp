#include "control/console/grep.hpp"

#include <array>
#include <utility>

#include <fmt/format.h>

#include "control/common/logging.hpp"

namespace alkaid::console {
namespace {

// The C library needs memory and time that grow with the pattern; people type short ones.
constexpr std::size_t kLongestPattern = 256;

}  // namespace

void LineFilter::Free::operator()(regex_t* expression) const {
  ::regfree(expression);
  delete expression;
}

std::variant<LineFilter, std::string> LineFilter::make(const std::string& pattern) {
  if (pattern.size() > kLongestPattern) {
    return fmt::format("the pattern is longer than {} bytes", kLongestPattern);
  }
  auto* expression = new regex_t{};
  const int error = ::regcomp(expression, pattern.c_str(), REG_EXTENDED | REG_NOSUB);
  if (error != 0) {
    std::array<char, 128> reason{};
    ::regerror(error, expression, reason.data(), reason.size());
    delete expression;
    return fmt::format("\"{}\" is no regular expression: {}", printable(pattern, 64),
                       reason.data());
  }
  return LineFilter{std::unique_ptr<regex_t, Free>{expression}};
}

std::string LineFilter::apply(std::string_view text) const {
  std::string result;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    const std::string line{text.substr(0, end)};
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (::regexec(expression_.get(), line.c_str(), 0, nullptr, 0) == 0) {
      result += line + '\n';
    }
  }
  return result;
}

}  // namespace alkaid::console
