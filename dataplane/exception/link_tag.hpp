// The uplink's VLAN tag, which the host's kernel does not see.
#pragma once

#include <cstring>

#include <rte_mbuf.h>

#include "dataplane/packet/headers.hpp"

namespace alkaid {

inline constexpr std::size_t kLinkAddresses = 2 * sizeof(MacAddress);

// The frame has a tag in its first buffer (parse_underlay has seen it).
inline void take_tag_off(rte_mbuf* packet) {
  char* frame = rte_pktmbuf_mtod(packet, char*);
  std::memmove(frame + sizeof(VlanTag), frame, kLinkAddresses);
  rte_pktmbuf_adj(packet, sizeof(VlanTag));
}

// False: no room in front. The frame has at least an Ethernet header.
inline bool put_tag_on(rte_mbuf* packet, std::uint16_t vlan) {
  char* frame = rte_pktmbuf_prepend(packet, sizeof(VlanTag));
  if (frame == nullptr) {
    return false;
  }
  std::memmove(frame, frame + sizeof(VlanTag), kLinkAddresses);
  const BigEndian16 tag[2] = {BigEndian16{ether_type::kVlan}, BigEndian16{vlan}};
  std::memcpy(frame + kLinkAddresses, tag, sizeof(tag));
  return true;
}

}  // namespace alkaid
