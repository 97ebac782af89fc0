// The ARP requests that we originate on the underlay.
#pragma once

#include "dataplane/packet/headers.hpp"

namespace alkaid {

// A whole frame, unpadded: the driver or the kernel pads.
struct ArpFrame {
  EthernetHeader ethernet;
  ArpHeader arp;
};
static_assert(sizeof(ArpFrame) == 42);

// destination: broadcast, or the known MAC to confirm it (RFC 1122, 2.3.2.1).
inline ArpFrame make_arp_request(const MacAddress& own_mac, Ipv4Address own_ip,
                                 const MacAddress& destination, Ipv4Address target) {
  ArpFrame frame{};
  frame.ethernet = {destination, own_mac, BigEndian16{ether_type::kArp}};
  frame.arp.hardware_type = BigEndian16{1};
  frame.arp.protocol_type = BigEndian16{ether_type::kIpv4};
  frame.arp.hardware_length = sizeof(MacAddress);
  frame.arp.protocol_length = sizeof(Ipv4Address);
  frame.arp.operation = BigEndian16{ArpHeader::kRequest};
  frame.arp.sender_mac = own_mac;
  frame.arp.sender_ip = own_ip;
  frame.arp.target_ip = target;
  return frame;
}

}  // namespace alkaid
