// A packet in words, and the frame that a station would send.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "control/common/net/ip_address.hpp"
#include "control/common/net/mac_address.hpp"
#include "dataplane/control/object_result.hpp"
#include "dataplane/ports/port.hpp"
#include "dataplane/tables/tables.hpp"

namespace alkaid {

struct DescribedPacket {
  std::string port;      // of a guest
  bool inbound = false;  // to the guest, out of a tunnel; otherwise from it
  std::uint8_t protocol = 0;
  IpAddress source;
  IpAddress destination;
  std::uint16_t source_port = 0;  // ICMP echo: identifier
  std::uint16_t destination_port = 0;
  std::optional<std::uint8_t> icmp_type;  // none: echo request
  std::optional<std::uint8_t> icmp_code;
  std::optional<std::uint8_t> tcp_flags;  // none: SYN, or ACK if the connection is known
  MacAddress source_mac;                  // zero: as the sender would
  MacAddress destination_mac;
  std::uint32_t length = 0;  // of the IP packet; 0: the shortest
  std::uint8_t ttl = 64;
};

// The addresses of a tenant's frame.
struct FrameMacs {
  MacAddress source;
  MacAddress destination;
};

// What the sender would put there: of stations in its segment their MACs, otherwise the gateway's.
// An error names the field that would have to be given.
std::variant<FrameMacs, ObjectError> find_macs(const DescribedPacket& packet, const Port& port,
                                               const Tables& tables);

// nullopt, or what the described packet can't be.
ObjectResult check_described_packet(const DescribedPacket& packet);

// The packet must have passed the check. tcp_flags: if the packet says nothing of them.
std::vector<std::uint8_t> make_frame(const DescribedPacket& packet, const FrameMacs& macs,
                                     std::uint8_t tcp_flags);

}  // namespace alkaid
