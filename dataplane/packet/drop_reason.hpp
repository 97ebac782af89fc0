// Why a packet was dropped. Every drop in the data plane names one of these.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace alkaid {

// name, description for operators. The order is free; names are part of the console's JSON.
#define ALKAID_DROP_REASONS(REASON)                                                            \
  /* any frame */                                                                              \
  REASON(frame_truncated, "shorter than an Ethernet header")                                   \
  REASON(source_mac_invalid, "source MAC is a group address or zero")                          \
  REASON(ethertype_unsupported, "neither IPv4, IPv6 nor ARP")                                  \
  REASON(vlan_unsupported, "VLAN tag on a port that carries untagged frames")                  \
  REASON(vlan_missing, "frame without a VLAN tag on a trunk")                                  \
  REASON(vlan_unknown, "VLAN of a trunk that no port has")                                     \
  REASON(vlan_no_room, "no room in front of the frame for a trunk's VLAN tag")                 \
  REASON(arp_malformed, "ARP shorter than its fixed part, or not Ethernet and IPv4")           \
  /* the tenant's packet */                                                                    \
  REASON(ipv4_truncated, "frame ends inside the IPv4 header")                                  \
  REASON(ipv4_version, "IP version is not 4")                                                  \
  REASON(ipv4_header_length, "IHL is below 5 or beyond the packet")                            \
  REASON(ipv4_total_length, "IPv4 total length is beyond the frame or inside the header")      \
  REASON(ipv4_checksum, "IPv4 header checksum is wrong")                                       \
  REASON(ipv4_fragment, "overlapping or overlong fragment (RFC 1858)")                         \
  REASON(ipv6_truncated, "frame ends inside the IPv6 header or before its payload's end")      \
  REASON(ipv6_version, "IP version is not 6")                                                  \
  REASON(ipv6_extension_headers, "extension headers cut, misplaced or too many")               \
  REASON(ipv6_fragment, "fragment without all headers, overlapping or overlong")               \
  REASON(l4_truncated, "packet ends inside the TCP, UDP or ICMP header")                       \
  REASON(ttl_exceeded, "TTL or hop limit reached zero at the distributed router")              \
  REASON(source_ip_invalid, "source is no address that a station may send from")               \
  REASON(destination_ip_invalid, "destination is an address that no link carries")             \
  /* the source guard */                                                                       \
  REASON(spoofed_mac, "source MAC is neither the port's nor an allowed address pair's")        \
  REASON(spoofed_ip, "source address is none of the port's")                                   \
  REASON(spoofed_arp, "ARP that claims another station's address or MAC")                      \
  REASON(spoofed_nd, "neighbor discovery that claims another station's address or MAC")        \
  REASON(rogue_router, "router advertisement or redirect from a guest")                        \
  REASON(rogue_dhcp_server, "DHCP server's message from a guest")                              \
  /* security groups and connections */                                                        \
  REASON(policy_egress, "no security group of the sending port allows it")                     \
  REASON(policy_ingress, "no security group of the receiving port allows it")                  \
  REASON(connection_invalid, "belongs to no connection and can't open one")                    \
  REASON(connection_out_of_window,                                                             \
         "TCP outside of what its receiver expects (--tcp-window-check)")                      \
  REASON(connection_table_full, "no room for another connection")                              \
  REASON(connection_quota, "the port has as many connections as it may have")                  \
  REASON(icmp_error_unrelated, "ICMP error about a packet of no known connection")             \
  REASON(fragment_overlap, "fragment that overlaps others, or is too small (RFC 5722)")        \
  REASON(fragment_orphan, "fragment whose first one did not come in time")                     \
  REASON(fragment_table_full, "more fragmented packets at once than are kept track of")        \
  /* ports and tables */                                                                       \
  REASON(port_admin_down, "the ingress port is administratively down")                         \
  REASON(ingress_queue_full, "arrived while the ring from the kernel was full")                \
  REASON(egress_port_down, "the destination's port is down, detached or gone")                 \
  REASON(egress_queue_full, "the egress device's queue is full")                               \
  REASON(egress_refused, "the egress device's driver refused it")                              \
  REASON(egress_too_big, "larger than the egress port's MTU")                                  \
  REASON(underlay_too_big, "with its encapsulation larger than the underlay's MTU")            \
  REASON(segment_unknown, "no subnet is known for the port's VNI")                             \
  REASON(destination_mac_unknown, "no neighbor has the destination MAC in this VNI")           \
  REASON(destination_is_source, "the destination is the port that sent it")                    \
  REASON(multicast_unsupported, "multicast and broadcast are not forwarded in this VNI")       \
  REASON(broadcast_rate_limited, "more broadcasts than this VNI may have replicated")          \
  REASON(not_routed, "sent to the gateway, but the subnet has no router")                      \
  REASON(beyond_scope, "to be routed, but an address is link-local or a group")                \
  REASON(route_missing, "no route to the destination")                                         \
  REASON(route_blackhole, "the route says to discard")                                         \
  REASON(neighbor_unknown, "routed, but no neighbor has the destination address")              \
  REASON(awaited_too_many, "neighbor not known yet, and too many packets wait already")        \
  REASON(awaited_rate_limited, "the port asks for unknown neighbors faster than it may")       \
  REASON(awaited_port_gone, "its port went while it waited for a neighbor")                    \
  REASON(no_buffer, "no packet buffer was free")                                               \
  /* local services */                                                                         \
  REASON(arp_target_unknown, "ARP request for an address that no neighbor has")                \
  REASON(arp_target_remote, "ARP request from the wire for a station of another host")         \
  REASON(asker_unknown, "asked from the wire by a station that no neighbor stands for")        \
  REASON(arp_unexpected, "ARP other than a request or a unicast reply")                        \
  REASON(nd_malformed, "neighbor discovery that fails a check of RFC 4861")                    \
  REASON(nd_target_unknown, "solicitation for an address that no neighbor has")                \
  REASON(nd_unexpected, "neighbor discovery message that nobody here waits for")               \
  REASON(nd_fragmented, "neighbor discovery in a fragment (RFC 6980)")                         \
  REASON(dhcp_malformed, "DHCP message truncated, not BOOTP, or its options run past the end") \
  REASON(dhcp_checksum, "the UDP checksum of a DHCP message is wrong")                         \
  REASON(dhcp_bootp, "BOOTP request: no DHCP message type (option 53)")                        \
  REASON(dhcp_message_type, "DHCP message type (option 53) is not a client's")                 \
  REASON(dhcp_no_binding, "the client's MAC has no address in this subnet")                    \
  REASON(dhcp_disabled, "DHCP is switched off for this subnet")                                \
  REASON(dhcp_other_server, "DHCP request that selects another server")                        \
  REASON(dhcpv6_malformed, "DHCPv6 message truncated, or its checksum or options wrong")       \
  REASON(dhcpv6_message_type, "DHCPv6 message type that no client sends")                      \
  REASON(dhcpv6_relayed, "DHCPv6 relay message from a guest")                                  \
  REASON(dhcpv6_mode, "DHCPv6 that the subnet's IPv6 address mode leaves unanswered")          \
  REASON(dhcpv6_no_binding, "the DHCPv6 client's MAC has no binding in this subnet")           \
  REASON(dhcpv6_other_server, "DHCPv6 message to another server")                              \
  REASON(router_solicitation_malformed, "fails a check of RFC 4861, 6.1.1")                    \
  REASON(router_solicitation_no_ipv6, "router solicitation without IPv6 prefix")               \
  REASON(gateway_unsupported, "to the gateway itself, but not an echo request")                \
  REASON(icmp_malformed, "ICMP checksum is wrong")                                             \
  /* the underlay */                                                                           \
  REASON(underlay_not_for_us, "underlay frame to another MAC or address")                      \
  REASON(underlay_ipv4_malformed, "outer IPv4 header malformed or its checksum wrong")         \
  REASON(underlay_ipv6_malformed, "outer IPv6 header malformed")                               \
  REASON(underlay_fragment, "fragment of an outer packet")                                     \
  REASON(underlay_reassembly, "outer fragment whose others did not come in time or don't fit") \
  REASON(underlay_protocol, "underlay packet that is not VXLAN")                               \
  REASON(underlay_udp_malformed, "outer UDP length or checksum wrong")                         \
  REASON(underlay_udp_unchecked,                                                               \
         "outer UDP over IPv6 without a checksum (see --udp6-zero-checksum)")                  \
  REASON(underlay_arp_unexpected, "underlay ARP that concerns nobody here")                    \
  REASON(underlay_nd_malformed,                                                                \
         "underlay neighbor solicitation or advertisement refused by RFC 4861")                \
  REASON(underlay_nd_unexpected, "underlay neighbor discovery that concerns nobody here")      \
  REASON(underlay_vlan, "underlay frame without the VLAN tag of the uplink, or with another")  \
  REASON(exception_rate_limited, "for the host's kernel, but above --exception-rate")          \
  REASON(vxlan_truncated, "packet ends inside the VXLAN header or the inner Ethernet header")  \
  REASON(vxlan_flags, "VXLAN flags other than 0x08 (RFC 7348)")                                \
  REASON(vxlan_vni_unknown, "VXLAN packet of a VNI that is not known here")                    \
  REASON(vxlan_not_local, "decapsulated, but the destination is not on this host")             \
  REASON(ecn_not_capable, "congestion marked on the way, but the packet can't carry the mark") \
  REASON(next_hop_unresolved, "the underlay next hop's MAC is not known yet")                  \
  REASON(underlay_unavailable, "no uplink is attached")

enum class DropReason : std::uint8_t {
  kNone = 0,
#define ALKAID_ENUMERATOR(name, description) name,
  ALKAID_DROP_REASONS(ALKAID_ENUMERATOR)
#undef ALKAID_ENUMERATOR
      kCount
};

inline constexpr std::size_t kDropReasonCount = static_cast<std::size_t>(DropReason::kCount);

struct DropReasonText {
  std::string_view name;
  std::string_view description;
};

inline constexpr DropReasonText kDropReasonTexts[kDropReasonCount] = {
    {"none", "not dropped"},
#define ALKAID_TEXT(name, description) {#name, description},
    ALKAID_DROP_REASONS(ALKAID_TEXT)
#undef ALKAID_TEXT
};

constexpr const DropReasonText& text_of(DropReason reason) {
  return kDropReasonTexts[static_cast<std::size_t>(reason)];
}

}  // namespace alkaid
