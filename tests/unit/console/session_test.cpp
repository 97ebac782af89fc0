// Whole commands against a data plane and an agent of our own.
#include "control/console/session.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "control/console/commands.hpp"
#include "tests/unit/console/fake_processes.hpp"

namespace alkaid::console {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class SessionTest : public ::testing::Test {
 protected:
  void start() {
    fake_.start_dataplane();
    fake_.start_agent();
  }
  Json json(const std::string& line) {
    const Result result = session_.run(line + " --json");
    EXPECT_EQ(result.code, ExitCode::kGood) << result.error;
    return Json::parse(result.output);
  }

  FakeInstance fake_;
  Clients clients_{fake_.instance()};
  Session session_{command_tree(), clients_, false};
};

TEST_F(SessionTest, PortsAsTextAndJson) {
  start();
  const Result text = session_.run("show port");
  EXPECT_THAT(text.output,
              HasSubstr("green-1  guest  up          1001  02:00:00:00:01:11  10.1.0.11"));
  EXPECT_THAT(text.output, HasSubstr("red-1    guest  admin_down"));
  const Json ports = json("show port")["ports"];
  ASSERT_EQ(ports.size(), 2U);
  EXPECT_EQ(ports[0]["id"], "green-1");
  EXPECT_EQ(ports[0]["mac"], "02:00:00:00:01:11");
  EXPECT_EQ(ports[0]["fixed_ips"], Json::parse(R"(["10.1.0.11"])"));
  EXPECT_EQ(ports[0]["rx_packets"], 11);
  EXPECT_EQ(ports[0]["workers"], Json::parse("[1]"));
  EXPECT_EQ(json("show port red-1")["ports"].size(), 1U);
  EXPECT_EQ(json("show port red-1 stats")["ports"][0]["rx_packets"], 11);
}

TEST_F(SessionTest, DropsAsProgramsExpectThem) {
  start();
  EXPECT_EQ(json("show drops"),
            Json::parse(R"({"drops": [{"port": "green-1", "reason": "unknown_vni",
      "packets": 3, "description": "no segment has this VNI"}]})"));
  EXPECT_EQ(json("show drops all")["drops"].size(), 2U);
  EXPECT_EQ(json("show drops port red-1")["drops"].size(), 0U);
  EXPECT_EQ(json("show port green-1 drops")["drops"].size(), 1U);
}

TEST_F(SessionTest, NeighborsByVniAndAddress) {
  start();
  EXPECT_EQ(json("show neighbor"), Json::parse(R"({"neighbors": [
      {"vni": 1001, "ip": "10.1.0.12", "mac": "02:00:00:00:01:12", "vtep": "10.0.0.2"},
      {"vni": 1002, "ip": "10.2.0.12", "mac": "02:00:00:00:01:12", "vtep": "10.0.0.2"}]})"));
  EXPECT_EQ(json("show neighbor vni 1002")["neighbors"][0]["ip"], "10.2.0.12");
  EXPECT_EQ(json("show neighbor 10.1.0.12")["neighbors"].size(), 1U);
  EXPECT_EQ(json("show neighbor 10.1.0.13")["neighbors"].size(), 0U);
}

TEST_F(SessionTest, RoutesByTable) {
  start();
  EXPECT_EQ(json("show route")["routes"].size(), 2U);
  EXPECT_EQ(json("show route 0x6"), json("show route 6"));
  EXPECT_EQ(json("show route 6"),
            Json::parse(R"({"routes": [{"table": "0x0000000000000006", "prefix": "10.1.0.0/24",
      "action": "connected", "vni": 1001, "next_hop": null}]})"));
}

TEST_F(SessionTest, DhcpTextFromGuestsIsEscaped) {
  start();
  const Result text = session_.run("show dhcp");
  EXPECT_THAT(text.output, AllOf(HasSubstr("evil\\x1b[2J"), Not(HasSubstr("\x1b"))));
  EXPECT_EQ(json("show dhcp")["counters"][0]["value"], 4);
}

TEST_F(SessionTest, VersionOfBothProcesses) {
  start();
  const Json version = json("show version");
  EXPECT_EQ(version["dataplane"]["operations"], 42);
  EXPECT_EQ(version["dataplane"]["instance"], "0xfedcba9876543210");
  EXPECT_EQ(version["dataplane"]["vteps"][0], "10.0.0.1");
  EXPECT_EQ(version["agent"]["version"], "8.8");
  EXPECT_THAT(session_.run("show version").output, HasSubstr("1d 02:03:04"));
}

