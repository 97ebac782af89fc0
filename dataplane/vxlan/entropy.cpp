#include "dataplane/vxlan/entropy.hpp"

#include <array>
#include <bit>
#include <cstring>

#include "dataplane/flow/flow_hash.hpp"

namespace alkaid {
namespace {

std::uint64_t read64(const std::uint8_t* bytes) {
  std::uint64_t word;
  std::memcpy(&word, bytes, sizeof(word));
  return word;
}

std::array<std::uint64_t, 2> read128(const std::uint8_t* bytes) {
  return {read64(bytes), read64(bytes + 8)};
}

}  // namespace

std::uint32_t flow_entropy(std::span<const std::uint8_t> frame, const FrameHeaders& headers) {
  const std::uint8_t* l3 = frame.data() + headers.l3_offset;
  const auto ports = headers.is_fragment
                         ? 0
                         : std::bit_cast<std::uint32_t>(std::array{headers.source_port.raw(),
                                                                   headers.destination_port.raw()});
  switch (headers.kind) {
    case FrameHeaders::Kind::kIpv4:
      return entropy_of(
          tuple_hash(read64(l3 + offsetof(Ipv4Header, source)), ports, headers.protocol));
    case FrameHeaders::Kind::kIpv6:
      return entropy_of(tuple_hash(read128(l3 + offsetof(Ipv6Header, source)),
                                   read128(l3 + offsetof(Ipv6Header, destination)), ports,
                                   headers.protocol));
    case FrameHeaders::Kind::kArp:
      break;
  }
  return entropy_of(tuple_hash(read64(frame.data()), 0, 0));
}

}  // namespace alkaid
