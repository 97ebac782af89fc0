#include "dataplane/explain/walk.hpp"

#include <array>
#include <utility>

#include <fmt/format.h>

#include "dataplane/bridge/bridge_node.hpp"
#include "dataplane/explain/facts.hpp"
#include "dataplane/flood/flood_receivers.hpp"
#include "dataplane/flow/connect_node.hpp"
#include "dataplane/icmp/gateway_node.hpp"
#include "dataplane/on_demand/await.hpp"
#include "dataplane/ports/deliver_node.hpp"
#include "dataplane/ports/guest_input_node.hpp"
#include "dataplane/ports/port_tx_node.hpp"
#include "dataplane/route/route_node.hpp"
#include "dataplane/vxlan/decapsulate_node.hpp"
#include "dataplane/vxlan/encapsulate_node.hpp"

namespace alkaid {
namespace {

using Decide = Verdict (*)(Worker& worker, rte_mbuf* packet, PacketContext& context);

// A node whose decision changes nothing but the packet and its context.
struct PureNode {
  NodeId id;
  Decide decide;
  std::span<const NodeId> next;
};

template <class Node>
constexpr PureNode pure() {
  return {Node::kId, &Node::decide, Node::Next::kNodes};
}

constexpr std::array kPureNodes{
    pure<GuestInputNode>(), pure<DecapsulateNode>(), pure<BridgeNode>(),  pure<RouteNode>(),
    pure<GatewayNode>(),    pure<EncapsulateNode>(), pure<DeliverNode>(),
};

const PureNode* find_pure(NodeId id) {
  for (const PureNode& node : kPureNodes) {
    if (node.id == id) {
      return &node;
    }
  }
  return nullptr;
}

// More nodes than any packet passes: the graph has no way back.
constexpr std::size_t kLongestWalk = kNodeCount;

class Walk {
 public:
  Walk(Worker& worker, rte_mbuf* packet)
      : worker_(worker), packet_(packet), context_(context_of(packet)) {}

  Explanation follow(NodeId node) {
    for (std::size_t i = 0; i < kLongestWalk && !is_over_; ++i) {
      node = step(node);
    }
    return std::move(explanation_);
  }

 private:
  using Outcome = Explanation::Outcome;

  NodeId step(NodeId node) {
    if (const PureNode* pure_node = find_pure(node)) {
      const PacketContext before = context_;
      const StageView view{worker_, packet_, before, context_};
      const std::vector<std::string> facts_before = facts_before_node(node, view);
      return leave(node, pure_node->decide(worker_, packet_, context_), pure_node->next,
                   facts_before, view);
    }
    switch (node) {
      case NodeId::kConnect:
        return connect();
      case NodeId::kFlood:
        flood();
        break;
      case NodeId::kPortTx:
        transmit();
        break;
      case NodeId::kFragment:
        explanation_.stages.push_back({node, "to port-tx", {"cut into outer fragments"}});
        forwarded();
        break;
      case NodeId::kConsume:
        end(Outcome::kConsumed, "taken in; nobody here needs it");
        break;
      case NodeId::kAwaitNeighbor:
        wait();
        break;
      case NodeId::kIcmpError:
        explanation_.stages.push_back(
            {node, "dropped", {"an ICMP error goes back, if its rate limit and RFC 1122 permit"}});
        dropped(context_.drop_reason);
        break;
      default:
        explanation_.stages.push_back({node, "answers", {}});
        end(Outcome::kAnswered, fmt::format("taken by the local service {}", name_of(node)));
        break;
    }
    return node;
  }

  NodeId leave(NodeId node, const Verdict& verdict, std::span<const NodeId> next,
               std::vector<std::string> facts, const StageView& view) {
    const NodeId successor = next[verdict.edge()];
    if (node == NodeId::kGateway && successor != NodeId::kDrop && successor != NodeId::kIcmpError) {
      is_answer_ = true;
    }
    add_facts_after_node(node, view, facts);
    if (successor == NodeId::kDrop) {
      explanation_.stages.push_back({node, "dropped", std::move(facts)});
      dropped(verdict.reason());
    } else {
      explanation_.stages.push_back(
          {node, fmt::format("to {}", name_of(successor)), std::move(facts)});
    }
    return successor;
  }

