// A connection as it lies in memory: two halves, one per direction, and a record of what both
// share. Design and byte budget: docs/design/flow-table.md.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "dataplane/conntrack/connection_state.hpp"
#include "dataplane/flow/flow_index.hpp"
#include "dataplane/flow/flow_key.hpp"
#include "dataplane/policy/port_policy.hpp"

namespace alkaid {

// From 0; what a FlowReference names is half `direction` of a connection.
using ConnectionNumber = std::uint32_t;

constexpr FlowReference reference_of(ConnectionNumber number, Direction direction) {
  return (number << 1 | static_cast<std::uint32_t>(direction)) + 1;
}
constexpr ConnectionNumber number_of(FlowReference reference) {
  return (reference - 1) >> 1;
}
constexpr Direction direction_of(FlowReference reference) {
  return static_cast<Direction>((reference - 1) & 1);
}

// Ports in a half are 16 bits wide; the underlay is none of them.
using FlowPort = std::uint16_t;
inline constexpr FlowPort kUnderlayPort = 0xffff;
inline constexpr std::uint32_t kMostFlowPorts = 0xffff;

// What a record keeps of a port's generation.
constexpr std::uint16_t short_generation(std::uint32_t generation) {
  return static_cast<std::uint16_t>(generation);
}

// Time in a half and a record: milliseconds, wrapping after 49 days; compare by difference.
using Milliseconds = std::uint32_t;

// How a half's packets are forwarded, as far as it isn't in the neighbor behind `hop`.
namespace flow_flag {
inline constexpr std::uint16_t kFast = 1;  // all below holds and nothing else must happen
inline constexpr std::uint16_t kWriteDestination = 2;  // MAC of the neighbor
inline constexpr std::uint16_t kWriteSource = 4;       // MAC of the router in the egress segment
inline constexpr std::uint16_t kTakeHop = 8;           // TTL or hop limit
}  // namespace flow_flag

// One direction. In steady state written only by the worker that receives it: last_seen, packets,
// bytes. The slow path of the same worker writes the rest. Where two workers receive a direction
// (docs/design/workers.md), a reader may meet parts of two decisions. While hardware forwards the
// direction, the control thread writes last_seen.
struct FlowFields {
  using Macs = std::array<std::uint8_t, 12>;

  // Destination and source MAC as received: a packet with others is decided anew.
  std::atomic<std::uint64_t> macs_front{0};
  std::atomic<std::uint32_t> macs_back{0};
  FlowPort ingress = kUnderlayPort;
  std::atomic<std::uint16_t> flags{0};
  // A neighbor's slot (NeighborTable::Slot), whose signature is kept in the upper bits of the
  // counters: the slot may by now be another neighbor's.
  std::atomic<std::uint32_t> hop{0};
  // Stamps (PortStamps) of the ingress port and, if the neighbor is here, of its port, with which
  // the policy was looked at.
  std::atomic<std::uint32_t> ingress_stamp{0};
  std::atomic<std::uint32_t> egress_stamp{0};
  std::atomic<Milliseconds> last_seen{0};
  std::atomic<std::uint64_t> packets{0};  // 48 bits; above them the upper half of the signature
  std::atomic<std::uint64_t> bytes{0};    // 48 bits; above them the lower half of the signature

  static constexpr unsigned kCounterBits = 48;
  static constexpr std::uint64_t kCounterMask = (std::uint64_t{1} << kCounterBits) - 1;

