#include "dataplane/exception/exception_output_node.hpp"

#include "dataplane/exception/link_tag.hpp"
#include "dataplane/packet/partial_checksum.hpp"
#include "dataplane/worker/worker.hpp"

namespace alkaid {

Verdict ExceptionOutputNode::decide(Worker& worker, rte_mbuf* packet, PacketContext& context) {
  Underlay& underlay = worker.underlay();
  const PortIndex exception = underlay.exception.load(std::memory_order_acquire);
  const Port* port = worker.ports().find(exception);
  if (port == nullptr) [[unlikely]] {
    return drop(DropReason::egress_port_down);
  }
  if (!underlay.exception_limit.take(underlay.exception_rate, worker.loop_time())) {
    return drop(DropReason::exception_rate_limited);
  }
  if (underlay.format.vlan != 0) {
    take_tag_off(packet);
  }
  if (packet->pkt_len - sizeof(EthernetHeader) > port->mtu) {
    return drop(DropReason::egress_too_big);
  }
  // The kernel that sent it may have left the checksum to a network card that there is not.
  FrameHeaders headers;
  if (context.ingress->device.partial_checksums &&
      parse_frame(bytes_of(packet), packet->pkt_len, headers) == DropReason::kNone) {
    complete_partial_checksum(bytes_of(packet), headers);
  }
  context.egress = exception;
  return Next::to<NodeId::kPortTx>();
}

std::uint16_t ExceptionOutputNode::process(rte_graph* graph, rte_node* node, void** packets,
                                           std::uint16_t count) {
  return process_burst<ExceptionOutputNode>(graph, node, packets, count);
}

}  // namespace alkaid
