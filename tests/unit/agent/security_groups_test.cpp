// Security groups and gateways as they are remembered.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "control/agent/desired/store.hpp"
#include "tests/unit/agent/agent_host.hpp"

namespace alkaid::agent::test {
namespace {

using ::testing::ElementsAre;

std::vector<std::string> ids_of(const DesiredStore& store) {
  std::vector<std::string> ids;
  for (const auto& [id, rule] : store.security_groups().at("web").rules) {
    ids.push_back(id);
  }
  return ids;
}

TEST(SecurityGroups, RulesAreMergedByDeltaAndReplacedByFull) {
  FakeDataplane tables;
  Host host{tables};
  const DesiredStore& store = host.reconciler.wanted();
  auto first = group("web", {allow("a", 80), allow("b", 443)});
  first.mutable_configuration()->set_name("web servers");
  EXPECT_THAT(host.push(first), ElementsAre(Status::kSuccess));
  auto gone = allow("a", 80);
  gone.set_operation_type(schema::DELETE);
  host.push(group("web", {allow("c", 22, "10.0.0.0/8"), gone, allow("b", 8443)}));
  EXPECT_THAT(ids_of(store), ElementsAre("b", "c"));
  EXPECT_EQ(store.security_groups().at("web").rules.at("b").port_min, 8443);
  EXPECT_EQ(store.security_groups().at("web").name, "web servers");
  host.push(group("web", {allow("d", 25)}, schema::FULL));
  EXPECT_THAT(ids_of(store), ElementsAre("d"));
  auto deleted = group("web", {});
  deleted.set_operation_type(schema::DELETE);
  EXPECT_THAT(host.push(deleted), ElementsAre(Status::kSuccess));
  EXPECT_THAT(host.push(deleted), ElementsAre(Status::kSuccess));
  EXPECT_TRUE(store.security_groups().empty());
}

TEST(SecurityGroups, MalformedRulesAreRefusedWithTheirGroup) {
  FakeDataplane tables;
  Host host{tables};
  auto range = allow("r", 80);
  range.set_port_range_max(79);
  auto port = allow("r", 65536);
  auto family = allow("r", 80, "fd00::/8");
  auto protocol = allow("r", 80);
  protocol.set_protocol(static_cast<schema::Protocol>(9));
  for (const auto& bad :
       {allow("", 80), allow("r", 80, "10.0.0.0/99"), range, port, family, protocol}) {
    EXPECT_THAT(host.push(group("web", {allow("good", 80), bad})),
                ElementsAre(Status::kInvalidArgument))
        << bad.ShortDebugString();
  }
  EXPECT_TRUE(host.reconciler.wanted().security_groups().empty());
  // Type and code of ICMP are no range.
  auto icmp = allow("r", 8);
  icmp.set_protocol(schema::ICMP);
  icmp.set_port_range_max(0);
  EXPECT_THAT(host.push(group("web", {icmp})), ElementsAre(Status::kSuccess));
}

TEST(Gateways, AndGroupsComeInBothFormatsForTheHostThatIsMeant) {
  FakeDataplane tables;
  Host host{tables};
  schema::GoalStateV2 message;
  for (const char* id : {"here", "there"}) {
    (*message.mutable_gateway_states())[id] = gateway(id, schema::IGW, "172.16.0.9");
    const auto web = group(id, {allow("a", 80)});
    (*message.mutable_security_group_states())[id] = web;
    (*message.mutable_vpc_states())[id] = vpc_with_gateways({id});
    (*message.mutable_vpc_states())[id].mutable_configuration()->set_id(id);
  }
  const auto list = [&message](const char* address, const char* id) {
    auto& resources = (*message.mutable_host_resources())[address];
    for (const auto type : {schema::GATEWAY, schema::SECURITYGROUP, schema::VPC}) {
      auto& resource = *resources.add_resources();
      resource.set_type(type);
      resource.set_id(id);
    }
  };
  list("172.16.0.1", "here");
  list("172.16.0.2", "there");
  EXPECT_THAT(host.push(message),
              ElementsAre(Status::kSuccess, Status::kSuccess, Status::kSuccess));
  const DesiredStore& store = host.reconciler.wanted();
  EXPECT_EQ(store.gateways().size(), 1U);
  EXPECT_TRUE(store.security_groups().contains("here"));
  EXPECT_EQ(store.vpcs().size(), 1U);
  EXPECT_EQ(store.vpcs().at("here").spec.gateway_ids.size(), 1U);
}

TEST(Gateways, AreRememberedWithTheirDestinations) {
  FakeDataplane tables;
  Host host{tables};
  auto zeta = gateway("zeta", schema::ZETA, "172.16.0.5");
  zeta.mutable_configuration()->mutable_zeta_info()->set_port_inband_operation(8300);
  EXPECT_THAT(host.push(zeta), ElementsAre(Status::kSuccess));
  const auto& known = host.reconciler.wanted().gateways().at("zeta").spec;
  EXPECT_EQ(known.type, GatewayType::kZeta);
  EXPECT_EQ(known.inband_port, 8300);
  ASSERT_EQ(known.destinations.size(), 1U);
  EXPECT_EQ(known.destinations[0].vtep.to_string(), "172.16.0.5");

  auto bad_type = gateway("zeta", static_cast<schema::GatewayType>(9), "172.16.0.5");
  auto bad_port = zeta;
  bad_port.mutable_configuration()->mutable_zeta_info()->set_port_inband_operation(70000);
  for (const auto& bad : {gateway("zeta", schema::ZETA, "nowhere"), bad_type, bad_port,
                          gateway("zeta", schema::ZETA, "172.16.0.5", "none")}) {
    EXPECT_THAT(host.push(bad), ElementsAre(Status::kInvalidArgument)) << bad.ShortDebugString();
  }
  // Each state of a gateway is its whole state.
  host.push(gateway("zeta", schema::DEFAULT, "172.16.0.6"));
  EXPECT_EQ(host.reconciler.wanted().gateways().at("zeta").spec.inband_port, 0);
  auto deleted = zeta;
  deleted.set_operation_type(schema::DELETE);
  EXPECT_THAT(host.push(deleted), ElementsAre(Status::kSuccess));
  EXPECT_TRUE(host.reconciler.wanted().gateways().empty());
}

}  // namespace
}  // namespace alkaid::agent::test
