// Values that many have, each stored once, by 32-bit numbers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <utility>
#include <vector>

namespace alkaid::agent {

// For one thread. A number is valid until it was released as often as it was taken; then another
// value may get it.
template <class Value>
class Interned {
 public:
  std::uint32_t take(const Value& value) {
    const auto [entry, is_new] = numbers_.try_emplace(value, 0);
    if (is_new) {
      entry->second = next_number();
      entries_[entry->second] = {&entry->first, 0};
    }
    ++entries_[entry->second].uses;
    return entry->second;
  }

  void release(std::uint32_t number) {
    if (--entries_[number].uses == 0) {
      numbers_.erase(numbers_.find(*entries_[number].value));
      entries_[number] = {};
      free_.push_back(number);
    }
  }

  [[nodiscard]] std::optional<std::uint32_t> find(const Value& value) const {
    const auto found = numbers_.find(value);
    return found == numbers_.end() ? std::nullopt : std::optional{found->second};
  }

  [[nodiscard]] const Value& operator[](std::uint32_t number) const {
    return *entries_[number].value;
  }

  [[nodiscard]] std::size_t size() const { return numbers_.size(); }

  // Calls see(value, uses) for each.
  template <class See>
  void for_each(const See& see) const {
    for (const auto& [value, number] : numbers_) {
      see(value, entries_[number].uses);
    }
  }

 private:
  struct Entry {
    const Value* value = nullptr;
    std::size_t uses = 0;
  };

  std::uint32_t next_number() {
    if (free_.empty()) {
      entries_.emplace_back();
      return static_cast<std::uint32_t>(entries_.size() - 1);
    }
    const std::uint32_t number = free_.back();
    free_.pop_back();
    return number;
  }

  std::map<Value, std::uint32_t> numbers_;
  std::vector<Entry> entries_;
  std::vector<std::uint32_t> free_;
};

}  // namespace alkaid::agent
