// Answers DHCPv4 clients from what the agent has said about their port: addresses are fixed,
// nothing is leased out of a pool, so the responder has no state and is a function of the request
// and the binding. RFC 2131, 2132, 6842. No allocation, no exceptions, no system call, no clock:
// workers call it.
//
//   DhcpRequest request;
//   DropReason reason = parse_dhcp_request(udp_payload, request);
//   ... look up the binding of request.client_mac in the port's subnet ...
//   DhcpResponse response = respond_dhcp(request, binding, output);
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "control/common/net/ip_address.hpp"
#include "dataplane/dhcp/dhcp_message.hpp"
#include "dataplane/packet/drop_reason.hpp"

namespace alkaid {

// The server identifier in a subnet that has no gateway. Link-local (RFC 3927), because nothing may
// ever route it; a client can't reach it by unicast, so its renewal succeeds when it turns to
// broadcast.
inline constexpr Ipv4Address kDhcpServerWithoutGateway{0xa9fe0001};  // 169.254.0.1

inline constexpr std::uint32_t kDhcpDefaultLeaseSeconds = 86400;
inline constexpr std::uint32_t kDhcpInfiniteLease = 0xffffffff;  // RFC 2131, 3.3
// BOOTP's smallest message (RFC 1542, 2.1); shorter replies are padded to it.
inline constexpr std::size_t kDhcpSmallestReply = 300;
// What every client accepts (RFC 2131, 2: 576-byte datagrams), and the smallest output buffer.
inline constexpr std::size_t kDhcpDefaultReplyLimit = 548;

// What a client is told. The spans must outlive the call only.
struct DhcpBindingFacts {
  Ipv4Address address;
  std::uint8_t prefix_length = 0;  // of the subnet, 0..32
  Ipv4Address gateway;             // server identifier and router; zero: no router option
  std::span<const Ipv4Address> dns_servers;
  std::uint16_t mtu = 0;                                   // below 68 (RFC 791): not told
  std::uint32_t lease_seconds = kDhcpDefaultLeaseSeconds;  // 0: the default
  std::string_view host_name;                              // empty or above 255 bytes: not told

  [[nodiscard]] Ipv4Address server_identifier() const {
    return gateway.is_zero() ? kDhcpServerWithoutGateway : gateway;
  }
};

struct DhcpResponse {
  enum class Outcome : std::uint8_t {
    kReply,     // send the first reply_length bytes of the output
    kConsumed,  // understood, nothing to send: RELEASE, DECLINE
    kDrop,      // for `reason`
  };

  Outcome outcome = Outcome::kDrop;
  DropReason reason = DropReason::kNone;
  DhcpMessageType request = DhcpMessageType::kNone;
  DhcpMessageType reply = DhcpMessageType::kNone;
  // Of a reply:
  std::size_t reply_length = 0;  // UDP payload, bytes
  Ipv4Address source_ip;         // the server identifier; source port 67
  Ipv4Address destination_ip;
  std::uint16_t destination_port = 0;  // 68, or 67 to a relay
  // True: to ff:ff:ff:ff:ff:ff. False: to the client's MAC, or with a relay back to the request's
  // source MAC. In any case the reply leaves through the port that the request came from, so that
  // what a guest writes into giaddr or ciaddr can disturb nobody else.
  bool destination_broadcast_mac = false;
};

// Answers a parsed request. binding == nullptr: the client has no address here (dhcp_no_binding).
// `output` takes the reply's UDP payload: at least kDhcpDefaultReplyLimit bytes (else no_buffer),
// not overlapping anything the binding refers to; more are used only if the client takes more
// (option 57). Options that don't fit are left out, DNS servers from the last; never the message
// type, the server identifier, the lease times or the client identifier.
[[nodiscard]] DhcpResponse respond_dhcp(const DhcpRequest& request, const DhcpBindingFacts* binding,
                                        std::span<std::uint8_t> output) noexcept;

}  // namespace alkaid
