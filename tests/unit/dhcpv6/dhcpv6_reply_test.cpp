// What the DHCPv6 responder answers (RFC 8415, 18.3).
#include <map>

#include "tests/unit/dhcpv6/ask_responder6.hpp"

namespace alkaid::test {
namespace {

using ::testing::ElementsAre;

constexpr std::uint16_t kNoAddrsAvail = 2;
constexpr std::uint16_t kNoBinding = 3;
constexpr std::uint16_t kNotOnLink = 4;
constexpr std::uint16_t kUseMulticast = 5;
constexpr std::uint16_t kNoPrefixAvail = 6;

void expect_own_address(const Dhcpv6ReplyAssociation& association) {
  ASSERT_FALSE(association.addresses.empty());
  EXPECT_EQ(association.addresses[0].address, kOwnAddress);
  EXPECT_EQ(association.addresses[0].preferred, 1000U);
  EXPECT_EQ(association.addresses[0].valid, 1000U);
  EXPECT_EQ(association.renew, 500U);
  EXPECT_EQ(association.rebind, 800U);
  EXPECT_FALSE(association.status);
}

TEST(Dhcpv6Reply, SolicitIsAdvertised) {
  const auto [response, reply] = ask(solicit().asks_for({23}).ia_na(7, {kOtherAddress}));
  EXPECT_EQ(reply.type, Type6::kAdvertise);
  EXPECT_THAT(reply.codes(), ElementsAre(1, 2, 7, 23));
  EXPECT_EQ(*reply.find(1), (Octets6{0, 1, 0, 1, 9, 9, 9, 9, 2, 0, 0, 0, 0, 1}));
  EXPECT_EQ(*reply.find(2), (Octets6{0, 3, 0, 1, 2, 0, 0, 1, 0, 1}));
  EXPECT_EQ(*reply.find(7), (Octets6{255}));
  ASSERT_EQ(reply.associations.size(), 1U);
  EXPECT_EQ(reply.associations[0].id, 7U);
  expect_own_address(reply.associations[0]);
}

TEST(Dhcpv6Reply, RapidCommit) {
  const auto [response, reply] = ask(solicit().option(14, {}).asks_for({23}).ia_na(7));
  EXPECT_EQ(reply.type, Type6::kReply);
  EXPECT_THAT(reply.codes(), ElementsAre(1, 2, 14, 23));
  expect_own_address(reply.associations.at(0));
}

TEST(Dhcpv6Reply, RapidCommitOfNothingIsAdvertised) {
  const auto [response, reply] =
      ask(solicit().option(14, {}).ia_na(7), dhcpv6_segment(), {.has_binding = true});
  EXPECT_EQ(reply.type, Type6::kAdvertise);
  EXPECT_EQ(reply.associations.at(0).status, kNoAddrsAvail);
  EXPECT_EQ(reply.find(14), nullptr);
}

TEST(Dhcpv6Reply, TheFirstAssociationGetsTheAddress) {
  const auto [response, reply] =
      ask(solicit().association(4, 1).ia_na(2).ia_na(3).association(25, 4));
  ASSERT_EQ(reply.associations.size(), 4U);
  EXPECT_EQ(reply.associations[0].code, 4);
  EXPECT_EQ(reply.associations[0].status, kNoAddrsAvail);
  expect_own_address(reply.associations[1]);
  EXPECT_EQ(reply.associations[2].status, kNoAddrsAvail);
  EXPECT_TRUE(reply.associations[2].addresses.empty());
  EXPECT_EQ(reply.associations[3].code, 25);
  EXPECT_EQ(reply.associations[3].status, kNoPrefixAvail);
}

TEST(Dhcpv6Reply, Request) {
  const auto [response, reply] = ask(to_server(Type6::kRequest).ia_na(7, {kOwnAddress}));
  EXPECT_EQ(reply.type, Type6::kReply);
  expect_own_address(reply.associations.at(0));
  EXPECT_EQ(reply.find(7), nullptr) << "a preference is for ADVERTISE";
}

TEST(Dhcpv6Reply, RequestOfAnotherLinksAddress) {
  const auto [response, reply] = ask(to_server(Type6::kRequest).ia_na(7, {kOffLinkAddress}));
  EXPECT_EQ(reply.associations.at(0).status, kNotOnLink);
  EXPECT_TRUE(reply.associations[0].addresses.empty());
}

TEST(Dhcpv6Reply, RenewAndRebindEndWhatIsNotTheirs) {
  for (const auto& message :
       {to_server(Type6::kRenew), Dhcpv6ClientMessage{Type6::kRebind}.client()}) {
    auto renewal = message;
    const auto [response, reply] = ask(renewal.ia_na(7, {kOtherAddress, kOwnAddress}).ia_na(8));
    EXPECT_EQ(reply.type, Type6::kReply);
    ASSERT_EQ(reply.associations.size(), 2U);
    expect_own_address(reply.associations[0]);
    ASSERT_EQ(reply.associations[0].addresses.size(), 2U);
    EXPECT_EQ(reply.associations[0].addresses[1].address, kOtherAddress);
    EXPECT_EQ(reply.associations[0].addresses[1].valid, 0U);
    EXPECT_EQ(reply.associations[0].addresses[1].preferred, 0U);
    EXPECT_EQ(reply.associations[1].status, kNoBinding);
  }
}

TEST(Dhcpv6Reply, RenewWithoutAddress) {
  const auto [response, reply] = ask(to_server(Type6::kRenew).ia_na(7, {kOtherAddress}),
                                     dhcpv6_segment(), {.has_binding = true});
  EXPECT_EQ(reply.associations.at(0).status, kNoBinding);
}

TEST(Dhcpv6Reply, ConfirmSaysWhetherTheAddressServesHere) {
  const Dhcpv6ClientMessage confirm = Dhcpv6ClientMessage{Type6::kConfirm}.client();
  EXPECT_EQ(ask(Dhcpv6ClientMessage{confirm}.ia_na(1, {kOwnAddress})).reply.status(), 0);
  EXPECT_EQ(ask(Dhcpv6ClientMessage{confirm}.ia_na(1, {kOffLinkAddress})).reply.status(),
            kNotOnLink);
  EXPECT_EQ(ask(Dhcpv6ClientMessage{confirm}.ia_na(1, {kOwnAddress}).ia_na(2, {kOtherAddress}))
                .reply.status(),
            kNotOnLink);
  EXPECT_EQ(ask(Dhcpv6ClientMessage{confirm}.ia_na(1)).response.outcome, Outcome6::kConsumed)
      << "without addresses there is nothing to say";
}

TEST(Dhcpv6Reply, ReleaseAndDeclineSucceedAndChangeNothing) {
  for (const Type6 type : {Type6::kRelease, Type6::kDecline}) {
    const auto own = ask(to_server(type).ia_na(1, {kOwnAddress})).reply;
    EXPECT_EQ(own.type, Type6::kReply);
    EXPECT_EQ(own.status(), 0);
    EXPECT_TRUE(own.associations.empty());
    const auto other = ask(to_server(type).ia_na(1, {kOtherAddress})).reply;
    EXPECT_EQ(other.status(), 0);
    EXPECT_EQ(other.associations.at(0).status, kNoBinding);
  }
}

TEST(Dhcpv6Reply, InformationRequestNeedsNeitherIdentifierNorBinding) {
  const auto [response, reply] =
      ask(Dhcpv6ClientMessage{Type6::kInformationRequest}.asks_for({32, 24}), dhcpv6_segment(), {});
  EXPECT_EQ(reply.type, Type6::kReply);
  EXPECT_THAT(reply.codes(), ElementsAre(2, 32, 24));
  EXPECT_EQ(*reply.find(32), (Octets6{0, 0, 0x03, 0xe8})) << "1,000 s";
}

TEST(Dhcpv6Reply, UnicastIsSentBackToMulticast) {
  auto client = dhcpv6_client();
  client.used_unicast = true;
  const auto renew =
      ask(to_server(Type6::kRenew).ia_na(1, {kOwnAddress}), dhcpv6_segment(), client);
  EXPECT_EQ(renew.reply.status(), kUseMulticast);
  EXPECT_TRUE(renew.reply.associations.empty());
  EXPECT_EQ(ask(solicit().ia_na(1), dhcpv6_segment(), client).response.outcome,
            Outcome6::kConsumed);
}

TEST(Dhcpv6Reply, ParametersComeInTheOrderTheyAreAskedFor) {
  const auto reply = ask(solicit().asks_for({24, 99, 23, 24, 32}).ia_na(1)).reply;
  EXPECT_THAT(reply.codes(), ElementsAre(1, 2, 7, 24, 23));
  const Octets6 search{1, 'a', 7, 'e', 'x', 'a', 'm', 'p', 'l', 'e', 0,
                       1, 'b', 7, 'e', 'x', 'a', 'm', 'p', 'l', 'e', 0};
  EXPECT_EQ(*reply.find(24), search);
  const auto server = kOwnAddress.bytes();
  Octets6 dns(server.begin(), server.end());
  dns = {0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x53};
  EXPECT_EQ(*reply.find(23), dns) << "IPv6 servers only";
}

TEST(Dhcpv6Reply, WithoutOptionRequestEverythingIsTold) {
  auto segment = dhcpv6_segment();
  segment.dhcpv6_options = {{59, "tftp://[2001:db8::1]/boot"}};
  EXPECT_THAT(ask(solicit().ia_na(1), segment).reply.codes(), ElementsAre(1, 2, 7, 23, 24, 59));
}

TEST(Dhcpv6Reply, TheDomainIsSearchedIfNothingElseIs) {
  auto segment = dhcpv6_segment();
  segment.domain_search.clear();
  const auto reply = ask(solicit().asks_for({24}), segment).reply;
  EXPECT_EQ(*reply.find(24), (Octets6{7, 'e', 'x', 'a', 'm', 'p', 'l', 'e', 3, 'c', 'o', 'm', 0}));
}

TEST(Dhcpv6Reply, ConfiguredOptionsReplaceOurs) {
  auto segment = dhcpv6_segment();
  segment.dhcpv6_options = {{23, std::string(16, '\x42')}, {56, "ntp"}};
  const auto reply = ask(solicit().asks_for({56, 23}), segment).reply;
  EXPECT_THAT(reply.codes(), ElementsAre(1, 2, 7, 56, 23));
  EXPECT_EQ(*reply.find(7), Octets6{255});
  segment.dhcpv6_options.push_back({7, "\x10"});
  EXPECT_EQ(*ask(solicit().asks_for({7, 23}), segment).reply.find(7), Octets6{0x10});
  EXPECT_EQ(*reply.find(23), Octets6(16, 0x42));
  EXPECT_EQ(*reply.find(56), (Octets6{'n', 't', 'p'}));
}

TEST(Dhcpv6Reply, FqdnIsToldToThoseThatSentAndAskedForOne) {
  const Octets6 full{5,   'w', 'e', 'b', '-', '1', 7,   'e', 'x', 'a',
                     'm', 'p', 'l', 'e', 3,   'c', 'o', 'm', 0};
  const auto value = [](std::uint8_t flags, Octets6 name) {
    name.insert(name.begin(), flags);
    return name;
  };
  // N: no updates; O: against the client's wish (S).
  EXPECT_EQ(*ask(solicit().option(39, {0}).asks_for({39})).reply.find(39), value(4, full));
  EXPECT_EQ(*ask(solicit().option(39, {1}).asks_for({39})).reply.find(39), value(6, full));
  EXPECT_EQ(ask(solicit().asks_for({39})).reply.find(39), nullptr);
  EXPECT_EQ(ask(solicit().option(39, {0}).asks_for({23})).reply.find(39), nullptr);
  EXPECT_EQ(ask(solicit().option(39, {0})).reply.find(39), nullptr);

  auto segment = dhcpv6_segment();
  segment.domain_name.clear();
  EXPECT_EQ(*ask(solicit().option(39, {0}).asks_for({39}), segment).reply.find(39),
            value(4, {5, 'w', 'e', 'b', '-', '1'}))
      << "partial: without the root label";
  auto client = dhcpv6_client();
  client.host_name = "x.y";
  EXPECT_EQ(*ask(solicit().option(39, {0}).asks_for({39}), dhcpv6_segment(), client).reply.find(39),
            value(4, {1, 'x', 1, 'y', 0}));
  client.host_name = "no..name";
  EXPECT_EQ(ask(solicit().option(39, {0}).asks_for({39}), dhcpv6_segment(), client).reply.find(39),
            nullptr);
}

TEST(Dhcpv6Reply, InfiniteLeasesAreNeverRenewed) {
  auto segment = dhcpv6_segment();
  segment.lease_seconds = kDhcpv6InfiniteLease;
  const auto association = ask(solicit().ia_na(1), segment).reply.associations.at(0);
  EXPECT_EQ(association.renew, kDhcpv6InfiniteLease);
  EXPECT_EQ(association.rebind, kDhcpv6InfiniteLease);
  EXPECT_EQ(association.addresses.at(0).valid, kDhcpv6InfiniteLease);
}

TEST(Dhcpv6Reply, WhatDoesNotFitIsLeftOut) {
  auto segment = dhcpv6_segment();
  segment.dhcpv6_options = {{1000, std::string(1024, 'x')}, {1001, std::string(1024, 'y')}};
  const auto reply = ask(solicit().asks_for({1000, 1001, 23}).ia_na(1), segment).reply;
  EXPECT_THAT(reply.codes(), ElementsAre(1, 2, 7, 1000, 23));
}

TEST(Dhcpv6Reply, TheServerOfASubnetWithoutGateway) {
  auto segment = dhcpv6_segment();
  segment.gateways.clear();
  const auto settings = make_dhcpv6_settings(segment);
  EXPECT_EQ(settings.server_address.to_string(), "fe80::fc16:11ff:feff:ffff");
  EXPECT_EQ(ask(solicit().ia_na(1), segment).reply.type, Type6::kAdvertise);
}

struct Dropped {
  const char* name;
  Dhcpv6ClientMessage message;
  DropReason reason;
  Ipv6AddressMode mode = Ipv6AddressMode::kDhcpv6Stateful;
  bool enabled = true;
  bool has_binding = true;
};

TEST(Dhcpv6Reply, DropsNameTheirReason) {
  const MacAddress other = MacAddress::from_number(0x020000990001);
  const auto information = [] { return Dhcpv6ClientMessage{Type6::kInformationRequest}; };
  const std::vector<Dropped> cases{
      {"off", solicit(), DropReason::dhcp_disabled, Ipv6AddressMode::kDhcpv6Stateful, false},
      {"slaac", information(), DropReason::dhcpv6_mode, Ipv6AddressMode::kSlaac},
      {"stateless", solicit(), DropReason::dhcpv6_mode, Ipv6AddressMode::kDhcpv6Stateless},
      {"no_binding", solicit(), DropReason::dhcpv6_no_binding, Ipv6AddressMode::kDhcpv6Stateful,
       true, false},
      {"other_server", Dhcpv6ClientMessage{Type6::kRequest}.client().server(other),
       DropReason::dhcpv6_other_server},
      {"other_server_of_information", information().server(other), DropReason::dhcpv6_other_server},
      {"longer_server", information().option(2, {0, 3, 0, 1, 2, 0, 0, 1, 0, 1, 0}),
       DropReason::dhcpv6_other_server},
  };
  for (const Dropped& c : cases) {
    auto segment = dhcpv6_segment();
    segment.ipv6_address_mode = c.mode;
    segment.dhcp_enabled = c.enabled;
    auto client = dhcpv6_client();
    client.has_binding = c.has_binding;
    const auto response = ask(c.message, segment, client).response;
    EXPECT_EQ(response.outcome, Outcome6::kDrop) << c.name;
    EXPECT_EQ(response.reason, c.reason) << c.name;
  }
}

TEST(Dhcpv6Reply, StatelessAnswersInformationRequests) {
  auto segment = dhcpv6_segment();
  segment.ipv6_address_mode = Ipv6AddressMode::kDhcpv6Stateless;
  EXPECT_EQ(ask(Dhcpv6ClientMessage{Type6::kInformationRequest}.asks_for({23}), segment).reply.type,
            Type6::kReply);
}

TEST(Dhcpv6Reply, ASmallBufferIsRefused) {
  const Octets6 bytes = solicit().build();
  Dhcpv6Request request;
  ASSERT_EQ(parse_dhcpv6_request(bytes, request), DropReason::kNone);
  Octets6 output(kDhcpv6ReplyLimit - 1);
  const auto response =
      respond_dhcpv6(request, make_dhcpv6_settings(dhcpv6_segment()), dhcpv6_client(), output);
  EXPECT_EQ(response.reason, DropReason::no_buffer);
}

TEST(Dhcpv6Config, FaultsNameTheirField) {
  const auto field = [](auto change) {
    auto segment = dhcpv6_segment();
    change(segment);
    const auto error = check_dhcpv6_options(segment);
    return error ? error->field : std::string{};
  };
  EXPECT_EQ(field([](auto&) {}), "");
  for (const std::uint16_t code : {0, 1, 2, 3, 4, 5, 6, 8, 9, 11, 12, 13, 14, 25, 26, 39}) {
    EXPECT_EQ(field([code](auto& segment) {
                segment.dhcpv6_options = {{code, "x"}};
              }),
              "dhcpv6_options.code")
        << code;
  }
  EXPECT_EQ(field([](auto& segment) {
              segment.dhcpv6_options = {{7, "ab"}};
            }),
            "dhcpv6_options.data");
  EXPECT_EQ(field([](auto& segment) {
              segment.dhcpv6_options = {{59, "a"}, {59, "b"}};
            }),
            "dhcpv6_options.code");
  EXPECT_EQ(field([](auto& segment) {
              segment.dhcpv6_options = {{59, std::string(1025, 'a')}};
            }),
            "dhcpv6_options.data");
  EXPECT_EQ(field([](auto& segment) {
              for (std::uint16_t code = 100; code < 133; ++code) {
                segment.dhcpv6_options.push_back({code, "a"});
              }
            }),
            "dhcpv6_options");
}

}  // namespace
}  // namespace alkaid::test
