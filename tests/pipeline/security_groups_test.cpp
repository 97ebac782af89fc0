// Security groups on ports: what the programmer makes of them.
#include <gtest/gtest.h>

#include "tests/pipeline/pipeline_lab.hpp"

namespace alkaid::test {
namespace {

using namespace net;

constexpr std::uint8_t kTcp = 6;

PortConfig port_with(std::vector<std::string> groups) {
  auto config = PipelineLab::port_config(
      "guarded", kGreen, {Ipv4Address{0x0a010063}, MacAddress::from_number(0x020000010063)});
  config.attachment = "null:";
  config.security_groups = std::move(groups);
  config.policy_enforced = true;
  return config;
}

SecurityGroupChange allow_tcp(const std::string& group, std::uint16_t port) {
  SecurityGroupChange change{.id = group};
  change.rules.push_back(
      {.id = "r", .ingress = true, .protocol = kTcp, .port_min = port, .port_max = port});
  return change;
}

class SecurityGroupsOfPorts : public ::testing::Test {
 protected:
  // The rule that lets TCP to `port` in, as "group/rule"; empty: denied.
  std::string ingress(std::uint16_t port) {
    const Port* found = lab.dataplane().ports().find("guarded");
    if (found == nullptr || !found->policy) {
      return "no policy";
    }
    const RuleNumber rule = found->policy->find_ingress({IpAddress{kGreen2.ip}, false, kTcp, port});
    const RuleName* name = lab.dataplane().tables().rules.name(rule);
    return name != nullptr ? name->group + "/" + name->rule : "";
  }

  PipelineLab lab;
};

TEST_F(SecurityGroupsOfPorts, InAnyOrderOfArrival) {
  ASSERT_FALSE(lab.programmer().set(port_with({"late", "web"})));
  EXPECT_EQ(ingress(80), "");
  ASSERT_FALSE(lab.programmer().set(allow_tcp("late", 80)));
  EXPECT_EQ(ingress(80), "late/r");
  lab.programmer().remove_security_group("late");
  EXPECT_EQ(ingress(80), "");
  ASSERT_FALSE(lab.programmer().set(allow_tcp("web", 443)));
  EXPECT_EQ(ingress(443), "web/r");
}

TEST_F(SecurityGroupsOfPorts, FollowThePortsConfiguration) {
  ASSERT_FALSE(lab.programmer().set(allow_tcp("a", 80)));
  ASSERT_FALSE(lab.programmer().set(allow_tcp("b", 81)));
  ASSERT_FALSE(lab.programmer().set(port_with({"a"})));
  EXPECT_EQ(ingress(80), "a/r");
  EXPECT_EQ(ingress(81), "");
  ASSERT_FALSE(lab.programmer().set(port_with({"b", "b"})));
  EXPECT_EQ(ingress(80), "");
  EXPECT_EQ(ingress(81), "b/r");
  ASSERT_FALSE(lab.programmer().set(port_with({})));
  EXPECT_EQ(ingress(80), "") << "enforced without groups: nothing passes";
  auto open = port_with({"a"});
  open.policy_enforced = false;
  ASSERT_FALSE(lab.programmer().set(open));
  EXPECT_EQ(ingress(80), "no policy");
}

TEST_F(SecurityGroupsOfPorts, ARefusedPortHoldsNoGroup) {
  auto config = port_with({"ghost"});
  config.mtu = 5;
  ASSERT_TRUE(lab.programmer().set(config));
  EXPECT_EQ(lab.dataplane().tables().security_groups.find("ghost"), nullptr);
  const auto field = [&](std::vector<std::string> groups) {
    const auto error = lab.programmer().set(port_with(std::move(groups)));
    return error ? error->field : "";
  };
  EXPECT_EQ(field({""}), "security_groups");
  EXPECT_EQ(field({std::string(256, 'x')}), "security_groups");
  EXPECT_EQ(field(std::vector<std::string>(65, "ghost")), "security_groups");
  EXPECT_EQ(lab.dataplane().tables().security_groups.find("ghost"), nullptr);
}

TEST_F(SecurityGroupsOfPorts, NothingStaysWhenPortsAndGroupsGo) {
  auto& groups = lab.dataplane().tables().security_groups;
  for (int round = 0; round < 50; ++round) {
    ASSERT_FALSE(lab.programmer().set(port_with({"a", "unknown"})));
    ASSERT_FALSE(lab.programmer().set(allow_tcp("a", 80)));
    ASSERT_FALSE(lab.programmer().set(port_with({"a"})));
    EXPECT_EQ(groups.find("unknown"), nullptr);
    lab.programmer().remove_security_group("a");
    EXPECT_NE(groups.find("a"), nullptr) << "the port names it";
    lab.programmer().remove_port("guarded");
    EXPECT_EQ(groups.find("a"), nullptr);
    lab.walk();
  }
  EXPECT_EQ(lab.dataplane().tables().rules.occupancy().used, 0U);
}

}  // namespace
}  // namespace alkaid::test
