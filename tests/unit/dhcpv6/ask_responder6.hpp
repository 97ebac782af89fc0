// Asks the DHCPv6 responder and reads its answer strictly.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dataplane/dhcpv6/dhcpv6_responder.hpp"
#include "tests/support/dhcpv6_messages.hpp"
#include "tests/support/exact_copy.hpp"

namespace alkaid::test {

using Outcome6 = Dhcpv6Response::Outcome;
using Type6 = Dhcpv6MessageType;

inline constexpr MacAddress kGatewayMac = MacAddress::from_number(0x020000010001);
inline const IpAddress kOwnAddress = *IpAddress::parse("2001:db8:1::b");
inline const IpAddress kOtherAddress = *IpAddress::parse("2001:db8:1::99");
inline const IpAddress kOffLinkAddress = *IpAddress::parse("2001:db8:99::b");

inline SegmentConfig dhcpv6_segment() {
  SegmentConfig config;
  config.prefixes = {*IpPrefix::parse("10.1.0.0/24"), *IpPrefix::parse("2001:db8:1::/64")};
  config.gateways = {{*IpAddress::parse("2001:db8:1::1"), kGatewayMac}};
  config.dhcp_enabled = true;
  config.lease_seconds = 1000;
  config.dns_servers = {*IpAddress::parse("8.8.8.8"), *IpAddress::parse("2001:db8::53")};
  config.domain_name = "example.com";
  config.domain_search = {"a.example", "b.example"};
  return config;
}

inline Dhcpv6Client dhcpv6_client() {
  return {.has_binding = true, .address = kOwnAddress, .host_name = "web-1"};
}

struct Answer6 {
  Dhcpv6Response response;
  Dhcpv6Reply reply;  // if there is one
};

inline Answer6 ask(const Dhcpv6ClientMessage& message,
                   const SegmentConfig& segment = dhcpv6_segment(),
                   const Dhcpv6Client& client = dhcpv6_client()) {
  Answer6 answer;
  Dhcpv6Request request;
  const Octets6 payload = message.build();
  EXPECT_EQ(parse_dhcpv6_request(payload, request), DropReason::kNone);
  // What was in the buffer before must not show.
  ExactCopy output{Octets6(kDhcpv6ReplyLimit, 0xa5)};
  answer.response = respond_dhcpv6(request, make_dhcpv6_settings(segment), client, output.bytes());
  if (answer.response.outcome == Outcome6::kReply) {
    std::string error;
    const auto read = read_dhcpv6_reply(output.bytes().first(answer.response.reply_length), error);
    EXPECT_TRUE(read) << error;
    if (read) {
      answer.reply = *read;
      EXPECT_EQ(read->type, answer.response.reply);
      EXPECT_EQ(read->transaction, 0x123456U);
    }
  }
  return answer;
}

inline Dhcpv6ClientMessage solicit() {
  return Dhcpv6ClientMessage{Type6::kSolicit}.client();
}
// A message that is for our server.
inline Dhcpv6ClientMessage to_server(Type6 type) {
  return Dhcpv6ClientMessage{type}.client().server(kGatewayMac);
}

}  // namespace alkaid::test
