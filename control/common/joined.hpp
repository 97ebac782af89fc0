// Lists as text.
#pragma once

#include <string>
#include <string_view>

#include <fmt/format.h>

namespace alkaid {

// The elements with a separator between them. (Compilers warn of fmt::join's format parser.)
template <class Range>
std::string joined(const Range& range, std::string_view separator) {
  std::string text;
  for (const auto& element : range) {
    text += fmt::format("{}{}", text.empty() ? std::string_view{} : separator, element);
  }
  return text;
}

}  // namespace alkaid
