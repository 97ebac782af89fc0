// Commands about connections, from the words to the request and from the answer to the screen.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "control/console/commands.hpp"
#include "control/console/protocols.hpp"
#include "control/console/session.hpp"
#include "tests/unit/console/fake_processes.hpp"

namespace alkaid::console {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class Conntrack : public ::testing::Test {
 protected:
  Conntrack() { fake_.start_dataplane(); }

  Json json(const std::string& line) {
    const Result result = session_.run(line + " --json");
    EXPECT_EQ(result.code, ExitCode::kGood) << result.error;
    return Json::parse(result.output);
  }
  Result refused(const std::string& line) {
    Result result = session_.run(line);
    EXPECT_EQ(result.code, ExitCode::kBadCommand) << line;
    return result;
  }

  FakeInstance fake_;
  Clients clients_{fake_.instance()};
  Session session_{command_tree(), clients_, false};
};

TEST_F(Conntrack, ConnectionsAsTextAndJson) {
  EXPECT_THAT(session_.run("show conntrack").output,
              AllOf(HasSubstr("tcp       established  1001 green-1 10.1.0.11:4242 > 10.1.0.12:80"),
                    HasSubstr("10.1.0.11 > 10.1.0.12 type 8 id 4242"), HasSubstr("1001 underlay"),
                    HasSubstr("500/4000"), HasSubstr("01:00:00"), HasSubstr("web/out")));
  const Json connections = json("show conntrack")["connections"];
  ASSERT_EQ(connections.size(), 2U);
  const Json& tcp = connections[0];
  EXPECT_EQ(tcp["protocol"], 6);
  EXPECT_EQ(tcp["state"], "established");
  EXPECT_EQ(tcp["packets"], 9);
  EXPECT_EQ(tcp["bytes"], 4500);
  EXPECT_EQ(tcp["idle_milliseconds"], 12);
  EXPECT_EQ(tcp["age_milliseconds"], 5000);
  EXPECT_EQ(tcp["original"]["source"], "10.1.0.11");
  EXPECT_EQ(tcp["original"]["destination_port"], 80);
  EXPECT_EQ(tcp["reply"]["ingress"], "");
  EXPECT_EQ(connections[1]["original"]["icmp_identifier"], 4242);
  EXPECT_FALSE(connections[1]["original"].contains("source_port"));
}

TEST_F(Conntrack, ClausesInAnyOrderMakeTheFilter) {
  json("show conntrack");
  EXPECT_FALSE(fake_.dataplane.connections_request.filter().has_protocol());
  json(
      "show conntrack top 3 state established l4-port 80 protocol tcp address 10.1.0.0/24 vni 1001 "
      "port green-1 group web limit 9");
  const auto& request = fake_.dataplane.connections_request;
  EXPECT_EQ(request.top(), 3U);
  EXPECT_EQ(request.limit(), 9U);
  EXPECT_EQ(request.filter().state(), "established");
  EXPECT_EQ(request.filter().l4_port(), 80U);
  EXPECT_EQ(request.filter().protocol(), 6U);
  EXPECT_EQ(request.filter().address().address().low(), 0xffff0a010000ULL);
  EXPECT_EQ(request.filter().address().length(), 24U);
  EXPECT_EQ(request.filter().vni(), 1001U);
  EXPECT_EQ(request.filter().port(), "green-1");
  EXPECT_EQ(request.filter().group(), "web");
}

TEST_F(Conntrack, WrongWordsAreNamed) {
  EXPECT_THAT(refused("show conntrack vni 1001 vni 1002").error, HasSubstr("VNI is given twice"));
  EXPECT_THAT(refused("show conntrack protocol tpc").error, HasSubstr("expected tcp, udp"));
  EXPECT_THAT(refused("show conntrack address 10.1.0.0/33").error, HasSubstr("a prefix"));
  EXPECT_THAT(refused("show conntrack l4-port 65536").error, HasSubstr("1 to 65535"));
  EXPECT_THAT(refused("show conntrack vni 1 summary").error, HasSubstr("expected one of address"));
  EXPECT_THAT(refused("show conntrack top 0").error, HasSubstr("1 or more"));
  EXPECT_THAT(refused("show conntrack port").error, HasSubstr("expected ID"));
  EXPECT_THAT(refused("set conntrack timeout tcp_closed 0").error, HasSubstr("1 to 2000000"));
  refused("flush");
  refused("flush conntrack top 3");
  refused("watch 2 flush conntrack");
}

TEST_F(Conntrack, SummaryHasWhatProgramsCountOn) {
  const Json summary = json("show conntrack summary");
  EXPECT_EQ(summary["tables"][0]["family"], "IPv4");
  EXPECT_EQ(summary["tables"][0]["used_percent"], 25.0);
  EXPECT_EQ(summary["tables"][0]["created"], 300);
  EXPECT_EQ(summary["tables"][0]["evicted"], 0);
  EXPECT_EQ(summary["tables"][0]["expired"], 50);
  EXPECT_EQ(summary["states"][0],
            (Json{{"protocol", 6}, {"state", "established"}, {"connections", 250}}));
  EXPECT_EQ(summary["forwarding"]["fast_path"], true);
}

TEST_F(Conntrack, TimeoutsAreShownAndSet) {
  EXPECT_EQ(json("show conntrack timeouts")["timeouts"][0]["seconds"], 30);
  const Json set = json("set conntrack timeout udp_one_way 5");
  EXPECT_EQ(set["timeouts"][0],
            (Json{{"name", "udp_one_way"}, {"seconds", 5}, {"default_seconds", 30}}));
  const Result unknown = session_.run("set conntrack timeout nonsense 5");
  EXPECT_EQ(unknown.code, ExitCode::kRefused);
  EXPECT_THAT(unknown.error, HasSubstr("there is udp_one_way"));
  EXPECT_EQ(session_.run("set conntrack timeout udp_one_way 6").repeat_after_seconds, std::nullopt);
}

TEST_F(Conntrack, FlushTakesTheSameFilter) {
  EXPECT_EQ(json("flush conntrack")["flushed"]["connections"], 7);
  EXPECT_EQ(fake_.dataplane.flush_request.filter().ByteSizeLong(), 0U);
  EXPECT_THAT(session_.run("flush conntrack port green-1 protocol 47").output, HasSubstr("7"));
  EXPECT_EQ(fake_.dataplane.flush_request.filter().port(), "green-1");
  EXPECT_EQ(fake_.dataplane.flush_request.filter().protocol(), 47U);
}

TEST_F(Conntrack, HelpHasEveryClauseOnce) {
  const std::string help = session_.run("help flush").output;
  EXPECT_THAT(help, HasSubstr("flush conntrack port ID"));
  EXPECT_THAT(help, Not(HasSubstr("port ID vni")));
}

TEST(Protocols, ByNameAndByNumber) {
  EXPECT_EQ(parse_protocol("icmpv6"), 58);
  EXPECT_EQ(parse_protocol("0"), 0);
  EXPECT_EQ(parse_protocol("255"), 255);
  for (const char* text : {"", "256", "-1", "TCP6", "6 "}) {
    EXPECT_EQ(parse_protocol(text), std::nullopt) << text;
  }
  EXPECT_EQ(protocol(132).text, "sctp");
  EXPECT_EQ(protocol(47).text, "47");
  EXPECT_EQ(protocol(47).json, 47);
}

}  // namespace
}  // namespace alkaid::console
