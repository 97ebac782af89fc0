// What parse_dhcp_request takes and what it refuses, and why.
#include "dataplane/dhcp/dhcp_message.hpp"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/dhcp_messages.hpp"
#include "tests/support/exact_copy.hpp"

namespace alkaid::test {
namespace {

using Octets = std::vector<std::uint8_t>;

DropReason parse(const Octets& payload, DhcpRequest& request) {
  ExactCopy copy{payload};
  return parse_dhcp_request(copy.bytes(), request);
}

DhcpClientMessage discover(DhcpClientFields fields = {}) {
  DhcpClientMessage message{fields};
  message.type(DhcpMessageType::kDiscover);
  return message;
}

TEST(DhcpMessage, TakesEveryField) {
  DhcpClientMessage message{{.hops = 3,
                             .transaction = 0xdeadbeef,
                             .flags = 0x8000,
                             .client_ip = Ipv4Address{0x0a000005},
                             .relay_ip = Ipv4Address{0x0a0000fe},
                             .client_mac = MacAddress::from_number(0x020000abcdef)}};
  message.type(DhcpMessageType::kRequest)
      .option(dhcp_option::kRequestedAddress, Ipv4Address{0x0a000006})
      .option(dhcp_option::kServerIdentifier, Ipv4Address{0x0a000001})
      .option(dhcp_option::kMaximumMessageSize, {0x05, 0xdc})
      .option(dhcp_option::kClientIdentifier, {1, 2, 0, 0, 0xab, 0xcd, 0xef})
      .option(dhcp_option::kParameterRequestList, {6, 3, 200, 6, 1, 53});
  DhcpRequest request;
  ASSERT_EQ(parse(message.build(), request), DropReason::kNone);
  EXPECT_EQ(request.type, DhcpMessageType::kRequest);
  EXPECT_EQ(request.transaction.host(), 0xdeadbeef);
  EXPECT_TRUE(request.wants_broadcast());
  EXPECT_EQ(request.client_ip, Ipv4Address{0x0a000005});
  EXPECT_EQ(request.relay_ip, Ipv4Address{0x0a0000fe});
  EXPECT_EQ(request.client_mac, MacAddress::from_number(0x020000abcdef));
  EXPECT_EQ(request.requested_ip, Ipv4Address{0x0a000006});
  EXPECT_EQ(request.server_identifier, Ipv4Address{0x0a000001});
  EXPECT_EQ(request.maximum_message_size, 1500);
  EXPECT_EQ(request.client_identifier_length, 7);
  EXPECT_EQ(request.client_identifier[6], 0xef);
  EXPECT_TRUE(request.has_parameter_request_list);
  // Repetitions are gone, the order is the client's.
  EXPECT_THAT(std::vector<int>(request.parameters.begin(),
                               request.parameters.begin() + request.parameter_count),
              testing::ElementsAre(6, 3, 200, 1, 53));
}

TEST(DhcpMessage, ForgetsAnEarlierRequest) {
  DhcpRequest request;
  ASSERT_EQ(parse(discover()
                      .option(dhcp_option::kRequestedAddress, Ipv4Address{1})
                      .option(dhcp_option::kParameterRequestList, {1})
                      .option(dhcp_option::kClientIdentifier, {1})
                      .build(),
                  request),
            DropReason::kNone);
  ASSERT_EQ(parse(discover().build(), request), DropReason::kNone);
  EXPECT_FALSE(request.requested_ip);
  EXPECT_FALSE(request.has_parameter_request_list);
  EXPECT_EQ(request.parameter_count, 0);
  EXPECT_EQ(request.client_identifier_length, 0);
}

TEST(DhcpMessage, AListMayContinueInAnotherOption) {
  DhcpRequest request;
  ASSERT_EQ(parse(discover()
                      .option(dhcp_option::kParameterRequestList, {3})
                      .option(dhcp_option::kParameterRequestList, {1, 3, 26})
                      .build(),
                  request),
            DropReason::kNone);
  EXPECT_THAT(std::vector<int>(request.parameters.begin(),
                               request.parameters.begin() + request.parameter_count),
              testing::ElementsAre(3, 1, 26));
}

TEST(DhcpMessage, TakesEveryRequestedOptionOnce) {
  Octets all(255);  // and the end, which is none
  for (std::size_t i = 0; i < all.size(); ++i) {
    all[i] = static_cast<std::uint8_t>(i + 1);
  }
  DhcpRequest request;
  ASSERT_EQ(parse(discover()
                      .option(dhcp_option::kParameterRequestList, all)
                      .option(dhcp_option::kParameterRequestList, all)
                      .build(),
                  request),
            DropReason::kNone);
  EXPECT_EQ(request.parameter_count, 254);
}

TEST(DhcpMessage, OptionsMayContinueInFileAndServerName) {
  const Octets in_file = {0, 50, 4, 10, 0, 0, 6, 255, 9};
  const Octets in_name = {54, 4, 10, 0, 0, 1};  // without end: the zeros behind are padding
  for (const std::uint8_t overload : {1, 2, 3}) {
    SCOPED_TRACE(static_cast<int>(overload));
    DhcpClientMessage message;
    message.type(DhcpMessageType::kRequest)
        .option(dhcp_option::kOverload, {overload})
        .in_boot_file(in_file)
        .in_server_name(in_name);
    DhcpRequest request;
    ASSERT_EQ(parse(message.build(), request), DropReason::kNone);
    EXPECT_EQ(request.requested_ip.has_value(), (overload & 1) != 0);
    EXPECT_EQ(request.server_identifier.has_value(), (overload & 2) != 0);
  }
}

TEST(DhcpMessage, FileAndServerNameAreLeftAloneWithoutOverload) {
  const Octets noise(64, 0x35);
  DhcpRequest request;
  EXPECT_EQ(parse(discover().in_boot_file(noise).in_server_name(noise).build(), request),
            DropReason::kNone);
}

TEST(DhcpMessage, TheMessageTypeMayStandInTheFileField) {
  DhcpClientMessage message;
  message.option(dhcp_option::kOverload, {1}).in_boot_file(Octets{53, 1, 1, 255});
  DhcpRequest request;
  EXPECT_EQ(parse(message.build(), request), DropReason::kNone);
  EXPECT_EQ(request.type, DhcpMessageType::kDiscover);
}

struct Case {
  std::string name;
  Octets payload;
  DropReason reason;
};

void PrintTo(const Case& test_case, std::ostream* out) {
  *out << test_case.name;
}

class DhcpMessageCase : public testing::TestWithParam<Case> {};

TEST_P(DhcpMessageCase, HasItsReason) {
  DhcpRequest request;
  EXPECT_EQ(text_of(parse(GetParam().payload, request)).name, text_of(GetParam().reason).name);
}

std::vector<Case> cases() {
  constexpr auto kGood = DropReason::kNone;
  constexpr auto kMalformed = DropReason::dhcp_malformed;
  constexpr auto kType = DropReason::dhcp_message_type;
  constexpr auto kBootp = DropReason::dhcp_bootp;
  const auto bare = [](DhcpClientFields fields = {}) { return DhcpClientMessage{fields}; };
  const auto whole_field = [](std::size_t size) { return Octets(size, 0); };

  std::vector<Case> cases = {
      {"Discover", discover().build(), kGood},
      {"Empty", {}, kMalformed},
      {"PadsBeforeAndBetween", bare().raw({0, 0, 53, 1, 1, 0, 0}).build(), kGood},
      {"NoEndOption", discover().without_end().build(), kGood},
      {"NothingBehindTheEndCounts", discover().raw({255, 53, 200}).without_end().build(), kGood},
      {"UnknownOptions", discover().option(250, {1, 2, 3}).option(251, {}).build(), kGood},
      {"Reply", discover({.operation = 2}).build(), kMalformed},
      {"OperationZero", discover({.operation = 0}).build(), kMalformed},
      {"TokenRing", discover({.hardware_type = 6}).build(), kMalformed},
      {"HardwareLength7", discover({.hardware_length = 7}).build(), kMalformed},
      {"HardwareLength16", discover({.hardware_length = 16}).build(), kMalformed},
      {"HardwareLength0", discover({.hardware_length = 0}).build(), kMalformed},
      {"Hops16", discover({.hops = 16}).build(), kGood},
      {"Hops17", discover({.hops = 17}).build(), kMalformed},
      {"NoCookie", discover({.cookie = 0}).build(), kMalformed},
      {"ZeroMac", discover({.client_mac = MacAddress{}}).build(), kMalformed},
      {"BroadcastMac", discover({.client_mac = kBroadcastMac}).build(), kMalformed},
      {"RelayIsMulticast", discover({.relay_ip = Ipv4Address{0xe0000001}}).build(), kMalformed},
      {"RelayIsLoopback", discover({.relay_ip = Ipv4Address{0x7f000001}}).build(), kMalformed},
      {"ClientIsBroadcast", discover({.client_ip = Ipv4Address{0xffffffff}}).build(), kMalformed},
      // option 53
      {"BootpWithoutOptions", bare().without_end().build(), kBootp},
      {"NoMessageType", bare().option(55, {1, 3}).build(), kBootp},
      {"MessageTypeEmpty", bare().option(53, {}).build(), kMalformed},
      {"MessageTypeTwoBytes", bare().option(53, {1, 1}).build(), kMalformed},
      {"MessageTypeTwice", discover().type(DhcpMessageType::kDiscover).build(), kMalformed},
      // options that run past the end
      {"CodeOnly", discover().raw({50}).without_end().build(), kMalformed},
      {"LengthWithoutValue", discover().raw({50, 4}).without_end().build(), kMalformed},
      {"ValueOneByteShort", discover().raw({50, 4, 1, 2, 3}).without_end().build(), kMalformed},
      {"UnknownOptionPastTheEnd", discover().raw({250, 255, 0}).without_end().build(), kMalformed},
      {"MessageTypePastTheEnd", bare().raw({53, 1}).without_end().build(), kMalformed},
      // wrong lengths and repetitions
      {"RequestedAddressTooLong", discover().option(50, {1, 2, 3, 4, 5}).build(), kMalformed},
      {"RequestedAddressTooShort", discover().option(50, {1, 2, 3}).build(), kMalformed},
      {"RequestedAddressTwice",
       discover().option(50, Ipv4Address{1}).option(50, Ipv4Address{1}).build(), kMalformed},
      {"ServerIdentifierTooShort", discover().option(54, {1}).build(), kMalformed},
      {"MaximumSizeOneByte", discover().option(57, {9}).build(), kMalformed},
      {"ParameterListEmpty", discover().option(55, {}).build(), kMalformed},
      {"ClientIdentifierEmpty", discover().option(61, {}).build(), kMalformed},
      {"ClientIdentifier255", discover().option(61, whole_field(255)).build(), kGood},
      {"ClientIdentifierTwice", discover().option(61, {1}).option(61, {1}).build(), kMalformed},
      {"RelayInformation255", discover().option(82, whole_field(255)).build(), kGood},
      {"RelayInformationEmpty", discover().option(82, {}).build(), kMalformed},
      {"RelayInformationTwice", discover().option(82, {1}).option(82, {1}).build(), kMalformed},
      // option 52
      {"OverloadZero", discover().option(52, {0}).build(), kMalformed},
      {"OverloadFour", discover().option(52, {4}).build(), kMalformed},
      {"OverloadInsideFile", discover().option(52, {1}).in_boot_file(Octets{52, 1, 2, 255}).build(),
       kMalformed},
      {"OverloadedFilePastItsEnd",
       discover().option(52, {1}).in_boot_file(Octets{250, 127}).build(), kMalformed},
      {"OverloadedFileToItsEnd", discover().option(52, {1}).in_boot_file(Octets{250, 126}).build(),
       kGood},
      {"OverloadedNamePastItsEnd",
       discover().option(52, {2}).in_server_name(Octets{250, 63}).build(), kMalformed},
      {"OverloadedNameToItsEnd", discover().option(52, {2}).in_server_name(Octets{250, 62}).build(),
       kGood},
  };
  for (unsigned type = 0; type < 256; ++type) {
    const bool client = type == 1 || type == 3 || type == 4 || type == 7 || type == 8;
    cases.push_back({"MessageType" + std::to_string(type),
                     bare().option(53, {static_cast<std::uint8_t>(type)}).build(),
                     client ? kGood : kType});
  }
  return cases;
}

INSTANTIATE_TEST_SUITE_P(All, DhcpMessageCase, testing::ValuesIn(cases()),
                         [](const auto& instance) { return instance.param.name; });

TEST(DhcpMessage, TruncatedAtEveryLength) {
  const Octets whole = discover()
                           .option(50, Ipv4Address{0x0a000005})
                           .option(61, {1, 2, 3})
                           .option(55, {1, 3, 6})
                           .build();
  // Cut between options, a message is as good as one without an end option.
  const std::vector<std::size_t> good = {243, 249, 254, 259};
  for (std::size_t length = 0; length < whole.size(); ++length) {
    SCOPED_TRACE(length);
    DhcpRequest request;
    const auto reason = parse({whole.begin(), whole.begin() + static_cast<int>(length)}, request);
    if (std::find(good.begin(), good.end(), length) != good.end()) {
      EXPECT_EQ(reason, DropReason::kNone);
    } else if (length == sizeof(DhcpHeader)) {
      EXPECT_EQ(reason, DropReason::dhcp_bootp);
    } else {
      EXPECT_EQ(reason, DropReason::dhcp_malformed);
    }
  }
}

}  // namespace
}  // namespace alkaid::test
