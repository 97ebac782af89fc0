// Takes a received goal state apart: its neighbors, one by one, and the rest as one smaller
// message.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <grpcpp/support/byte_buffer.h>

namespace alkaid::agent {

// Owns what the views point into.
struct MessageParts {
  std::vector<grpc::Slice> slices;          // the message as it came
  std::deque<std::string> joined;           // neighbors that lie in several slices
  std::vector<std::string_view> neighbors;  // each encoded, in their order
  std::string rest;                         // every other field, encoded as it came
  std::size_t resources = 0;                // fields of the message
};

// Any thread. neighbor_field: the number of the message's field that holds neighbors. None: the
// bytes are no protobuf message of which this could be said, or hold a group (protobuf's old form
// of nested messages). Stops counting, and taking apart, after most_resources + 1.
std::optional<MessageParts> take_apart(const grpc::ByteBuffer& message,
                                       std::uint32_t neighbor_field, std::size_t most_resources);

}  // namespace alkaid::agent
