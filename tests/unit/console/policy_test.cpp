// What is enforced, with hits.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "control/console/commands.hpp"
#include "control/console/session.hpp"
#include "tests/unit/console/fake_processes.hpp"

namespace alkaid::console {
namespace {

using ::testing::HasSubstr;

class Policy : public ::testing::Test {
 protected:
  Policy() { fake_.start_dataplane(); }

  Json json(const std::string& line) {
    const Result result = session_.run(line + " --json");
    EXPECT_EQ(result.code, ExitCode::kGood) << result.error;
    return Json::parse(result.output);
  }

  FakeInstance fake_;
  Clients clients_{fake_.instance()};
  Session session_{command_tree(), clients_, false};
};

TEST_F(Policy, OfAPortByDirectionWithHits) {
  const Json shown = json("show port green-1 policy");
  EXPECT_EQ(shown["policy"]["enforced"], true);
  EXPECT_EQ(shown["policy"]["security_groups"], (Json{"web", "late"}));
  EXPECT_EQ(shown["policy"]["unknown_groups"], (Json::array({"late"})));
  const Json& rules = shown["rules"];
  ASSERT_EQ(rules.size(), 3U);
  EXPECT_EQ(rules[0]["direction"], "egress");
  EXPECT_EQ(rules[0]["remote"]["prefix"], "10.0.0.0/8");
  EXPECT_TRUE(rules[0]["protocol"].is_null());
  EXPECT_EQ(rules[1]["id"], "http");
  EXPECT_EQ(rules[1]["hits"], 11);
  EXPECT_EQ(rules[1]["selector"], (Json{{"port_min", 80}, {"port_max", 90}}));
  EXPECT_EQ(rules[1]["remote"]["group"], "clients");
  EXPECT_EQ(rules[2]["selector"], (Json{{"icmp_type", 8}, {"icmp_code", 0}}));
  EXPECT_THAT(session_.run("show port green-1 policy").output,
              AllOf(HasSubstr("80-90"), HasSubstr("group clients"), HasSubstr("type 8 code 0")));
}

TEST_F(Policy, SaysWhatIsNotEnforced) {
  EXPECT_EQ(json("show port red-1 policy")["policy"]["enforced"], false);
  EXPECT_THAT(session_.run("show port red-1 policy").output, HasSubstr("everything passes"));
  const Result unknown = session_.run("show port blue-1 policy");
  EXPECT_EQ(unknown.code, ExitCode::kRefused);
  EXPECT_THAT(unknown.error, HasSubstr("there is no guest port \"blue-1\""));
}

TEST_F(Policy, OfSecurityGroups) {
  const Json shown = json("show security-group");
  EXPECT_EQ(shown["security_groups"][0]["hits"], 18);
  EXPECT_EQ(shown["security_groups"][0]["members"], (Json::array({"10.1.0.11"})));
  EXPECT_EQ(shown["security_groups"][0]["ports"], (Json::array({"green-1"})));
  EXPECT_EQ(json("show security-group web")["rules"].size(), 3U);
  EXPECT_EQ(session_.run("show security-group nonsense").code, ExitCode::kRefused);
}

}  // namespace
}  // namespace alkaid::console
