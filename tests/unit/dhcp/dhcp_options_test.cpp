// What a subnet's options are encoded to, which of them are refused, and what reaches a client.
#include "dataplane/dhcp/dhcp_options.hpp"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/dhcp/ask_responder.hpp"

namespace alkaid::test {
namespace {

DhcpReply discover(const Binding& binding, const Octets& codes) {
  DhcpClientMessage message;
  message.type(Type::kDiscover)
      .option(dhcp_option::kMaximumMessageSize, {0x05, 0xdc})
      .option(dhcp_option::kParameterRequestList, codes);
  return ask(message, binding, 1472).reply;
}

Octets value_of(const DhcpReply& reply, std::uint8_t code) {
  const auto* value = reply.find(code);
  return value == nullptr ? Octets{} : *value;
}

TEST(DhcpOptions, DomainNameAndSearchListFollowFromTheSubnet) {
  Binding binding = facts();
  binding.subnet.domain_name = "x.org";
  binding.subnet.domain_search = {"a.x.org", "x.org"};
  const DhcpReply reply = discover(binding, {119, 15});
  EXPECT_EQ(value_of(reply, 15), (Octets{'x', '.', 'o', 'r', 'g'}));
  EXPECT_EQ(value_of(reply, 119), (Octets{1, 'a', 1, 'x', 3, 'o', 'r', 'g', 0, 0xc0, 2}));
  EXPECT_THAT(reply.codes(), testing::ElementsAre(53, 54, 51, 119, 15, 58, 59));
}

// Every option the issue names, configured.
TEST(DhcpOptions, ConfiguredOptionsTakeThePlaceOfDerivedOnes) {
  const std::pair<std::uint8_t, Octets> options[] = {
      {1, {255, 255, 0, 0}},
      {3, {10, 0, 0, 254}},
      {6, {9, 9, 9, 9, 1, 1, 1, 1}},
      {12, {'o', 't', 'h', 'e', 'r'}},
      {15, {'y', '.', 'o', 'r', 'g'}},
      {26, {0x23, 0x28}},
      {28, {10, 0, 255, 255}},
      {42, {10, 0, 0, 7}},
      {66, {'t', 'f', 't', 'p'}},
      {67, {'b', 'o', 'o', 't'}},
      {119, {1, 'z', 0}},
      {121, {0, 10, 0, 0, 1, 24, 10, 9, 9, 10, 0, 0, 2}},
      {252, {'u'}},
  };
  Binding binding = facts();
  binding.subnet.domain_name = "x.org";
  binding.subnet.domain_search = {"x.org"};
  Octets codes;
  for (const auto& [code, value] : options) {
    binding.subnet.dhcpv4_options.push_back(option(code, value));
    codes.push_back(code);
  }
  const DhcpReply reply = discover(binding, codes);
  for (const auto& [code, value] : options) {
    EXPECT_EQ(value_of(reply, code), value) << static_cast<int>(code);
  }
  // What identifies the server is none of the client's settings.
  EXPECT_EQ(reply.number(dhcp_option::kServerIdentifier), kGateway.host());
}

TEST(DhcpOptions, LeaseTimesCanBeConfigured) {
  Binding binding = facts();
  binding.subnet.dhcpv4_options = {option(51, {0, 0, 0, 100}), option(58, {0, 0, 0, 10}),
                                   option(59, {0, 0, 0, 20})};
  DhcpReply reply = discover(binding, {59, 1});
  EXPECT_EQ(reply.number(dhcp_option::kLeaseTime), 100U);
  EXPECT_EQ(reply.number(dhcp_option::kRenewalTime), 10U);
  EXPECT_EQ(reply.number(dhcp_option::kRebindingTime), 20U);
  EXPECT_THAT(reply.codes(), testing::ElementsAre(53, 54, 51, 59, 1, 58));
  binding.subnet.dhcpv4_options = {option(51, {0, 0, 0, 80})};
  reply = discover(binding, {1});
  EXPECT_EQ(reply.number(dhcp_option::kLeaseTime), 80U);
  EXPECT_EQ(reply.number(dhcp_option::kRenewalTime), 40U);
  EXPECT_EQ(reply.number(dhcp_option::kRebindingTime), 70U);
}

TEST(DhcpOptions, LongOptionsComeInPieces) {
  for (const std::size_t size : {0, 1, 254, 255, 256, 510, 511, 1000}) {
    SCOPED_TRACE(size);
    Binding binding = facts();
    Octets value(size);
    for (std::size_t i = 0; i < size; ++i) {
      value[i] = static_cast<std::uint8_t>(i * 7);
    }
    binding.subnet.dhcpv4_options = {option(200, value)};
    const DhcpReply reply = discover(binding, {200, 1});
    ASSERT_NE(reply.find(200), nullptr);
    EXPECT_EQ(value_of(reply, 200), value);
    EXPECT_NE(reply.find(1), nullptr);
  }
}

TEST(DhcpOptions, WhatDoesNotFitIsLeftOutWhole) {
  Binding binding = facts();
  binding.subnet.dhcpv4_options = {option(200, Octets(300, 1)), option(201, Octets(100, 2))};
  DhcpClientMessage message;
  message.type(Type::kDiscover).option(dhcp_option::kParameterRequestList, {200, 201, 1});
  EXPECT_THAT(ask(message, binding).reply.codes(),
              testing::ElementsAre(53, 54, 51, 201, 1, 58, 59));
}

TEST(DhcpOptions, AClientWithoutWishesGetsTheMostUsefulFirst) {
  Binding binding = facts();
  binding.subnet.domain_name = "x.org";
  binding.subnet.dhcpv4_options = {option(200, Octets(270, 1)), option(42, {1, 2, 3, 4}),
                                   option(121, {0, 10, 0, 0, 1})};
  const auto reply = ask(DhcpClientMessage{}.type(Type::kDiscover), binding).reply;
  EXPECT_THAT(reply.codes(),
              testing::ElementsAre(53, 54, 51, 1, 121, 3, 6, 15, 28, 42, 12, 26, 58, 59));
}

TEST(DhcpOptions, ASubnetThatTellsNothing) {
  Binding binding;
  EXPECT_THAT(ask(DhcpClientMessage{}.type(Type::kDiscover), binding).reply.codes(),
              testing::ElementsAre(53, 54, 51, 58, 59));
}

struct BadCase {
  const char* name;
  std::vector<DhcpOptionConfig> options;
  const char* message;
};

class BadDhcpOptions : public testing::TestWithParam<BadCase> {};

TEST_P(BadDhcpOptions, AreRefused) {
  SegmentConfig segment;
  segment.dhcpv4_options = GetParam().options;
  const auto error = check_dhcp_options(segment);
  ASSERT_TRUE(error);
  EXPECT_EQ(error->field, "dhcpv4_options");
  EXPECT_EQ(error->message, GetParam().message);
}

std::vector<DhcpOptionConfig> many_long_options() {
  std::vector<DhcpOptionConfig> options;
  for (std::uint16_t code = 200; code < 205; ++code) {
    options.push_back(option(code, Octets(1000)));
  }
  return options;
}

INSTANTIATE_TEST_SUITE_P(
    All, BadDhcpOptions,
    testing::Values(
        BadCase{"code_256", {option(256, {1})}, "option 256 can't be configured"},
        BadCase{"code_65535", {option(65535, {})}, "option 65535 can't be configured"},
        BadCase{"twice",
                {option(42, {1, 2, 3, 4}), option(42, {1, 2, 3, 4})},
                "option 42 is given twice"},
        BadCase{"too_long",
                {option(200, Octets(1025))},
                "option 200 has 1025 bytes; at most 1024 fit into a message"},
        BadCase{"too_much", many_long_options(), "options of 5040 bytes together; at most 4096"},
        BadCase{"mask_of_3", {option(1, {255, 255, 0})}, "option 1 has 3 bytes and wants 4"},
        BadCase{"mask_of_8", {option(1, Octets(8))}, "option 1 has 8 bytes and wants 4"},
        BadCase{"no_router", {option(3, {})}, "option 3 has 0 bytes and wants a multiple of 4"},
        BadCase{
            "dns_of_5", {option(6, Octets(5))}, "option 6 has 5 bytes and wants a multiple of 4"},
        BadCase{"mtu_of_1", {option(26, {1})}, "option 26 has 1 bytes and wants 2"},
        BadCase{"lease_of_2", {option(51, {1, 2})}, "option 51 has 2 bytes and wants 4"},
        BadCase{"lease_of_0_s", {option(51, Octets(4))}, "option 51: a lease can't last 0 seconds"},
        BadCase{"no_routes", {option(121, {})}, "option 121 holds no classless routes (RFC 3442)"},
        BadCase{"route_of_33",
                {option(121, {33, 1, 2, 3, 4, 5, 6, 7, 8, 9})},
                "option 121 holds no classless routes (RFC 3442)"},
        BadCase{"route_cut",
                {option(121, {24, 10, 0, 0, 10, 0, 0})},
                "option 121 holds no classless routes (RFC 3442)"}),
    [](const auto& instance) { return instance.param.name; });

TEST(BadDhcpOptions, ProtocolOptionsAreNobodysToConfigure) {
  for (const std::uint16_t code : {0, 50, 52, 53, 54, 55, 57, 61, 82, 255}) {
    SegmentConfig segment;
    segment.dhcpv4_options = {option(code, {1, 2, 3, 4})};
    EXPECT_TRUE(check_dhcp_options(segment)) << code;
  }
}

TEST(BadDhcpOptions, NamesMustBeDomainNames) {
  SegmentConfig segment;
  segment.domain_name = "a..b";
  ASSERT_TRUE(check_dhcp_options(segment));
  EXPECT_EQ(check_dhcp_options(segment)->field, "domain_name");
  segment.domain_name = "a.b";
  segment.domain_search = {"a", "b c"};
  ASSERT_TRUE(check_dhcp_options(segment));
  EXPECT_EQ(check_dhcp_options(segment)->field, "domain_search[1]");
  segment.domain_search = {};
  for (int i = 0; i < 100; ++i) {
    segment.domain_search.push_back("domain-number-" + std::to_string(i));
  }
  ASSERT_TRUE(check_dhcp_options(segment));
  EXPECT_EQ(check_dhcp_options(segment)->field, "domain_search");
}

}  // namespace
}  // namespace alkaid::test
