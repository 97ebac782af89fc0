#include "dataplane/graph/node_table.hpp"

#include <array>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <string>

#include "dataplane/arp/arp_node.hpp"
#include "dataplane/bridge/bridge_node.hpp"
#include "dataplane/conntrack/fragment_tracking_node.hpp"
#include "dataplane/dhcp/dhcp_node.hpp"
#include "dataplane/dhcpv6/dhcpv6_node.hpp"
#include "dataplane/exception/exception_input_node.hpp"
#include "dataplane/exception/exception_output_node.hpp"
#include "dataplane/flood/flood_node.hpp"
#include "dataplane/flow/connect_node.hpp"
#include "dataplane/flow/guest_flow_node.hpp"
#include "dataplane/flow/wire_flow_node.hpp"
#include "dataplane/graph/consume_node.hpp"
#include "dataplane/graph/drop_node.hpp"
#include "dataplane/icmp/gateway_node.hpp"
#include "dataplane/icmp/icmp_error_node.hpp"
#include "dataplane/nd/nd_node.hpp"
#include "dataplane/on_demand/await_neighbor_node.hpp"
#include "dataplane/on_demand/release_waiting_node.hpp"
#include "dataplane/ports/deliver_node.hpp"
#include "dataplane/ports/guest_input_node.hpp"
#include "dataplane/ports/inject_node.hpp"
#include "dataplane/ports/port_rx_node.hpp"
#include "dataplane/ports/port_tx_node.hpp"
#include "dataplane/route/route_node.hpp"
#include "dataplane/router_advertisement/router_advertisement_node.hpp"
#include "dataplane/underlay/reassemble_node.hpp"
#include "dataplane/underlay/underlay_arp_node.hpp"
#include "dataplane/underlay/underlay_input_node.hpp"
#include "dataplane/underlay/underlay_nd_node.hpp"
#include "dataplane/vlan/vlan_input_node.hpp"
#include "dataplane/vlan/vlan_output_node.hpp"
#include "dataplane/vxlan/decapsulate_node.hpp"
#include "dataplane/vxlan/encapsulate_node.hpp"
#include "dataplane/vxlan/fragment_node.hpp"

namespace alkaid {
namespace {

enum class NodeKind { kInner, kSource };

template <class Node>
constexpr NodeRegistration registration(NodeKind kind = NodeKind::kInner) {
  return {Node::kId, Node::kDescription, kind == NodeKind::kSource, &Node::process,
          std::span<const NodeId>{Node::Next::kNodes}};
}

constexpr std::array kTable{
    registration<DropNode>(),
    registration<ConsumeNode>(),
    registration<PortRxNode>(NodeKind::kSource),
    registration<VlanInputNode>(),
    registration<InjectNode>(NodeKind::kSource),
    registration<ReleaseWaitingNode>(NodeKind::kSource),
    registration<GuestFlowNode>(),
    registration<WireFlowNode>(),
    registration<GuestInputNode>(),
    registration<UnderlayInputNode>(),
    registration<UnderlayArpNode>(),
    registration<UnderlayNdNode>(),
    registration<ReassembleNode>(),
    registration<ExceptionOutputNode>(),
    registration<ExceptionInputNode>(),
    registration<DecapsulateNode>(),
    registration<FragmentTrackingNode>(),
    registration<ArpNode>(),
    registration<NdNode>(),
    registration<DhcpNode>(),
    registration<Dhcpv6Node>(),
    registration<RouterAdvertisementNode>(),
    registration<GatewayNode>(),
    registration<IcmpErrorNode>(),
    registration<BridgeNode>(),
    registration<FloodNode>(),
    registration<RouteNode>(),
    registration<AwaitNeighborNode>(),
    registration<ConnectNode>(),
    registration<EncapsulateNode>(),
    registration<FragmentNode>(),
    registration<DeliverNode>(),
    registration<PortTxNode>(),
    registration<VlanOutputNode>(),
};

consteval bool in_order() {
  for (std::size_t i = 0; i < kTable.size(); ++i) {
    if (static_cast<std::size_t>(kTable[i].id) != i) {
      return false;
    }
  }
  return kTable.size() == kNodeCount;
}
static_assert(in_order(), "every NodeId has one registration, in order");

struct FreeDeleter {
  void operator()(void* memory) const { std::free(memory); }
};

}  // namespace

std::span<const NodeRegistration> node_table() {
  return kTable;
}

void register_nodes() {
  for (const auto& node : kTable) {
    // rte_node_register ends in a flexible array of successors' names.
    const std::size_t size = sizeof(rte_node_register) + node.next.size() * sizeof(const char*);
    const std::unique_ptr<void, FreeDeleter> memory{std::calloc(1, size)};
    auto* entry = static_cast<rte_node_register*>(memory.get());
    if (entry == nullptr) {
      throw std::bad_alloc();
    }
    std::strncpy(entry->name, name_of(node.id), sizeof(entry->name) - 1);
    entry->flags = node.is_source ? RTE_NODE_SOURCE_F : 0;
    entry->process = node.process;
    entry->parent_id = RTE_NODE_ID_INVALID;
    // The drop node is a leaf: an edge to itself would hide packets from its own burst.
    const bool is_leaf = node.id == NodeId::kDrop;
    entry->nb_edges = is_leaf ? 0 : static_cast<rte_edge_t>(node.next.size());
    for (std::size_t i = 0; i < entry->nb_edges; ++i) {
      entry->next_nodes[i] = name_of(node.next[i]);
    }
    if (__rte_node_register(entry) == RTE_NODE_ID_INVALID) {
      throw std::runtime_error(std::string("can't register the graph node ") + entry->name);
    }
  }
}

}  // namespace alkaid
