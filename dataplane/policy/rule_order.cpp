#include "dataplane/policy/rule_order.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace alkaid {
namespace {

// Below that a comparison sort is faster than two passes over the counters.
constexpr std::size_t kManyRules = 1024;
constexpr unsigned kDigitBits = 12;
constexpr std::size_t kDigits = std::size_t{1} << kDigitBits;

// Keeps the order of rules with the same digit.
void sort_by_digit(const std::vector<RuleInterval>& rules, unsigned shift,
                   std::vector<RuleInterval>& sorted) {
  const auto digit = [shift](const RuleInterval& rule) {
    return rule.first >> shift & (kDigits - 1);
  };
  std::array<std::uint32_t, kDigits> places{};
  for (const auto& rule : rules) {
    ++places[digit(rule)];
  }
  std::uint32_t place = 0;
  for (auto& count : places) {
    place += std::exchange(count, place);
  }
  sorted.resize(rules.size());
  for (const auto& rule : rules) {
    sorted[places[digit(rule)]++] = rule;
  }
}

}  // namespace

void sort_by_first(std::vector<RuleInterval>& rules, std::vector<RuleInterval>& scratch) {
  if (rules.size() < kManyRules) {
    std::sort(rules.begin(), rules.end(),
              [](const RuleInterval& a, const RuleInterval& b) { return a.first < b.first; });
    return;
  }
  static_assert(kLargestSelector < Selector{1} << 2 * kDigitBits);
  sort_by_digit(rules, 0, scratch);
  sort_by_digit(scratch, kDigitBits, rules);
}

}  // namespace alkaid
