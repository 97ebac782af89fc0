#include "dataplane/vlan/vlan_input_node.hpp"

#include <rte_ether.h>

#include "dataplane/vlan/vlan_ports.hpp"
#include "dataplane/worker/worker.hpp"

namespace alkaid {
namespace {

// The driver may have done it already. False: there is no tag.
bool strip_tag(rte_mbuf* packet) {
  if ((packet->ol_flags & RTE_MBUF_F_RX_VLAN_STRIPPED) != 0) {
    return true;
  }
  return packet->data_len >= sizeof(rte_ether_hdr) + sizeof(rte_vlan_hdr) &&
         rte_vlan_strip(packet) == 0;
}

}  // namespace

Verdict VlanInputNode::decide(Worker& worker, rte_mbuf* packet, PacketContext& context) {
  if (!strip_tag(packet)) [[unlikely]] {
    return drop(DropReason::vlan_missing);
  }
  const Port* port = worker.ports().find(context.ingress->vlans->find(packet->vlan_tci));
  if (port == nullptr) [[unlikely]] {
    return drop(DropReason::vlan_unknown);
  }
  context.ingress = port;
  PortCounters& counters = worker.counters_of(port);
  counters.rx_packets.add(1);
  counters.rx_bytes.add(packet->pkt_len);
  return worker.flows().settings.fast_path ? Next::to<NodeId::kGuestFlow>()
                                           : Next::to<NodeId::kGuestInput>();
}

std::uint16_t VlanInputNode::process(rte_graph* graph, rte_node* node, void** packets,
                                     std::uint16_t count) {
  return process_burst<VlanInputNode>(graph, node, packets, count);
}

}  // namespace alkaid
