// Reads the fields of one protobuf message from bytes that lie in one piece, without making objects
// of them (https://protobuf.dev/programming-guides/encoding).
#pragma once

#include <cstdint>
#include <string_view>

namespace alkaid::agent {

// As protobuf wants them: a number of at most 64 bits, a tag or a length of at most 32.
constexpr unsigned kVarintBytes = 10;
constexpr unsigned kShortVarintBytes = 5;

struct WireField {
  static constexpr std::uint32_t kVarint = 0;
  static constexpr std::uint32_t kFixed64 = 1;
  static constexpr std::uint32_t kBytes = 2;
  static constexpr std::uint32_t kFixed32 = 5;

  std::uint32_t number = 0;
  std::uint32_t type = kVarint;
  std::uint64_t value = 0;  // of a varint
  std::string_view bytes;   // of kBytes; a view into what is read
};

// The bytes must outlive the fields' views. For one thread.
class WireCursor {
 public:
  explicit WireCursor(std::string_view bytes)
      : next_(bytes.data()), end_(bytes.data() + bytes.size()) {}

  // False at the end, and at what can't be read: groups, numbers out of range, a field that is cut
  // off. is_broken() then tells which.
  bool next(WireField& field) {
    if (next_ == end_) {
      return false;
    }
    std::uint64_t tag = 0;
    if (!varint(tag, kShortVarintBytes) || tag >> 3 == 0 || tag > UINT32_MAX) {
      return fail();
    }
    field.number = static_cast<std::uint32_t>(tag >> 3);
    field.type = static_cast<std::uint32_t>(tag & 7);
    switch (field.type) {
      case WireField::kVarint:
        return varint(field.value, kVarintBytes) || fail();
      case WireField::kBytes: {
        std::uint64_t size = 0;
        return (varint(size, kShortVarintBytes) && take(size, field)) || fail();
      }
      case WireField::kFixed64:
        return take(sizeof(std::uint64_t), field) || fail();
      case WireField::kFixed32:
        return take(sizeof(std::uint32_t), field) || fail();
      default:
        return fail();
    }
  }

  [[nodiscard]] bool is_broken() const { return broken_; }

 private:
  bool fail() {
    broken_ = true;
    next_ = end_;
    return false;
  }

  bool take(std::uint64_t size, WireField& field) {
    if (size > static_cast<std::uint64_t>(end_ - next_)) {
      return false;
    }
    field.bytes = {next_, static_cast<std::size_t>(size)};
    next_ += size;
    return true;
  }

  bool varint(std::uint64_t& value, unsigned most_bytes) {
    value = 0;
    for (unsigned shift = 0; shift < 7 * most_bytes && next_ != end_; shift += 7) {
      const auto byte = static_cast<std::uint8_t>(*next_++);
      value |= std::uint64_t{byte & 0x7fU} << shift;
      if (byte < 0x80) {
        return true;
      }
    }
    return false;
  }

  const char* next_;
  const char* end_;
  bool broken_ = false;
};

}  // namespace alkaid::agent
