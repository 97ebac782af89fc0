// The underlay as workers see it: our addresses on it, and where its packets leave.
#pragma once

#include <atomic>
#include <cstdint>
#include <vector>

#include "control/common/net/ip_address.hpp"
#include "control/common/net/mac_address.hpp"
#include "dataplane/flood/rate_limit.hpp"
#include "dataplane/packet/parse_underlay.hpp"
#include "dataplane/ports/port.hpp"

namespace alkaid {

// Fixed at start, but for the uplink's port, which comes and goes with its device.
struct Underlay {
  UnderlayFormat format;
  // Our tunnel endpoints; zero and unset where we have none of the family.
  Ipv4Address vtep_v4;
  IpAddress vtep_v6;
  // Send and accept UDP over IPv6 without a checksum (RFC 6935, 6936).
  bool udp6_zero_checksum = false;
  // Packets that may be fragmented and are too big are fragmented outside, and outer fragments are
  // put together; otherwise both are dropped.
  bool fragments_outside = false;
  // What encapsulation takes from the MTU, for clamping TCP's segment size; 0: don't.
  std::uint16_t mss_clamp_overhead = 0;
  // The endpoints with their links' prefixes, in the order of configuration.
  std::vector<IpPrefix> vteps;

  // Frames from the uplink to the host's kernel.
  Rate exception_rate;
  RateLimit exception_limit;

  // kNoPort while no uplink is attached.
  std::atomic<PortIndex> uplink{kNoPort};
  // To the host's kernel, which gets what is not ours; kNoPort: not wanted, or not attached.
  std::atomic<PortIndex> exception{kNoPort};

  // Control thread. Our endpoint of a family with its prefix; nullptr if there is none.
  [[nodiscard]] const IpPrefix* vtep_of_family(bool v4) const {
    for (const auto& vtep : vteps) {
      if (vtep.address.is_v4() == v4) {
        return &vtep;
      }
    }
    return nullptr;
  }
};

// What an ARP or neighbor discovery packet on the underlay said: `address` is at `mac`. Passed
// through a ring from workers to the control thread.
struct UnderlayObservation {
  IpAddress address;
  MacAddress mac;
  // Neighbor advertisements: replace what is known already (RFC 4861, 7.2.5). ARP always does.
  bool overrides = true;
  std::uint8_t reserved = 0;
};
static_assert(sizeof(UnderlayObservation) == 24);

}  // namespace alkaid
