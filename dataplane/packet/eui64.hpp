// Interface identifiers made of MAC addresses.
#pragma once

#include <cstdint>
#include <optional>

#include "control/common/net/ip_address.hpp"
#include "control/common/net/mac_address.hpp"

namespace alkaid {

// The MAC that a link-local address was made of (RFC 4291, appendix A); nullopt: of none.
constexpr std::optional<MacAddress> mac_of_link_local(const IpAddress& address) {
  const std::uint64_t low = address.low();
  if (address.high() != 0xfe80000000000000ULL || (low >> 24 & 0xffff) != 0xfffe) {
    return std::nullopt;
  }
  const auto mac =
      MacAddress::from_number(((low >> 40) << 24 | (low & 0xffffff)) ^ 0x020000000000ULL);
  return mac.is_unicast() ? std::optional{mac} : std::nullopt;
}

}  // namespace alkaid
