// Neighbors read straight from their bytes say what protobuf and the decoder of resources say.
#include "control/agent/goal_state/usual_neighbor.hpp"

#include <functional>
#include <random>
#include <string>

#include <gtest/gtest.h>

#include "control/agent/goal_state/decoder.hpp"
#include "tests/unit/agent/goal_states.hpp"

namespace alkaid::agent::test {
namespace {

schema::NeighborConfiguration::FixedIp fixed_ip(const std::string& subnet, const std::string& ip) {
  schema::NeighborConfiguration::FixedIp fixed_ip;
  fixed_ip.set_subnet_id(subnet);
  fixed_ip.set_ip_address(ip);
  return fixed_ip;
}

// master's layout
schema::NeighborState usual() {
  schema::NeighborState state;
  state.set_operation_type(schema::CREATE);
  auto& configuration = *state.mutable_configuration();
  configuration.set_revision_number(7);
  configuration.set_request_id("request");
  configuration.set_id("3dda2801-d675-4688-a63f-dcda8d327f50");
  configuration.set_update_type(schema::FULL);
  configuration.set_vpc_id("vpc");
  configuration.set_name("name");
  configuration.set_mac_address("02:00:00:00:00:09");
  configuration.add_field_8("0a:00:00:00:00:02");
  configuration.add_field_9("172.16.0.2");
  configuration.add_field_10(fixed_ip("green", "10.0.1.9").SerializeAsString());
  return state;
}

schema::NeighborState released() {
  auto state = usual();
  auto& configuration = *state.mutable_configuration();
  configuration.clear_field_10();
  configuration.set_field_8(0, "172.16.0.2");
  configuration.set_field_9(0, fixed_ip("green", "10.0.1.9").SerializeAsString());
  return state;
}

// What protobuf and the decoder make of it; none: refused, or not this simple.
std::optional<UsualNeighbor> by_protobuf(const std::string& bytes, schema::GoalState& message) {
  message.Clear();
  if (!message.add_neighbor_states()->ParseFromString(bytes)) {
    return std::nullopt;
  }
  static std::string error;
  static const auto attach = PortAttach::parse("null:", error);
  static DecodedGoalState decoded;
  decoded = decode(message, {*attach, {}});
  if (decoded.neighbors.size() != 1 || decoded.neighbors[0].intent != Intent::kSet) {
    return std::nullopt;
  }
  const auto& [result, intent, revision, id, spec] = decoded.neighbors[0];
  if (spec.addresses.size() != 1 || !spec.pairs.empty() || !spec.security_group_ids.empty()) {
    return std::nullopt;
  }
  return UsualNeighbor{
      id, decoded.results[0].operation, revision, spec.mac, spec.host, spec.addresses[0]};
}

void expect_same(const std::string& bytes) {
  const auto straight = read_usual_neighbor(bytes);
  if (!straight) {
    return;
  }
  schema::GoalState message;
  const auto expected = by_protobuf(bytes, message);
  ASSERT_TRUE(expected.has_value());
  EXPECT_EQ(straight->id, expected->id);
  EXPECT_EQ(straight->operation, expected->operation);
  EXPECT_EQ(straight->revision, expected->revision);
  EXPECT_EQ(straight->mac, expected->mac);
  EXPECT_EQ(straight->host, expected->host);
  EXPECT_EQ(straight->address.subnet_id, expected->address.subnet_id);
  EXPECT_EQ(straight->address.vni, expected->address.vni);
  EXPECT_EQ(straight->address.address, expected->address.address);
}

TEST(UsualNeighbor, SaysWhatProtobufSays) {
  auto ipv6 = usual();
  ipv6.mutable_configuration()->set_field_9(0, "2001:db8::2");
  ipv6.mutable_configuration()->set_field_10(0, fixed_ip("s", "fd00::9").SerializeAsString());
  auto numbered = usual();
  auto with_vni = fixed_ip("green", "10.0.1.9");
  with_vni.set_neighbor_type(schema::L3);
  with_vni.set_arion_group("group");
  with_vni.set_tunnel_id(300);
  numbered.mutable_configuration()->set_field_10(0, with_vni.SerializeAsString());
  auto short_one = usual();
  short_one.mutable_configuration()->clear_field_8();
  short_one.mutable_configuration()->clear_request_id();
  short_one.mutable_configuration()->clear_revision_number();
  short_one.clear_operation_type();
  for (const auto& state : {usual(), released(), ipv6, numbered, short_one}) {
    const std::string bytes = state.SerializeAsString();
    EXPECT_TRUE(read_usual_neighbor(bytes).has_value()) << state.ShortDebugString();
    expect_same(bytes);
  }
}

TEST(UsualNeighbor, LeavesOtherFormsToProtobuf) {
  using Configuration = schema::NeighborConfiguration;
  const auto changed = [](const std::function<void(Configuration&)>& change) {
    auto state = usual();
    change(*state.mutable_configuration());
    return state.SerializeAsString();
  };
  auto deleted = usual();
  deleted.set_operation_type(schema::DELETE);
  const std::string whole = usual().SerializeAsString();
  for (const std::string& bytes : {
           std::string{},
           deleted.SerializeAsString(),
           whole + whole,
           whole + std::string{"\x1a\x01x", 3},
           changed([](Configuration& c) { c.clear_id(); }),
           changed([](Configuration& c) { c.set_id("\xc3\xa4"); }),
           changed([](Configuration& c) { c.set_mac_address("01:00:00:00:00:01"); }),
           changed([](Configuration& c) { c.set_mac_address("02:00"); }),
           changed([](Configuration& c) { c.set_field_9(0, "172.16.0.256"); }),
           changed([](Configuration& c) { c.set_field_9(0, "172.16.00.2"); }),
           changed([](Configuration& c) { c.set_field_9(0, "224.0.0.1"); }),
           changed([](Configuration& c) { c.add_field_9("172.16.0.2"); }),
           changed([](Configuration& c) { c.set_field_10(0, "garbage"); }),
           changed([](Configuration& c) { c.add_field_10(c.field_10(0)); }),
           changed([](Configuration& c) { c.add_field_11(""); }),
           changed([](Configuration& c) { c.add_security_group_ids("group"); }),
           changed([](Configuration& c) {
             c.set_field_10(0, fixed_ip("", "10.0.1.9").SerializeAsString());
           }),
           changed([](Configuration& c) {
             c.set_field_10(0, fixed_ip("green", "0.0.0.0").SerializeAsString());
           }),
           changed([](Configuration& c) {
             auto ip = fixed_ip("green", "10.0.1.9");
             ip.set_tunnel_id(1U << 24);
             c.set_field_10(0, ip.SerializeAsString());
           }),
       }) {
    EXPECT_FALSE(read_usual_neighbor(bytes).has_value());
  }
  // Present though empty: a list of one pair that is none.
  auto with_pair = released();
  with_pair.mutable_configuration()->add_field_10("");
  EXPECT_FALSE(read_usual_neighbor(with_pair.SerializeAsString()).has_value());
}

TEST(UsualNeighbor, SurvivesDamagedBytes) {
  std::mt19937 random{4711};
  for (const std::string& bytes : {usual().SerializeAsString(), released().SerializeAsString()}) {
    for (std::size_t size = 0; size < bytes.size(); ++size) {
      expect_same(bytes.substr(0, size));
    }
    for (int round = 0; round < 20000; ++round) {
      std::string damaged = bytes;
      for (unsigned i = 0; i <= random() % 3; ++i) {
        damaged[random() % damaged.size()] = static_cast<char>(random());
      }
      expect_same(damaged);
    }
  }
}

}  // namespace
}  // namespace alkaid::agent::test
