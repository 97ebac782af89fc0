// Neighbor solicitations and advertisements (RFC 4861), right or wrong.
#pragma once

#include <optional>

#include "tests/support/packet_builder.hpp"

namespace alkaid::test {

struct NeighborMessageFields {
  std::uint8_t type = icmpv6_type::kNeighborSolicitation;
  MacAddress link_source;
  MacAddress link_destination;
  IpAddress source;
  IpAddress destination;
  IpAddress target;
  std::uint32_t flags = 0;
  std::optional<MacAddress> option_mac;  // the link address option that belongs to the type
  std::uint8_t option_length = 1;
  std::uint8_t hop_limit = 255;
  std::uint16_t vlan = 0;  // 0: none
};

inline IpAddress solicited_node(const IpAddress& address) {
  return IpAddress::from_numbers(0xff02000000000000,
                                 0x00000001ff000000 | (address.low() & 0xffffff));
}

inline Bytes neighbor_message(const NeighborMessageFields& fields) {
  Bytes message{fields.type,
                0,
                0,
                0,
                static_cast<std::uint8_t>(fields.flags >> 24),
                static_cast<std::uint8_t>(fields.flags >> 16),
                static_cast<std::uint8_t>(fields.flags >> 8),
                static_cast<std::uint8_t>(fields.flags)};
  message.insert(message.end(), fields.target.bytes().begin(), fields.target.bytes().end());
  if (fields.option_mac) {
    const bool is_solicitation = fields.type == icmpv6_type::kNeighborSolicitation;
    message.push_back(is_solicitation ? 1 : 2);
    message.push_back(fields.option_length);
    message.insert(message.end(), fields.option_mac->bytes().begin(),
                   fields.option_mac->bytes().end());
  }
  Bytes pseudo_header(fields.source.bytes().begin(), fields.source.bytes().end());
  pseudo_header.insert(pseudo_header.end(), fields.destination.bytes().begin(),
                       fields.destination.bytes().end());
  pseudo_header.insert(pseudo_header.end(),
                       {0, 0, 0, static_cast<std::uint8_t>(message.size()), 0, 0, 0, 58});
  const std::uint16_t checksum = naive_checksum(message, naive_sum(pseudo_header));
  message[2] = static_cast<std::uint8_t>(checksum >> 8);
  message[3] = static_cast<std::uint8_t>(checksum);
  const auto finish = [&](auto link) {
    return link
        .ipv6({.source = fields.source,
               .destination = fields.destination,
               .hop_limit = fields.hop_limit,
               .next_header = ip_protocol::kIcmpv6})
        .payload(message)
        .build();
  };
  const auto link =
      packet().ethernet({.source = fields.link_source, .destination = fields.link_destination});
  return fields.vlan != 0 ? finish(link.vlan({.id = fields.vlan})) : finish(link);
}

}  // namespace alkaid::test
