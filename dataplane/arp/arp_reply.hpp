// Answering an ARP request in its own buffer (RFC 826).
#pragma once

#include "dataplane/packet/headers.hpp"

namespace alkaid {

// Turns a request for arp.target_ip into the reply "that is at `answer`", addressed to who asked.
inline void turn_into_arp_reply(EthernetHeader& ethernet, ArpHeader& arp,
                                const MacAddress& answer) {
  const Ipv4Address asked = arp.target_ip;
  arp.operation = BigEndian16{ArpHeader::kReply};
  arp.target_mac = arp.sender_mac;
  arp.target_ip = arp.sender_ip;
  arp.sender_mac = answer;
  arp.sender_ip = asked;
  ethernet.destination = ethernet.source;
  ethernet.source = answer;
}

}  // namespace alkaid
