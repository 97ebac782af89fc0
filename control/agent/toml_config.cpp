#include "control/agent/toml_config.hpp"

#include <sstream>

#include <fmt/format.h>
#include <toml++/toml.h>

namespace alkaid::agent {
namespace {

std::string text_of(const toml::node& node) {
  if (const auto* text = node.as_string()) {
    return text->get();
  }
  std::ostringstream out;
  node.visit([&out](const auto& value) { out << value; });
  return out.str();
}

void collect(const toml::table& table, const std::vector<std::string>& parents,
             std::vector<CLI::ConfigItem>& items) {
  for (const auto& [key, node] : table) {
    if (const auto* nested = node.as_table()) {
      auto path = parents;
      path.emplace_back(key.str());
      collect(*nested, path, items);
      continue;
    }
    CLI::ConfigItem item;
    item.parents = parents;
    item.name = key.str();
    if (const auto* array = node.as_array()) {
      for (const auto& element : *array) {
        item.inputs.push_back(text_of(element));
      }
    } else {
      item.inputs.push_back(text_of(node));
    }
    items.push_back(std::move(item));
  }
}

}  // namespace

std::string TomlConfig::to_config(const CLI::App* /*app*/, bool /*defaults*/, bool /*description*/,
                                  std::string /*prefix*/) const {
  return {};
}

std::vector<CLI::ConfigItem> TomlConfig::from_config(std::istream& input) const {
  std::vector<CLI::ConfigItem> items;
  try {
    collect(toml::parse(input), {}, items);
  } catch (const toml::parse_error& error) {
    throw CLI::ConversionError(fmt::format("the configuration file is no TOML: line {}: {}",
                                           error.source().begin.line, error.description()));
  }
  return items;
}

}  // namespace alkaid::agent
