// How a graph node is written: a struct that names its successors and decides for one packet; the
// burst loop around it is shared. Design: docs/design/graph.md.
//
//   struct BridgeNode {
//     static constexpr NodeId kId = NodeId::kBridge;
//     static constexpr const char* kDescription = "...";
//     using Next = NextNodes<NodeId::kDeliver, NodeId::kEncapsulate>;
//     static Verdict decide(Worker& worker, rte_mbuf* packet, PacketContext& context);
//     static std::uint16_t process(rte_graph*, rte_node*, void**, std::uint16_t);  // =
//     process_burst
//   };
//
// Nodes make no system call, allocate nothing, log nothing and read no clock.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include <rte_graph.h>
#include <rte_graph_worker.h>
#include <rte_mbuf.h>
#include <rte_prefetch.h>

#include "dataplane/graph/node_id.hpp"
#include "dataplane/graph/packet_context.hpp"
#include "dataplane/packet/drop_reason.hpp"

namespace alkaid {

class Worker;

// What becomes of a packet: an edge of the deciding node. Made only by NextNodes::to (a declared
// successor) and drop (a named reason), so neither an unknown edge nor an anonymous drop compiles.
class Verdict {
 public:
  [[nodiscard]] rte_edge_t edge() const { return edge_; }
  [[nodiscard]] DropReason reason() const { return reason_; }

 private:
  template <NodeId... Successors>
  friend struct NextNodes;
  friend constexpr Verdict drop(DropReason reason);

  constexpr Verdict(rte_edge_t edge, DropReason reason) : edge_(edge), reason_(reason) {}

  rte_edge_t edge_;
  DropReason reason_;
};

// Edge 0 of every node.
constexpr Verdict drop(DropReason reason) {
  return {0, reason};
}

// The successors of a node, `drop` apart.
template <NodeId... Successors>
struct NextNodes {
  static constexpr std::array<NodeId, sizeof...(Successors) + 1> kNodes{NodeId::kDrop,
                                                                        Successors...};

  template <NodeId Target>
  static consteval Verdict to() {
    static_assert(((Target == Successors) || ...), "the node doesn't declare this successor");
    rte_edge_t edge = 1;
    static_cast<void>(((Target == Successors ? true : (++edge, false)) || ...));
    return {edge, DropReason::kNone};
  }
};

// The worker whose graph this node instance belongs to; set when the graph is made.
inline Worker& worker_of(rte_node* node) {
  Worker* worker = nullptr;
  std::memcpy(&worker, node->ctx, sizeof(worker));
  return *worker;
}

// Hands packets to their edges, in order, run by run; a burst that stays together moves as one.
inline void enqueue_runs(rte_graph* graph, rte_node* node, void** packets, const rte_edge_t* edges,
                         std::uint16_t count) {
  std::uint16_t start = 0;
  for (std::uint16_t i = 1; i < count; ++i) {
    if (edges[i] != edges[start]) {
      rte_node_enqueue(graph, node, edges[start], &packets[start],
                       static_cast<std::uint16_t>(i - start));
      start = i;
    }
  }
  if (start == 0 && packets == node->objs && count == node->idx) {
    rte_node_next_stream_move(graph, node, edges[0]);
  } else {
    rte_node_enqueue(graph, node, edges[start], &packets[start],
                     static_cast<std::uint16_t>(count - start));
  }
}

inline constexpr std::uint16_t kDecideChunk = 256;
inline constexpr std::uint16_t kPrefetchAhead = 4;

// The burst loop of a node that decides packet by packet. Headers and contexts are prefetched a few
// packets ahead.
template <class Node>
std::uint16_t process_burst(rte_graph* graph, rte_node* node, void** packets, std::uint16_t count) {
  Worker& worker = worker_of(node);
  const auto prefetch = [&](std::uint16_t i) {
    auto* packet = static_cast<rte_mbuf*>(packets[i]);
    rte_prefetch0(rte_mbuf_to_priv(packet));
    rte_prefetch0(rte_pktmbuf_mtod(packet, void*));
  };
  rte_edge_t edges[kDecideChunk];
  for (std::uint16_t base = 0; base < count; base += kDecideChunk) {
    const std::uint16_t size = std::min<std::uint16_t>(kDecideChunk, count - base);
    for (std::uint16_t i = 0; i < std::min(kPrefetchAhead, size); ++i) {
      prefetch(base + i);
    }
    for (std::uint16_t i = 0; i < size; ++i) {
      if (base + i + kPrefetchAhead < count) {
        prefetch(base + i + kPrefetchAhead);
      }
      auto* packet = static_cast<rte_mbuf*>(packets[base + i]);
      PacketContext& context = context_of(packet);
      const Verdict verdict = Node::decide(worker, packet, context);
      if (verdict.edge() == 0) [[unlikely]] {
        context.drop_reason = verdict.reason();
      }
      edges[i] = verdict.edge();
    }
    enqueue_runs(graph, node, packets + base, edges, size);
  }
  return count;
}

}  // namespace alkaid
