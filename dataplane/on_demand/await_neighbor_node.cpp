#include "dataplane/on_demand/await_neighbor_node.hpp"

#include "dataplane/on_demand/await.hpp"

namespace alkaid {
namespace {

constexpr std::uint16_t kEtherTypeIpv4 = 0x0800;
constexpr std::uint16_t kEtherTypeArp = 0x0806;
constexpr std::uint16_t kEtherTypeIpv6 = 0x86dd;

// What to tell of the packet; its headers have been parsed.
RaisedMiss describe(rte_mbuf* packet, const PacketContext& context) {
  const FrameHeaders& headers = context.headers;
  RaisedMiss miss{
      .key = {awaited_of(packet), {context.ingress->index, context.ingress->generation}},
      .source_vni = context.ingress->vni_of(headers.kind),
      .source_port = headers.source_port.host(),
      .destination_port = headers.destination_port.host(),
      .protocol = headers.protocol};
  switch (headers.kind) {
    case FrameHeaders::Kind::kIpv4: {
      const auto& ip = header_at<Ipv4Header>(packet, headers.l3_offset);
      miss.ether_type = kEtherTypeIpv4;
      miss.source = IpAddress{ip.source};
      miss.destination = IpAddress{ip.destination};
      break;
    }
    case FrameHeaders::Kind::kIpv6: {
      const auto& ip = header_at<Ipv6Header>(packet, headers.l3_offset);
      miss.ether_type = kEtherTypeIpv6;
      miss.source = IpAddress{ip.source};
      // Who is looked for by a solicitation is not who it is sent to.
      miss.destination = headers.is_nd ? miss.key.address.ip : IpAddress{ip.destination};
      break;
    }
    case FrameHeaders::Kind::kArp: {
      const auto& arp = header_at<ArpHeader>(packet, headers.l3_offset);
      miss.ether_type = kEtherTypeArp;
      miss.source = IpAddress{arp.sender_ip};
      miss.destination = IpAddress{arp.target_ip};
      miss.protocol = 0;
      break;
    }
  }
  return miss;
}

}  // namespace

std::uint16_t AwaitNeighborNode::process(rte_graph* graph, rte_node* node, void** packets,
                                         std::uint16_t count) {
  Worker& worker = worker_of(node);
  for (std::uint16_t i = 0; i < count; ++i) {
    auto* packet = static_cast<rte_mbuf*>(packets[i]);
    PacketContext& context = context_of(packet);
    const Port* port = context.ingress;
    const RaisedMiss miss = describe(packet, context);
    // Pointers are valid for one walk; what waits is named by index.
    context.ingress = nullptr;
    context.segment = nullptr;
    context.egress = port->index;
    context.egress_generation = port->generation;
    const DropReason refused = worker.waiting().add(packet, miss, worker.now());
    if (refused != DropReason::kNone) {
      context.ingress = port;
      context.drop_reason = refused;
      rte_node_enqueue_x1(graph, node, 0, packet);
    }
  }
  return count;
}

}  // namespace alkaid
