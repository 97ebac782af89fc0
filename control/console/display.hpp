// What a command has to show, once, for terminals and for programs: the renderers make text or JSON
// of the same model.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

namespace alkaid::console {

using Json = nlohmann::ordered_json;

// One cell. `text` is fit for a terminal, `json` is what a program gets.
struct Value {
  std::string text;
  Json json;
};

// What is not known or does not apply: "-" and null.
Value none();
// Text from a process; unprintable bytes are escaped for the terminal. Empty: "-" and "".
Value text(std::string_view content);
Value number(std::uint64_t value);
// A number with one decimal and a unit for the terminal ("12.3 %").
Value decimal(double value, std::string_view unit = "");
Value boolean(bool value);
// "a,b" and ["a","b"].
Value list(const std::vector<std::string>& items);

struct Column {
  enum class Align { kLeft, kRight };
  // Where the column appears; JSON and records have every column.
  enum class Detail { kAlways, kRecordsOnly };

  std::string key;    // snake_case, of JSON
  std::string title;  // of the terminal
  Align align = Align::kLeft;
  Detail detail = Detail::kAlways;
};

inline Column left(std::string key, std::string title) {
  return {std::move(key), std::move(title)};
}
inline Column right(std::string key, std::string title) {
  return {std::move(key), std::move(title), Column::Align::kRight};
}
inline Column detail(std::string key, std::string title) {
  return {std::move(key), std::move(title), Column::Align::kLeft, Column::Detail::kRecordsOnly};
}

struct Section {
  enum class Style {
    kTable,    // one line per row; JSON: array of objects
    kRecords,  // one block of "title: value" per row; JSON: array of objects
    kObject,   // one block, of the only row; JSON: one object
    kText,     // lines as they are; JSON: one string
  };

  std::string key;
  std::string heading;  // line above it in text, empty: none
  Style style = Style::kTable;
  std::vector<Column> columns;
  std::vector<std::vector<Value>> rows;  // as wide as columns
  std::string when_empty = "nothing to show";
  std::string content;     // of kText
  bool only_text = false;  // repeats for people what JSON has elsewhere
};

struct Display {
  std::vector<Section> sections;
};

// Why a command did not do what it should. The codes are the console's exit codes.
enum class ExitCode {
  kGood = 0,
  kRefused = 1,  // a process refused, or has not what was asked for
  kBadCommand = 2,
  kNotRunning = 3,  // a process does not answer
  kDropped = 4,     // explained: the packet would be dropped
};

struct Failure {
  ExitCode code = ExitCode::kRefused;
  std::string message;
};

// A command may have something to show and a failure at once (one of two processes is down).
struct Answer {
  Display display;
  std::optional<Failure> failure;
};

inline Answer failed(Failure failure) {
  return {{}, std::move(failure)};
}

}  // namespace alkaid::console
