// Where a tunnel's packets leave on the underlay's link: one prepared Ethernet header, or one of
// several by the flow's entropy. Design: docs/design/underlay.md.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <cstring>

#include "dataplane/packet/headers.hpp"

namespace alkaid {

inline constexpr std::size_t kMostNextHops = 8;
inline constexpr std::size_t kEcmpSlots = 64;

// Ethernet, the VLAN tag if there is one, and the EtherType of the tunnel's family.
using LinkHeader = std::array<std::uint8_t, sizeof(EthernetHeader) + sizeof(VlanTag)>;
inline constexpr std::uint8_t kPlainLinkHeader = sizeof(EthernetHeader);
inline constexpr std::uint8_t kTaggedLinkHeader = sizeof(LinkHeader);

// Immutable; a change is a new object. A single next hop costs one cache line.
struct alignas(64) LinkChoice {
  std::uint8_t header_length = kPlainLinkHeader;
  bool is_single = true;  // headers[0] is all there is
  std::array<LinkHeader, kMostNextHops> headers{};
  std::array<std::uint8_t, kEcmpSlots> slots{};  // indexes of headers

  // Bits of the entropy that the outer source port leaves out, so that what the routers behind
  // choose by the port is independent of our choice.
  [[nodiscard]] const LinkHeader& select(std::uint32_t entropy) const {
    return is_single ? headers[0] : headers[slots[entropy >> 14 & (kEcmpSlots - 1)]];
  }

  // Puts the chosen header, of header_length bytes, at `front`.
  void write(char* front, std::uint32_t entropy) const {
    const LinkHeader& header = select(entropy);
    std::memcpy(front, header.data(), kPlainLinkHeader);
    if (header_length == kTaggedLinkHeader) [[unlikely]] {
      std::memcpy(front, header.data(), kTaggedLinkHeader);
    }
  }
};

// The next hops of some tunnels. `choice` is replaced as a whole when one of them is resolved,
// moves or is lost; nullptr: none is usable. Lives until no tunnel refers to it any more.
struct UnderlayPath {
  std::atomic<const LinkChoice*> choice{nullptr};
};

}  // namespace alkaid