TEST_F(SessionTest, AMissingAgentIsNoFailureOfVersion) {
  fake_.start_dataplane();
  const Json version = json("show version");
  EXPECT_EQ(version["dataplane"]["version"], "9.9");
  EXPECT_TRUE(version["agent"].is_null());
  EXPECT_EQ(session_.run("show config").code, ExitCode::kNotRunning);
}

TEST_F(SessionTest, AMissingDataPlaneIsNamedWithItsSocket) {
  const Result result = session_.run("show port");
  EXPECT_EQ(result.code, ExitCode::kNotRunning);
  EXPECT_EQ(result.output, "");
  EXPECT_THAT(
      result.error,
      AllOf(HasSubstr(fake_.instance().dataplane_socket()), HasSubstr("there is no such socket"),
            HasSubstr("alkaid-dataplane --instance test"), HasSubstr("--run-dir")));
}

TEST_F(SessionTest, AProcessThatCameBackIsFoundAgain) {
  fake_.start_dataplane();
  EXPECT_EQ(session_.run("show port").code, ExitCode::kGood);
  fake_.stop_dataplane();
  EXPECT_EQ(session_.run("show port").code, ExitCode::kNotRunning);
  fake_.start_dataplane();
  EXPECT_EQ(session_.run("show port").code, ExitCode::kGood);
}

TEST_F(SessionTest, RefusalsAndOldProcesses) {
  start();
  fake_.dataplane.refuse = true;
  const Result refused = session_.run("show port");
  EXPECT_EQ(refused.code, ExitCode::kRefused);
  EXPECT_THAT(refused.error, AllOf(HasSubstr("no\\x1b luck"), Not(HasSubstr("\x1b"))));
  const Result old = session_.run("show tables");
  EXPECT_EQ(old.code, ExitCode::kRefused);
  EXPECT_THAT(old.error, HasSubstr("does not know this command"));
}

TEST_F(SessionTest, UnknownPortsAreRefused) {
  start();
  const Result result = session_.run("show port blue-1");
  EXPECT_EQ(result.code, ExitCode::kRefused);
  EXPECT_THAT(result.error, HasSubstr("there is no port \"blue-1\""));
}

TEST_F(SessionTest, ConfigShowsFieldAndValueOfWhatWasRefused) {
  start();
  EXPECT_THAT(session_.run("show config").output,
              AllOf(HasSubstr("configuration.mac_address"), HasSubstr("zz:zz"),
                    HasSubstr("2026-01-31T12:00:00.123456Z")));
  EXPECT_EQ(json("show config")["refused"][0]["value"], "zz:zz");
  EXPECT_EQ(json("show config")["resources"][0]["applied"], 1);
}

TEST_F(SessionTest, EventsEndWithWhatIsRemembered) {
  start();
  EXPECT_EQ(json("show event")["events"].size(), 2U);
  EXPECT_EQ(json("show event")["events"][0]["severity"], "warning");
  fake_.agent.remembered = 0;
  EXPECT_EQ(json("show event")["events"].size(), 0U);
  fake_.agent.endless = true;
  EXPECT_EQ(json("show event")["events"].size(), 1024U);
}

TEST_F(SessionTest, GoalStateShowsWhatIsRemembered) {
  start();
  EXPECT_THAT(
      session_.run("show goal-state router").output,
      AllOf(HasSubstr("192.0.2.0/24"), HasSubstr("via 10.1.0.13"), HasSubstr("no routers")));
  const auto all = json("show goal-state");
  EXPECT_EQ(all["routing_rules"][0]["state"], "in effect");
  for (const char* kind : {"vpcs", "subnets", "routers", "gateways", "security_groups"}) {
    EXPECT_TRUE(all[kind].is_array()) << kind;
  }
  EXPECT_FALSE(json("show goal-state router").contains("vpcs"));
}

