#include "dataplane/vxlan/entropy.hpp"

#include <cstring>

namespace alkaid {
namespace {

// Two rounds of multiply and fold; every input bit reaches the low 14 bits that the port takes.
constexpr std::uint64_t mix(std::uint64_t state, std::uint64_t word) {
  state = (state ^ word) * 0x9e3779b97f4a7c15ULL;
  return state ^ state >> 32;
}

std::uint64_t read64(const std::uint8_t* bytes) {
  std::uint64_t word;
  std::memcpy(&word, bytes, sizeof(word));
  return word;
}

}  // namespace

std::uint32_t flow_entropy(std::span<const std::uint8_t> frame, const FrameHeaders& headers) {
  const std::uint8_t* l3 = frame.data() + headers.l3_offset;
  const std::uint64_t ports = headers.is_fragment ? 0
                                                  : std::uint64_t{headers.source_port.raw()} << 16 |
                                                        headers.destination_port.raw();
  std::uint64_t state = ports << 8 | headers.protocol;
  switch (headers.kind) {
    case FrameHeaders::Kind::kIpv4:
      state = mix(state, read64(l3 + offsetof(Ipv4Header, source)));
      break;
    case FrameHeaders::Kind::kIpv6:
      for (std::size_t i = 0; i < 4; ++i) {
        state = mix(state, read64(l3 + offsetof(Ipv6Header, source) + 8 * i));
      }
      break;
    case FrameHeaders::Kind::kArp:
      state = mix(state, read64(frame.data()));
      break;
  }
  state = mix(state, 0x416c6b616964ULL);
  return static_cast<std::uint32_t>(state >> 16);
}

}  // namespace alkaid
