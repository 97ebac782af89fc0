// Answers DHCPv4 clients from what the agent has said about their port: addresses are fixed,
// nothing is leased out of a pool, so the responder has no state and is a function of the request
// and the binding. RFC 2131, 2132, 6842. No allocation, no exceptions, no system call, no clock:
// workers call it.
//
//   DhcpRequest request;
//   DropReason reason = parse_dhcp_request(udp_payload, request);
//   ... look up the binding of request.client_mac in the port's subnet ...
//   DhcpResponse response = respond_dhcp(request, {...}, output);
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "control/common/net/ip_address.hpp"
#include "dataplane/dhcp/dhcp_message.hpp"
#include "dataplane/dhcp/dhcp_options.hpp"
#include "dataplane/packet/drop_reason.hpp"

namespace alkaid {

// BOOTP's smallest message (RFC 1542, 2.1); shorter replies are padded to it.
inline constexpr std::size_t kDhcpSmallestReply = 300;
// What every client accepts (RFC 2131, 2: 576-byte datagrams), and the smallest output buffer.
inline constexpr std::size_t kDhcpDefaultReplyLimit = 548;

// The smallest output buffer: room for what every client accepts and for the relay agent's
// information, which the relay takes off again.
inline constexpr std::size_t kDhcpSmallestOutput = kDhcpDefaultReplyLimit + 2 + 255;

// What a client is told. What is referred to must outlive the call only.
struct DhcpBindingFacts {
  Ipv4Address address;
  const DhcpOptions& options;  // of the subnet
  std::uint16_t mtu = 0;       // of the port; below 68 (RFC 791): not told
  std::string_view host_name;  // empty or above 255 bytes: not told
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

// Answers a parsed request of a client that has an address here.
// `output` takes the reply's UDP payload: at least kDhcpSmallestOutput bytes (else no_buffer), not
// overlapping anything the binding refers to; more are used only if the client takes more
// (option 57). Options that don't fit are left out, those that the client named last first; never
// the message type, the server identifier, the lease times, the client identifier or the relay
// agent's information.
[[nodiscard]] DhcpResponse respond_dhcp(const DhcpRequest& request, const DhcpBindingFacts& binding,
                                        std::span<std::uint8_t> output) noexcept;

}  // namespace alkaid
