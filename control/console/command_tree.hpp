// The words of the console's commands as a tree. Parsing, completion and help all walk it.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "control/console/display.hpp"

namespace alkaid::console {

class Clients;

// Values of a command's arguments by the name of their node ("ID" -> "green-1"); of a kRest node
// all words, as they may be typed.
using Arguments = std::map<std::string, std::string, std::less<>>;

// Carries a command out.
using Handler = Answer (*)(Clients& clients, const Arguments& arguments);

// Where completion takes an argument's values from.
enum class NameKind {
  kNone,
  kPort,
  kVni,
  kRouteTable,
  kSecurityGroup,
  kSlice,
  kConnectionState,
  kTimeout,
};

struct Node {
  enum class Kind {
    kKeyword,   // abbreviated to any unique prefix
    kArgument,  // one word of the user's
    kRest,      // all words that follow
  };
  enum class Action { kNone, kShow, kHelp, kQuit };

  Kind kind = Kind::kKeyword;
  std::string word;  // keyword in lower case, name of an argument in upper case
  std::string help;
  std::vector<Node> children = {};
  Action action = Action::kNone;  // kNone: the command is not complete here
  Handler handler = nullptr;      // of kShow
  NameKind names = NameKind::kNone;
  // Arguments: says what would be right, nullopt if the value is; nullptr accepts anything.
  std::optional<std::string> (*check)(std::string_view value) = nullptr;
  // What follows that node may follow here, instead of `children`: clauses in any order.
  const Node& (*continues)() = nullptr;
};

inline const std::vector<Node>& words_after(const Node& node) {
  return node.continues != nullptr ? node.continues().children : node.children;
}

inline Node keyword(std::string word, std::string help, std::vector<Node> children) {
  return {Node::Kind::kKeyword, std::move(word), std::move(help), std::move(children)};
}
inline Node show(std::string word, std::string help, Handler handler,
                 std::vector<Node> children = {}) {
  Node node = keyword(std::move(word), std::move(help), std::move(children));
  node.action = Node::Action::kShow;
  node.handler = handler;
  return node;
}

}  // namespace alkaid::console
