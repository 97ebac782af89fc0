// The loop of the two nodes of the fast path: packets are parsed some at a time, looked up while
// the next ones are parsed, and leave by the edge of their verdict.
#pragma once

#include <algorithm>
#include <cstdint>

#include "dataplane/flow/flow_burst.hpp"
#include "dataplane/graph/node.hpp"
#include "dataplane/worker/worker.hpp"

namespace alkaid {

// Packets that take the edge to the slow path get a whole context there.
inline void leave_fast_path(void** packets, const rte_edge_t* edges, std::uint16_t count,
                            rte_edge_t slow) {
  for (std::uint16_t i = 0; i < count; ++i) {
    if (edges[i] == slow) [[unlikely]] {
      PacketContext& context = context_of(static_cast<rte_mbuf*>(packets[i]));
      const Port* ingress = context.ingress;
      context = PacketContext{};
      context.ingress = ingress;
    }
  }
}

// Steps has, for packets that came in on kSide:
//   static void prefetch(rte_mbuf* packet);  what add() will read
//   void add(FlowBurst<FlowKeyV4, kSide>&, FlowBurst<FlowKeyV6, kSide>&, rte_mbuf* packet,
//            std::uint16_t position);        the slow path gets what is added to neither
//   bool forward(FlowLane<Key>& lane);       false: the slow path must decide
template <Side kSide, class Steps>
std::uint16_t process_flows(rte_graph* graph, rte_node* node, void** packets, std::uint16_t count,
                            rte_edge_t slow, rte_edge_t sent, Steps& steps) {
  Worker& worker = worker_of(node);
  const auto packet_at = [packets](std::uint16_t i) { return static_cast<rte_mbuf*>(packets[i]); };
  const auto prefetch = [&](std::uint16_t begin) {
    const auto end = std::min<std::uint16_t>(begin + kFlowStep, count);
    for (std::uint16_t i = begin; i < end; ++i) {
      Steps::prefetch(packet_at(i));
    }
  };
  prefetch(0);
  rte_edge_t edges[kFlowBurst];
  for (std::uint16_t base = 0; base < count; base += kFlowBurst) {
    const std::uint16_t size = std::min<std::uint16_t>(kFlowBurst, count - base);
    FlowBurst<FlowKeyV4, kSide> v4(worker.flows(), worker.tables().neighbors);
    FlowBurst<FlowKeyV6, kSide> v6(worker.flows(), worker.tables().neighbors);
    const auto forward = [&](auto& lane) {
      if (steps.forward(lane)) [[likely]] {
        edges[lane.position] = sent;
      }
    };
    std::fill_n(edges, size, slow);
    for (std::uint16_t begin = 0; begin < size; begin += kFlowStep) {
      prefetch(base + begin + kFlowStep);
      const auto end = std::min<std::uint16_t>(begin + kFlowStep, size);
      for (std::uint16_t i = begin; i < end; ++i) {
        steps.add(v4, v6, packet_at(base + i), i);
      }
      v4.step(forward);
      v6.step(forward);
    }
    v4.finish(forward);
    v6.finish(forward);
    leave_fast_path(packets + base, edges, size, slow);
    enqueue_runs(graph, node, packets + base, edges, size);
  }
  return count;
}

}  // namespace alkaid
