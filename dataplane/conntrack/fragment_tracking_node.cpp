#include "dataplane/conntrack/fragment_tracking_node.hpp"

#include <rte_cycles.h>

#include "dataplane/conntrack/fragment_tracker.hpp"
#include "dataplane/route/route_or_bridge.hpp"
#include "dataplane/tables/segment_table.hpp"
#include "dataplane/worker/worker.hpp"

namespace alkaid {
namespace {

using Next = FragmentTrackingNode::Next;
using Outcome = FragmentTracker::Outcome;

// A waiting packet names its port by index and generation, in the fields that name the egress port
// of packets in an inject ring: its pointers are of an earlier walk, maybe of another worker.
void name_ingress(PacketContext& context) {
  context.egress = context.ingress->index;
  context.egress_generation = context.ingress->generation;
}

void forget_names(PacketContext& context) {
  context.egress = kNoPort;
  context.egress_generation = 0;
}

// The port by which a packet that waited came in; nullptr: it is gone.
const Port* find_ingress(const PortTable& ports, const PacketContext& context) {
  const Port* port = ports.find(context.egress);
  return port != nullptr && port->generation == context.egress_generation ? port : nullptr;
}

Verdict forward(rte_mbuf* packet, const PacketContext& context) {
  const Segment& segment = *context.segment;
  const bool is_v6 = context.headers.kind == FrameHeaders::Kind::kIpv6;
  return route_or_bridge<Next>(header_at<EthernetHeader>(packet, 0),
                               is_v6 ? segment.gateway_v6_mac : segment.gateway_v4_mac);
}

void tell(FrameHeaders& headers, const FragmentUpper& upper) {
  headers.protocol = upper.protocol;
  headers.source_port = upper.source_port;
  headers.destination_port = upper.destination_port;
}

// What becomes of a packet that waited, in the world as it is now.
Verdict go_on(Worker& worker, rte_mbuf* packet, const ReleasedFragments::Item& item,
              const FragmentUpper& upper) {
  PacketContext& context = context_of(packet);
  const Port* ingress = find_ingress(worker.ports(), context);
  context.ingress = ingress;
  if (item.reason != DropReason::kNone) {
    return drop(item.reason);
  }
  if (ingress == nullptr || !ingress->admin_up) {
    return drop(DropReason::port_admin_down);
  }
  context.segment = worker.tables().segments.find(context.vni);
  if (context.segment == nullptr) {
    return drop(context.from_wire ? DropReason::vxlan_vni_unknown : DropReason::segment_unknown);
  }
  forget_names(context);
  tell(context.headers, upper);
  return forward(packet, context);
}

class FragmentWalk {
 public:
  FragmentWalk(rte_graph* graph, rte_node* node, FragmentTracker& tracker)
      : graph_(graph),
        node_(node),
        worker_(worker_of(node)),
        tracker_(tracker),
        now_(rte_rdtsc()) {}

  void take(rte_mbuf* packet) {
    PacketContext& context = context_of(packet);
    Fragment fragment = describe_fragment(bytes_of(packet), context.headers);
    fragment.key.zone = context.segment->zone;
    fragment.key.origin = context.from_wire ? kFromWire : context.ingress->index;
    name_ingress(context);
    const auto taken = tracker_.take(fragment, packet, now_, released_);
    if (taken.outcome != Outcome::kWait) {  // otherwise another worker may have it by now
      forget_names(context);
      if (taken.outcome == Outcome::kPass) {
        tell(context.headers, taken.upper);
        enqueue(packet, forward(packet, context));
      } else {
        enqueue(packet, drop(taken.reason));
      }
    }
    for (std::size_t i = 0; i < released_.count; ++i) {
      auto* waited = static_cast<rte_mbuf*>(released_.items[i].packet);
      enqueue(waited, go_on(worker_, waited, released_.items[i], released_.upper));
    }
  }

 private:
  void enqueue(rte_mbuf* packet, Verdict verdict) {
    context_of(packet).drop_reason = verdict.reason();
    rte_node_enqueue_x1(graph_, node_, verdict.edge(), packet);
  }

  rte_graph* const graph_;
  rte_node* const node_;
  Worker& worker_;
  FragmentTracker& tracker_;
  const std::uint64_t now_;
  ReleasedFragments released_;
};

}  // namespace

std::uint16_t FragmentTrackingNode::process(rte_graph* graph, rte_node* node, void** packets,
                                            std::uint16_t count) {
  FragmentWalk walk{graph, node, worker_of(node).fragments()};
  for (std::uint16_t i = 0; i < count; ++i) {
    walk.take(static_cast<rte_mbuf*>(packets[i]));
  }
  return count;
}

void drop_orphaned_fragments(Worker& worker, std::uint64_t now) {
  constexpr std::size_t kBuckets = 16;
  ReleasedFragments released;
  worker.fragments().expire(now, kBuckets, released);
  for (std::size_t i = 0; i < released.count; ++i) {
    auto* packet = static_cast<rte_mbuf*>(released.items[i].packet);
    const Port* ingress = find_ingress(worker.ports(), context_of(packet));
    const auto reason = static_cast<std::size_t>(released.items[i].reason);
    worker.counters_of(ingress).drops[reason].add(1);
    rte_pktmbuf_free(packet);
  }
}

void free_waiting_fragments(FragmentTracker& tracker) {
  ReleasedFragments released;
  do {
    tracker.release_all(released);
    for (std::size_t i = 0; i < released.count; ++i) {
      rte_pktmbuf_free(static_cast<rte_mbuf*>(released.items[i].packet));
    }
  } while (released.count > 0);
}

}  // namespace alkaid
