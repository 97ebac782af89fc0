#include "control/goalstate/goal_state_file.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <iostream>
#include <iterator>
#include <memory>
#include <optional>
#include <utility>

#include <fmt/format.h>
#include <google/protobuf/util/json_util.h>
#include <nlohmann/json.hpp>

#include "control/common/logging.hpp"

namespace alkaid::goalstate {
namespace {

constexpr std::size_t kLongestExcerpt = 300;

// Walks the JSON text without keeping it: finds syntax errors with their position (protobuf's
// parser has none) and the shape of the first field that holds states.
class ShapeFinder : public nlohmann::json_sax<nlohmann::json> {
 public:
  std::optional<Format> shape;
  bool is_object = false;
  std::size_t error_offset = 0;
  std::string error;

  bool null() override { return true; }
  bool boolean(bool /*value*/) override { return true; }
  bool number_integer(number_integer_t /*value*/) override { return true; }
  bool number_unsigned(number_unsigned_t /*value*/) override { return true; }
  bool number_float(number_float_t /*value*/, const string_t& /*text*/) override { return true; }
  bool string(string_t& /*value*/) override { return true; }
  bool binary(binary_t& /*value*/) override { return true; }
  bool start_object(std::size_t /*elements*/) override { return start(Format::kV2); }
  bool start_array(std::size_t /*elements*/) override { return start(Format::kV1); }
  bool end_object() override { return end(); }
  bool end_array() override { return end(); }
  bool key(string_t& value) override {
    if (depth_ == 1) {
      key_ = value;
    }
    return true;
  }
  bool parse_error(std::size_t position, const std::string& /*last_token*/,
                   const nlohmann::detail::exception& exception) override {
    error_offset = position;
    error = exception.what();
    return false;
  }

 private:
  bool start(Format format) {
    if (depth_ == 0) {
      is_object = format == Format::kV2;
    } else if (depth_ == 1 && !shape && (key_.ends_with("_states") || key_.ends_with("States"))) {
      shape = format;
    } else if (depth_ == 1 && !shape && (key_ == "host_resources" || key_ == "hostResources")) {
      shape = Format::kV2;
    }
    ++depth_;
    return true;
  }
  bool end() {
    --depth_;
    return true;
  }

  std::size_t depth_ = 0;
  std::string key_;
};

// "file.json:3:14" of a byte offset, counted from 1.
std::string position(std::string_view name, std::string_view text, std::size_t offset) {
  const std::string_view before = text.substr(0, offset == 0 ? 0 : offset - 1);
  const auto line = 1 + std::count(before.begin(), before.end(), '\n');
  const auto newline = before.rfind('\n');
  const auto column = before.size() - (newline == std::string_view::npos ? 0 : newline + 1) + 1;
  return fmt::format("{}:{}:{}", name, line, column);
}

// The library's text is "[json.exception.parse_error.101] parse error at line 1, column 2: syntax
// error while ...": only what follows the position says something new.
std::string syntax_error(std::string_view what) {
  const auto text = what.find(": ");
  return printable(text == std::string_view::npos ? what : what.substr(text + 2), kLongestExcerpt);
}

template <class State>
std::variant<GoalStateFile, FileError> convert(std::string_view name, std::string_view text,
                                               std::string_view type) {
  State state;
  const auto status = google::protobuf::util::JsonStringToMessage(std::string{text}, &state);
  if (!status.ok()) {
    const auto message = status.message();
    return FileError{
        fmt::format("{}: not a {}: {}\n(the part in parentheses is the field: NAME[N] is the Nth "
                    "entry, from 0)",
                    name, type, printable({message.data(), message.size()}, kLongestExcerpt))};
  }
  return GoalStateFile{std::string{name}, std::move(state)};
}

}  // namespace

std::variant<GoalStateFile, FileError> parse_goal_state(std::string_view name,
                                                        std::string_view text, Format format) {
  ShapeFinder finder;
  if (!nlohmann::json::sax_parse(text, &finder)) {
    return FileError{fmt::format("{}: not JSON: {}", position(name, text, finder.error_offset),
                                 syntax_error(finder.error))};
  }
  if (!finder.is_object) {
    return FileError{fmt::format(
        "{}: a goal state is a JSON object, {{\"port_states\": ...}}; this is something else",
        name)};
  }
  if (format == Format::kDetect) {
    format = finder.shape.value_or(Format::kV2);
  }
  if (format == Format::kV1 && finder.shape == Format::kV2) {
    return FileError{fmt::format(
        "{}: the states are in maps, as in GoalStateV2; leave out --v1 to push it", name)};
  }
  return format == Format::kV1 ? convert<alcor::schema::GoalState>(name, text, "GoalState")
                               : convert<alcor::schema::GoalStateV2>(name, text, "GoalStateV2");
}

std::variant<GoalStateFile, FileError> read_goal_state(const std::string& path, Format format) {
  if (path == "-") {
    const std::string text{std::istreambuf_iterator<char>{std::cin}, {}};
    return parse_goal_state("standard input", text, format);
  }
  const std::string name = printable(path, 1024);
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file{std::fopen(path.c_str(), "rb"),
                                                             &std::fclose};
  if (file == nullptr) {
    return FileError{fmt::format("{}: can't open it: {}", name, std::strerror(errno))};
  }
  std::string text;
  std::array<char, 65536> block;
  while (const std::size_t size = std::fread(block.data(), 1, block.size(), file.get())) {
    text.append(block.data(), size);
  }
  if (std::ferror(file.get()) != 0) {
    return FileError{fmt::format("{}: can't read it: {}", name, std::strerror(errno))};
  }
  return parse_goal_state(name, text, format);
}

}  // namespace alkaid::goalstate
