// Golden bytes of both published neighbor layouts, made by hand from the field tables, decoded by
// the agent's wire copy.
#include <cstdint>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "alcor/schema/goalstate.pb.h"
#include "alcor/schema/goalstateprovisioner.pb.h"
#include "control/agent/goal_state/decoder.hpp"
#include "control/agent/goal_state/neighbor_layout.hpp"

namespace alkaid::agent {
namespace {

std::string bytes(std::string_view hex) {
  std::string result;
  std::string digits;
  for (const char c : hex) {
    if (c == ' ' || c == '\n') {
      continue;
    }
    digits += c;
    if (digits.size() == 2) {
      result += static_cast<char>(std::stoi(digits, nullptr, 16));
      digits.clear();
    }
  }
  return result;
}

// FixedIp { neighbor_type L3, subnet_id "sub", ip_address "10.0.1.9" }
constexpr std::string_view kFixedIp =
    "08 01  12 03 73 75 62  1a 08 31 30 2e 30 2e 31 2e 39 ";  // 17 bytes
// FixedIp { subnet_id "sub", ip_address "10.0.1.8", arion_group "g", tunnel_id 300 }
constexpr std::string_view kArionFixedIp =
    "12 03 73 75 62  1a 08 31 30 2e 30 2e 31 2e 38  22 01 67  28 ac 02 ";  // 21 bytes
// AllowAddressPair { ip_address "10.0.1.7", mac_address "02:00:00:00:00:07" }
constexpr std::string_view kPair =
    "0a 08 31 30 2e 30 2e 31 2e 37  12 11 30 32 3a 30 30 3a 30 30 3a 30 30 3a 30 30 3a 30 37 ";

// revision_number 1, request_id "r", id "port", update_type FULL, vpc_id "vpc", name "n",
// mac_address "02:00:00:00:00:09": the same in both layouts. 42 bytes.
constexpr std::string_view kHead =
    "08 01  12 01 72  1a 04 70 6f 72 74  20 01  2a 03 76 70 63  32 01 6e "
    "3a 11 30 32 3a 30 30 3a 30 30 3a 30 30 3a 30 30 3a 30 39 ";
// "172.16.0.2" behind its length
constexpr std::string_view kHost = "0a 31 37 32 2e 31 36 2e 30 2e 32 ";
// "0a:00:00:00:00:02" behind its length
constexpr std::string_view kHostMac = "11 30 61 3a 30 30 3a 30 30 3a 30 30 3a 30 30 3a 30 32 ";

// Released clients: host_ip_address 8, fixed_ips 9, allow_address_pairs 10.
std::string released() {
  std::string hex{kHead};
  hex += "42 ";
  hex += kHost;
  hex += "4a 11 ";
  hex += kFixedIp;
  hex += "52 1d ";
  hex += kPair;
  return bytes(hex);
}

// Master: host_mac_address 8, host_ip_address 9, fixed_ips 10, allow_address_pairs 11.
std::string current(bool with_host_mac) {
  std::string hex{kHead};
  if (with_host_mac) {
    hex += "42 ";
    hex += kHostMac;
  }
  hex += "4a ";
  hex += kHost;
  hex += "52 11 ";
  hex += kFixedIp;
  hex += "52 15 ";
  hex += kArionFixedIp;
  hex += "5a 1d ";
  hex += kPair;
  return bytes(hex);
}

// Length-delimited field number `field` holding `content` (below 16384 bytes).
std::string field(int number, const std::string& content) {
  std::string result(1, static_cast<char>(number << 3 | 2));
  if (content.size() > 127) {
    result += static_cast<char>((content.size() & 0x7f) | 0x80);
    result += static_cast<char>(content.size() >> 7);
  } else {
    result += static_cast<char>(content.size());
  }
  return result + content;
}

std::string state(const std::string& configuration) {
  return bytes("08 01") + field(2, configuration);  // CREATE
}

void expect_neighbor(const DecodedGoalState& decoded, std::size_t addresses) {
  ASSERT_TRUE(decoded.refused.empty())
      << decoded.refused[0].refusal.field << " " << decoded.refused[0].refusal.value;
  ASSERT_EQ(decoded.neighbors.size(), 1U);
  const auto& change = decoded.neighbors[0];
  EXPECT_EQ(change.id, "port");
  EXPECT_EQ(change.intent, Intent::kSet);
  EXPECT_EQ(change.spec.mac.to_string(), "02:00:00:00:00:09");
  EXPECT_EQ(change.spec.host.to_string(), "172.16.0.2");
  ASSERT_EQ(change.spec.addresses.size(), addresses);
  EXPECT_EQ(change.spec.addresses[0].subnet_id, "sub");
  EXPECT_EQ(change.spec.addresses[0].address.to_string(), "10.0.1.9");
  if (addresses > 1) {
    EXPECT_EQ(change.spec.addresses[1].address.to_string(), "10.0.1.8");
    EXPECT_EQ(change.spec.addresses[1].vni.number(), 300U);
  }
}

class Layouts : public ::testing::Test {
 protected:
  template <class Message>
  DecodedGoalState decode_bytes(const std::string& encoded, Message& message) {
    EXPECT_TRUE(message.ParseFromString(encoded));
    return decode(message, {attach_, {}});
  }

