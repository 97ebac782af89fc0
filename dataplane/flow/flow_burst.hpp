// The fast path's lookup: a burst of packets of one family goes through it stage by stage, so that
// what one packet waits for in memory is fetched while others are worked at. What comes out is
// forwarded as its connection says; what does not is decided by the slow path.
#pragma once

#include <array>
#include <cstdint>

#include <rte_mbuf.h>

#include "dataplane/flow/flow_state.hpp"
#include "dataplane/graph/packet_context.hpp"
#include "dataplane/tables/neighbor_table.hpp"
#include "dataplane/tables/tables.hpp"

namespace alkaid {

inline constexpr std::uint16_t kFlowBurst = 64;
// Packets that are added before all stages take a step. What a step asks memory for is used in the
// next one: some hundred cycles later, and few enough requests for a core to have under way.
inline constexpr std::uint16_t kFlowStep = 8;

// A packet in the fast path.
template <class Key>
struct FlowLane {
  FlowLane() {}  // nothing is cleared: a burst has room for all packets in each family

  rte_mbuf* packet;
  // Of the tenant's frame; of a packet from the wire it is inside the tunnel's.
  std::uint8_t* frame;
  std::uint64_t hash;
  FlowHalf<Key>* half;  // nullptr: not in the bucket where it is looked for first
  const Neighbor* neighbor;
  std::uint32_t entropy;
  std::uint16_t position;  // in the burst
  union {
    Key key;
  };
};

// kSide: where the packets came in.
template <class Key, Side kSide>
class FlowBurst {
 public:
  using Lane = FlowLane<Key>;

  FlowBurst(FlowState& state, const NeighborTable& neighbors)
      : state_(state), table_(state.table<Key>()), neighbors_(neighbors) {}

  // The key is complete but for zone and side.
  void add(rte_mbuf* packet, std::uint8_t* frame, std::uint16_t position, const Key& key,
           std::uint32_t zone) {
    Lane& lane = lanes_[added_++];
    lane.packet = packet;
    lane.frame = frame;
    lane.position = position;
    lane.key = key;
    lane.key.scope = flow_scope(zone, kSide, static_cast<std::uint8_t>(key.scope));
    const std::uint64_t tuple = lane.key.tuple();
    lane.entropy = entropy_of(tuple);
    lane.hash = scoped_hash(tuple, lane.key.scope);
    table_.prefetch_bucket(lane.hash);
  }

  // Takes every packet one stage further, the last stage first. Calls forward(lane) for those that
  // a connection takes.
  template <class Forward>
  void step(Forward&& forward) {
    if (added_ == 0) {
      return;
    }
    forward_resolved(forward);
    find_neighbors();
    check_halves();
    find_candidates();
  }

  // After the last packet was added.
  template <class Forward>
  void finish(Forward&& forward) {
    if (added_ == 0) {
      return;
    }
    step(forward);
    prefetch_late();
    for (int stage = 0; stage < 3; ++stage) {
      step(forward);
    }
    if (late_count_ > 0) {
      check_late();
      find_neighbors();
      forward_resolved(forward);
    }
  }

 private:
  void find_candidates() {
    Lane* const end = &lanes_[added_];
    for (Lane* next = &lanes_[looked_up_]; next != end; ++next) {
      Lane& lane = *next;
      const FlowReference reference = table_.candidate(lane.hash);
      lane.half = nullptr;
      if (reference != kNoFlow) [[likely]] {
        lane.half = &table_.half(reference);
        prefetch_half(*lane.half);
      } else if (table_.may_be_elsewhere(lane.hash)) {
        table_.prefetch_elsewhere(lane.hash);
        late_[late_count_++] = &lane;
      }
    }
    looked_up_ = added_;
  }

  // The few that are not in the bucket where they are looked for first would hold up the others, so
  // they come last. A flow's packets are all among them or none is, and stay in order.
  void prefetch_late() {
    for (std::uint16_t i = 0; i < late_count_; ++i) {
      const FlowReference reference = table_.candidate_elsewhere(late_[i]->hash);
      if (reference != kNoFlow) [[likely]] {
        prefetch_half(table_.half(reference));
      }
    }
  }
  void check_late() {
    for (std::uint16_t i = 0; i < late_count_; ++i) {
      check_found(*late_[i], table_.find(late_[i]->key, late_[i]->hash));
    }
  }

  static void prefetch_half(const FlowHalf<Key>& half) {
    __builtin_prefetch(&half, 1);
    if constexpr (Key::kIsV6) {
      __builtin_prefetch(&half.key);
      __builtin_prefetch(reinterpret_cast<const char*>(&half + 1) - 1);
    }
  }

  void check_halves() {
    Lane* const end = &lanes_[looked_up_];
    for (Lane* next = &lanes_[checked_]; next != end; ++next) {
      Lane& lane = *next;
      if (lane.half == nullptr) [[unlikely]] {
        continue;
      }
      if (lane.half->key == lane.key) [[likely]] {
        check_half(lane);
      } else {
        check_found(lane, table_.find(lane.key, lane.hash));
      }
    }
    checked_ = looked_up_;
  }
  void check_found(Lane& lane, FlowReference reference) {
    if (reference != kNoFlow) {
      lane.half = &table_.half(reference);
      check_half(lane);
    }
  }
  void check_half(Lane& lane) {
    if (is_as_decided(lane.half->fields, lane)) [[likely]] {
      neighbors_.prefetch_slot(lane.half->fields.hop.load(std::memory_order_relaxed));
      kept_[kept_count_++] = &lane;
    }
  }

  // Ingress port, both MACs and the stamps must be those with which the slow path decided.
  bool is_as_decided(const FlowFields& fields, const Lane& lane) const {
    if (!fields.has_macs(lane.frame) ||
        (fields.flags.load(std::memory_order_acquire) & flow_flag::kFast) == 0) [[unlikely]] {
      return false;
    }
    if constexpr (kSide == Side::kUnderlay) {
      return fields.ingress == kUnderlayPort;
    } else {
      const auto ingress = static_cast<FlowPort>(context_of(lane.packet).ingress->index);
      return fields.ingress == ingress &&
             fields.ingress_stamp.load(std::memory_order_relaxed) == state_.stamps.of(ingress);
    }
  }

  void find_neighbors() {
    for (std::uint16_t i = resolved_; i < kept_count_; ++i) {
      Lane& lane = *kept_[i];
      const FlowFields& fields = lane.half->fields;
      lane.neighbor =
          neighbors_.at({fields.hop.load(std::memory_order_relaxed), fields.hop_signature()});
      __builtin_prefetch(lane.neighbor);
    }
    resolved_ = kept_count_;
  }

  template <class Forward>
  void forward_resolved(Forward&& forward) {
    for (std::uint16_t i = forwarded_; i < resolved_; ++i) {
      if (kept_[i]->neighbor != nullptr) [[likely]] {
        forward(*kept_[i]);
      }
    }
    forwarded_ = resolved_;
  }

  FlowState& state_;
  ConnectionTable<Key>& table_;
  const NeighborTable& neighbors_;
  std::array<Lane, kFlowBurst> lanes_;
  std::array<Lane*, kFlowBurst> kept_;
  std::array<Lane*, kFlowBurst> late_;
  // How far the stages have come: of lanes_, of late_, of kept_.
  std::uint16_t added_ = 0;
  std::uint16_t looked_up_ = 0;
  std::uint16_t checked_ = 0;
  std::uint16_t late_count_ = 0;
  std::uint16_t kept_count_ = 0;
  std::uint16_t resolved_ = 0;
  std::uint16_t forwarded_ = 0;
};

}  // namespace alkaid
