// IP protocols by name, as people write them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "control/console/display.hpp"

namespace alkaid::console {

// "tcp" or "6".
std::optional<std::uint8_t> parse_protocol(std::string_view text);
// "tcp", or the number of one without a name.
std::string protocol_text(std::uint32_t number);
// The number in JSON.
Value protocol(std::uint32_t number);

// Has ports. ICMP and ICMPv6 have types.
bool has_ports(std::uint32_t protocol);
bool is_icmp(std::uint32_t protocol);

}  // namespace alkaid::console
