// Frames of the pipeline tests' network.
#pragma once

#include "tests/pipeline/pipeline_lab.hpp"
#include "tests/support/packet_builder.hpp"

namespace alkaid::test {

// UDP from one station to another, with the destination MAC given (a neighbor or a gateway).
inline Bytes udp_frame(const net::Station& from, const MacAddress& destination_mac,
                       Ipv4Address destination, std::uint8_t ttl = 64) {
  return packet()
      .ethernet({.source = from.mac, .destination = destination_mac})
      .ipv4({.source = from.ip, .destination = destination, .ttl = ttl})
      .udp({.source_port = 1234, .destination_port = 5678})
      .payload(Bytes(32, 0x5a))
      .build();
}

inline Bytes arp_request(const net::Station& from, Ipv4Address target) {
  return packet()
      .ethernet({.source = from.mac, .destination = kBroadcastMac})
      .arp({.sender_mac = from.mac, .sender_ip = from.ip, .target_ip = target})
      .build();
}

inline Bytes arp_reply(const MacAddress& mac, Ipv4Address ip, const net::Station& to) {
  return packet()
      .ethernet({.source = mac, .destination = to.mac})
      .arp({.operation = ArpHeader::kReply,
            .sender_mac = mac,
            .sender_ip = ip,
            .target_mac = to.mac,
            .target_ip = to.ip})
      .build();
}

inline Bytes echo_frame(const net::Station& from, const MacAddress& destination_mac,
                        Ipv4Address destination, const IcmpFields& icmp = {}) {
  return packet()
      .ethernet({.source = from.mac, .destination = destination_mac})
      .ipv4({.source = from.ip, .destination = destination})
      .icmp(icmp)
      .payload(Bytes(56, 0x11))
      .build();
}

struct OuterFields {
  std::uint32_t vni = net::kGreen.number();
  std::uint8_t flags = VxlanHeader::kVniPresent;
  Ipv4Address source = net::kPeerVtep;
  Ipv4Address destination = net::kOwnVtep;
  std::uint16_t port = udp_port::kVxlan;
  std::uint16_t source_port = 50000;
  std::uint8_t tos = 0;
  std::optional<std::uint16_t> udp_checksum = 0;
  std::optional<MacAddress> destination_mac;  // absent: the uplink's
};

// A frame from the peer's tunnel. `uplink_mac`: the uplink device's address.
inline Bytes tunnelled(const Bytes& inner, const MacAddress& uplink_mac,
                       const OuterFields& outer = {}) {
  return packet()
      .ethernet(
          {.source = net::kPeerVtepMac, .destination = outer.destination_mac.value_or(uplink_mac)})
      .ipv4({.source = outer.source, .destination = outer.destination, .tos = outer.tos})
      .udp({.source_port = outer.source_port,
            .destination_port = outer.port,
            .checksum = outer.udp_checksum})
      .vxlan({.vni = outer.vni, .flags = outer.flags})
      .payload(inner)
      .build();
}

// What our encapsulation of `inner` must look like; entropy is left at a fixed port.
inline Bytes encapsulated(const MacAddress& uplink_mac, const Bytes& inner, Vni vni,
                          std::uint8_t tos = 0) {
  return packet()
      .ethernet({.source = uplink_mac, .destination = net::kPeerVtepMac})
      .ipv4({.source = net::kOwnVtep,
             .destination = net::kPeerVtep,
             .tos = tos,
             .dont_fragment = true})
      .udp({.source_port = 0, .destination_port = udp_port::kVxlan, .checksum = 0})
      .vxlan({.vni = vni.number()})
      .payload(inner)
      .build();
}

// The port without its source guard, for tests of what it would keep away.
inline PortConfig unguarded(PortConfig port) {
  port.source_guard_off = true;
  return port;
}

}  // namespace alkaid::test
