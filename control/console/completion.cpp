#include "control/console/completion.hpp"

#include <algorithm>
#include <variant>

#include "control/common/logging.hpp"
#include "control/console/parser.hpp"
#include "control/console/words.hpp"

namespace alkaid::console {
namespace {

bool is_bar(const Word& word) {
  return word.text == "|" && !word.quoted;
}

void add_hint(std::vector<Candidate>& candidates, std::string word, std::string help) {
  candidates.push_back({std::move(word), std::move(help), false});
}

void add_keyword(Completion& completion, std::string_view word, std::string_view help) {
  if (word.starts_with(completion.partial)) {
    completion.candidates.push_back({std::string{word}, std::string{help}});
  }
}

void add_argument(Completion& completion, const Node& node, const NameSource& names) {
  if (completion.partial.empty()) {
    add_hint(completion.candidates, node.word, node.help);
  }
  if (node.names == NameKind::kNone) {
    return;
  }
  for (const std::string& name : names(node.names)) {
    if (!name.empty() && name.starts_with(completion.partial)) {
      const std::string shown = printable(name, 64);
      completion.candidates.push_back({shown, {}, shown == name && quote_word(name) == name});
    }
  }
}

}  // namespace

std::string Completion::insertion() const {
  std::string common;
  std::size_t insertable = 0;
  for (const Candidate& candidate : candidates) {
    if (!candidate.insertable) {
      continue;
    }
    if (insertable++ == 0) {
      common = candidate.word;
    } else {
      const auto end =
          std::mismatch(common.begin(), common.end(), candidate.word.begin(), candidate.word.end());
      common.erase(end.first, common.end());
    }
  }
  if (insertable == 0) {
    return {};
  }
  return common.substr(partial.size()) + (insertable == 1 ? " " : "");
}

Completion complete(const Node& root, std::string_view before_cursor, const NameSource& names) {
  Completion completion;
  auto [words, open_quote] = split_words(before_cursor);
  if (open_quote) {
    return completion;
  }
  const bool in_word =
      !words.empty() && words.back().offset + words.back().length == before_cursor.size();
  if (in_word && !is_bar(words.back())) {
    if (words.back().quoted) {
      return completion;
    }
    completion.partial = words.back().text;
    words.pop_back();
  }

  if (const auto bar = std::find_if(words.begin(), words.end(), is_bar); bar != words.end()) {
    if (bar + 1 == words.end()) {
      add_keyword(completion, "grep", "keep the lines that match a pattern");
    } else if (bar + 2 == words.end() && completion.partial.empty()) {
      add_hint(completion.candidates, "PATTERN", "a POSIX extended regular expression");
    }
    return completion;
  }

  const Node* node = &root;
  bool json = false;
  for (const Word& word : words) {
    if (word.text == "--json" && !word.quoted) {
      json = true;
      continue;
    }
    const auto match = match_child(*node, word);
    if (std::holds_alternative<ParseError>(match)) {
      return completion;
    }
    node = std::get<const Node*>(match);
  }
  // After "help" the words of a command follow.
  if (node->action == Node::Action::kHelp && node->kind == Node::Kind::kKeyword) {
    node = &root;
  }
  for (const Node& child : words_after(*node)) {
    if (child.kind == Node::Kind::kKeyword) {
      add_keyword(completion, child.word, child.help);
    } else {
      add_argument(completion, child, names);
    }
  }
  if (node->action == Node::Action::kShow) {
    if (completion.partial.empty()) {
      if (!json) {
        add_hint(completion.candidates, "--json", "answer as JSON");
      }
      add_hint(completion.candidates, "| grep", "keep the lines that match a pattern");
      add_hint(completion.candidates, "<Enter>", node->help);
    } else if (!json) {
      add_keyword(completion, "--json", "answer as JSON");
    }
  }
  return completion;
}

}  // namespace alkaid::console