TEST_F(SessionTest, SlicesShowWhoHasWhat) {
  start();
  EXPECT_THAT(session_.run("show slices").output,
              AllOf(HasSubstr("tenant\\x1b"), HasSubstr("NEIGHBOR 20"),
                    HasSubstr("other 3, messages without a slice 2 and 7 more")));
  const auto slice = json("show slices")["slices"][0];
  EXPECT_EQ(slice["name"], "tenant\x1b");
  EXPECT_EQ(slice["version"], 41);
  EXPECT_EQ(slice["resources"], 20);
  EXPECT_EQ(slice["digest"], "00ff");
  EXPECT_EQ(slice["kinds"][0]["type"], "NEIGHBOR");
  EXPECT_EQ(slice["kinds"][0]["resources"], 20);
  EXPECT_EQ(slice["holders"][0]["slice"], "other");
  EXPECT_TRUE(slice["holders"][1]["slice"].is_null());
  EXPECT_EQ(slice["holders"][1]["resources"], 2);
  EXPECT_EQ(slice["more_holders"], 7);
  const Result unknown = session_.run("show slices landlord");
  EXPECT_EQ(unknown.code, ExitCode::kRefused);
  EXPECT_THAT(unknown.error, HasSubstr("there is no slice \"landlord\""));
}

TEST_F(SessionTest, OffloadIsSwitched) {
  start();
  EXPECT_EQ(json("show offload")["offload"]["on"], true);
  EXPECT_EQ(json("set offload off")["offload"]["on"], false);
  EXPECT_FALSE(fake_.offload.is_on);
  session_.run("set offload on");
  EXPECT_TRUE(fake_.offload.is_on);
  EXPECT_EQ(session_.run("set offload maybe").code, ExitCode::kBadCommand);
}

TEST_F(SessionTest, PortsAndWorkersAreMovedAndSwitched) {
  start();
  const auto moved = json("set port red-1 worker 1");
  EXPECT_EQ(fake_.placement.move_request.id(), "red-1");
  EXPECT_EQ(fake_.placement.move_request.worker(), 1U);
  EXPECT_FALSE(fake_.placement.move_request.has_queue());
  EXPECT_TRUE(moved.contains("workers"));
  json("set port red-1 queue 3 worker 0");
  EXPECT_EQ(fake_.placement.move_request.queue(), 3U);
  EXPECT_EQ(fake_.placement.move_request.worker(), 0U);
  EXPECT_EQ(session_.run("set port red-1 queue first worker 0").code, ExitCode::kBadCommand);
  const Result refused = session_.run("set port red-1 worker 2");
  EXPECT_EQ(refused.code, ExitCode::kRefused);
  EXPECT_THAT(refused.error, HasSubstr("there are two"));
  const auto switched = json("set worker 1 off");
  EXPECT_EQ(switched["workers"][0]["state"], "on");
  EXPECT_EQ(switched["workers"][1]["state"], "off");
  EXPECT_EQ(fake_.placement.worker_request.worker(), 1U);
  EXPECT_FALSE(fake_.placement.worker_request.active());
  session_.run("set worker 1 on");
  EXPECT_TRUE(fake_.placement.worker_request.active());
  EXPECT_EQ(session_.run("set worker one on").code, ExitCode::kBadCommand);
  fake_.placement.is_old = true;
  EXPECT_EQ(json("show worker")["workers"][1]["state"], "on") << "an older data plane's";
}

TEST_F(SessionTest, GrepFiltersTheText) {
  start();
  EXPECT_THAT(session_.run("show port | grep ^red").output,
              AllOf(HasSubstr("red-1"), Not(HasSubstr("green")), Not(HasSubstr("PORT"))));
  const Result bad = session_.run("show port | grep (");
  EXPECT_EQ(bad.code, ExitCode::kBadCommand);
  EXPECT_THAT(bad.error, HasSubstr("\n          ^ "));
}

TEST_F(SessionTest, HelpQuitAndWatchAreForTheCaller) {
  EXPECT_THAT(session_.run("help").output, HasSubstr("show port ID stats"));
  EXPECT_THAT(session_.run("help sho port").output, Not(HasSubstr("show drops")));
  EXPECT_EQ(session_.run("help shw").code, ExitCode::kBadCommand);
  EXPECT_TRUE(session_.run("quit").quit);
  EXPECT_EQ(session_.run("watch 2.5 show version").repeat_after_seconds, 2.5);
  EXPECT_EQ(session_.run("show version").repeat_after_seconds, std::nullopt);
}

}  // namespace
}  // namespace alkaid::console
