// ICMP queries as connections: what stands for ports in their tuples.
#pragma once

#include <cstdint>
#include <optional>

#include "control/common/net/byte_order.hpp"
#include "dataplane/packet/headers.hpp"

namespace alkaid {

// A query is from its identifier to its type << 8, and its answer the other way round: exchanging
// the ends of a tuple maps one to the other.
struct IcmpQueryPorts {
  BigEndian16 source_port;
  BigEndian16 destination_port;
  // Only these open a connection; an answer that nobody asked for belongs to none.
  bool is_request = false;

  constexpr bool operator==(const IcmpQueryPorts&) const = default;
};

// `type` and `identifier` are of the ICMP or ICMPv6 message's header. None: it is no query and no
// answer to one (RFC 792: echo, timestamp, information; RFC 950: address mask; RFC 4443: echo).
constexpr std::optional<IcmpQueryPorts> icmp_query_ports(std::uint8_t protocol, std::uint8_t type,
                                                         BigEndian16 identifier) {
  struct Query {
    std::uint8_t request;
    std::uint8_t reply;
  };
  constexpr Query kQueries[] = {{8, 0}, {13, 14}, {15, 16}, {17, 18}};
  constexpr Query kQueriesV6[] = {{icmpv6_type::kEchoRequest, icmpv6_type::kEchoReply}};
  const auto find = [&](const auto& queries) -> std::optional<IcmpQueryPorts> {
    for (const Query& query : queries) {
      const BigEndian16 request{static_cast<std::uint16_t>(query.request << 8U)};
      if (type == query.request) {
        return IcmpQueryPorts{identifier, request, true};
      }
      if (type == query.reply) {
        return IcmpQueryPorts{request, identifier, false};
      }
    }
    return std::nullopt;
  };
  if (protocol == ip_protocol::kIcmp) {
    return find(kQueries);
  }
  return protocol == ip_protocol::kIcmpv6 ? find(kQueriesV6) : std::nullopt;
}

}  // namespace alkaid
