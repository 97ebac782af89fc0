#include "dataplane/control/frame_sender.hpp"

#include <cstring>

#include "dataplane/graph/packet_context.hpp"

namespace alkaid {

bool FrameSender::send(const Port& port, std::span<const std::uint8_t> frame) const {
  rte_mbuf* packet = rte_pktmbuf_alloc(pool_);
  if (packet == nullptr) {
    return false;
  }
  char* room = frame.size() <= UINT16_MAX
                   ? rte_pktmbuf_append(packet, static_cast<std::uint16_t>(frame.size()))
                   : nullptr;
  if (room != nullptr) {
    std::memcpy(room, frame.data(), frame.size());
    PacketContext& context = context_of(packet);
    context = PacketContext{};
    context.egress = port.index;
    context.egress_generation = port.generation;
    if (workers_[port.device.worker]->inject(&packet, 1) == 1) {
      return true;
    }
  }
  rte_pktmbuf_free(packet);
  return false;
}

}  // namespace alkaid
