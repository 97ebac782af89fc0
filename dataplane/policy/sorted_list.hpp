// A sorted array that is changed in batches.
#pragma once

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <vector>

namespace alkaid {

// A few changes cost a move each, many at once one pass over all. Less orders elements totally.
template <class T, class Less>
class SortedList {
 public:
  // In force with settle(), removals before additions; what is removed is there.
  void add(const T& element) { added_.push_back(element); }
  void remove(const T& element) { removed_.push_back(element); }

  void settle() {
    if (removed_.size() <= kFew) {
      for (const T& element : removed_) {
        elements_.erase(std::lower_bound(elements_.begin(), elements_.end(), element, Less{}));
      }
    } else {
      std::sort(removed_.begin(), removed_.end(), Less{});
      std::vector<T> kept;
      kept.reserve(elements_.size());
      std::set_difference(elements_.begin(), elements_.end(), removed_.begin(), removed_.end(),
                          std::back_inserter(kept), Less{});
      elements_.swap(kept);
    }
    removed_.clear();
    if (added_.size() <= kFew) {
      for (const T& element : added_) {
        elements_.insert(std::upper_bound(elements_.begin(), elements_.end(), element, Less{}),
                         element);
      }
    } else {
      std::sort(added_.begin(), added_.end(), Less{});
      const auto middle = static_cast<std::ptrdiff_t>(elements_.size());
      elements_.insert(elements_.end(), added_.begin(), added_.end());
      std::inplace_merge(elements_.begin(), elements_.begin() + middle, elements_.end(), Less{});
    }
    added_.clear();
  }

  [[nodiscard]] const std::vector<T>& elements() const { return elements_; }

 private:
  static constexpr std::size_t kFew = 32;

  std::vector<T> elements_;
  std::vector<T> added_;
  std::vector<T> removed_;
};

}  // namespace alkaid
