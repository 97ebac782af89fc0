// What the responder answers in every state of a client, where it sends it, and what stands in it.
#include "dataplane/dhcp/dhcp_responder.hpp"

#include <array>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/dhcp_messages.hpp"
#include "tests/support/exact_copy.hpp"

namespace alkaid::test {
namespace {

using Octets = std::vector<std::uint8_t>;
using Outcome = DhcpResponse::Outcome;
using Type = DhcpMessageType;

constexpr Ipv4Address kAddress{0x0a000005};  // 10.0.0.5/24
constexpr Ipv4Address kGateway{0x0a000001};
constexpr Ipv4Address kWrong{0x0a000063};
constexpr Ipv4Address kRelay{0x0a0000fe};
constexpr Ipv4Address kEverybody{0xffffffff};
constexpr std::array<Ipv4Address, 2> kDnsServers = {Ipv4Address{0x08080808},
                                                    Ipv4Address{0x08080404}};

DhcpBindingFacts facts() {
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

Answer ask(const DhcpClientMessage& message, const DhcpBindingFacts& binding = facts(),
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

// ---- every state ----

struct StateCase {
  std::string name;
  Type type;
  DhcpClientFields fields;
  std::optional<Ipv4Address> requested;
  std::optional<Ipv4Address> server;
  // expected
  Outcome outcome;
  DropReason reason = DropReason::kNone;
  Type reply = Type::kNone;
  Ipv4Address destination;
  std::uint16_t port = 68;
};

void PrintTo(const StateCase& test_case, std::ostream* out) {
  *out << test_case.name;
}

class DhcpState : public testing::TestWithParam<StateCase> {};

TEST_P(DhcpState, IsAnswered) {
  const StateCase& c = GetParam();
  DhcpClientMessage message{c.fields};
  message.type(c.type);
  if (c.requested) {
    message.option(dhcp_option::kRequestedAddress, *c.requested);
  }
  if (c.server) {
    message.option(dhcp_option::kServerIdentifier, *c.server);
  }
  const Answer answer = ask(message);
  EXPECT_EQ(answer.response.outcome, c.outcome);
  EXPECT_EQ(text_of(answer.response.reason).name, text_of(c.reason).name);
  EXPECT_EQ(answer.response.reply, c.reply);
  if (c.outcome != Outcome::kReply) {
    EXPECT_EQ(answer.response.reply_length, 0U);
    return;
  }
  EXPECT_EQ(answer.response.source_ip, kGateway);
  EXPECT_EQ(answer.response.destination_ip.to_string(), c.destination.to_string());
  EXPECT_EQ(answer.response.destination_port, c.port);
  EXPECT_EQ(answer.response.destination_broadcast_mac, c.destination == kEverybody);

  const DhcpHeader& header = answer.reply.header;
  EXPECT_EQ(header.transaction.host(), c.fields.transaction);
  EXPECT_EQ(header.relay_ip, c.fields.relay_ip);
  EXPECT_EQ(header.hops, 0);
  EXPECT_EQ(header.seconds.host(), 0);
  EXPECT_TRUE(header.next_server_ip.is_zero());
  EXPECT_EQ(header.client_hardware_address[5], 1);
  const bool leased = c.reply != Type::kNak && c.type != Type::kInform;
  EXPECT_EQ(header.your_ip.to_string(), (leased ? kAddress : Ipv4Address{}).to_string());
  EXPECT_EQ(header.client_ip.to_string(),
            (c.reply == Type::kAck ? c.fields.client_ip : Ipv4Address{}).to_string());
  const bool relayed_nak = c.reply == Type::kNak && !c.fields.relay_ip.is_zero();
  EXPECT_EQ(header.flags.host(), c.fields.flags | (relayed_nak ? 0x8000 : 0));
  EXPECT_EQ(answer.reply.number(dhcp_option::kServerIdentifier), kGateway.host());
  EXPECT_EQ(answer.reply.number(dhcp_option::kLeaseTime), leased ? 86400U : 0U);
  EXPECT_EQ(answer.reply.find(dhcp_option::kSubnetMask) != nullptr, c.reply != Type::kNak);
}

const StateCase kStates[] = {
    {"Discover", Type::kDiscover, {}, {}, {}, Outcome::kReply, {}, Type::kOffer, kAddress},
    {"DiscoverBroadcast",
     Type::kDiscover,
     {.flags = 0x8000},
     {},
     {},
     Outcome::kReply,
     {},
     Type::kOffer,
     kEverybody},
    {"DiscoverWishingAnotherAddress",
     Type::kDiscover,
     {},
     kWrong,
     {},
     Outcome::kReply,
     {},
     Type::kOffer,
     kAddress},
    {"DiscoverRelayed",
     Type::kDiscover,
     {.flags = 0x8000, .relay_ip = kRelay},
     {},
     {},
     Outcome::kReply,
     {},
     Type::kOffer,
     kRelay,
     67},
    {"Selecting",
     Type::kRequest,
     {},
     kAddress,
     kGateway,
     Outcome::kReply,
     {},
     Type::kAck,
     kAddress},
    {"SelectingBroadcast",
     Type::kRequest,
     {.flags = 0x8000},
     kAddress,
     kGateway,
     Outcome::kReply,
     {},
     Type::kAck,
     kEverybody},
    {"SelectingWrongAddress",
     Type::kRequest,
     {},
     kWrong,
     kGateway,
     Outcome::kReply,
     {},
     Type::kNak,
     kEverybody},
    {"SelectingAnotherServer",
     Type::kRequest,
     {},
     kAddress,
     kWrong,
     Outcome::kDrop,
     DropReason::dhcp_other_server},
    {"SelectingNothing",
     Type::kRequest,
     {},
     {},
     kGateway,
     Outcome::kDrop,
     DropReason::dhcp_malformed},
    {"SelectingRelayedWrongAddress",
     Type::kRequest,
     {.relay_ip = kRelay},
     kWrong,
     kGateway,
     Outcome::kReply,
     {},
     Type::kNak,
     kRelay,
     67},
    {"InitReboot", Type::kRequest, {}, kAddress, {}, Outcome::kReply, {}, Type::kAck, kAddress},
    {"InitRebootWrongAddress",
     Type::kRequest,
     {},
     kWrong,
     {},
     Outcome::kReply,
     {},
     Type::kNak,
     kEverybody},
    {"Renewing",
     Type::kRequest,
     {.client_ip = kAddress},
     {},
     {},
     Outcome::kReply,
     {},
     Type::kAck,
     kAddress},
    {"RenewingWrongAddress",
     Type::kRequest,
     {.client_ip = kWrong},
     {},
     {},
     Outcome::kReply,
     {},
     Type::kNak,
     kEverybody},
    {"RenewingNamingTheServer",
     Type::kRequest,
     {.client_ip = kAddress},
     {},
     kGateway,
     Outcome::kReply,
     {},
     Type::kAck,
     kAddress},
    {"Rebinding",
     Type::kRequest,
     {.flags = 0x8000, .client_ip = kAddress},
     {},
     {},
     Outcome::kReply,
     {},
     Type::kAck,
     kAddress},
    {"RebindingRelayed",
     Type::kRequest,
     {.client_ip = kAddress, .relay_ip = kRelay},
     {},
     {},
     Outcome::kReply,
     {},
     Type::kAck,
     kRelay,
     67},
    {"RebindingWrongAddressRelayed",
     Type::kRequest,
     {.client_ip = kWrong, .relay_ip = kRelay},
     {},
     {},
     Outcome::kReply,
     {},
     Type::kNak,
     kRelay,
     67},
    {"RequestContradictingItself",
     Type::kRequest,
     {.client_ip = kAddress},
     kWrong,
     {},
     Outcome::kReply,
     {},
     Type::kNak,
     kEverybody},
    {"RequestOfNothing", Type::kRequest, {}, {}, {}, Outcome::kDrop, DropReason::dhcp_malformed},
    {"Inform",
     Type::kInform,
     {.client_ip = kAddress},
     {},
     {},
     Outcome::kReply,
     {},
     Type::kAck,
     kAddress},
    {"InformFromAnAddressOfItsOwn",
     Type::kInform,
     {.flags = 0x8000, .client_ip = kWrong},
     {},
     {},
     Outcome::kReply,
     {},
     Type::kAck,
     kWrong},
    {"InformFromNowhere", Type::kInform, {}, {}, {}, Outcome::kDrop, DropReason::dhcp_malformed},
    {"Release", Type::kRelease, {.client_ip = kAddress}, {}, kGateway, Outcome::kConsumed},
    {"ReleaseToAnotherServer",
     Type::kRelease,
     {.client_ip = kAddress},
     {},
     kWrong,
     Outcome::kDrop,
     DropReason::dhcp_other_server},
    {"Decline", Type::kDecline, {}, kAddress, kGateway, Outcome::kConsumed},
    {"DeclineToAnotherServer",
     Type::kDecline,
     {},
     kAddress,
     kWrong,
     Outcome::kDrop,
     DropReason::dhcp_other_server},
};
INSTANTIATE_TEST_SUITE_P(All, DhcpState, testing::ValuesIn(kStates),
                         [](const auto& instance) { return instance.param.name; });

TEST(DhcpResponder, WithoutBindingEveryTypeIsDropped) {
  for (const Type type :
       {Type::kDiscover, Type::kRequest, Type::kDecline, Type::kRelease, Type::kInform}) {
    DhcpRequest request;
    ASSERT_EQ(parse_dhcp_request(DhcpClientMessage{}.type(type).build(), request),
              DropReason::kNone);
    Octets output(1024);
    const DhcpResponse response = respond_dhcp(request, nullptr, output);
    EXPECT_EQ(response.outcome, Outcome::kDrop);
    EXPECT_EQ(response.reason, DropReason::dhcp_no_binding);
    EXPECT_EQ(response.request, type);
  }
}

TEST(DhcpResponder, AnUnparsedRequestIsDropped) {
  Octets output(1024);
  const auto binding = facts();
  EXPECT_EQ(respond_dhcp(DhcpRequest{}, &binding, output).reason, DropReason::dhcp_message_type);
}

TEST(DhcpResponder, TooSmallABufferIsDropped) {
  const auto discover = DhcpClientMessage{}.type(Type::kDiscover);
  EXPECT_EQ(ask(discover, facts(), kDhcpDefaultReplyLimit - 1).response.reason,
            DropReason::no_buffer);
  EXPECT_EQ(ask(discover, facts(), 0).response.reason, DropReason::no_buffer);
  EXPECT_EQ(ask(discover, facts(), kDhcpDefaultReplyLimit).response.outcome, Outcome::kReply);
}

// ---- what stands in it ----

TEST(DhcpResponder, OfferToTheByte) {
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

TEST(DhcpResponder, NakToTheByte) {
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

TEST(DhcpResponder, DefaultOptionsWithoutAList) {
  EXPECT_THAT(ask(DhcpClientMessage{}.type(Type::kDiscover)).reply.codes(),
              testing::ElementsAre(53, 54, 51, 1, 3, 6, 26, 58, 59));
}

TEST(DhcpResponder, OptionsInTheOrderOfTheList) {
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

TEST(DhcpResponder, InformGetsNoTimes) {
  DhcpClientMessage message{{.client_ip = kAddress}};
  message.type(Type::kInform).option(dhcp_option::kParameterRequestList, {51, 58, 59, 1, 3});
  EXPECT_THAT(ask(message).reply.codes(), testing::ElementsAre(53, 54, 1, 3));
}

TEST(DhcpResponder, WhatIsNotKnownIsNotTold) {
  DhcpBindingFacts binding{.address = kAddress, .prefix_length = 24};
  DhcpClientMessage message;
  message.type(Type::kDiscover).option(dhcp_option::kParameterRequestList, {1, 3, 6, 12, 26, 28});
  const Answer answer = ask(message, binding);
  EXPECT_THAT(answer.reply.codes(), testing::ElementsAre(53, 54, 51, 1, 28, 58, 59));
  EXPECT_EQ(answer.reply.number(dhcp_option::kServerIdentifier), kDhcpServerWithoutGateway.host());
  EXPECT_EQ(answer.response.source_ip, kDhcpServerWithoutGateway);
}

TEST(DhcpResponder, SelectingWithoutGatewayNamesTheFallbackServer) {
  DhcpBindingFacts binding{.address = kAddress, .prefix_length = 24};
  DhcpClientMessage message;
  message.type(Type::kRequest)
      .option(dhcp_option::kRequestedAddress, kAddress)
      .option(dhcp_option::kServerIdentifier, kDhcpServerWithoutGateway);
  EXPECT_EQ(ask(message, binding).response.reply, Type::kAck);
}

TEST(DhcpResponder, MaskAndBroadcastOfEveryPrefixLength) {
  for (unsigned length = 0; length <= 40; ++length) {
    SCOPED_TRACE(length);
    DhcpBindingFacts binding = facts();
    binding.prefix_length = static_cast<std::uint8_t>(length);
    DhcpClientMessage message;
    message.type(Type::kDiscover).option(dhcp_option::kParameterRequestList, {1, 28});
    const Answer answer = ask(message, binding);
    // Shifting 64-bit numbers: defined for every length, unlike the code under test's own way.
    const auto mask = static_cast<std::uint32_t>(~0ULL << (32 - std::min(length, 32U)));
    EXPECT_EQ(answer.reply.number(dhcp_option::kSubnetMask), mask);
    EXPECT_EQ(answer.reply.find(dhcp_option::kBroadcastAddress) != nullptr, length <= 30);
    if (length <= 30) {
      EXPECT_EQ(answer.reply.number(dhcp_option::kBroadcastAddress), kAddress.host() | ~mask);
    }
  }
}

TEST(DhcpResponder, LeaseTimes) {
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
    DhcpBindingFacts binding = facts();
    binding.lease_seconds = c.lease;
    const DhcpReply reply = ask(DhcpClientMessage{}.type(Type::kDiscover), binding).reply;
    EXPECT_EQ(reply.number(dhcp_option::kLeaseTime), c.told);
    EXPECT_EQ(reply.number(dhcp_option::kRenewalTime), c.renewal);
    EXPECT_EQ(reply.number(dhcp_option::kRebindingTime), c.rebinding);
  }
}

TEST(DhcpResponder, AnInfiniteLeaseIsNeverRenewed) {
  DhcpBindingFacts binding = facts();
  binding.lease_seconds = kDhcpInfiniteLease;
  DhcpClientMessage message;
  message.type(Type::kDiscover).option(dhcp_option::kParameterRequestList, {58, 59});
  EXPECT_THAT(ask(message, binding).reply.codes(), testing::ElementsAre(53, 54, 51));
}

TEST(DhcpResponder, AnMtuThatIpv4RefusesIsNotTold) {
  for (const std::uint16_t mtu : {0, 67, 68, 65535}) {
    DhcpBindingFacts binding = facts();
    binding.mtu = mtu;
    const auto reply = ask(DhcpClientMessage{}.type(Type::kDiscover), binding).reply;
    EXPECT_EQ(reply.find(dhcp_option::kInterfaceMtu) != nullptr, mtu >= 68) << mtu;
  }
}

TEST(DhcpResponder, HostNameUpToAnOptionsLength) {
  for (const std::size_t size : {0, 1, 255, 256, 1000}) {
    DhcpBindingFacts binding = facts();
    const std::string name(size, 'n');
    binding.host_name = name;
    DhcpClientMessage message;
    message.type(Type::kDiscover).option(dhcp_option::kParameterRequestList, {12});
    const auto reply = ask(message, binding).reply;
    EXPECT_EQ(reply.find(dhcp_option::kHostName) != nullptr, size >= 1 && size <= 255) << size;
  }
}

// ---- how long it may be ----

TEST(DhcpResponder, ManyDnsServersAreCutToWhatFits) {
  std::vector<Ipv4Address> servers;
  for (std::uint32_t i = 0; i < 200; ++i) {
    servers.emplace_back(0x08000000 + i);
  }
  DhcpBindingFacts binding = facts();
  binding.dns_servers = servers;
  // An option holds 63.
  const auto reply = ask(DhcpClientMessage{}.type(Type::kDiscover), binding).reply;
  ASSERT_NE(reply.find(dhcp_option::kDomainNameServer), nullptr);
  EXPECT_EQ(reply.find(dhcp_option::kDomainNameServer)->size(), 63U * 4);
  EXPECT_EQ(reply.number(dhcp_option::kRebindingTime), 75600U);
}

TEST(DhcpResponder, TheClientsLimitIsKeptAndWhatMustBeThereIs) {
  std::vector<Ipv4Address> servers(63, Ipv4Address{0x08080808});
  const std::string name(255, 'n');
  DhcpBindingFacts binding = facts();
  binding.dns_servers = servers;
  binding.host_name = name;
  struct {
    std::optional<std::uint16_t> size;
    std::size_t output, limit;
    bool has_host_name;
  } const cases[] = {
      {{}, 1024, 548, false},    {0, 1024, 548, false},    {27, 1024, 548, false},
      {575, 1024, 548, false},   {576, 1024, 548, false},  {600, 1024, 572, false},
      {1500, 1024, 1024, false}, {1500, 1472, 1472, true}, {65535, 2048, 2048, true},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.limit);
    DhcpClientMessage message;
    message.type(Type::kDiscover)
        .option(dhcp_option::kClientIdentifier, Octets(255, 7))
        .option(dhcp_option::kParameterRequestList, {1, 3, 26, 28, 6, 12});
    if (c.size) {
      message.option(dhcp_option::kMaximumMessageSize,
                     {static_cast<std::uint8_t>(*c.size >> 8), static_cast<std::uint8_t>(*c.size)});
    }
    const Answer answer = ask(message, binding, c.output);
    ASSERT_EQ(answer.response.outcome, Outcome::kReply);
    EXPECT_LE(answer.response.reply_length, c.limit);
    EXPECT_EQ(answer.reply.find(dhcp_option::kHostName) != nullptr, c.has_host_name);
    for (const std::uint8_t code : {53, 54, 51, 61, 58, 59}) {
      EXPECT_NE(answer.reply.find(code), nullptr) << static_cast<int>(code);
    }
  }
}

TEST(DhcpResponder, ShortRepliesAreBootpsSmallest) {
  DhcpBindingFacts binding{.address = kAddress, .prefix_length = 24};
  EXPECT_EQ(ask(DhcpClientMessage{}.type(Type::kDiscover), binding).response.reply_length, 300U);
}

TEST(DhcpResponder, TheClientIdentifierIsReturnedInANakToo) {
  DhcpClientMessage message{{.client_ip = kWrong}};
  message.type(Type::kRequest).option(dhcp_option::kClientIdentifier, {0xff, 1, 2});
  EXPECT_THAT(ask(message).reply.codes(), testing::ElementsAre(53, 54, 61, 56));
}

}  // namespace
}  // namespace alkaid::test