  std::string error_;
  PortAttach attach_ = PortAttach::parse("null:{port_id}", error_).value();
};

TEST_F(Layouts, ReleasedInV1) {
  alcor::schema::GoalState message;
  expect_neighbor(decode_bytes(field(5, state(released())), message), 1);
}

TEST_F(Layouts, CurrentInV1) {
  alcor::schema::GoalState message;
  expect_neighbor(decode_bytes(field(5, state(current(true))), message), 2);
}

TEST_F(Layouts, CurrentWithoutHostMacInV1) {
  alcor::schema::GoalState message;
  expect_neighbor(decode_bytes(field(5, state(current(false))), message), 2);
}

TEST_F(Layouts, BothInOneV2Map) {
  for (const auto& configuration : {released(), current(true)}) {
    alcor::schema::GoalStateV2 message;
    // Map entry: key 1, value 2; neighbor_states is field 7 of v2, 5 of v1.
    const std::string entry = field(1, "L3/port") + field(2, state(configuration));
    expect_neighbor(decode_bytes(field(7, entry), message), configuration == released() ? 1U : 2U);
  }
}

TEST_F(Layouts, BothInNeighborRules) {
  for (const auto& configuration : {released(), current(true)}) {
    alcor::schema::NeighborRulesRequest message;
    expect_neighbor(decode_bytes(field(3, state(configuration)), message),
                    configuration == released() ? 1U : 2U);
  }
}

TEST_F(Layouts, Ipv6HostIsRecognizedInBoth) {
  alcor::schema::NeighborConfiguration configuration;
  configuration.add_field_8("2001:db8::2");
  configuration.add_field_9("x");
  EXPECT_TRUE(detect_neighbor_layout(configuration).released);
  EXPECT_EQ(detect_neighbor_layout(configuration).host_ip_address, "2001:db8::2");
  configuration.set_field_8(0, "0a:00:00:00:00:02");
  configuration.set_field_9(0, "2001:db8::3");
  EXPECT_FALSE(detect_neighbor_layout(configuration).released);
  EXPECT_EQ(detect_neighbor_layout(configuration).host_ip_address, "2001:db8::3");
}

TEST_F(Layouts, EveryTruncationIsRefusedNotMisread) {
  for (const auto& configuration : {released(), current(true)}) {
    for (std::size_t length = 0; length < configuration.size(); ++length) {
      alcor::schema::NeighborState neighbor;
      neighbor.set_operation_type(alcor::schema::CREATE);
      if (!neighbor.mutable_configuration()->ParseFromString(configuration.substr(0, length))) {
        continue;
      }
      alcor::schema::GoalState message;
      *message.add_neighbor_states() = neighbor;
      const auto decoded = decode(message, {attach_, {}});
      EXPECT_EQ(decoded.neighbors.size() + decoded.refused.size(), 1U) << length;
      if (!decoded.neighbors.empty()) {
        EXPECT_EQ(decoded.neighbors[0].spec.addresses[0].address.to_string(), "10.0.1.9");
      }
    }
  }
}

}  // namespace
}  // namespace alkaid::agent
