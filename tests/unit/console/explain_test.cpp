// The command that explains packets.
#include "control/console/explain/explain.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "control/console/clients.hpp"
#include "control/console/commands.hpp"
#include "control/console/explain/packet_words.hpp"
#include "control/console/session.hpp"
#include "tests/unit/console/fake_processes.hpp"

namespace alkaid::console {
namespace {

using dataplane::v1::ExplainRequest;
using ::testing::HasSubstr;

struct EndCase {
  const char* text;
  const char* address;  // nullptr: refused
  std::uint16_t port = 0;
};

TEST(PacketWords, Ends) {
  const EndCase cases[] = {
      {"10.1.0.11", "10.1.0.11"},
      {"10.1.0.11:80", "10.1.0.11", 80},
      {"10.1.0.11:65535", "10.1.0.11", 65535},
      {"2001:db8::1", "2001:db8::1"},
      {"[2001:db8::1]", "2001:db8::1"},
      {"[2001:db8::1]:443", "2001:db8::1", 443},
      {"10.1.0.11:65536", nullptr},
      {"10.1.0.11:", nullptr},
      {"10.1.0.11:x", nullptr},
      {"10.1.0.11:-1", nullptr},
      {"10.1.0", nullptr},
      {"[10.1.0.11]:80", nullptr},
      {"[2001:db8::1", nullptr},
      {"[2001:db8::1]443", nullptr},
      {"[2001:db8::1]:", nullptr},
      {"[]", nullptr},
      {"[", nullptr},
      {":", nullptr},
      {"::", "::"},
      {"", nullptr},
  };
  for (const auto& [text, address, port] : cases) {
    const auto end = parse_packet_end(text);
    ASSERT_EQ(end.has_value(), address != nullptr) << text;
    if (end) {
      EXPECT_EQ(end->address.to_string(), address) << text;
      EXPECT_EQ(end->port, port) << text;
    }
  }
}

TEST(PacketWords, Flags) {
  EXPECT_EQ(parse_tcp_flags("syn"), 2);
  EXPECT_EQ(parse_tcp_flags("syn,ack"), 18);
  EXPECT_FALSE(parse_tcp_flags("syn,"));
  EXPECT_FALSE(parse_tcp_flags(""));
}

TEST(PacketWords, Options) {
  ExplainRequest request;
  EXPECT_FALSE(parse_packet_options(
      "flags syn,ack ttl 3 length 1500 destination-mac 02:00:00:00:00:01 type 8 code 0", request));
  EXPECT_EQ(request.tcp_flags(), 18U);
  EXPECT_EQ(request.ttl(), 3U);
  EXPECT_EQ(request.length(), 1500U);
  EXPECT_EQ(request.destination_mac(), 0x020000000001U);
  EXPECT_TRUE(request.has_icmp_code());
  EXPECT_THAT(*parse_packet_options("hops 3", request), HasSubstr("flags, type, code, ttl"));
  EXPECT_THAT(*parse_packet_options("ttl", request), HasSubstr("ttl: expected"));
  EXPECT_THAT(*parse_packet_options("ttl 0", request), HasSubstr("1 to 255"));
  EXPECT_THAT(*parse_packet_options("ttl 256", request), HasSubstr("1 to 255"));
  EXPECT_THAT(*parse_packet_options("flags fyn", request), HasSubstr("syn,ack"));
  EXPECT_THAT(*parse_packet_options("source-mac 1", request), HasSubstr("MAC"));
}

class ExplainCommand : public ::testing::Test {
 protected:
  ExplainCommand() { fake_.start_dataplane(); }

  FakeInstance fake_;
  Clients clients_{fake_.instance()};
  Session session_{command_tree(), clients_, false};
};

TEST_F(ExplainCommand, ShowsStagesAndVerdict) {
  const Result result = session_.run("explain green-1 out tcp 10.1.0.11:40000 10.2.0.12:80 ttl 9");
  EXPECT_EQ(result.code, ExitCode::kGood) << result.error;
  EXPECT_THAT(result.output, HasSubstr("guest-input"));
  EXPECT_THAT(result.output, HasSubstr("port green-1; ttl 9"));
  EXPECT_THAT(result.output, HasSubstr("forwarded"));
  const Result json = session_.run("explain green-1 out tcp 10.1.0.11 10.2.0.12 --json");
  EXPECT_THAT(json.output, HasSubstr("\"facts\": ["));
  EXPECT_THAT(json.output, HasSubstr("\"frame\": \"00ff\""));
}

TEST_F(ExplainCommand, ADropHasAnExitCodeOfItsOwn) {
  const Result result = session_.run("explain green-1 in udp [2001:db8::1]:53 2001:db8::2");
  EXPECT_EQ(result.code, ExitCode::kDropped);
  EXPECT_THAT(result.output, HasSubstr("policy_ingress"));
  EXPECT_THAT(result.error, HasSubstr("policy_ingress"));
}

TEST_F(ExplainCommand, WrongWordsAreMarked) {
  for (const char* line :
       {"explain green-1", "explain green-1 up tcp 10.1.0.1 10.1.0.2",
        "explain green-1 out tpc 10.1.0.1 10.1.0.2", "explain green-1 out tcp 10.1.0.1",
        "explain green-1 out tcp 10.1.0.1 10.1.0.2:99999",
        "explain green-1 out tcp 10.1.0.1 10.1.0.2 ttl"}) {
    EXPECT_EQ(session_.run(line).code, ExitCode::kBadCommand) << line;
  }
  EXPECT_THAT(session_.run("help explain").output, HasSubstr("flags syn,ack"));
}

}  // namespace
}  // namespace alkaid::console
