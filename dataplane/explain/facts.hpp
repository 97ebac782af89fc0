// What a node has seen when it decided, in words.
#pragma once

#include <string>
#include <vector>

#include <rte_mbuf.h>

#include "dataplane/graph/node_id.hpp"
#include "dataplane/graph/packet_context.hpp"
#include "dataplane/packet/drop_reason.hpp"
#include "dataplane/worker/worker.hpp"

namespace alkaid {

// A packet at a node. Control thread.
struct StageView {
  Worker& worker;
  rte_mbuf* packet;
  const PacketContext& before;  // as it came to the node
  const PacketContext& now;     // changes when the node decides
};

// To be called before the node decides: it rewrites what these are about.
std::vector<std::string> facts_before_node(NodeId node, const StageView& view);
// Afterwards.
void add_facts_after_node(NodeId node, const StageView& view, std::vector<std::string>& facts);

// What `connect` would do.
struct ConnectionView {
  DropReason reason = DropReason::kNone;
  bool is_known = false;
  std::vector<std::string> facts;
};
ConnectionView judge_connection(Worker& worker, rte_mbuf* packet, const PacketContext& context);

}  // namespace alkaid
