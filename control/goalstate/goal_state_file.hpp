// Goal states in files: protobuf's JSON mapping of Alcor's GoalState (v1, lists) and GoalStateV2
// (maps).
#pragma once

#include <string>
#include <string_view>
#include <variant>

#include "alcor/schema/goalstate.pb.h"

namespace alkaid::goalstate {

enum class Format {
  kDetect,  // by the shape of the first *_states field: a list is v1, a map is v2
  kV1,
  kV2,
};

struct GoalStateFile {
  std::string name;  // as the user gave it; "-" reads as "standard input"
  std::variant<alcor::schema::GoalState, alcor::schema::GoalStateV2> state;
};

struct FileError {
  std::string message;  // one line or more, names the file and the line and column, or the field
};

// Parses the text of one file. Errors name `name`.
std::variant<GoalStateFile, FileError> parse_goal_state(std::string_view name,
                                                        std::string_view text, Format format);

// Reads and parses a file; "-" is the standard input.
std::variant<GoalStateFile, FileError> read_goal_state(const std::string& path, Format format);

}  // namespace alkaid::goalstate