  void set_macs(const std::array<std::uint8_t, 12>& macs) {
    macs_front.store(front_of(macs.data()), std::memory_order_relaxed);
    macs_back.store(back_of(macs.data()), std::memory_order_relaxed);
  }
  // frame: begins with the two.
  [[nodiscard]] bool has_macs(const std::uint8_t* frame) const {
    return ((macs_front.load(std::memory_order_relaxed) ^ front_of(frame)) |
            (macs_back.load(std::memory_order_relaxed) ^ back_of(frame))) == 0;
  }
  [[nodiscard]] Macs copy_macs() const {
    const std::uint64_t front = macs_front.load(std::memory_order_relaxed);
    const std::uint32_t back = macs_back.load(std::memory_order_relaxed);
    Macs macs;
    std::memcpy(macs.data(), &front, sizeof(front));
    std::memcpy(macs.data() + sizeof(front), &back, sizeof(back));
    return macs;
  }
  [[nodiscard]] std::uint32_t hop_signature() const {
    return static_cast<std::uint32_t>(packets.load(std::memory_order_relaxed) >> kCounterBits
                                                                                     << 16 |
                                      bytes.load(std::memory_order_relaxed) >> kCounterBits);
  }
  void set_hop(std::uint32_t slot, std::uint32_t signature) {
    hop.store(slot, std::memory_order_relaxed);
    const auto put = [](std::atomic<std::uint64_t>& counter, std::uint64_t high) {
      counter.store((counter.load(std::memory_order_relaxed) & kCounterMask) | high << kCounterBits,
                    std::memory_order_relaxed);
    };
    put(packets, signature >> 16);
    put(bytes, signature & 0xffff);
  }
  // Packets of this direction are decided by the slow path until that says otherwise. Any thread.
  void leave_fast_path() {
    flags.fetch_and(static_cast<std::uint16_t>(~flow_flag::kFast), std::memory_order_seq_cst);
  }
  void count(std::uint32_t length, Milliseconds now) {
    packets.store(packets.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    bytes.store(bytes.load(std::memory_order_relaxed) + length, std::memory_order_relaxed);
    last_seen.store(now, std::memory_order_relaxed);
  }
  // Of the same direction, before an end of its connection moved.
  void add_counts_of(const FlowFields& before) {
    const auto add = [](std::atomic<std::uint64_t>& to, const std::atomic<std::uint64_t>& from) {
      const std::uint64_t old = to.load(std::memory_order_relaxed);
      const std::uint64_t more = from.load(std::memory_order_relaxed);
      to.store((old & ~kCounterMask) | ((old + more) & kCounterMask), std::memory_order_relaxed);
    };
    add(packets, before.packets);
    add(bytes, before.bytes);
  }

 private:
  static std::uint64_t front_of(const std::uint8_t* macs) {
    std::uint64_t front = 0;
    std::memcpy(&front, macs, sizeof(front));
    return front;
  }
  static std::uint32_t back_of(const std::uint8_t* macs) {
    std::uint32_t back = 0;
    std::memcpy(&back, macs + sizeof(std::uint64_t), sizeof(back));
    return back;
  }
};
static_assert(sizeof(FlowFields) == 48);

template <class Key>
struct FlowHalf {
  FlowFields fields;
  Key key;
};
static_assert(sizeof(FlowHalf<FlowKeyV4>) == 64);
static_assert(sizeof(FlowHalf<FlowKeyV6>) == 88);

// Both halves. What a worker writes per packet is in a cache line that the other direction's worker
// does not write: of IPv6 the first and the third.
template <class Key>
struct alignas(64) Connection {
  struct NoGap {};
  using Gap = std::conditional_t<Key::kIsV6, std::array<std::uint8_t, 16>, NoGap>;

  FlowHalf<Key> original;
  [[no_unique_address]] Gap gap;
  FlowHalf<Key> reply;

  [[nodiscard]] FlowHalf<Key>& half(Direction direction) {
    return direction == Direction::kOriginal ? original : reply;
  }
};
static_assert(sizeof(Connection<FlowKeyV4>) == 128);
static_assert(sizeof(Connection<FlowKeyV6>) == 192);

// What both directions share; touched when a connection is made, on transitions and by ageing.
struct ConnectionRecord {
  // Beside a StateWord, whose upper half is 0: hardware forwards the connection, or is about to.
  // Who changes the word or ends the life takes the bit away, and tells (OffloadNotices).
  static constexpr std::uint32_t kOffloaded = 1U << 31;

  std::atomic<std::uint32_t> state{0};  // StateWord and kOffloaded
  // Odd while the connection lives. Who makes it even takes the connection down.
  std::atomic<std::uint32_t> life{0};
  Milliseconds created = 0;
  std::atomic<Milliseconds> next_check{0};  // not before this it can expire; the keeper's
  // That admitted the original's first packet; kNoRule where no policy is enforced.
  std::atomic<RuleNumber> egress_rule{kNoRule};
  std::atomic<RuleNumber> ingress_rule{kNoRule};
  // Guest ports, and low bits of their generations.
  FlowPort initiator = kUnderlayPort;
  FlowPort responder = kUnderlayPort;
  std::uint16_t initiator_generation = 0;
  std::uint16_t responder_generation = 0;

  [[nodiscard]] bool is_live() const { return (life.load(std::memory_order_acquire) & 1) != 0; }
  [[nodiscard]] StateWord word() const {
    return {state.load(std::memory_order_acquire) & ~kOffloaded};
  }
  // Whose quota it counts against.
  [[nodiscard]] FlowPort charged_port() const {
    return initiator != kUnderlayPort ? initiator : responder;
  }
};
static_assert(sizeof(ConnectionRecord) == 32);

}  // namespace alkaid
