// Asks the responder and reads its answer strictly.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "dataplane/dhcp/dhcp_responder.hpp"
#include "tests/support/dhcp_messages.hpp"
#include "tests/support/exact_copy.hpp"

namespace alkaid::test {

using Octets = std::vector<std::uint8_t>;
using Outcome = DhcpResponse::Outcome;
using Type = DhcpMessageType;

inline constexpr Ipv4Address kAddress{0x0a000005};  // 10.0.0.5/24
inline constexpr Ipv4Address kGateway{0x0a000001};
inline constexpr Ipv4Address kWrong{0x0a000063};
inline constexpr Ipv4Address kRelay{0x0a0000fe};
inline constexpr Ipv4Address kEverybody{0xffffffff};
inline constexpr std::array<Ipv4Address, 2> kDnsServers = {Ipv4Address{0x08080808},
                                                           Ipv4Address{0x08080404}};

// What a client is told: its subnet, its port, itself.
struct Binding {
  SegmentConfig subnet;
  std::uint16_t mtu = 0;
  std::string host_name;
  Ipv4Address address = kAddress;
};

inline Binding bare_facts(std::uint8_t prefix_length = 24) {
  Binding binding;
  binding.subnet.prefixes = {{IpAddress{Ipv4Address{0x0a000000}}, prefix_length}};
  return binding;
}

inline Binding facts() {
  Binding binding = bare_facts();
  binding.subnet.gateways = {{IpAddress{kGateway}, MacAddress::from_number(0x020000000101)}};
  for (const Ipv4Address server : kDnsServers) {
    binding.subnet.dns_servers.emplace_back(server);
  }
  binding.subnet.lease_seconds = 86400;
  binding.mtu = 1450;
  binding.host_name = "web-1";
  return binding;
}

inline DhcpOptionConfig option(std::uint16_t code, const Octets& value) {
  return {code, {value.begin(), value.end()}};
}

struct Answer {
  DhcpResponse response;
  Octets bytes;
  DhcpReply reply;  // if there is one
};

inline Answer ask(const DhcpClientMessage& message, const Binding& binding = facts(),
                  std::size_t output_size = 1024) {
  Answer answer;
  DhcpRequest request;
  const Octets payload = message.build();
  EXPECT_EQ(parse_dhcp_request(payload, request), DropReason::kNone);
  // What was in the buffer before must not show.
  ExactCopy output{Octets(output_size, 0xa5)};
  EXPECT_EQ(check_dhcp_options(binding.subnet), std::nullopt);
  const DhcpOptions options{binding.subnet};
  answer.response = respond_dhcp(request,
                                 {.address = binding.address,
                                  .options = options,
                                  .mtu = binding.mtu,
                                  .host_name = binding.host_name},
                                 output.bytes());
  EXPECT_EQ(answer.response.request, request.type);
  if (answer.response.outcome == Outcome::kReply) {
    const auto reply = output.bytes().first(answer.response.reply_length);
    answer.bytes.assign(reply.begin(), reply.end());
    std::string error;
    const auto read = read_dhcp_reply(reply, error);
    EXPECT_TRUE(read) << error;
    if (read) {
      answer.reply = *read;
      EXPECT_EQ(read->type(), answer.response.reply);
    }
  }
  return answer;
}

}  // namespace alkaid::test
