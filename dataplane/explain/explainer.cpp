#include "dataplane/explain/explainer.hpp"

#include <cstring>
#include <memory>
#include <span>

#include "dataplane/control/object_error.hpp"
#include "dataplane/explain/walk.hpp"
#include "dataplane/flow/guest_flow_node.hpp"
#include "dataplane/flow/wire_flow_node.hpp"
#include "dataplane/graph/packet_context.hpp"

namespace alkaid {
namespace {

struct PacketDeleter {
  void operator()(rte_mbuf* packet) const { rte_pktmbuf_free(packet); }
};
using PacketBuffer = std::unique_ptr<rte_mbuf, PacketDeleter>;

// nullptr: there is none that is large enough, or none is free.
PacketBuffer put_in_buffer(Dataplane& dataplane, std::span<const std::uint8_t> frame) {
  const PacketPools::OfNode pools = dataplane.pools().all().front();
  for (rte_mempool* pool : {pools.standard, pools.jumbo}) {
    PacketBuffer packet(pool != nullptr ? rte_pktmbuf_alloc(pool) : nullptr);
    if (packet != nullptr && frame.size() <= rte_pktmbuf_tailroom(packet.get())) {
      std::memcpy(rte_pktmbuf_append(packet.get(), static_cast<std::uint16_t>(frame.size())),
                  frame.data(), frame.size());
      return packet;
    }
  }
  return nullptr;
}

// `ingress`: the guest's port, or the uplink.
std::variant<Explanation, ObjectError> explain_frame(Dataplane& dataplane, const Port& guest,
                                                     const Port& ingress, bool is_v4,
                                                     std::span<const std::uint8_t> frame) {
  const PacketBuffer packet = put_in_buffer(dataplane, frame);
  if (packet == nullptr) {
    return invalid("length", fmt::format("no packet buffer is free for {} bytes", frame.size()));
  }
  Worker& worker = *dataplane.workers()[ingress.device.worker];
  PacketContext& context = context_of(packet.get());
  context = PacketContext{};
  context.ingress = &ingress;
  context.patience = Patience::kExplained;
  const bool is_inbound = &guest != &ingress;
  if (is_inbound) {
    context.vni = guest.vni_of(is_v4 ? FrameHeaders::Kind::kIpv4 : FrameHeaders::Kind::kIpv6);
  }
  const bool is_hit = worker.flows().settings.fast_path &&
                      (is_inbound ? WireFlowNode::would_take(worker, packet.get(), context.vni)
                                  : GuestFlowNode::would_take(worker, packet.get()));
  Explanation explanation =
      walk(worker, packet.get(), is_inbound ? NodeId::kDecapsulate : NodeId::kGuestInput);
  explanation.hit = is_hit;
  return explanation;
}

}  // namespace

std::variant<Explanation, ObjectError> explain(Dataplane& dataplane,
                                               const DescribedPacket& packet) {
  if (auto error = check_described_packet(packet)) {
    return std::move(*error);
  }
  const Port* guest = dataplane.ports().find(packet.port);
  if (guest == nullptr || dataplane.ports().find_config(packet.port) == nullptr) {
    return invalid("port", "there is no such guest port");
  }
  const Port* uplink =
      dataplane.port_table().find(dataplane.underlay().uplink.load(std::memory_order_relaxed));
  if (packet.inbound && uplink == nullptr) {
    return invalid("inbound", "no uplink is attached, so nothing comes out of tunnels");
  }
  auto macs = find_macs(packet, *guest, dataplane.tables());
  if (auto* error = std::get_if<ObjectError>(&macs)) {
    return std::move(*error);
  }
  const auto explain_with = [&](std::uint8_t tcp_flags) {
    return explain_frame(dataplane, *guest, packet.inbound ? *uplink : *guest,
                         packet.source.is_v4(),
                         make_frame(packet, std::get<FrameMacs>(macs), tcp_flags));
  };
  auto result = explain_with(tcp_flag::kAck);
  const auto* explanation = std::get_if<Explanation>(&result);
  if (packet.protocol == ip_protocol::kTcp && !packet.tcp_flags && explanation != nullptr &&
      !explanation->is_known) {
    return explain_with(tcp_flag::kSyn);
  }
  return result;
}

}  // namespace alkaid
