#include "control/console/conntrack_commands.hpp"

#include <utility>

#include "control/console/argument_checks.hpp"
#include "control/console/show/conntrack.hpp"

namespace alkaid::console {
namespace {

// A keyword and its value, behind which other clauses of the same command may follow.
Node clause(std::string word, std::string help, std::string name, Handler handler, NameKind names,
            std::optional<std::string> (*check)(std::string_view), const Node& (*continues)()) {
  Node value = argument(std::move(name), help, handler, names, check);
  value.continues = continues;
  return keyword(std::move(word), std::move(help), {std::move(value)});
}

std::vector<Node> filter_clauses(Handler handler, const Node& (*continues)()) {
  return {
      clause("address", "source or destination in a prefix", "PREFIX", handler, NameKind::kNone,
             check_prefix, continues),
      clause("group", "admitted by a rule of a security group", "GROUP", handler,
             NameKind::kSecurityGroup, nullptr, continues),
      clause("l4-port", "source or destination port of TCP, UDP or SCTP", "L4-PORT", handler,
             NameKind::kNone, check_l4_port, continues),
      clause("port", "of one guest port", "ID", handler, NameKind::kPort, nullptr, continues),
      clause("protocol", "of one IP protocol", "PROTOCOL", handler, NameKind::kNone, check_protocol,
             continues),
      clause("state", "in one state, such as established", "STATE", handler,
             NameKind::kConnectionState, nullptr, continues),
      clause("vni", "of one segment", "VNI", handler, NameKind::kVni, check_vni, continues),
  };
}

const Node& after_show_clause() {
  static const Node node = [] {
    Node result = keyword("", "", filter_clauses(show_connections, after_show_clause));
    result.children.push_back(clause("limit", "at most so many", "COUNT", show_connections,
                                     NameKind::kNone, check_count, after_show_clause));
    result.children.push_back(clause("top", "those with the most bytes, in this order", "N",
                                     show_connections, NameKind::kNone, check_count,
                                     after_show_clause));
    return result;
  }();
  return node;
}

const Node& after_flush_clause() {
  static const Node node = keyword("", "", filter_clauses(flush_connections, after_flush_clause));
  return node;
}

}  // namespace

Node show_conntrack_node() {
  Node node = show("conntrack", "connections, by any of the conditions together", show_connections,
                   after_show_clause().children);
  node.children.push_back(show("summary", "how many connections there are and were, by state",
                               show_connection_summary));
  node.children.push_back(
      show("timeouts", "after how long idle connections are forgotten", show_connection_timeouts));
  return node;
}

Node flush_conntrack_node() {
  return show("conntrack", "forget connections, all or by conditions: next packets decide anew",
              flush_connections, after_flush_clause().children);
}

Node set_conntrack_node() {
  Node time = argument("TIME", "seconds, from now on and for connections that exist",
                       set_connection_timeout, NameKind::kNone, check_idle_seconds);
  Node name{.kind = Node::Kind::kArgument,
            .word = "NAME",
            .help = "which time-out, such as tcp_established",
            .children = {std::move(time)},
            .names = NameKind::kTimeout};
  return keyword(
      "conntrack", "settings of connection tracking",
      {keyword("timeout", "after how long idle connections are forgotten", {std::move(name)})});
}

}  // namespace alkaid::console
