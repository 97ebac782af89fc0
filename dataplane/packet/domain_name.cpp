#include "dataplane/packet/domain_name.hpp"

#include <algorithm>
#include <cctype>
#include <map>

namespace alkaid {
namespace {

constexpr std::size_t kLongestLabel = 63;
// A pointer has 14 bits for the offset.
constexpr std::size_t kPointerLimit = 1U << 14;
constexpr std::uint8_t kPointerMark = 0xc0;

std::string_view without_final_dot(std::string_view name) {
  return name.ends_with('.') ? name.substr(0, name.size() - 1) : name;
}

// Takes the first label off `name`.
std::string_view take_label(std::string_view& name) {
  const auto dot = name.find('.');
  const auto label = name.substr(0, dot);
  name = dot == std::string_view::npos ? std::string_view{} : name.substr(dot + 1);
  return label;
}

void append_label(std::string_view label, std::vector<std::uint8_t>& output) {
  output.push_back(static_cast<std::uint8_t>(label.size()));
  output.insert(output.end(), label.begin(), label.end());
}

}  // namespace

bool is_domain_name(std::string_view name) {
  name = without_final_dot(name);
  // Each label costs its length byte, the end one zero.
  if (name.empty() || name.ends_with('.') || name.size() + 2 > kLongestDomainName) {
    return false;
  }
  while (!name.empty()) {
    const auto label = take_label(name);
    const bool is_good = std::all_of(label.begin(), label.end(), [](unsigned char c) {
      return std::isalnum(c) != 0 || c == '-' || c == '_';
    });
    if (label.empty() || label.size() > kLongestLabel || !is_good) {
      return false;
    }
  }
  return true;
}

void append_domain_name(std::string_view name, std::vector<std::uint8_t>& output) {
  name = without_final_dot(name);
  while (!name.empty()) {
    append_label(take_label(name), output);
  }
  output.push_back(0);
}

std::size_t encode_domain_name(std::string_view name, std::span<std::uint8_t> output) noexcept {
  name = without_final_dot(name);
  const std::size_t size = name.size() + 2;
  if (!is_domain_name(name) || size > output.size()) {
    return 0;
  }
  std::size_t position = 0;
  while (!name.empty()) {
    const auto label = take_label(name);
    output[position++] = static_cast<std::uint8_t>(label.size());
    std::copy(label.begin(), label.end(), output.begin() + static_cast<std::ptrdiff_t>(position));
    position += label.size();
  }
  output[position++] = 0;
  return position;
}

std::vector<std::uint8_t> encode_domain_names(std::span<const std::string> names) {
  std::vector<std::uint8_t> output;
  for (const std::string& name : names) {
    if (!name.empty()) {
      append_domain_name(name, output);
    }
  }
  return output;
}

std::vector<std::uint8_t> encode_search_list(std::span<const std::string> names) {
  std::vector<std::uint8_t> output;
  std::map<std::string, std::size_t, std::less<>> suffixes;  // to where they begin
  for (std::string_view name : names) {
    name = without_final_dot(name);
    bool ended = false;
    while (!name.empty() && !ended) {
      const auto known = suffixes.find(name);
      if (known != suffixes.end()) {
        output.push_back(static_cast<std::uint8_t>(kPointerMark | known->second >> 8));
        output.push_back(static_cast<std::uint8_t>(known->second));
        ended = true;
        break;
      }
      if (output.size() < kPointerLimit) {
        suffixes.emplace(name, output.size());
      }
      append_label(take_label(name), output);
    }
    if (!ended) {
      output.push_back(0);
    }
  }
  return output;
}

}  // namespace alkaid
