// DHCPv4 messages: what lies in the packet (RFC 2131, section 2; RFC 2132) and what a client's
// message says. No allocation, no exceptions, no clock: any thread may call anything here.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "control/common/net/byte_order.hpp"
#include "control/common/net/ip_address.hpp"
#include "control/common/net/mac_address.hpp"
#include "dataplane/packet/drop_reason.hpp"

namespace alkaid {

// RFC 2132, 9.6.
enum class DhcpMessageType : std::uint8_t {
  kNone = 0,
  kDiscover = 1,
  kOffer = 2,
  kRequest = 3,
  kDecline = 4,
  kAck = 5,
  kNak = 6,
  kRelease = 7,
  kInform = 8,
};

namespace dhcp_option {
inline constexpr std::uint8_t kPad = 0;
inline constexpr std::uint8_t kSubnetMask = 1;
inline constexpr std::uint8_t kRouter = 3;
inline constexpr std::uint8_t kDomainNameServer = 6;
inline constexpr std::uint8_t kHostName = 12;
inline constexpr std::uint8_t kDomainName = 15;
inline constexpr std::uint8_t kInterfaceMtu = 26;
inline constexpr std::uint8_t kBroadcastAddress = 28;
inline constexpr std::uint8_t kRequestedAddress = 50;
inline constexpr std::uint8_t kLeaseTime = 51;
inline constexpr std::uint8_t kOverload = 52;
inline constexpr std::uint8_t kMessageType = 53;
inline constexpr std::uint8_t kServerIdentifier = 54;
inline constexpr std::uint8_t kParameterRequestList = 55;
inline constexpr std::uint8_t kMessage = 56;
inline constexpr std::uint8_t kMaximumMessageSize = 57;
inline constexpr std::uint8_t kRenewalTime = 58;
inline constexpr std::uint8_t kRebindingTime = 59;
inline constexpr std::uint8_t kClientIdentifier = 61;
inline constexpr std::uint8_t kRelayAgentInformation = 82;  // RFC 3046
inline constexpr std::uint8_t kDomainSearch = 119;          // RFC 3397
inline constexpr std::uint8_t kClasslessRoutes = 121;       // RFC 3442
inline constexpr std::uint8_t kEnd = 255;
}  // namespace dhcp_option

// The fixed part of a message with the magic cookie behind it; options follow.
struct DhcpHeader {
  static constexpr std::uint8_t kBootRequest = 1;
  static constexpr std::uint8_t kBootReply = 2;
  static constexpr std::uint8_t kEthernet = 1;  // hardware type
  static constexpr std::uint16_t kBroadcastFlag = 0x8000;
  static constexpr std::uint32_t kMagicCookie = 0x63825363;

  std::uint8_t operation = 0;
  std::uint8_t hardware_type = 0;
  std::uint8_t hardware_length = 0;
  std::uint8_t hops = 0;
  BigEndian32 transaction;
  BigEndian16 seconds;
  BigEndian16 flags;
  Ipv4Address client_ip;                                   // ciaddr
  Ipv4Address your_ip;                                     // yiaddr
  Ipv4Address next_server_ip;                              // siaddr
  Ipv4Address relay_ip;                                    // giaddr
  std::array<std::uint8_t, 16> client_hardware_address{};  // chaddr
  std::array<std::uint8_t, 64> server_name{};              // sname
  std::array<std::uint8_t, 128> boot_file{};               // file
  BigEndian32 cookie;
};
static_assert(sizeof(DhcpHeader) == 240 && alignof(DhcpHeader) == 1);

// A client's message, copied out of the packet: it stays valid when the packet's buffer is reused.
struct DhcpRequest {
  DhcpMessageType type = DhcpMessageType::kNone;  // discover, request, decline, release or inform
  BigEndian32 transaction;
  BigEndian16 flags;
  Ipv4Address client_ip;  // ciaddr; zero or a host address
  Ipv4Address relay_ip;   // giaddr; zero or a host address
  MacAddress client_mac;  // chaddr's first six bytes: the client's identity, always unicast
  std::array<std::uint8_t, 16> client_hardware_address{};  // all of chaddr, to be returned
  std::optional<Ipv4Address> requested_ip;                 // option 50
  std::optional<Ipv4Address> server_identifier;            // option 54
  std::optional<std::uint16_t> maximum_message_size;       // option 57: IP datagram, bytes

  // Option 55 in the client's order, each code once; pad and end are none.
  bool has_parameter_request_list = false;
  std::uint8_t parameter_count = 0;
  std::array<std::uint8_t, 254> parameters{};

  // Option 61, to be returned (RFC 6842); it identifies nobody here. Length 0: absent.
  std::uint8_t client_identifier_length = 0;
  std::array<std::uint8_t, 255> client_identifier{};

  // Option 82, to be returned as it is (RFC 3046, 2.2). Length 0: absent.
  std::uint8_t relay_information_length = 0;
  std::array<std::uint8_t, 255> relay_information{};

  [[nodiscard]] bool wants_broadcast() const {
    return (flags.host() & DhcpHeader::kBroadcastFlag) != 0;
  }
};

// Reads the UDP payload of a packet to port 67. Returns kNone and fills `request`, or
// - dhcp_malformed: too short, not a BOOTREQUEST over Ethernet, no magic cookie, more than 16 hops
//   (RFC 1542, 4.1.1), an address field that can't be a host's, a chaddr that is no station's, an
//   option that runs past the end of its field, of the wrong length, or twice where once is
//   allowed;
// - dhcp_bootp: no option 53, so that this is a BOOTP client, which gets no lease here;
// - dhcp_message_type: option 53 unknown or a server's.
// `request` is then unspecified. Options may continue in the file and sname fields (option 52).
// Options that a responder doesn't need are skipped; a missing end option is accepted.
[[nodiscard]] DropReason parse_dhcp_request(std::span<const std::uint8_t> payload,
                                            DhcpRequest& request) noexcept;

}  // namespace alkaid
