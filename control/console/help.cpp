#include "control/console/help.hpp"

#include "control/console/commands.hpp"

namespace alkaid::console {
namespace {

// Below "watch SECONDS" every show command would be listed a second time.
void add_commands(const Node& node, const std::string& path, Section& section) {
  if (node.word == kWatchArgument) {
    section.rows.push_back({text(path + " COMMAND"), text("repeat a show command until Ctrl-C")});
    return;
  }
  if (node.action != Node::Action::kNone &&
      (node.kind != Node::Kind::kRest || node.action != Node::Action::kHelp)) {
    section.rows.push_back({text(path), text(node.help)});
  }
  for (const Node& child : node.children) {
    add_commands(child, path.empty() ? child.word : path + ' ' + child.word, section);
  }
}

}  // namespace

std::variant<Display, ParseError> help_display(const Node& root, const std::vector<Word>& words) {
  const Node* node = &root;
  std::string path;
  for (const Word& word : words) {
    auto match = match_child(*node, word);
    if (auto* error = std::get_if<ParseError>(&match)) {
      return *error;
    }
    node = std::get<const Node*>(match);
    path += (path.empty() ? "" : " ") + node->word;
  }
  Section section{.key = "commands"};
  section.columns = {left("command", "COMMAND"), left("help", "WHAT IT DOES")};
  add_commands(*node, path, section);
  Display display{{std::move(section)}};
  if (words.empty()) {
    display.sections.push_back(
        {.key = "hints",
         .style = Section::Style::kText,
         .content = "Words may be cut short while they are unique: sh po is show port. Capitals "
                    "stand for a value.\n"
                    "Behind any show command: --json prints JSON, | grep PATTERN keeps the lines "
                    "that match.\n"
                    "Tab completes, ? lists what may follow, Ctrl-C cancels the line, Ctrl-D "
                    "leaves. Leaving stops nothing.\n",
         .only_text = true});
  }
  return display;
}

}  // namespace alkaid::console
