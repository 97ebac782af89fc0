#include "control/goalstate/agent_address.hpp"

#include <gtest/gtest.h>

namespace alkaid::goalstate {
namespace {

TEST(AgentAddress, AddsTheDefaultPort) {
  EXPECT_EQ(parse_agent_address("10.0.0.1"), "10.0.0.1:50001");
  EXPECT_EQ(parse_agent_address("host-1.example"), "host-1.example:50001");
  EXPECT_EQ(parse_agent_address("2001:db8::1"), "[2001:db8::1]:50001");
  EXPECT_EQ(parse_agent_address("[2001:db8::1]"), "[2001:db8::1]:50001");
}

TEST(AgentAddress, KeepsAPort) {
  EXPECT_EQ(parse_agent_address("10.0.0.1:9000"), "10.0.0.1:9000");
  EXPECT_EQ(parse_agent_address("localhost:1"), "localhost:1");
  EXPECT_EQ(parse_agent_address("[::1]:65535"), "[::1]:65535");
}

TEST(AgentAddress, RefusesWhatIsNoAddress) {
  for (const char* text : {"", ":", ":50001", "10.0.0.1:", "10.0.0.1:0", "10.0.0.1:65536",
                           "10.0.0.1:x", "10.0.0.256", "10.0.0", "a b", "unix:/tmp/x", "dns:///x",
                           "[::1", "[::1]x", "[10.0.0.1]:1", "[host]:1", "-x", "host:1:2"}) {
    EXPECT_EQ(parse_agent_address(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace alkaid::goalstate
