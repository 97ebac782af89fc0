// DHCPv6 messages: what lies in the packet and what a client's message says (RFC 8415, sections 7,
// 8, 16 and 21). No allocation, no exceptions, no clock: any thread may call anything here.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "control/common/net/byte_order.hpp"
#include "control/common/net/ip_address.hpp"
#include "dataplane/packet/drop_reason.hpp"

namespace alkaid {

// RFC 8415, 7.3.
enum class Dhcpv6MessageType : std::uint8_t {
  kNone = 0,
  kSolicit = 1,
  kAdvertise = 2,
  kRequest = 3,
  kConfirm = 4,
  kRenew = 5,
  kRebind = 6,
  kReply = 7,
  kRelease = 8,
  kDecline = 9,
  kReconfigure = 10,
  kInformationRequest = 11,
  kRelayForward = 12,
  kRelayReply = 13,
};

namespace dhcpv6_option {
inline constexpr std::uint16_t kClientIdentifier = 1;
inline constexpr std::uint16_t kServerIdentifier = 2;
inline constexpr std::uint16_t kIaNonTemporary = 3;
inline constexpr std::uint16_t kIaTemporary = 4;
inline constexpr std::uint16_t kIaAddress = 5;
inline constexpr std::uint16_t kOptionRequest = 6;
inline constexpr std::uint16_t kPreference = 7;
inline constexpr std::uint16_t kElapsedTime = 8;
inline constexpr std::uint16_t kRelayMessage = 9;
inline constexpr std::uint16_t kAuthentication = 11;
inline constexpr std::uint16_t kServerUnicast = 12;
inline constexpr std::uint16_t kStatusCode = 13;
inline constexpr std::uint16_t kRapidCommit = 14;
inline constexpr std::uint16_t kInterfaceId = 18;
inline constexpr std::uint16_t kReconfigureMessage = 19;
inline constexpr std::uint16_t kReconfigureAccept = 20;
inline constexpr std::uint16_t kDnsServers = 23;    // RFC 3646
inline constexpr std::uint16_t kDomainSearch = 24;  // RFC 3646
inline constexpr std::uint16_t kIaPrefixes = 25;    // IA_PD
inline constexpr std::uint16_t kIaPrefix = 26;
inline constexpr std::uint16_t kInformationRefreshTime = 32;
inline constexpr std::uint16_t kClientFqdn = 39;  // RFC 4704
}  // namespace dhcpv6_option

// RFC 8415, 21.13.
enum class Dhcpv6Status : std::uint16_t {
  kSuccess = 0,
  kUnspecFail = 1,
  kNoAddrsAvail = 2,
  kNoBinding = 3,
  kNotOnLink = 4,
  kUseMulticast = 5,
  kNoPrefixAvail = 6,
};

// In front of every option.
struct Dhcpv6OptionHeader {
  BigEndian16 code;
  BigEndian16 length;
};
static_assert(sizeof(Dhcpv6OptionHeader) == 4);

struct Dhcpv6Option {
  std::uint16_t code = 0;
  std::span<const std::uint8_t> value;
};

// Walks options one behind the other, at any level of nesting.
class Dhcpv6OptionReader {
 public:
  explicit Dhcpv6OptionReader(std::span<const std::uint8_t> options) : rest_(options) {}

  // False at the end, or if an option runs past it (malformed()).
  [[nodiscard]] bool next(Dhcpv6Option& option);
  [[nodiscard]] bool malformed() const { return malformed_; }

 private:
  std::span<const std::uint8_t> rest_;
  bool malformed_ = false;
};

// An identity association that a client asks about; IA_NA, IA_TA or IA_PD.
struct Dhcpv6Association {
  std::uint16_t code = 0;
  BigEndian32 id;                         // IAID
  std::span<const std::uint8_t> options;  // well-formed, to the addresses' own options
};

// The address of an IA Address option in `options` of an association; nullopt: another option.
[[nodiscard]] std::optional<IpAddress> ia_address(const Dhcpv6Option& option);

// A client's message. The spans lie in the payload it was read from.
struct Dhcpv6Request {
  static constexpr std::size_t kMostAssociations = 16;

  Dhcpv6MessageType type = Dhcpv6MessageType::kNone;
  std::array<std::uint8_t, 3> transaction{};
  std::span<const std::uint8_t> client_identifier;  // DUID; empty: absent
  std::span<const std::uint8_t> server_identifier;  // DUID; empty: absent
  bool rapid_commit = false;
  bool has_option_request = false;
  std::span<const std::uint8_t> option_request;  // codes of two bytes
  std::optional<std::uint8_t> fqdn_flags;        // of the client's FQDN option
  std::uint8_t association_count = 0;
  std::array<Dhcpv6Association, kMostAssociations> associations;
};

// Reads the UDP payload of a packet to port 547. Returns kNone and fills `request`, or
// - dhcpv6_relayed: a relay's message, which no guest may send;
// - dhcpv6_message_type: unknown or a server's;
// - dhcpv6_malformed: too short, an option that runs past the end of its message or of the option
//   it lies in, of the wrong length or twice where once is allowed, a DUID outside 3..130 bytes,
//   more than 16 associations, or identifiers missing or present against RFC 8415, 16.
// `request` is then unspecified. Options that a responder doesn't need are skipped.
[[nodiscard]] DropReason parse_dhcpv6_request(std::span<const std::uint8_t> payload,
                                              Dhcpv6Request& request) noexcept;

}  // namespace alkaid
