#include "control/console/commands.hpp"

#include "control/console/argument_checks.hpp"
#include "control/console/conntrack_commands.hpp"
#include "control/console/explain/explain.hpp"
#include "control/console/offload_commands.hpp"
#include "control/console/show/agent.hpp"
#include "control/console/show/drops.hpp"
#include "control/console/show/forwarding.hpp"
#include "control/console/show/goal_state.hpp"
#include "control/console/show/offload.hpp"
#include "control/console/show/policy.hpp"
#include "control/console/show/port.hpp"
#include "control/console/show/services.hpp"
#include "control/console/show/slices.hpp"
#include "control/console/show/version.hpp"
#include "control/console/show/vhost.hpp"
#include "control/console/show/worker.hpp"
#include "control/console/show/xdp.hpp"
#include "control/console/worker_commands.hpp"

namespace alkaid::console {
namespace {

Node show_tree() {
  return keyword(
      "show", "look at the running processes",
      {
          show("config", "the agent: wanted, applied, pending, refused with field and value",
               show_config),
          show_conntrack_node(),
          show("dhcp", "DHCP bindings and counters", show_dhcp),
          show("drops", "dropped packets by port and reason", show_drops,
               {
                   show("all", "also reasons that have not occurred", show_all_drops),
                   keyword(
                       "port", "drops of one port",
                       {argument("ID", "drops of one port", show_drops, NameKind::kPort, nullptr)}),
               }),
          show("event", "what the agent remembers to have happened", show_events),
          show("goal-state", "what the agent remembers of goal states", show_goal_state,
               {
                   show("gateway", "gateways of VPCs", show_gateways),
                   show("router", "routers and their rules", show_routers),
                   show("security-group", "security groups and their rules", show_security_groups),
                   show("subnet", "subnets and what is in them", show_subnets),
                   show("vpc", "VPCs, their gateways and subnets", show_vpcs),
               }),
          show("graph", "packets and cycles by node of the pipeline", show_graph,
               {show("dot", "the pipeline as Graphviz text", show_graph_dot)}),
          show("neighbor", "where addresses on other hosts live", show_neighbors,
               {
                   argument("IP", "neighbors with this address", show_neighbors, NameKind::kNone,
                            check_address),
                   keyword("vni", "neighbors of one segment",
                           {argument("VNI", "neighbors of one segment", show_neighbors,
                                     NameKind::kVni, check_vni)}),
               }),
          show("offload", "connections in hardware, and why a port has none", show_offload),
          show("port", "ports: state, addresses, counters", show_ports,
               {argument("ID", "everything about one port", show_port, NameKind::kPort, nullptr,
                         {
                             show("drops", "the port's dropped packets by reason", show_drops),
                             show("policy", "the port's security groups, rules with hits",
                                  show_port_policy),
                             show("stats", "the port's counters", show_port_stats),
                         })}),
          show("route", "routes by table and prefix", show_routes,
               {argument("TABLE", "routes of one table", show_routes, NameKind::kRouteTable,
                         check_route_table)}),
          show("security-group", "security groups as they are enforced, rules with hits",
               show_enforced_groups,
               {argument("GROUP", "one security group", show_enforced_groups,
                         NameKind::kSecurityGroup, nullptr)}),
          show("segment", "segments: VNI, prefixes, gateway, router", show_segments),
          show("slices", "named parts of the goal state: version, digest, content, who has it too",
               show_slices,
               {argument("NAME", "one slice", show_slices, NameKind::kSlice, nullptr)}),
          show("tables", "how full the tables are", show_tables),
          show("underlay", "next hops and tunnels of the underlay", show_underlay),
          show("version", "both processes: version, uptime, objects written, session",
               show_version),
          show("vhost", "guests by vhost-user: what they take, TCP segments put together for them",
               show_vhost),
          show("worker", "workers: load, cycles per packet, bursts", show_workers),
          show("xdp", "devices by AF_XDP: what is the data plane's, what the kernel's", show_xdp),
      });
}

Node help_node(std::string word, std::string help) {
  Node words{.kind = Node::Kind::kRest, .word = "COMMAND...", .help = "what follows a command"};
  words.action = Node::Action::kHelp;
  Node node = keyword(std::move(word), std::move(help), {std::move(words)});
  node.action = Node::Action::kHelp;
  return node;
}

Node quit_node(std::string word) {
  Node node = keyword(std::move(word), "leave the console; data plane and agent keep running", {});
  node.action = Node::Action::kQuit;
  return node;
}

Node make_tree() {
  Node seconds{.kind = Node::Kind::kArgument,
               .word = std::string{kWatchArgument},
               .help = "seconds between two looks",
               .children = {show_tree()},
               .check = check_watch_seconds};
  return keyword(
      "", "",
      {
          help_node("?", "the same as help"),
          quit_node("exit"),
          explain_node(),
          keyword("flush", "forget what the data plane has learnt", {flush_conntrack_node()}),
          help_node("help", "list commands; help show port lists those of show port"),
          quit_node("quit"),
          keyword("set", "change settings of the running data plane",
                  {set_conntrack_node(), set_offload_node(), set_port_node(), set_worker_node()}),
          show_tree(),
          keyword("watch", "repeat a show command until Ctrl-C", {std::move(seconds)}),
      });
}

}  // namespace

const Node& command_tree() {
  static const Node tree = make_tree();
  return tree;
}

}  // namespace alkaid::console
