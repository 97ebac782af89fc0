// What stands in the responder's replies, and how long they may be.
#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/dhcp/ask_responder.hpp"

namespace alkaid::test {
namespace {

TEST(DhcpReply, OfferToTheByte) {
  DhcpClientMessage message{{.transaction = 0x01020304, .seconds = 7, .flags = 0x8000}};
  message.type(Type::kDiscover)
      .option(dhcp_option::kClientIdentifier, {1, 2, 0, 0, 0, 0, 1})
      .option(dhcp_option::kParameterRequestList, {1, 3, 6, 12, 26, 28, 42, 51, 58, 59});
  Octets expected = {
      2, 1, 6, 0,                  // BOOTREPLY, Ethernet
      1, 2, 3, 4, 0,  0, 0x80, 0,  // xid, secs, flags
      0, 0, 0, 0, 10, 0, 0,    5,  // ciaddr, yiaddr
      0, 0, 0, 0, 0,  0, 0,    0,  // siaddr, giaddr
      2, 0, 0, 0, 0,  1,           // chaddr
  };
  expected.resize(236);
  const Octets options = {
      0x63, 0x82, 0x53, 0x63,                            // cookie
      53,   1,    2,                                     // OFFER
      54,   4,    10,   0,    0,    1,                   // server
      51,   4,    0,    1,    0x51, 0x80,                // 86,400 s
      61,   7,    1,    2,    0,    0,    0,   0, 1,     // client identifier
      1,    4,    255,  255,  255,  0,                   // mask
      3,    4,    10,   0,    0,    1,                   // router
      6,    8,    8,    8,    8,    8,    8,   8, 4, 4,  // DNS
      12,   5,    'w',  'e',  'b',  '-',  '1',           // host name
      26,   2,    0x05, 0xaa,                            // MTU 1450
      28,   4,    10,   0,    0,    255,                 // broadcast address
      58,   4,    0,    0,    0xa8, 0xc0,                // 43,200 s
      59,   4,    0,    1,    0x27, 0x50,                // 75,600 s
      255,
  };
  expected.insert(expected.end(), options.begin(), options.end());
  EXPECT_EQ(ask(message).bytes, expected);
}

TEST(DhcpReply, NakToTheByte) {
  DhcpClientMessage message{{.transaction = 0xa0b0c0d0, .client_ip = kWrong}};
  message.type(Type::kRequest);
  Octets expected = {
      2, 1, 6, 0, 0xa0, 0xb0, 0xc0, 0xd0, 0, 0, 0, 0,  //
      0, 0, 0, 0, 0,    0,    0,    0,                 //
      0, 0, 0, 0, 0,    0,    0,    0,                 //
      2, 0, 0, 0, 0,    1,
  };
  expected.resize(236);
  const Octets options = {0x63, 0x82, 0x53, 0x63, 53, 1, 6, 54, 4, 10, 0, 0, 1, 56, 35};
  expected.insert(expected.end(), options.begin(), options.end());
  const std::string_view text = "address not assigned to this client";
  expected.insert(expected.end(), text.begin(), text.end());
  expected.push_back(255);
  expected.resize(300);
  EXPECT_EQ(ask(message).bytes, expected);
}

TEST(DhcpReply, DefaultOptionsWithoutAList) {
  EXPECT_THAT(ask(DhcpClientMessage{}.type(Type::kDiscover)).reply.codes(),
              testing::ElementsAre(53, 54, 51, 1, 3, 6, 28, 12, 26, 58, 59));
}

TEST(DhcpReply, OptionsInTheOrderOfTheList) {
  struct {
    Octets list;
    std::vector<int> codes;
  } const cases[] = {
      {{59, 26, 6, 58, 1}, {53, 54, 51, 59, 26, 6, 58, 1}},
      {{28}, {53, 54, 51, 28, 58, 59}},
      {{54, 12, 53, 51}, {53, 54, 51, 12, 58, 59}},
      {{43, 66, 252}, {53, 54, 51, 58, 59}},
      {{3, 6}, {53, 54, 51, 3, 6, 58, 59}},
      // RFC 2132, 3.3: the mask before the router.
      {{3, 6, 1}, {53, 54, 51, 1, 3, 6, 58, 59}},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(testing::PrintToString(c.list));
    DhcpClientMessage message;
    message.type(Type::kDiscover).option(dhcp_option::kParameterRequestList, c.list);
    EXPECT_THAT(ask(message).reply.codes(), testing::ElementsAreArray(c.codes));
  }
}

TEST(DhcpReply, InformGetsNoTimes) {
  DhcpClientMessage message{{.client_ip = kAddress}};
  message.type(Type::kInform).option(dhcp_option::kParameterRequestList, {51, 58, 59, 1, 3});
  EXPECT_THAT(ask(message).reply.codes(), testing::ElementsAre(53, 54, 1, 3));
}

TEST(DhcpReply, WhatIsNotKnownIsNotTold) {
  Binding binding = bare_facts();
  DhcpClientMessage message;
  message.type(Type::kDiscover).option(dhcp_option::kParameterRequestList, {1, 3, 6, 12, 26, 28});
  const Answer answer = ask(message, binding);
  EXPECT_THAT(answer.reply.codes(), testing::ElementsAre(53, 54, 51, 1, 28, 58, 59));
  EXPECT_EQ(answer.reply.number(dhcp_option::kServerIdentifier), kDhcpServerWithoutGateway.host());
  EXPECT_EQ(answer.response.source_ip, kDhcpServerWithoutGateway);
}

TEST(DhcpReply, SelectingWithoutGatewayNamesTheFallbackServer) {
  Binding binding = bare_facts();
  DhcpClientMessage message;
  message.type(Type::kRequest)
      .option(dhcp_option::kRequestedAddress, kAddress)
      .option(dhcp_option::kServerIdentifier, kDhcpServerWithoutGateway);
  EXPECT_EQ(ask(message, binding).response.reply, Type::kAck);
}

TEST(DhcpReply, MaskAndBroadcastOfEveryPrefixLength) {
  for (unsigned length = 0; length <= 32; ++length) {
    SCOPED_TRACE(length);
    const Binding binding = bare_facts(static_cast<std::uint8_t>(length));
    DhcpClientMessage message;
    message.type(Type::kDiscover).option(dhcp_option::kParameterRequestList, {1, 28});
    const Answer answer = ask(message, binding);
    // Shifting 64-bit numbers: defined for every length, unlike the code under test's own way.
    const auto mask = static_cast<std::uint32_t>(~0ULL << (32 - length));
    EXPECT_EQ(answer.reply.number(dhcp_option::kSubnetMask), mask);
    EXPECT_EQ(answer.reply.find(dhcp_option::kBroadcastAddress) != nullptr, length <= 30);
    if (length <= 30) {
      EXPECT_EQ(answer.reply.number(dhcp_option::kBroadcastAddress), 0x0a000000U | ~mask);
    }
  }
}

TEST(DhcpReply, LeaseTimes) {
  struct {
    std::uint32_t lease, told, renewal, rebinding;
  } const cases[] = {
      {86400, 86400, 43200, 75600},
      {0, 86400, 43200, 75600},
      {1, 1, 0, 0},
      {0xfffffffe, 0xfffffffe, 0x7fffffff, 0xdffffffe},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.lease);
    Binding binding = facts();
    binding.subnet.lease_seconds = c.lease;
    const DhcpReply reply = ask(DhcpClientMessage{}.type(Type::kDiscover), binding).reply;
    EXPECT_EQ(reply.number(dhcp_option::kLeaseTime), c.told);
    EXPECT_EQ(reply.number(dhcp_option::kRenewalTime), c.renewal);
    EXPECT_EQ(reply.number(dhcp_option::kRebindingTime), c.rebinding);
  }
}

TEST(DhcpReply, AnInfiniteLeaseIsNeverRenewed) {
  Binding binding = facts();
  binding.subnet.lease_seconds = kDhcpInfiniteLease;
  DhcpClientMessage message;
  message.type(Type::kDiscover).option(dhcp_option::kParameterRequestList, {58, 59});
  EXPECT_THAT(ask(message, binding).reply.codes(), testing::ElementsAre(53, 54, 51));
}

TEST(DhcpReply, AnMtuThatIpv4RefusesIsNotTold) {
  for (const std::uint16_t mtu : {0, 67, 68, 65535}) {
    Binding binding = facts();
    binding.mtu = mtu;
    const auto reply = ask(DhcpClientMessage{}.type(Type::kDiscover), binding).reply;
    EXPECT_EQ(reply.find(dhcp_option::kInterfaceMtu) != nullptr, mtu >= 68) << mtu;
  }
}

TEST(DhcpReply, HostNameUpToAnOptionsLength) {
  for (const std::size_t size : {0, 1, 255, 256, 1000}) {
    Binding binding = facts();
    binding.host_name = std::string(size, 'n');
    DhcpClientMessage message;
    message.type(Type::kDiscover).option(dhcp_option::kParameterRequestList, {12});
    const auto reply = ask(message, binding).reply;
    EXPECT_EQ(reply.find(dhcp_option::kHostName) != nullptr, size >= 1 && size <= 255) << size;
  }
}

TEST(DhcpReply, ManyDnsServersAreCutToAnOption) {
  Binding binding = facts();
  for (std::uint32_t i = 0; i < 200; ++i) {
    binding.subnet.dns_servers.emplace_back(Ipv4Address{0x08000000 + i});
  }
  const auto reply = ask(DhcpClientMessage{}.type(Type::kDiscover), binding).reply;
  ASSERT_NE(reply.find(dhcp_option::kDomainNameServer), nullptr);
  EXPECT_EQ(reply.find(dhcp_option::kDomainNameServer)->size(), 63U * 4);
  EXPECT_EQ(reply.number(dhcp_option::kRebindingTime), 75600U);
}

TEST(DhcpReply, TheClientsLimitIsKeptAndWhatMustBeThereIs) {
  Binding binding = facts();
  binding.subnet.dns_servers.assign(63, IpAddress{Ipv4Address{0x08080808}});
  binding.host_name = std::string(255, 'n');
  struct {
    std::optional<std::uint16_t> size;
    std::size_t output, limit;
    bool has_dns, has_host_name;
  } const cases[] = {
      {{}, 1024, 548, false, false},  {0, 1024, 548, false, false},
      {27, 1024, 548, false, false},  {575, 1024, 548, false, false},
      {576, 1024, 548, false, false}, {600, 1024, 572, false, false},
      {840, 1024, 812, true, false},  {1500, 1024, 1024, true, false},
      {1500, 1472, 1472, true, true}, {65535, 2048, 2048, true, true},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.limit);
    DhcpClientMessage message;
    message.type(Type::kDiscover)
        .option(dhcp_option::kClientIdentifier, Octets(255, 7))
        .option(dhcp_option::kParameterRequestList, {3, 26, 6, 12, 28, 1});
    if (c.size) {
      message.option(dhcp_option::kMaximumMessageSize,
                     {static_cast<std::uint8_t>(*c.size >> 8), static_cast<std::uint8_t>(*c.size)});
    }
    const Answer answer = ask(message, binding, c.output);
    ASSERT_EQ(answer.response.outcome, Outcome::kReply);
    EXPECT_LE(answer.response.reply_length, c.limit);
    EXPECT_EQ(answer.reply.find(dhcp_option::kDomainNameServer) != nullptr, c.has_dns);
    EXPECT_EQ(answer.reply.find(dhcp_option::kHostName) != nullptr, c.has_host_name);
    // What comes behind an option that doesn't fit still does.
    for (const std::uint8_t code : {53, 54, 51, 61, 1, 3, 26, 28, 58, 59}) {
      EXPECT_NE(answer.reply.find(code), nullptr) << static_cast<int>(code);
    }
  }
}

