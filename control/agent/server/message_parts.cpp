#include "control/agent/server/message_parts.hpp"

#include <algorithm>

#include "control/agent/goal_state/wire_cursor.hpp"

namespace alkaid::agent {
namespace {

// Reads bytes that lie in several slices.
class SliceReader {
 public:
  explicit SliceReader(const std::vector<grpc::Slice>& slices) : slices_(slices) { settle(); }

  [[nodiscard]] bool at_end() const { return slice_ == slices_.size(); }

  bool byte(std::uint8_t& value) {
    if (at_end()) {
      return false;
    }
    value = slices_[slice_].begin()[offset_++];
    settle();
    return true;
  }

  // The bytes of the number are appended to `copy`.
  bool varint(std::uint64_t& value, unsigned most_bytes, std::string& copy) {
    value = 0;
    std::uint8_t byte_read = 0;
    for (unsigned shift = 0; shift < 7 * most_bytes && byte(byte_read); shift += 7) {
      copy.push_back(static_cast<char>(byte_read));
      value |= std::uint64_t{byte_read & 0x7fU} << shift;
      if (byte_read < 0x80) {
        return true;
      }
    }
    return false;
  }

  // A view of the next bytes if they lie in one slice, else of a copy in `joined`.
  bool take(std::uint64_t size, std::string_view& bytes, std::deque<std::string>& joined) {
    if (!at_end() && size <= slices_[slice_].size() - offset_) {
      bytes = {reinterpret_cast<const char*>(slices_[slice_].begin()) + offset_,
               static_cast<std::size_t>(size)};
      offset_ += static_cast<std::size_t>(size);
      settle();
      return true;
    }
    std::string& copy = joined.emplace_back();
    if (!append(size, copy)) {
      return false;
    }
    bytes = copy;
    return true;
  }

  bool append(std::uint64_t size, std::string& copy) {
    while (size > 0 && !at_end()) {
      const auto part =
          static_cast<std::size_t>(std::min<std::uint64_t>(size, slices_[slice_].size() - offset_));
      copy.append(reinterpret_cast<const char*>(slices_[slice_].begin()) + offset_, part);
      offset_ += part;
      size -= part;
      settle();
    }
    return size == 0;
  }

 private:
  void settle() {
    while (slice_ < slices_.size() && offset_ == slices_[slice_].size()) {
      ++slice_;
      offset_ = 0;
    }
  }

  const std::vector<grpc::Slice>& slices_;
  std::size_t slice_ = 0;
  std::size_t offset_ = 0;
};

}  // namespace

std::optional<MessageParts> take_apart(const grpc::ByteBuffer& message,
                                       std::uint32_t neighbor_field, std::size_t most_resources) {
  MessageParts parts;
  if (!message.Dump(&parts.slices).ok()) {
    return std::nullopt;
  }
  SliceReader reader{parts.slices};
  std::string head;  // tag and length of the field that is read
  while (!reader.at_end()) {
    if (++parts.resources > most_resources) {
      return parts;
    }
    head.clear();
    std::uint64_t tag = 0;
    std::uint64_t value = 0;
    if (!reader.varint(tag, kShortVarintBytes, head) || tag >> 3 == 0 || tag > UINT32_MAX) {
      return std::nullopt;
    }
    const auto type = static_cast<std::uint32_t>(tag & 7);
    std::uint64_t size = 0;
    switch (type) {
      case WireField::kVarint:
        if (!reader.varint(value, kVarintBytes, head)) {
          return std::nullopt;
        }
        break;
      case WireField::kBytes:
        if (!reader.varint(size, kShortVarintBytes, head)) {
          return std::nullopt;
        }
        break;
      case WireField::kFixed64:
        size = sizeof(std::uint64_t);
        break;
      case WireField::kFixed32:
        size = sizeof(std::uint32_t);
        break;
      default:
        return std::nullopt;
    }
    const bool is_neighbor = tag >> 3 == neighbor_field && type == WireField::kBytes;
    if (is_neighbor && !reader.take(size, parts.neighbors.emplace_back(), parts.joined)) {
      return std::nullopt;
    }
    if (!is_neighbor && !reader.append(size, parts.rest.append(head))) {
      return std::nullopt;
    }
  }
  return parts;
}

}  // namespace alkaid::agent