  NodeId connect() {
    const ConnectionView view = judge_connection(worker_, packet_, context_);
    explanation_.is_known = view.is_known;
    const Verdict verdict = ConnectNode::verdict_of(view.reason, context_);
    const NodeId successor = ConnectNode::Next::kNodes[verdict.edge()];
    const bool is_dropped = successor == NodeId::kDrop;
    explanation_.stages.push_back(
        {NodeId::kConnect, is_dropped ? "dropped" : fmt::format("to {}", name_of(successor)),
         view.facts});
    if (is_dropped) {
      dropped(verdict.reason());
    }
    return successor;
  }

  void flood() {
    const ReplicationList* list = worker_.tables().flood.find(context_.segment->zone);
    if (list == nullptr) {
      explanation_.stages.push_back({NodeId::kFlood, "dropped", {}});
      dropped(DropReason::multicast_unsupported);
      return;
    }
    const FloodReceivers receivers(worker_.ports(), packet_, *list);
    if (receivers.sender_is_denied()) {
      explanation_.stages.push_back({NodeId::kFlood, "dropped", {}});
      dropped(DropReason::policy_egress);
      return;
    }
    std::size_t count = 0;
    std::vector<std::string> facts;
    const auto add = [&](const std::string& receiver) {
      explanation_.egress += (count++ == 0 ? "" : ",") + receiver;
    };
    receivers.for_each_port(
        [&](const Port& port) { add(port.id); },
        [&](const Port& port) {
          facts.push_back(fmt::format("no ingress rule of port {} allows it", port.id));
        });
    receivers.for_each_tunnel([&](const Tunnel* tunnel) { add(tunnel->vtep.to_string()); });
    facts.push_back(
        fmt::format("{} receivers, as long as the segment's rate limit permits", count));
    explanation_.stages.push_back({NodeId::kFlood, "replicated", std::move(facts)});
    end(count == 0 ? Outcome::kConsumed : Outcome::kForwarded,
        count == 0 ? "nobody else in the segment gets it" : "replicated");
  }

  void wait() {
    const AwaitedAddress& awaited = awaited_of(packet_);
    const std::string address =
        awaited.ip.is_unset() ? awaited.mac.to_string() : awaited.ip.to_string();
    explanation_.stages.push_back(
        {NodeId::kAwaitNeighbor,
         "waits",
         {fmt::format("nobody is known to have {} in VNI {}: the agent is asked", address,
                      awaited.vni.number())}});
    end(Outcome::kWaits, "waits until its neighbor is known, for a bounded time");
  }

  void transmit() {
    const Port* port = worker_.ports().find(context_.egress);
    if (!PortTxNode::can_send(port)) {
      explanation_.stages.push_back({NodeId::kPortTx, "dropped", {}});
      dropped(DropReason::egress_port_down);
      return;
    }
    explanation_.stages.push_back(
        {NodeId::kPortTx,
         "sent",
         {fmt::format("out of port {}, {} bytes", port->id, packet_->pkt_len) +
          (port->device.vlan != 0 ? fmt::format(" and the tag of VLAN {}", port->device.vlan)
                                  : std::string{})}});
    forwarded();
  }

  void forwarded() {
    const Port* port = worker_.ports().find(context_.egress);
    explanation_.egress = port != nullptr ? port->id : "";
    if (is_answer_) {
      end(Outcome::kAnswered, "answered by the gateway");
      return;
    }
    const auto bytes = bytes_of(packet_);
    explanation_.frame.assign(bytes.begin(), bytes.end());
    end(Outcome::kForwarded, fmt::format("leaves by {}", explanation_.egress));
  }

  void dropped(DropReason reason) {
    explanation_.reason = reason;
    end(Outcome::kDropped, std::string{text_of(reason).description});
  }

  void end(Outcome outcome, std::string description) {
    explanation_.outcome = outcome;
    explanation_.description = std::move(description);
    is_over_ = true;
  }

  Worker& worker_;
  rte_mbuf* const packet_;
  PacketContext& context_;
  Explanation explanation_;
  bool is_answer_ = false;  // what goes on is the gateway's
  bool is_over_ = false;
};

}  // namespace

Explanation walk(Worker& worker, rte_mbuf* packet, NodeId first) {
  return Walk(worker, packet).follow(first);
}

}  // namespace alkaid
