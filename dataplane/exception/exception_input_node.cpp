#include "dataplane/exception/exception_input_node.hpp"

#include "dataplane/exception/link_tag.hpp"
#include "dataplane/worker/worker.hpp"

namespace alkaid {

Verdict ExceptionInputNode::decide(Worker& worker, rte_mbuf* packet, PacketContext& context) {
  const Underlay& underlay = worker.underlay();
  const PortIndex uplink_index = underlay.uplink.load(std::memory_order_acquire);
  const Port* uplink = worker.ports().find(uplink_index);
  if (uplink == nullptr) [[unlikely]] {
    return drop(DropReason::underlay_unavailable);
  }
  if (packet->data_len < sizeof(EthernetHeader)) [[unlikely]] {
    return drop(DropReason::frame_truncated);
  }
  if (packet->pkt_len - sizeof(EthernetHeader) > uplink->mtu) [[unlikely]] {
    return drop(DropReason::egress_too_big);
  }
  if (underlay.format.vlan != 0 && !put_tag_on(packet, underlay.format.vlan)) {
    return drop(DropReason::no_buffer);
  }
  context.egress = uplink_index;
  return Next::to<NodeId::kPortTx>();
}

std::uint16_t ExceptionInputNode::process(rte_graph* graph, rte_node* node, void** packets,
                                          std::uint16_t count) {
  return process_burst<ExceptionInputNode>(graph, node, packets, count);
}

}  // namespace alkaid
