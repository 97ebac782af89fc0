#include "control/console/render.hpp"

#include <algorithm>

#include "control/common/text_table.hpp"

namespace alkaid::console {
namespace {

std::string table_text(const Section& section) {
  std::vector<TextTable::Column> headings;
  for (const Column& column : section.columns) {
    if (column.detail == Column::Detail::kAlways) {
      headings.push_back({column.title, column.align == Column::Align::kRight
                                            ? TextTable::Align::kRight
                                            : TextTable::Align::kLeft});
    }
  }
  TextTable table{std::move(headings)};
  for (const auto& row : section.rows) {
    std::vector<std::string> cells;
    for (std::size_t i = 0; i < section.columns.size() && i < row.size(); ++i) {
      if (section.columns[i].detail == Column::Detail::kAlways) {
        cells.push_back(row[i].text);
      }
    }
    table.add_row(std::move(cells));
  }
  return table.to_string();
}

std::string records_text(const Section& section) {
  std::size_t width = 0;
  for (const Column& column : section.columns) {
    width = std::max(width, display_width(column.title));
  }
  std::string result;
  for (const auto& row : section.rows) {
    if (!result.empty()) {
      result += '\n';
    }
    for (std::size_t i = 0; i < section.columns.size() && i < row.size(); ++i) {
      const std::string& title = section.columns[i].title;
      result += title + std::string(width - display_width(title) + 2, ' ') + row[i].text + '\n';
    }
  }
  return result;
}

// Lines of a process: control characters other than the end of line and tabs are left out.
std::string lines_text(const std::string& content) {
  std::string result;
  std::copy_if(content.begin(), content.end(), std::back_inserter(result),
               [](unsigned char c) { return c == '\n' || c == '\t' || (c >= 0x20 && c < 0x7f); });
  if (!result.empty() && result.back() != '\n') {
    result += '\n';
  }
  return result;
}

std::string section_text(const Section& section) {
  std::string result = section.heading.empty() ? "" : section.heading + '\n';
  if (section.style == Section::Style::kText) {
    return result + lines_text(section.content);
  }
  if (section.rows.empty()) {
    return result + section.when_empty + '\n';
  }
  return result +
         (section.style == Section::Style::kTable ? table_text(section) : records_text(section));
}

Json row_json(const Section& section, const std::vector<Value>& row) {
  Json object = Json::object();
  for (std::size_t i = 0; i < section.columns.size() && i < row.size(); ++i) {
    object[section.columns[i].key] = row[i].json;
  }
  return object;
}

Json section_json(const Section& section) {
  switch (section.style) {
    case Section::Style::kText:
      return section.content;
    case Section::Style::kObject:
      return section.rows.empty() ? Json(nullptr) : row_json(section, section.rows.front());
    default:
      break;
  }
  Json array = Json::array();
  for (const auto& row : section.rows) {
    array.push_back(row_json(section, row));
  }
  return array;
}

}  // namespace

std::string render_text(const Display& display) {
  std::string result;
  for (const Section& section : display.sections) {
    if (!result.empty()) {
      result += '\n';
    }
    result += section_text(section);
  }
  return result;
}

std::string render_json(const Display& display) {
  Json document = Json::object();
  for (const Section& section : display.sections) {
    if (!section.only_text) {
      document[section.key] = section_json(section);
    }
  }
  return document.dump(2, ' ', true, Json::error_handler_t::replace) + '\n';
}

}  // namespace alkaid::console
