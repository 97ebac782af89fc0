#include <fstream>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "control/agent/options.hpp"
#include "tests/unit/durable/kept_agent.hpp"

namespace alkaid::agent::test {
namespace {

using ::testing::HasSubstr;

OptionsOutcome parse(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), {"alkaid-agent", "--plaintext"});
  return parse_options(static_cast<int>(arguments.size()), arguments.data());
}

std::string state_directory(const OptionsOutcome& outcome) {
  EXPECT_TRUE(outcome.options) << outcome.output;
  return outcome.options ? outcome.options->agent.state_directory : "";
}

TEST(StateOptions, AreOnByDefaultAndOfTheInstance) {
  EXPECT_EQ(state_directory(parse({})), "/var/lib/alkaid/default");
  EXPECT_EQ(state_directory(parse({"--instance", "left"})), "/var/lib/alkaid/left");
  EXPECT_EQ(state_directory(parse({"--state-dir", "/somewhere"})), "/somewhere");
  EXPECT_EQ(state_directory(parse({"--no-state"})), "");
  EXPECT_THAT(parse({"--no-state", "--state-dir", "/somewhere"}).output, HasSubstr("--no-state"));
}

TEST(StateOptions, StandInTheFileToo) {
  const Directory directory;
  const std::string file = directory.path() + "/agent.toml";
  std::ofstream{file} << "state-dir = \"/somewhere\"\n";
  EXPECT_EQ(state_directory(parse({"--config", file.c_str()})), "/somewhere");
  std::ofstream{file} << "no-state = true\n";
  EXPECT_EQ(state_directory(parse({"--config", file.c_str()})), "");
}

}  // namespace
}  // namespace alkaid::agent::test
