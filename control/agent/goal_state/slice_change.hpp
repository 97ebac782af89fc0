// What a message says of a slice, and what is answered. See docs/design/slices.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace alkaid::agent {

// Numbers of alcor.schema.Slice.Operation.
enum class SliceOperation : std::uint8_t {
  kDelta = 0,
  kReplace = 1,
  kDrop = 2,
  kAsk = 3,
  kUnknown = 255,
};

struct SliceChange {
  static constexpr std::size_t kMostDigestBytes = 64;  // what is longer is none: it is cut

  std::string name;
  SliceOperation operation = SliceOperation::kDelta;
  std::uint64_t base_version = 0;  // 0: not compared
  std::string base_digest;         // empty: not compared
  std::uint64_t version = 0;       // 0: one more than it is
};

struct SliceReport {
  std::string name;
  std::uint64_t version = 0;  // 0: there is none
  std::string digest;         // 32 hexadecimal digits
  std::uint64_t resources = 0;
  std::string problem;  // empty: the slice is this version
};

}  // namespace alkaid::agent
