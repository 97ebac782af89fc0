// Neighbor discovery messages (RFC 4861): reading what stations send, writing advertisements.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "control/common/net/ip_address.hpp"
#include "control/common/net/mac_address.hpp"
#include "dataplane/packet/parse.hpp"

namespace alkaid {

// RFC 4861, 4.3 and 4.4: a neighbor solicitation or advertisement, up to its options.
struct NdNeighborHeader {
  static constexpr std::uint32_t kRouter = 0x80000000;
  static constexpr std::uint32_t kSolicited = 0x40000000;
  static constexpr std::uint32_t kOverride = 0x20000000;

  std::uint8_t type;
  std::uint8_t code;
  BigEndian16 checksum;
  BigEndian32 flags;  // reserved in a solicitation
  std::array<std::uint8_t, 16> target;
};
static_assert(sizeof(NdNeighborHeader) == 24);

namespace nd_option {
inline constexpr std::uint8_t kSourceLinkAddress = 1;
inline constexpr std::uint8_t kTargetLinkAddress = 2;
}  // namespace nd_option

// RFC 4861, 4.6.1, for Ethernet (RFC 2464, 6).
struct NdLinkAddressOption {
  std::uint8_t type;
  std::uint8_t length;  // 1, in units of 8 bytes
  MacAddress mac;
};
static_assert(sizeof(NdLinkAddressOption) == 8);

struct NdMessage {
  std::uint8_t type = 0;               // icmpv6_type
  IpAddress source;                    // of the packet; unset: the sender has no address yet
  IpAddress target;                    // of solicitations and advertisements of neighbors
  std::uint32_t flags = 0;             // of a neighbor advertisement
  std::optional<MacAddress> link_mac;  // source's (solicitations) or target's (advertisement)

  // RFC 4862, 5.4: somebody looks for duplicates of the target.
  [[nodiscard]] bool is_duplicate_probe() const {
    return type == icmpv6_type::kNeighborSolicitation && source.is_unset();
  }
};

// Reads a frame that parse_frame found to be neighbor discovery. nullopt if it fails one of the
// checks of RFC 4861, 6.1.1, 6.1.2, 7.1.1, 7.1.2 or 8.1 (hop limit 255, checksum, code, length,
// options, addresses), or if the message is not all in `frame`. Of router advertisements and
// redirects only the common part is read.
std::optional<NdMessage> read_nd_message(std::span<const std::uint8_t> frame,
                                         const FrameHeaders& headers);

struct NeighborAdvertisement {
  MacAddress link_destination;
  MacAddress mac;  // of the target, from which the frame comes
  IpAddress destination;
  IpAddress target;  // from which the packet comes
  std::uint32_t flags = 0;
};

// Ethernet, IPv6, the message and its target's link address.
inline constexpr std::size_t kNeighborAdvertisementSize =
    sizeof(EthernetHeader) + sizeof(Ipv6Header) + sizeof(NdNeighborHeader) +
    sizeof(NdLinkAddressOption);

void write_neighbor_advertisement(std::span<std::uint8_t, kNeighborAdvertisementSize> frame,
                                  const NeighborAdvertisement& advertisement);

}  // namespace alkaid
