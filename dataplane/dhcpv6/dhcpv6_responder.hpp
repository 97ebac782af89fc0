// Answers DHCPv6 clients from what the agent has said about their port: addresses are fixed,
// nothing is leased out of a pool, so the responder has no state and is a function of the request
// and the binding. RFC 8415, 3646, 4704. No allocation, no exceptions, no system call, no clock:
// workers call it.
//
//   Dhcpv6Request request;
//   DropReason reason = parse_dhcpv6_request(udp_payload, request);
//   ... look up the binding of the frame's source MAC in the port's subnet ...
//   Dhcpv6Response response = respond_dhcpv6(request, settings, client, output);
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "control/common/net/ip_address.hpp"
#include "dataplane/dhcpv6/dhcpv6_message.hpp"
#include "dataplane/dhcpv6/dhcpv6_settings.hpp"
#include "dataplane/packet/drop_reason.hpp"

namespace alkaid {

// The smallest output buffer, and as much as is ever used: what every link carries in one packet
// (RFC 8200, 5: 1,280 bytes) less IPv6 and UDP headers.
inline constexpr std::size_t kDhcpv6ReplyLimit = 1232;

// Who asks, by port and MAC. What the client says about itself (its DUID) is echoed and identifies
// nobody here.
struct Dhcpv6Client {
  bool has_binding = false;
  IpAddress address;           // unset: has none in this family
  std::string_view host_name;  // empty: not told
  bool used_unicast = false;   // asked the server's own address instead of ff02::1:2
};

struct Dhcpv6Response {
  enum class Outcome : std::uint8_t {
    kReply,     // send the first reply_length bytes of the output
    kConsumed,  // understood, and RFC 8415 wants no answer
    kDrop,      // for `reason`
  };

  Outcome outcome = Outcome::kDrop;
  DropReason reason = DropReason::kNone;
  Dhcpv6MessageType reply = Dhcpv6MessageType::kNone;
  std::size_t reply_length = 0;  // UDP payload, bytes
};

// Answers a parsed request. `output` takes the reply's UDP payload: at least kDhcpv6ReplyLimit
// bytes (else no_buffer), not overlapping the request or the settings. Options that don't fit are
// left out; never the identifiers, the associations or their status. Drops:
// - dhcp_disabled: the subnet has none;
// - dhcpv6_mode: the subnet's address mode leaves this message unanswered;
// - dhcpv6_no_binding: the client has no binding here; only an INFORMATION-REQUEST needs none;
// - dhcpv6_other_server: the server identifier is not ours.
[[nodiscard]] Dhcpv6Response respond_dhcpv6(const Dhcpv6Request& request,
                                            const Dhcpv6Settings& settings,
                                            const Dhcpv6Client& client,
                                            std::span<std::uint8_t> output) noexcept;

}  // namespace alkaid
