#include "dataplane/nd/nd_node.hpp"

#include "dataplane/bridge/forward.hpp"
#include "dataplane/flood/ask_everybody.hpp"
#include "dataplane/nd/nd_message.hpp"
#include "dataplane/packet/eui64.hpp"
#include "dataplane/route/gateway_address.hpp"
#include "dataplane/tables/segment_table.hpp"
#include "dataplane/worker/worker.hpp"

namespace alkaid {
namespace {

using Next = NdNode::Next;

// Who has an address; a zero MAC: nobody that is known.
struct Owner {
  MacAddress mac;
  PortIndex port = kNoPort;  // local stations
  bool is_gateway = false;
};

Owner owner_of(const NeighborTable& neighbors, const Segment& segment, Vni vni,
               const IpAddress& target) {
  if (is_gateway_address(segment, target)) {
    return {.mac = router_mac_v6(segment), .is_gateway = true};
  }
  const Neighbor* neighbor = neighbors.find(vni, target);
  if (neighbor == nullptr) {
    // Agents don't list link-local addresses; most stations make theirs of the MAC.
    if (const auto mac = mac_of_link_local(target)) {
      neighbor = neighbors.find(vni, *mac);
    }
  }
  return neighbor == nullptr ? Owner{} : Owner{.mac = neighbor->mac(), .port = neighbor->port};
}

// Makes the packet's one buffer this long; false: it can't be.
bool resize(rte_mbuf* packet, std::uint16_t length) {
  if (packet->nb_segs != 1) {
    return false;
  }
  if (packet->data_len > length) {
    return rte_pktmbuf_trim(packet, packet->data_len - length) == 0;
  }
  return rte_pktmbuf_append(packet, length - packet->data_len) != nullptr;
}

// Turns a solicitation into its answer.
bool turn_into_advertisement(rte_mbuf* packet, const NdMessage& solicitation, const Owner& owner) {
  NeighborAdvertisement answer{.link_destination = header_at<EthernetHeader>(packet, 0).source,
                               .mac = owner.mac,
                               .destination = solicitation.source,
                               .target = solicitation.target,
                               .flags = NdNeighborHeader::kOverride};
  if (owner.is_gateway) {
    answer.flags |= NdNeighborHeader::kRouter;
  }
  if (solicitation.is_duplicate_probe()) {
    answer.destination = kAllNodes;
    answer.link_destination = multicast_mac(kAllNodes);
  } else {
    answer.flags |= NdNeighborHeader::kSolicited;
  }
  if (!resize(packet, kNeighborAdvertisementSize)) {
    return false;
  }
  write_neighbor_advertisement(
      std::span<std::uint8_t, kNeighborAdvertisementSize>{rte_pktmbuf_mtod(packet, std::uint8_t*),
                                                          kNeighborAdvertisementSize},
      answer);
  return true;
}

Verdict answer_guest(Worker& worker, rte_mbuf* packet, const NdMessage& solicitation,
                     PacketContext& context) {
  const Owner owner =
      owner_of(worker.tables().neighbors, *context.segment, context.vni, solicitation.target);
  if (owner.port == context.ingress->index) {
    return Next::to<NodeId::kConsume>();  // the guest's own address: nobody objects
  }
  if (owner.mac.is_zero()) {
    // A free address is what a probe hopes for.
    return solicitation.is_duplicate_probe()
               ? Next::to<NodeId::kConsume>()
               : ask_or_await<Next>(worker, packet, context, solicitation.target,
                                    DropReason::nd_target_unknown);
  }
  if (!turn_into_advertisement(packet, solicitation, owner)) {
    return drop(DropReason::no_buffer);
  }
  context.egress = context.ingress->index;
  return Next::to<NodeId::kPortTx>();
}

Verdict answer_wire(Worker& worker, rte_mbuf* packet, const NdMessage& solicitation,
                    PacketContext& context) {
  const NeighborTable& neighbors = worker.tables().neighbors;
  const EthernetHeader& ethernet = header_at<EthernetHeader>(packet, 0);
  const Owner owner = owner_of(neighbors, *context.segment, context.vni, solicitation.target);
  if (!owner.is_gateway) {
    if (ethernet.destination.is_unicast()) {
      return Next::to<NodeId::kBridge>();
    }
    if (owner.port == kNoPort) {
      return solicitation.is_duplicate_probe() ? Next::to<NodeId::kConsume>()
                                               : ask_everybody<Next>(worker.tables().flood, context,
                                                                     DropReason::nd_target_unknown);
    }
    if (!solicitation.is_duplicate_probe()) {
      // Only the target need hear it, and it learns the asker's MAC by it.
      context.egress = owner.port;
      return Next::to<NodeId::kDeliver>();
    }
    // The target's own defense would be for all nodes, and such advertisements end here.
  }
  const MacAddress station = ethernet.source;
  if (!turn_into_advertisement(packet, solicitation, owner)) {
    return drop(DropReason::no_buffer);
  }
  return answer_station<Next>(neighbors, station, context);
}

}  // namespace

Verdict NdNode::decide(Worker& worker, rte_mbuf* packet, PacketContext& context) {
  const auto message = read_nd_message(bytes_of(packet), context.headers);
  if (!message) {
    return drop(DropReason::nd_malformed);
  }
  const EthernetHeader& ethernet = header_at<EthernetHeader>(packet, 0);
  switch (message->type) {
    case icmpv6_type::kNeighborSolicitation:
      return context.from_wire ? answer_wire(worker, packet, *message, context)
                               : answer_guest(worker, packet, *message, context);
    case icmpv6_type::kNeighborAdvertisement:
      // The answer to a solicitation that was carried to or from another host. What is for all
      // nodes changes nothing: who is where is told by the agent.
      return ethernet.destination.is_unicast() &&
                     ethernet.destination != router_mac_v6(*context.segment)
                 ? Next::to<NodeId::kBridge>()
                 : Next::to<NodeId::kConsume>();
    default:
      return drop(DropReason::nd_unexpected);
  }
}

std::uint16_t NdNode::process(rte_graph* graph, rte_node* node, void** packets,
                              std::uint16_t count) {
  return process_burst<NdNode>(graph, node, packets, count);
}

}  // namespace alkaid
