// Words that describe a packet to `explain`.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "alkaid/dataplane/v1/dataplane.pb.h"
#include "control/common/net/ip_address.hpp"

namespace alkaid::console {

struct PacketEnd {
  IpAddress address;
  std::uint16_t port = 0;
};

// "10.1.0.11", "10.1.0.11:80", "2001:db8::1", "[2001:db8::1]:80".
std::optional<PacketEnd> parse_packet_end(std::string_view text);

// "syn,ack": the bits in a TCP header.
std::optional<std::uint8_t> parse_tcp_flags(std::string_view text);

// "flags syn,ack ttl 3 ...", in any order, into the request. Returns what is wrong.
std::optional<std::string> parse_packet_options(std::string_view text,
                                                dataplane::v1::ExplainRequest& request);

}  // namespace alkaid::console
