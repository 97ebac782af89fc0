// What a packet is to connection tracking.
#pragma once

#include <cstdint>

#include <rte_mbuf.h>

#include "dataplane/conntrack/connection_state.hpp"
#include "dataplane/conntrack/embedded_tuple.hpp"
#include "dataplane/conntrack/icmp_query.hpp"
#include "dataplane/flow/flow_key.hpp"
#include "dataplane/graph/packet_context.hpp"

namespace alkaid {

struct Trackable {
  enum class Kind : std::uint8_t {
    kConnection,  // has a tuple: `ports` and `packet`
    kIcmpError,   // about a packet of a connection
    kStateless,   // belongs to none; the rules are asked each time
  };

  Kind kind = Kind::kConnection;
  std::uint32_t ports = 0;  // as in FlowKeyV4
  // Of a rule: destination port, or ICMP type << 8 | code.
  std::uint16_t selector = 0;
  bool may_open = true;
  bool may_be_fast = false;
  TrackedPacket packet;
};

inline Trackable trackable_of(rte_mbuf* packet, const FrameHeaders& headers) {
  Trackable result;
  result.packet.protocol = headers.protocol;
  const bool is_icmp =
      headers.protocol == ip_protocol::kIcmp || headers.protocol == ip_protocol::kIcmpv6;
  if (!is_icmp || headers.l4_offset == 0) {
    // Of later fragments the ports are those of the first one.
    result.ports = raw_ports(headers.source_port, headers.destination_port);
    result.selector = headers.destination_port.host();
    const bool is_tcp = headers.protocol == ip_protocol::kTcp;
    if (is_tcp && headers.l4_offset != 0) {
      result.packet.tcp_flags = header_at<TcpHeader>(packet, headers.l4_offset).flags;
    } else if (is_tcp) {
      result.packet.tcp_flags = tcp_flag::kAck;
    }
    result.may_open = headers.l4_offset != 0 || !headers.is_fragment;
    // What looks like a DHCP server's is judged by its content, packet by packet.
    const bool is_plain_udp = headers.protocol == ip_protocol::kUdp &&
                              headers.source_port != BigEndian16{udp_port::kDhcpServer} &&
                              headers.source_port != BigEndian16{udp_port::kDhcpv6Server};
    result.may_be_fast = !headers.is_fragment && (is_tcp || is_plain_udp);
    return result;
  }
  const auto& icmp = header_at<IcmpEchoHeader>(packet, headers.l4_offset);
  result.selector = static_cast<std::uint16_t>(icmp.type << 8U | icmp.code);
  // All queries have code 0; the tuple has no room for another.
  const auto query = icmp.code == 0 ? icmp_query_ports(headers.protocol, icmp.type, icmp.identifier)
                                    : std::nullopt;
  if (query) {
    result.ports = raw_ports(query->source_port, query->destination_port);
    result.may_open = query->is_request;
  } else {
    result.kind = is_icmp_error(bytes_of(packet), headers) ? Trackable::Kind::kIcmpError
                                                           : Trackable::Kind::kStateless;
  }
  return result;
}

}  // namespace alkaid
