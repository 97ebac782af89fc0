// Agent and data plane are upgraded one after the other: what each says means the same to the
// other, whichever is older. dataplane-v1.txt holds every field, value and call of the interface;
// they may get more, but none may change or go.
#include <fstream>
#include <set>
#include <string>

#include <fmt/format.h>
#include <google/protobuf/descriptor.h>
#include <gtest/gtest.h>

#include "alkaid/dataplane/v1/dataplane.pb.h"

namespace alkaid::dataplane::v1 {
namespace {

namespace pb = google::protobuf;
using Lines = std::set<std::string>;

void add(const pb::EnumDescriptor& type, Lines& lines) {
  for (int i = 0; i < type.value_count(); ++i) {
    const auto& value = *type.value(i);
    lines.insert(fmt::format("{}.{} = {}", type.full_name(), value.name(), value.number()));
  }
}

void add(const pb::Descriptor& message, Lines& lines) {
  for (int i = 0; i < message.field_count(); ++i) {
    const auto& field = *message.field(i);
    std::string type = field.type_name();
    if (field.message_type() != nullptr) {
      type = field.message_type()->full_name();
    } else if (field.enum_type() != nullptr) {
      type = field.enum_type()->full_name();
    }
    lines.insert(fmt::format("{} = {} {}{}", field.full_name(), field.number(),
                             field.is_repeated() ? "repeated " : "", type));
  }
  for (int i = 0; i < message.enum_type_count(); ++i) {
    add(*message.enum_type(i), lines);
  }
  for (int i = 0; i < message.nested_type_count(); ++i) {
    add(*message.nested_type(i), lines);
  }
}

void add(const pb::MethodDescriptor& method, Lines& lines) {
  lines.insert(
      fmt::format("{}({}{}) = {}{}", method.full_name(), method.client_streaming() ? "stream " : "",
                  method.input_type()->full_name(), method.server_streaming() ? "stream " : "",
                  method.output_type()->full_name()));
}

Lines interface() {
  const pb::FileDescriptor& file = *GetInfoRequest::descriptor()->file();
  Lines lines;
  for (int i = 0; i < file.message_type_count(); ++i) {
    add(*file.message_type(i), lines);
  }
  for (int i = 0; i < file.enum_type_count(); ++i) {
    add(*file.enum_type(i), lines);
  }
  for (int i = 0; i < file.service_count(); ++i) {
    for (int j = 0; j < file.service(i)->method_count(); ++j) {
      add(*file.service(i)->method(j), lines);
    }
  }
  return lines;
}

TEST(DataplaneInterface, OnlyGrows) {
  const std::string path = ALKAID_TEST_DATA "/dataplane-v1.txt";
  std::ifstream file{path};
  Lines published;
  for (std::string line; std::getline(file, line);) {
    published.insert(line);
  }
  ASSERT_GT(published.size(), 200U) << path;
  const Lines present = interface();
  for (const std::string& line : published) {
    EXPECT_TRUE(present.contains(line))
        << line << "\nwas published: an agent or a data plane of another version relies on it. "
        << "Add a field with a new number, and keep this one";
  }
  for (const std::string& line : present) {
    EXPECT_TRUE(published.contains(line)) << "new: add it to " << path << ":\n" << line;
  }
}

}  // namespace
}  // namespace alkaid::dataplane::v1
