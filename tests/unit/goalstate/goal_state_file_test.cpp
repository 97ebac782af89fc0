#include "control/goalstate/goal_state_file.hpp"

#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace alkaid::goalstate {
namespace {

using alcor::schema::GoalState;
using alcor::schema::GoalStateV2;
using ::testing::HasSubstr;
using ::testing::StartsWith;

std::string error_of(std::string_view text, Format format = Format::kDetect) {
  const auto result = parse_goal_state("file.json", text, format);
  const auto* error = std::get_if<FileError>(&result);
  return error == nullptr ? "" : error->message;
}

template <class State>
State state_of(std::string_view text, Format format = Format::kDetect) {
  auto result = parse_goal_state("file.json", text, format);
  if (const auto* error = std::get_if<FileError>(&result)) {
    ADD_FAILURE() << error->message;
    return {};
  }
  return std::get<State>(std::get<GoalStateFile>(result).state);
}

TEST(GoalStateFile, ListsAreVersion1) {
  const auto state = state_of<GoalState>(R"({"format_version": 101, "vpc_states": [{}, {}]})");
  EXPECT_EQ(state.vpc_states_size(), 2);
  EXPECT_EQ(state_of<GoalState>(R"({"vpcStates": [{}]})").vpc_states_size(), 1);
}

TEST(GoalStateFile, MapsAreVersion2) {
  const auto state =
      state_of<GoalStateV2>(R"({"port_states": {"a": {"operation_type": "DELETE"}}})");
  EXPECT_EQ(state.port_states().at("a").operation_type(), alcor::schema::DELETE);
  EXPECT_EQ(state_of<GoalStateV2>(R"({"host_resources": {}})").port_states_size(), 0);
  EXPECT_EQ(state_of<GoalStateV2>("{}").port_states_size(), 0);
}

TEST(GoalStateFile, TheFlagDecidesWhereTheShapeCannot) {
  state_of<GoalState>("{}", Format::kV1);
  EXPECT_THAT(error_of(R"({"port_states": {}})", Format::kV1), HasSubstr("leave out --v1"));
}

TEST(GoalStateFile, SyntaxErrorsNameFileLineAndColumn) {
  EXPECT_THAT(error_of("{\"port_states\": {\n  oops}}"), StartsWith("file.json:2:3: not JSON: "));
  EXPECT_THAT(error_of(""), StartsWith("file.json:1:1: not JSON: "));
  EXPECT_THAT(error_of("{\"a\": \"\x01\"}"), HasSubstr("not JSON"));
  EXPECT_THAT(error_of("{} {}"), StartsWith("file.json:1:4: not JSON: "));
}

TEST(GoalStateFile, UnknownAndWrongFieldsAreNamed) {
  EXPECT_THAT(error_of(R"({"port_states": {"a": {"configuration": {"mac": 1}}}})"),
              AllOf(StartsWith("file.json: not a GoalStateV2"), HasSubstr("configuration"),
                    HasSubstr("mac")));
  EXPECT_THAT(error_of(R"({"port_states": [{"configuration": {"admin_state_up": "x"}}]})"),
              HasSubstr("port_states[0].configuration.admin_state_up"));
  EXPECT_THAT(error_of("[]"), HasSubstr("is a JSON object"));
  EXPECT_THAT(error_of("7"), HasSubstr("is a JSON object"));
}

TEST(GoalStateFile, HostileDepthIsAnErrorNotACrash) {
  std::string deep;
  for (int i = 0; i < 100'000; ++i) {
    deep += R"({"port_states":)";
  }
  EXPECT_THAT(error_of(deep), HasSubstr("not JSON"));
  EXPECT_THAT(error_of(deep + "1" + std::string(100'000, '}')), HasSubstr("not a GoalState"));
  EXPECT_THAT(error_of(std::string(200'000, '[')), HasSubstr("not JSON"));
}

TEST(GoalStateFile, UnreadableFilesAreNamed) {
  for (const std::string path : {"/nonexistent/state.json", "/"}) {
    const auto result = read_goal_state(path, Format::kDetect);
    ASSERT_TRUE(std::holds_alternative<FileError>(result));
    EXPECT_THAT(std::get<FileError>(result).message, StartsWith(path + ": can't "));
  }
}

TEST(GoalStateFile, EveryExampleIsAGoalState) {
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator{EXAMPLES_DIRECTORY}) {
    if (entry.path().extension() != ".json") {
      continue;
    }
    ++files;
    auto result = read_goal_state(entry.path().string(), Format::kDetect);
    if (const auto* error = std::get_if<FileError>(&result)) {
      ADD_FAILURE() << error->message;
      continue;
    }
    const auto& state = std::get<GoalStateV2>(std::get<GoalStateFile>(result).state);
    EXPECT_EQ(state.subnet_states_size(), 4) << entry.path();
    EXPECT_EQ(state.port_states_size(), 2) << entry.path();
    EXPECT_EQ(state.dhcp_states_size(), 2) << entry.path();
    EXPECT_EQ(state.neighbor_states_size(), 4) << entry.path();
    // A host is told about the guests of others, and every resource that it is told is in the file.
    for (const auto& [host, resources] : state.host_resources()) {
      EXPECT_EQ(resources.resources_size(), 14) << host;
      for (const auto& [key, neighbor] : state.neighbor_states()) {
        EXPECT_NE(neighbor.configuration().host_ip_address(), host) << key;
        EXPECT_FALSE(state.port_states().contains(neighbor.configuration().id())) << key;
      }
    }
  }
  EXPECT_EQ(files, 2);
}

}  // namespace
}  // namespace alkaid::goalstate
