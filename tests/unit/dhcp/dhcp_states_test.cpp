// What the responder answers in every state of a client, and where it sends it.
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/unit/dhcp/ask_responder.hpp"

namespace alkaid::test {
namespace {

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

TEST(DhcpResponder, AnUnparsedRequestIsDropped) {
  Octets output(1024);
  const DhcpOptions options;
  EXPECT_EQ(respond_dhcp(DhcpRequest{}, {.address = kAddress, .options = options}, output).reason,
            DropReason::dhcp_message_type);
}

TEST(DhcpResponder, TooSmallABufferIsDropped) {
  const auto discover = DhcpClientMessage{}.type(Type::kDiscover);
  EXPECT_EQ(ask(discover, facts(), kDhcpSmallestOutput - 1).response.reason, DropReason::no_buffer);
  EXPECT_EQ(ask(discover, facts(), 0).response.reason, DropReason::no_buffer);
  EXPECT_EQ(ask(discover, facts(), kDhcpSmallestOutput).response.outcome, Outcome::kReply);
}

}  // namespace
}  // namespace alkaid::test
