// Frames that tell who has an address now, without being asked: gratuitous ARP (RFC 5227, 3) and
// unsolicited neighbor advertisements (RFC 4861, 7.2.6). No DPDK, no allocation.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "control/common/net/ip_address.hpp"
#include "control/common/net/mac_address.hpp"
#include "dataplane/nd/nd_message.hpp"

namespace alkaid {

struct AnnouncementFrame {
  std::array<std::uint8_t, kNeighborAdvertisementSize> bytes{};
  std::size_t length = 0;
};
static_assert(kNeighborAdvertisementSize >= sizeof(EthernetHeader) + sizeof(ArpHeader));

// For everybody on the link. is_router: the address is a gateway's (IPv6 only says so).
[[nodiscard]] AnnouncementFrame make_announcement(const IpAddress& address, const MacAddress& mac,
                                                  bool is_router);

}  // namespace alkaid
