// Takes any bytes apart as a goal state: nothing is lost or invented, wherever its slices end.
//
// Input: one byte, the size of the slices; then the message.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "control/agent/server/message_parts.hpp"
#include "tests/fuzz/require.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace alkaid::agent;
  if (size == 0) {
    return 0;
  }
  const std::size_t longest = std::size_t{data[0]} + 1;
  const std::size_t length = size - 1;
  std::vector<grpc::Slice> slices;
  for (std::size_t at = 0; at < length; at += longest) {
    slices.emplace_back(data + 1 + at, std::min(longest, length - at));
  }
  constexpr std::uint32_t kNeighbors = 5;
  constexpr std::size_t kMost = 1000;
  const auto parts = take_apart(grpc::ByteBuffer{slices.data(), slices.size()}, kNeighbors, kMost);
  const grpc::Slice whole{data + 1, length};
  const auto in_one = take_apart(grpc::ByteBuffer{&whole, 1}, kNeighbors, kMost);
  ALKAID_REQUIRE(parts.has_value() == in_one.has_value());
  if (parts) {
    ALKAID_REQUIRE(parts->rest == in_one->rest && parts->resources == in_one->resources);
    ALKAID_REQUIRE(parts->neighbors == in_one->neighbors && parts->resources <= kMost + 1);
    std::size_t total = parts->rest.size();
    for (const auto neighbor : parts->neighbors) {
      total += neighbor.size();
    }
    ALKAID_REQUIRE(total <= length);
  }
  return 0;
}
