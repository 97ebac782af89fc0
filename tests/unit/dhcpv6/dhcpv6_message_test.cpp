// What is read of a DHCPv6 client's message, and what is refused.
#include "dataplane/dhcpv6/dhcpv6_message.hpp"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/dhcpv6_messages.hpp"
#include "tests/support/exact_copy.hpp"

namespace alkaid::test {
namespace {

using Type = Dhcpv6MessageType;

constexpr MacAddress kServer = MacAddress::from_number(0x020000010001);
const IpAddress kAddress = *IpAddress::parse("2001:db8::5");

TEST(Dhcpv6Message, EverythingThatIsNeededIsRead) {
  const Octets6 bytes = Dhcpv6ClientMessage{Type::kSolicit}
                            .client()
                            .option(8, {0, 0})
                            .option(14, {})
                            .asks_for({23, 24})
                            .option(39, {1, 0})
                            .ia_na(7, {kAddress})
                            .association(4, 8)
                            .association(25, 9)
                            .option(0xfffe, {1, 2, 3})
                            .build();
  Dhcpv6Request request;
  ASSERT_EQ(parse_dhcpv6_request(bytes, request), DropReason::kNone);
  EXPECT_EQ(request.type, Type::kSolicit);
  EXPECT_EQ(request.transaction[2], 0x56);
  EXPECT_EQ(request.client_identifier.size(), 14U);
  EXPECT_TRUE(request.server_identifier.empty());
  EXPECT_TRUE(request.rapid_commit);
  EXPECT_EQ(request.option_request.size(), 4U);
  EXPECT_EQ(request.fqdn_flags, 1);
  ASSERT_EQ(request.association_count, 3);
  EXPECT_EQ(request.associations[0].id.host(), 7U);
  EXPECT_EQ(request.associations[1].code, 4);
  EXPECT_EQ(request.associations[2].code, 25);
  Dhcpv6OptionReader reader{request.associations[0].options};
  Dhcpv6Option option;
  ASSERT_TRUE(reader.next(option));
  EXPECT_EQ(ia_address(option), kAddress);
  EXPECT_FALSE(reader.next(option));
  EXPECT_FALSE(reader.malformed());
}

struct Refused {
  const char* name;
  Octets6 bytes;
  DropReason reason = DropReason::dhcpv6_malformed;
};

Dhcpv6ClientMessage message(Type type) {
  return Dhcpv6ClientMessage{type};
}
Dhcpv6ClientMessage solicit() {
  return message(Type::kSolicit).client();
}

Octets6 with_associations(std::uint32_t count) {
  Dhcpv6ClientMessage result = solicit();
  for (std::uint32_t i = 0; i < count; ++i) {
    result.ia_na(i);
  }
  return result.build();
}

class Dhcpv6Refused : public ::testing::TestWithParam<Refused> {};

TEST_P(Dhcpv6Refused, Case) {
  ExactCopy payload{GetParam().bytes};
  Dhcpv6Request request;
  EXPECT_EQ(parse_dhcpv6_request(payload.bytes(), request), GetParam().reason);
}

INSTANTIATE_TEST_SUITE_P(
    Dhcpv6Message, Dhcpv6Refused,
    ::testing::Values(
        Refused{"empty", {}}, Refused{"no_transaction", {1, 2, 3}},
        Refused{"unknown_type", message(static_cast<Type>(99)).client().build(),
                DropReason::dhcpv6_message_type},
        Refused{"advertise", message(Type::kAdvertise).client().build(),
                DropReason::dhcpv6_message_type},
        Refused{"reconfigure", message(Type::kReconfigure).client().build(),
                DropReason::dhcpv6_message_type},
        Refused{"relay_forward", Octets6(34, 12), DropReason::dhcpv6_relayed},
        Refused{"relay_reply", Octets6(34, 13), DropReason::dhcpv6_relayed},
        Refused{"no_client_identifier", message(Type::kSolicit).build()},
        Refused{"solicit_with_server", solicit().server(kServer).build()},
        Refused{"confirm_with_server", message(Type::kConfirm).client().server(kServer).build()},
        Refused{"rebind_with_server", message(Type::kRebind).client().server(kServer).build()},
        Refused{"request_without_server", message(Type::kRequest).client().build()},
        Refused{"renew_without_server", message(Type::kRenew).client().build()},
        Refused{"release_without_server", message(Type::kRelease).client().build()},
        Refused{"decline_without_server", message(Type::kDecline).client().build()},
        Refused{"information_request_with_address",
                message(Type::kInformationRequest).client().ia_na(1).build()},
        Refused{"two_client_identifiers", solicit().client().build()},
        Refused{"short_duid", message(Type::kSolicit).option(1, {0, 3}).build()},
        Refused{"long_duid", message(Type::kSolicit).option(1, Octets6(131, 1)).build()},
        Refused{"odd_option_request", solicit().option(6, {0, 23, 0}).build()},
        Refused{"two_option_requests", solicit().asks_for({23}).asks_for({24}).build()},
        Refused{"elapsed_time_of_one_byte", solicit().option(8, {0}).build()},
        Refused{"rapid_commit_with_value", solicit().option(14, {1}).build()},
        Refused{"empty_fqdn", solicit().option(39, {}).build()},
        Refused{"short_ia_na", solicit().option(3, Octets6(11)).build()},
        Refused{"short_ia_ta", solicit().option(4, Octets6(3)).build()},
        Refused{"short_ia_pd", solicit().option(25, Octets6(11)).build()},
        Refused{"header_past_the_end", solicit().raw({0, 8, 0}).build()},
        Refused{"value_past_the_end", solicit().raw({0, 8, 0, 3, 0, 0}).build()},
        Refused{"address_past_its_association",
                solicit().option(3, {0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5, 0, 24, 1}).build()},
        Refused{"short_address",
                solicit()
                    .option(3, {0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5, 0, 4, 1, 2, 3, 4})
                    .build()},
        Refused{"short_prefix",
                solicit()
                    .option(25, {0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 26, 0, 4, 1, 2, 3, 4})
                    .build()},
        Refused{"seventeen_associations", with_associations(17)}),
    [](const auto& info) { return std::string{info.param.name}; });

TEST(Dhcpv6Message, OptionPastTheEndOfAnAddress) {
  Octets6 association(12);
  Octets6 address(24);
  address.insert(address.end(), {0, 13, 0, 9, 0});
  append_dhcpv6_option(association, 5, address);
  Dhcpv6Request request;
  EXPECT_EQ(parse_dhcpv6_request(solicit().option(3, association).build(), request),
            DropReason::dhcpv6_malformed);
}

TEST(Dhcpv6Message, SixteenAssociationsAreRead) {
  const Octets6 bytes = with_associations(16);
  Dhcpv6Request request;
  EXPECT_EQ(parse_dhcpv6_request(bytes, request), DropReason::kNone);
  EXPECT_EQ(request.association_count, 16);
}

TEST(Dhcpv6Message, EveryTruncationIsRefusedOrWellFormed) {
  const Octets6 whole = solicit().asks_for({23}).ia_na(1, {kAddress}).build();
  for (std::size_t length = 0; length < whole.size(); ++length) {
    ExactCopy payload{std::span{whole}.first(length)};
    Dhcpv6Request request;
    const DropReason reason = parse_dhcpv6_request(payload.bytes(), request);
    // Cut between two options it is a shorter message.
    const bool between = length == 22 || length == 28;
    EXPECT_EQ(reason, between ? DropReason::kNone : DropReason::dhcpv6_malformed) << length;
  }
}

}  // namespace
}  // namespace alkaid::test
