// Tables of text for terminals.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace alkaid {

// Columns in a terminal that UTF-8 text takes, every code point counted as one.
std::size_t display_width(std::string_view text);

// A table with a heading; columns are as wide as their widest cell, two blanks apart, and no line
// ends in blanks. Cells are printed as they are: pass text from outside through printable() first.
class TextTable {
 public:
  enum class Align { kLeft, kRight };

  struct Column {
    std::string heading;
    Align align = Align::kLeft;
  };

  explicit TextTable(std::vector<Column> columns) : columns_(std::move(columns)) {}

  // Cells beyond the columns are ignored, missing ones are empty.
  void add_row(std::vector<std::string> cells);

  [[nodiscard]] bool empty() const { return rows_.empty(); }
  // Heading and rows, every line ending in '\n'.
  [[nodiscard]] std::string to_string() const;

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace alkaid
