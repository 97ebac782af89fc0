#include "dataplane/flow/connect_node.hpp"

#include <algorithm>
#include <array>
#include <memory>
#include <type_traits>

#include "dataplane/flow/connector.hpp"
#include "dataplane/worker/worker.hpp"

namespace alkaid {

Verdict ConnectNode::verdict_of(DropReason reason, const PacketContext& context) {
  if (reason != DropReason::kNone) [[unlikely]] {
    return drop(reason);
  }
  return context.egress != kNoPort ? Next::to<NodeId::kDeliver>()
                                   : Next::to<NodeId::kEncapsulate>();
}

namespace {

// A packet's connector, of its family.
struct Lane {
  Lane() {}  // nothing is cleared

  union {
    Connector<FlowKeyV4> v4;
    Connector<FlowKeyV6> v6;
  };
};
static_assert(std::is_trivially_destructible_v<Connector<FlowKeyV4>>);
static_assert(std::is_trivially_destructible_v<Connector<FlowKeyV6>>);

constexpr std::uint16_t kLanes = 32;
// Packets between what a packet fetches and what it does: some thousand cycles of work, so that
// memory is asked for no more at once than it can bring meanwhile.
constexpr std::uint16_t kAhead = 8;

bool is_v6(const PacketContext& context) {
  return context.headers.kind == FrameHeaders::Kind::kIpv6;
}

}  // namespace

std::uint16_t ConnectNode::process(rte_graph* graph, rte_node* node, void** packets,
                                   std::uint16_t count) {
  Worker& worker = worker_of(node);
  const FlowWalk walk{.flows = worker.flows(),
                      .ports = worker.ports(),
                      .rules = worker.tables().rules,
                      .v4 = worker.own_flows<FlowKeyV4>(),
                      .v6 = worker.own_flows<FlowKeyV6>(),
                      .worker = worker.settings().index,
                      .now = worker.now(),
                      .newest_stamp = worker.newest_stamp()};
  std::array<Lane, kLanes> lanes;
  std::array<rte_edge_t, kLanes> edges;
  for (std::uint16_t base = 0; base < count; base += kLanes) {
    const std::uint16_t size = std::min<std::uint16_t>(kLanes, count - base);
    for (std::uint16_t i = 0; i < size; ++i) {
      auto* packet = static_cast<rte_mbuf*>(packets[base + i]);
      const PacketContext& context = context_of(packet);
      if (is_v6(context)) {
        std::construct_at(&lanes[i].v6, walk, packet, context)->prefetch();
      } else {
        std::construct_at(&lanes[i].v4, walk, packet, context)->prefetch();
      }
    }
    const auto prefetch = [&](std::uint16_t i, std::uint16_t ahead) {
      if (is_v6(context_of(static_cast<rte_mbuf*>(packets[base + i])))) {
        lanes[i].v6.prefetch_more();
        walk.v6.prefetch_free(ahead);
      } else {
        lanes[i].v4.prefetch_more();
        walk.v4.prefetch_free(ahead);
      }
    };
    for (std::uint16_t i = 0; i < std::min(kAhead, size); ++i) {
      prefetch(i, i);
    }
    for (std::uint16_t i = 0; i < size; ++i) {
      if (i + kAhead < size) {
        prefetch(i + kAhead, kAhead);
      }
      PacketContext& context = context_of(static_cast<rte_mbuf*>(packets[base + i]));
      const Verdict verdict =
          verdict_of(is_v6(context) ? lanes[i].v6.connect() : lanes[i].v4.connect(), context);
      if (verdict.edge() == 0) [[unlikely]] {
        context.drop_reason = verdict.reason();
      }
      edges[i] = verdict.edge();
    }
    enqueue_runs(graph, node, packets + base, edges.data(), size);
  }
  return count;
}

}  // namespace alkaid
