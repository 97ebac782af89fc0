// Fields of the local APIs as cells.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "alkaid/dataplane/v1/dataplane.pb.h"
#include "control/console/display.hpp"

namespace alkaid::console {

// "10.0.0.1"; empty if unset.
std::string ip_text(const dataplane::v1::IpAddress& address);
std::string ip_text(std::uint64_t high, std::uint64_t low);
// "10.0.0.0/24"; empty if the address is unset and the length 0.
std::string prefix_text(const dataplane::v1::Prefix& prefix);

// Unset is "-" and null.
Value ip(const dataplane::v1::IpAddress& address);
Value mac(std::uint64_t number);
Value vni(std::uint32_t number);

// 64-bit identifiers as hexadecimal text: a JSON number would lose bits in many programs.
Value identifier(std::uint64_t value);
std::string identifier_text(std::uint64_t value);
// "0x1f" or "31".
std::optional<std::uint64_t> parse_identifier(std::string_view text);

// Microseconds as "3d 04:05:06" or "12.3 ms"; the number in JSON.
Value duration(std::uint64_t microseconds);
// Microseconds since the Unix epoch as "2026-01-31T12:00:00.123456Z" in both.
Value timestamp(std::uint64_t microseconds);

// part/whole in percent, none() if whole is 0.
Value percent(std::uint64_t part, std::uint64_t whole);
// part/whole with one decimal, none() if whole is 0.
Value ratio(std::uint64_t part, std::uint64_t whole);

}  // namespace alkaid::console
