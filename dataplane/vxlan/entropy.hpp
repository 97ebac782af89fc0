// The hash of a packet's flow that spreads tunnelled packets over the underlay's paths.
#pragma once

#include <cstdint>
#include <span>

#include "dataplane/packet/parse.hpp"

namespace alkaid {

// Equal for all packets of one flow; fragments of one datagram agree because ports are left out for
// all of them. `frame` was parsed into `headers`.
std::uint32_t flow_entropy(std::span<const std::uint8_t> frame, const FrameHeaders& headers);

// RFC 7348, section 5: a source port from the dynamic range 49152 .. 65535.
constexpr std::uint16_t entropy_port(std::uint32_t entropy) {
  return static_cast<std::uint16_t>(0xc000U | (entropy & 0x3fffU));
}

}  // namespace alkaid
