// docs/goal-state.md says of every field of the published schema what it does.
#include <fstream>
#include <regex>
#include <set>
#include <string>
#include <string_view>

#include <google/protobuf/descriptor.pb.h>
#include <gtest/gtest.h>

#include "alcor/schema/goalstate.pb.h"
#include "alcor/schema/goalstateprovisioner.pb.h"
#include "alcor/schema/subscribeinfoprovisioner.pb.h"

namespace {

using google::protobuf::Descriptor;
using google::protobuf::FileDescriptor;

void add_fields(const Descriptor& message, std::set<std::string>& fields) {
  if (message.options().map_entry()) {
    return;
  }
  constexpr std::string_view kPackage = "alcor.schema.";
  for (int i = 0; i < message.field_count(); ++i) {
    fields.insert(std::string{message.field(i)->full_name()}.substr(kPackage.size()));
  }
  for (int i = 0; i < message.nested_type_count(); ++i) {
    add_fields(*message.nested_type(i), fields);
  }
}

void add_fields(const FileDescriptor& file, std::set<std::string>& fields) {
  for (int i = 0; i < file.message_type_count(); ++i) {
    add_fields(*file.message_type(i), fields);
  }
  for (int i = 0; i < file.dependency_count(); ++i) {
    add_fields(*file.dependency(i), fields);
  }
}

std::set<std::string> fields_of_the_schema() {
  std::set<std::string> fields;
  add_fields(*alcor::schema::GoalState::descriptor()->file(), fields);
  add_fields(*alcor::schema::HostRequest::descriptor()->file(), fields);
  add_fields(*alcor::schema::NodeSubscribeInfo::descriptor()->file(), fields);
  return fields;
}

// The rows of the section "Every field" that say something.
std::set<std::string> fields_of_the_table() {
  std::ifstream page{ALKAID_SOURCE_DIR "/docs/goal-state.md"};
  std::set<std::string> fields;
  const std::regex row{R"(^\| `([A-Za-z0-9_.]+)` \| .*[a-zA-Z`].* \|$)"};
  bool is_in_section = false;
  for (std::string line; std::getline(page, line);) {
    if (line.starts_with("## ")) {
      is_in_section = line == "## Every field";
    }
    std::smatch found;
    if (is_in_section && std::regex_match(line, found, row)) {
      EXPECT_TRUE(fields.insert(found[1]).second) << found[1] << " stands in the table twice";
    }
  }
  return fields;
}

TEST(FieldTable, NamesEveryFieldAndNoOther) {
  const auto schema = fields_of_the_schema();
  const auto table = fields_of_the_table();
  EXPECT_GT(schema.size(), 150U);
  for (const std::string& field : schema) {
    EXPECT_TRUE(table.contains(field)) << field << " is not in docs/goal-state.md";
  }
  for (const std::string& field : table) {
    EXPECT_TRUE(schema.contains(field)) << field << " is no field of the schema";
  }
}

}  // namespace
