#include "control/common/text_table.hpp"

#include <algorithm>
#include <utility>

namespace alkaid {

std::size_t display_width(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(
      text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) >> 6) != 2; }));
}

void TextTable::add_row(std::vector<std::string> cells) {
  cells.resize(columns_.size());
  rows_.push_back(std::move(cells));
}

std::string TextTable::to_string() const {
  std::vector<std::size_t> widths;
  std::vector<std::string> headings;
  for (std::size_t column = 0; column < columns_.size(); ++column) {
    headings.push_back(columns_[column].heading);
    std::size_t width = display_width(columns_[column].heading);
    for (const auto& row : rows_) {
      width = std::max(width, display_width(row[column]));
    }
    widths.push_back(width);
  }

  std::string result;
  const auto append = [&](const std::vector<std::string>& cells) {
    std::string line;
    for (std::size_t column = 0; column < columns_.size(); ++column) {
      const std::string padding(widths[column] - display_width(cells[column]), ' ');
      line += columns_[column].align == Align::kRight ? padding + cells[column]
                                                      : cells[column] + padding;
      line += "  ";
    }
    line.erase(line.find_last_not_of(' ') + 1);
    result += line + '\n';
  };
  append(headings);
  for (const auto& row : rows_) {
    append(row);
  }
  return result;
}

}  // namespace alkaid
