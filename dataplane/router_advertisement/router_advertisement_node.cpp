#include "dataplane/router_advertisement/router_advertisement_node.hpp"

#include <algorithm>

#include "dataplane/router_advertisement/router_advertisement.hpp"
#include "dataplane/tables/segment_table.hpp"
#include "dataplane/worker/worker.hpp"

namespace alkaid {

Verdict RouterAdvertisementNode::decide(Worker& worker, rte_mbuf* packet, PacketContext& context) {
  const FrameHeaders& headers = context.headers;
  const auto frame = bytes_of(packet);
  const auto& ip = header_at<Ipv6Header>(packet, headers.l3_offset);
  if (headers.l3_end > frame.size()) {
    return drop(DropReason::router_solicitation_malformed);
  }
  const DropReason malformed = check_router_solicitation(
      ip, frame.subspan(headers.l4_offset, headers.l3_end - headers.l4_offset));
  if (malformed != DropReason::kNone) {
    return drop(malformed);
  }
  worker.own_dhcpv6_counters().router_solicitations.add(1);
  const Segment& segment = *context.segment;
  if (segment.router_advertisement.is_empty()) {
    return drop(DropReason::router_solicitation_no_ipv6);
  }
  // Either way it leaves by the port that asked, so nobody else can be disturbed.
  const IpAddress guest{ip.source};
  const RouterAdvertisementTarget target =
      guest.is_unset()
          ? all_nodes()
          : RouterAdvertisementTarget{header_at<EthernetHeader>(packet, 0).source, guest};
  const std::size_t room = packet->data_len + std::size_t{rte_pktmbuf_tailroom(packet)};
  const Port& port = *context.ingress;
  const std::size_t length = packet->nb_segs == 1
                                 ? write_router_advertisement(segment.router_advertisement,
                                                              std::min(segment.mtu, port.mtu),
                                                              target, {frame.data(), room})
                                 : 0;
  if (length == 0) {
    return drop(DropReason::no_buffer);
  }
  packet->data_len = static_cast<std::uint16_t>(length);
  packet->pkt_len = packet->data_len;
  worker.own_dhcpv6_counters().router_advertisements.add(1);
  context.egress = port.index;
  return Next::to<NodeId::kPortTx>();
}

std::uint16_t RouterAdvertisementNode::process(rte_graph* graph, rte_node* node, void** packets,
                                               std::uint16_t count) {
  return process_burst<RouterAdvertisementNode>(graph, node, packets, count);
}

}  // namespace alkaid
