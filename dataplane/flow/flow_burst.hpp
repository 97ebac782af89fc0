// The fast path's lookup: a burst of packets of one family goes through it stage by stage, so that
// the cache misses of all of them overlap. What comes out is forwarded as its connection says; what
// does not is decided by the slow path.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>

#include <rte_mbuf.h>

#include "dataplane/flow/flow_state.hpp"
#include "dataplane/graph/packet_context.hpp"
#include "dataplane/tables/neighbor_table.hpp"
#include "dataplane/tables/tables.hpp"

namespace alkaid {

inline constexpr std::uint16_t kFlowBurst = 32;

// A packet in the fast path.
template <class Key>
struct FlowLane {
  FlowLane() {}  // nothing is cleared: a burst has 32 of each family, most of them unused

  rte_mbuf* packet;
  // Of the tenant's frame; of a packet from the wire it is inside the tunnel's.
  std::uint8_t* frame;
  std::uint16_t position;  // in the burst
  union {
    Key key;
  };
  std::uint64_t tuple;
  std::uint64_t hash;
  FlowReference reference;
  FlowHalf<Key>* half;
  const Neighbor* neighbor;
};

template <class Key>
class FlowBurst {
 public:
  using Lane = FlowLane<Key>;

  FlowBurst(FlowState& state, const NeighborTable& neighbors)
      : state_(state), table_(state.table<Key>()), neighbors_(neighbors) {}

  // The key is complete but for zone and side.
  void add(rte_mbuf* packet, std::uint8_t* frame, std::uint16_t position, const Key& key,
           std::uint32_t zone, Side side) {
    Lane& lane = lanes_[count_++];
    lane.packet = packet;
    lane.frame = frame;
    lane.position = position;
    lane.key = key;
    lane.key.scope = flow_scope(zone, side, static_cast<std::uint8_t>(key.scope));
    lane.tuple = lane.key.tuple();
    lane.hash = scoped_hash(lane.tuple, lane.key.scope);
    table_.prefetch_bucket(lane.hash);
  }

  // Calls forward(lane) for every packet that a connection takes, in order.
  template <class Forward>
  void run(FlowPort ingress_of_underlay, Forward&& forward) {
    if (count_ == 0) {
      return;
    }
    find_candidates();
    check_halves(ingress_of_underlay);
    find_neighbors();
    for (std::uint16_t i = 0; i < kept_; ++i) {
      Lane& lane = lanes_[order_[i]];
      if (lane.neighbor != nullptr) [[likely]] {
        forward(lane);
      }
    }
  }

 private:
  void find_candidates() {
    for (std::uint16_t i = 0; i < count_; ++i) {
      Lane& lane = lanes_[i];
      lane.reference = table_.candidate(lane.hash);
      if (lane.reference != kNoFlow) [[likely]] {
        lane.half = &table_.half(lane.reference);
        prefetch_half(*lane.half);
      }
    }
  }

  static void prefetch_half(const FlowHalf<Key>& half) {
    __builtin_prefetch(&half, 1);
    if constexpr (Key::kIsV6) {
      __builtin_prefetch(&half.key);
      __builtin_prefetch(reinterpret_cast<const char*>(&half + 1) - 1);
    }
  }

  // Ingress port, both MACs and the stamps must be those with which the slow path decided.
  void check_halves(FlowPort ingress_of_underlay) {
    for (std::uint16_t i = 0; i < count_; ++i) {
      Lane& lane = lanes_[i];
      if (lane.reference == kNoFlow || !(lane.half->key == lane.key)) [[unlikely]] {
        lane.reference = table_.find(lane.key, lane.hash);
        if (lane.reference == kNoFlow) {
          continue;
        }
        lane.half = &table_.half(lane.reference);
      }
      const FlowFields& fields = lane.half->fields;
      const FlowPort ingress = ingress_of_underlay == kUnderlayPort
                                   ? kUnderlayPort
                                   : static_cast<FlowPort>(context_of(lane.packet).ingress->index);
      const bool is_same =
          fields.ingress == ingress && has_macs(fields, lane.frame) &&
          (fields.flags.load(std::memory_order_acquire) & flow_flag::kFast) != 0 &&
          (ingress == kUnderlayPort ||
           fields.ingress_stamp.load(std::memory_order_relaxed) == state_.stamps.of(ingress));
      if (is_same) [[likely]] {
        neighbors_.prefetch_slot(fields.hop);
        order_[kept_++] = i;
      }
    }
  }

  static bool has_macs(const FlowFields& fields, const std::uint8_t* frame) {
    std::uint64_t front[2];
    std::uint32_t back[2];
    std::memcpy(&front[0], fields.macs.data(), 8);
    std::memcpy(&front[1], frame, 8);
    std::memcpy(&back[0], fields.macs.data() + 8, 4);
    std::memcpy(&back[1], frame + 8, 4);
    return ((front[0] ^ front[1]) | (back[0] ^ back[1])) == 0;
  }

  void find_neighbors() {
    for (std::uint16_t i = 0; i < kept_; ++i) {
      Lane& lane = lanes_[order_[i]];
      const FlowFields& fields = lane.half->fields;
      lane.neighbor = neighbors_.at({fields.hop, fields.hop_signature()});
      __builtin_prefetch(lane.neighbor);
    }
  }

  FlowState& state_;
  ConnectionTable<Key>& table_;
  const NeighborTable& neighbors_;
  std::array<Lane, kFlowBurst> lanes_;
  std::array<std::uint16_t, kFlowBurst> order_;
  std::uint16_t count_ = 0;
  std::uint16_t kept_ = 0;
};

}  // namespace alkaid
