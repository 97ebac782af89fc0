// Completing checksums that a sender's kernel left to "the hardware".
#pragma once

#include <cstdint>
#include <span>

#include "dataplane/packet/parse.hpp"

namespace alkaid {

// A veth hands over TCP and UDP packets whose checksum field holds only the folded sum of the
// pseudo-header (Linux CHECKSUM_PARTIAL). Such a field is recognised by its value and replaced by
// the whole checksum. A packet whose true checksum happens to have that value (one in 65,536) gets
// the same checksum again, so recognising by value never breaks a valid packet.
//
// SCTP is left alone: its checksum is a CRC, and a guest must compute it (Linux does unless the
// device claims to).
//
// `bytes` holds the frame up to headers.l3_end; `headers` comes from parse_frame.
void complete_partial_checksum(std::span<std::uint8_t> bytes, const FrameHeaders& headers);

}  // namespace alkaid
