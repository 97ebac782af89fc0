// The maximum segment size that TCP's ends announce (RFC 9293, 3.7.1), lowered to what a path
// takes.
#pragma once

#include <cstdint>
#include <span>

#include "dataplane/packet/parse.hpp"

namespace alkaid {

// Makes the MSS option of a TCP SYN or SYN-ACK say no more than fits into IP packets of `mtu`
// bytes: 40 less over IPv4, 60 over IPv6. Leaves alone what says less, what has no such option
// (536 bytes are then meant, or 1,220) and anything else. `frame` was parsed into `headers`; any
// thread. The checksum is updated (RFC 1624), so it stays as right or wrong as it was.
void clamp_mss(std::span<std::uint8_t> frame, const FrameHeaders& headers, std::uint16_t mtu);

}  // namespace alkaid