TEST(DhcpReply, TheRelaysInformationIsReturnedLastAndCostsTheClientNothing) {
  Binding binding = facts();
  binding.host_name = std::string(200, 'n');
  for (const Type type : {Type::kDiscover, Type::kRequest}) {
    SCOPED_TRACE(static_cast<int>(type));
    const Octets information(255, 0x52);
    DhcpClientMessage message{
        {.client_ip = type == Type::kRequest ? kWrong : Ipv4Address{}, .relay_ip = kRelay}};
    message.type(type)
        .option(dhcp_option::kRelayAgentInformation, information)
        .option(dhcp_option::kParameterRequestList, {82, 12, 1});
    const Answer answer = ask(message, binding);
    ASSERT_FALSE(answer.reply.options.empty());
    EXPECT_EQ(answer.reply.options.back().first, dhcp_option::kRelayAgentInformation);
    EXPECT_EQ(answer.reply.options.back().second, information);
    EXPECT_EQ(answer.reply.find(dhcp_option::kHostName) != nullptr, type == Type::kDiscover);
  }
}

TEST(DhcpReply, ShortRepliesAreBootpsSmallest) {
  Binding binding = bare_facts();
  EXPECT_EQ(ask(DhcpClientMessage{}.type(Type::kDiscover), binding).response.reply_length, 300U);
}

TEST(DhcpReply, TheClientIdentifierIsReturnedInANakToo) {
  DhcpClientMessage message{{.client_ip = kWrong}};
  message.type(Type::kRequest).option(dhcp_option::kClientIdentifier, {0xff, 1, 2});
  EXPECT_THAT(ask(message).reply.codes(), testing::ElementsAre(53, 54, 61, 56));
}

}  // namespace
}  // namespace alkaid::test
