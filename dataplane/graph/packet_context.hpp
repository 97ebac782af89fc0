// What the pipeline knows of a packet, carried beside it in the mbuf's private area.
// Design: docs/design/packet-context.md.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <span>
#include <type_traits>

#include <rte_mbuf.h>

#include "dataplane/packet/drop_reason.hpp"
#include "dataplane/packet/parse.hpp"
#include "dataplane/ports/port.hpp"
#include "dataplane/tables/neighbor_slot.hpp"

namespace alkaid {

struct Segment;
struct Tunnel;

// What a packet does whose neighbor is not known yet (docs/design/on-demand.md).
enum class Patience : std::uint8_t {
  kWaits,
  kHasWaited,  // it is decided without
  kExplained,  // it is said to wait, and nothing is kept
};

// Pointers are valid for one walk of the graph: they are taken from published tables and the worker
// reports a quiescent state between walks. What leaves the worker (inject ring) names ports by
// index.
struct PacketContext {
  const Port* ingress = nullptr;        // nullptr: originated by the control thread
  const Segment* segment = nullptr;     // in which the packet's addresses mean something
  const Tunnel* tunnel = nullptr;       // to the destination's host; set before `encapsulate`
  PortIndex egress = kNoPort;           // set before `deliver` and `port-tx`
  std::uint32_t egress_generation = 0;  // set for packets that wait in an inject ring
  Vni vni;                         // in which the packet is now: of its port, its tunnel, its route
  FrameHeaders headers;            // offsets from the frame's start
  std::uint16_t inner_offset = 0;  // of a tunnelled frame, before `decapsulate`
  std::uint8_t outer_tos = 0;      // of a tunnelled frame
  std::uint16_t mtu = 0;           // that would have fitted, before `icmp-error`
  bool from_wire = false;          // came out of a tunnel
  Patience patience = Patience::kWaits;
  DropReason drop_reason = DropReason::kNone;
};

static_assert(sizeof(PacketContext) <= RTE_CACHE_LINE_SIZE);
static_assert(std::is_trivially_copyable_v<PacketContext>);

// What the slow path remembers of a packet on its way to `connect`, in a line of its own that the
// fast path never touches.
struct FlowContext {
  std::uint32_t zone = 0;               // in which the packet came in
  std::array<std::uint8_t, 12> macs{};  // as it came in: destination, source
  NeighborSlot hop;                     // that it goes to
  bool is_routed = false;               // its MACs are rewritten, a hop is taken
  bool restores_source = false;         // the gateway's MAC was put in place of another host's
};
static_assert(sizeof(FlowContext) <= RTE_CACHE_LINE_SIZE);
static_assert(std::is_trivially_copyable_v<FlowContext>);

// Size of the private area of every packet pool: two cache lines behind the mbuf's two.
inline constexpr std::uint16_t kPacketContextSize = 2 * RTE_CACHE_LINE_SIZE;

inline PacketContext& context_of(rte_mbuf* packet) {
  return *static_cast<PacketContext*>(rte_mbuf_to_priv(packet));
}

inline FlowContext& flow_context_of(rte_mbuf* packet) {
  return *reinterpret_cast<FlowContext*>(static_cast<std::uint8_t*>(rte_mbuf_to_priv(packet)) +
                                         RTE_CACHE_LINE_SIZE);
}

// To be called before anything is rewritten. zone: in which the packet came in.
inline FlowContext& begin_flow(rte_mbuf* packet, std::uint32_t zone) {
  FlowContext& flow = flow_context_of(packet);
  flow = FlowContext{};
  flow.zone = zone;
  std::memcpy(flow.macs.data(), rte_pktmbuf_mtod(packet, void*), flow.macs.size());
  return flow;
}

// The contiguous bytes of a packet, which hold all its headers.
inline std::span<std::uint8_t> bytes_of(rte_mbuf* packet) {
  return {rte_pktmbuf_mtod(packet, std::uint8_t*), packet->data_len};
}

template <class Header>
Header& header_at(rte_mbuf* packet, std::size_t offset) {
  return *rte_pktmbuf_mtod_offset(packet, Header*, offset);
}

}  // namespace alkaid
