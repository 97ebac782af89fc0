// Bytes on the heap in a block of exactly their size, so that AddressSanitizer sees a read or write
// of the first byte beyond them (std::vector may own more than it holds).
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <span>

namespace alkaid::test {

class ExactCopy {
 public:
  explicit ExactCopy(std::span<const std::uint8_t> bytes)
      : size_(bytes.size()), block_(std::make_unique<std::uint8_t[]>(bytes.size())) {
    std::copy(bytes.begin(), bytes.end(), block_.get());
  }

  [[nodiscard]] std::span<std::uint8_t> bytes() { return {block_.get(), size_}; }
  [[nodiscard]] std::size_t size() const { return size_; }

 private:
  std::size_t size_;
  std::unique_ptr<std::uint8_t[]> block_;
};

}  // namespace alkaid::test
