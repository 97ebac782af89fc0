// Asks the responder and reads its answer strictly.
#pragma once

#include <array>
#include <cstdint>
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

inline DhcpBindingFacts facts() {
  return {.address = kAddress,
          .prefix_length = 24,
          .gateway = kGateway,
          .dns_servers = kDnsServers,
          .mtu = 1450,
          .lease_seconds = 86400,
          .host_name = "web-1"};
}

struct Answer {
  DhcpResponse response;
  Octets bytes;
  DhcpReply reply;  // if there is one
};

inline Answer ask(const DhcpClientMessage& message, const DhcpBindingFacts& binding = facts(),
                  std::size_t output_size = 1024) {
  Answer answer;
  DhcpRequest request;
  const Octets payload = message.build();
  EXPECT_EQ(parse_dhcp_request(payload, request), DropReason::kNone);
  // What was in the buffer before must not show.
  ExactCopy output{Octets(output_size, 0xa5)};
  answer.response = respond_dhcp(request, &binding, output.bytes());
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
