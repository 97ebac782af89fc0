// The one table in which every node of the packet graph is registered.
#pragma once

#include <span>

#include <rte_graph.h>

#include "dataplane/graph/node_id.hpp"

namespace alkaid {

struct NodeRegistration {
  NodeId id;
  const char* description;
  bool is_source;
  rte_node_process_t process;
  std::span<const NodeId> next;
};

// All nodes, in the order of NodeId.
std::span<const NodeRegistration> node_table();

// Registers all nodes with librte_graph. Once per process, after rte_eal_init, before the first
// worker is made. Throws std::runtime_error.
void register_nodes();

}  // namespace alkaid
