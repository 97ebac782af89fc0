#include "control/console/display.hpp"

#include <fmt/format.h>

#include "control/common/logging.hpp"

namespace alkaid::console {
namespace {

constexpr std::size_t kLongestCell = 256;

}  // namespace

Value none() {
  return {"-", nullptr};
}

Value text(std::string_view content) {
  return {content.empty() ? "-" : printable(content, kLongestCell), std::string{content}};
}

Value number(std::uint64_t value) {
  return {fmt::format("{}", value), value};
}

Value decimal(double value, std::string_view unit) {
  return {fmt::format("{:.1f}{}", value, unit), value};
}

Value boolean(bool value) {
  return {value ? "yes" : "no", value};
}

Value list(const std::vector<std::string>& items) {
  std::string joined;
  for (const std::string& item : items) {
    if (!joined.empty()) {
      joined += ',';
    }
    joined += printable(item, kLongestCell);
  }
  return {joined.empty() ? "-" : joined, items};
}

}  // namespace alkaid::console
