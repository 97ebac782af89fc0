// Which addresses a tunnel can end at.
#pragma once

#include "control/common/net/ip_address.hpp"
#include "dataplane/packet/link_local.hpp"

namespace alkaid {

// The address of one station that is the same seen from anywhere: not of a group, loopback,
// unspecified or link-local.
inline bool is_endpoint(const IpAddress& address) {
  if (address.is_v4()) {
    return address.v4().is_host_address();
  }
  const bool is_loopback = address.high() == 0 && address.low() == 1;
  return !address.is_unset() && !is_loopback && address.bytes()[0] != 0xff &&
         !is_link_local(address);
}

}  // namespace alkaid
