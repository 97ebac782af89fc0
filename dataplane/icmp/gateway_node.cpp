#include "dataplane/icmp/gateway_node.hpp"

#include <utility>

#include "dataplane/bridge/forward.hpp"
#include "dataplane/packet/checksum.hpp"
#include "dataplane/worker/worker.hpp"

namespace alkaid {
namespace {

constexpr std::uint8_t kGatewayTtl = 64;

}  // namespace

Verdict GatewayNode::decide(Worker& worker, rte_mbuf* packet, PacketContext& context) {
  const FrameHeaders& headers = context.headers;
  if (headers.protocol != ip_protocol::kIcmp || headers.is_fragment) {
    return drop(DropReason::gateway_unsupported);
  }
  auto& icmp = header_at<IcmpEchoHeader>(packet, headers.l4_offset);
  if (icmp.type != IcmpEchoHeader::kEchoRequest || icmp.code != 0) {
    return drop(DropReason::gateway_unsupported);
  }
  const std::size_t length = headers.l3_end - headers.l4_offset;
  if (headers.l3_end > packet->data_len ||
      checksum_fold(checksum_add(0, &icmp, length)) != 0xffff) {
    return drop(DropReason::icmp_malformed);
  }
  const BigEndian16 type_before{static_cast<std::uint16_t>(icmp.type << 8)};
  icmp.type = IcmpEchoHeader::kEchoReply;
  icmp.checksum = checksum_update(icmp.checksum, type_before, BigEndian16{0});
  auto& ip = header_at<Ipv4Header>(packet, headers.l3_offset);
  std::swap(ip.source, ip.destination);
  ip.ttl = kGatewayTtl;
  ipv4_checksum_set(ip);
  auto& ethernet = header_at<EthernetHeader>(packet, 0);
  std::swap(ethernet.source, ethernet.destination);
  if (context.from_wire) {
    return answer_station<Next>(worker.tables().neighbors, ethernet.destination, context);
  }
  context.egress = context.ingress->index;
  return Next::to<NodeId::kPortTx>();
}

std::uint16_t GatewayNode::process(rte_graph* graph, rte_node* node, void** packets,
                                   std::uint16_t count) {
  return process_burst<GatewayNode>(graph, node, packets, count);
}

}  // namespace alkaid
