#include "control/agent/durable/batch.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace alkaid::agent::durable {
namespace {

// The beginning of a key as numbers that sort as it does: most comparisons end there, without a
// look at bytes that lie anywhere.
struct SortKey {
  std::array<std::uint64_t, 2> head;
  std::uint32_t index;
};

SortKey sort_key(std::string_view key, std::uint32_t index) {
  SortKey sort_key{{0, 0}, index};
  for (std::size_t i = 0; i < 16; ++i) {
    const auto byte = i < key.size() ? static_cast<unsigned char>(key[i]) : 0U;
    sort_key.head[i / 8] = sort_key.head[i / 8] << 8 | byte;
  }
  return sort_key;
}

}  // namespace

std::vector<Batch::Operation> Batch::sorted() const {
  std::vector<SortKey> keys;
  keys.reserve(size());
  for (std::size_t i = 0; i < size(); ++i) {
    keys.push_back(sort_key((*this)[i].key, static_cast<std::uint32_t>(i)));
  }
  std::sort(keys.begin(), keys.end(), [this](const SortKey& a, const SortKey& b) {
    if (a.head != b.head) {
      return a.head < b.head;
    }
    const int order = (*this)[a.index].key.compare((*this)[b.index].key);
    return order != 0 ? order < 0 : a.index < b.index;
  });
  std::vector<Operation> operations;
  operations.reserve(keys.size());
  for (const SortKey& key : keys) {
    const Operation operation = (*this)[key.index];
    if (!operations.empty() && operations.back().key == operation.key) {
      operations.back() = operation;
    } else {
      operations.push_back(operation);
    }
  }
  return operations;
}

void Batch::compact() {
  Batch kept;
  for (const Operation& operation : sorted()) {
    kept.entries_.push_back({kept.bytes_.size(), static_cast<std::uint32_t>(operation.value.size()),
                             static_cast<std::uint8_t>(operation.key.size()), operation.is_erase});
    kept.bytes_.append(operation.key).append(operation.value);
  }
  kept.compact_above_ = std::max(kCompactAbove, 2 * kept.bytes_.size());
  kept.is_whole_ = is_whole_;
  *this = std::move(kept);
}

}  // namespace alkaid::agent::durable
