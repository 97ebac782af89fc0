#include "dataplane/flow/connector.hpp"

#include <algorithm>

#include "dataplane/flow/shared_field.hpp"

namespace alkaid {
namespace {

// Not before then can it have been idle for long enough, whatever comes: until then the keeper
// looks no further than at the record, and not at what workers write.
Milliseconds first_check(const FlowState& state, StateWord word, std::uint8_t protocol,
                         Milliseconds now) {
  const std::uint64_t seconds = state.timeouts.load(std::memory_order_acquire)->of(word, protocol);
  return now + static_cast<Milliseconds>(std::min<std::uint64_t>(seconds * 1000, INT32_MAX));
}

}  // namespace

template <class Key>
Connector<Key>::Connector(const FlowWalk& walk, rte_mbuf* packet, const PacketContext& context)
    : Judge(walk.flows, walk.ports, packet, context, walk.now, walk.newest_stamp),
      walk_(walk),
      flows_(walk.own_flows<Key>()),
      windows_(context.headers.protocol == ip_protocol::kTcp && context.headers.l4_offset != 0
                   ? walk.flows.tcp_windows<Key>()
                   : nullptr),
      reply_key_(this->reply_key()),
      hashes_{this->hash_, reply_key_.hash()} {}

template <class Key>
void Connector<Key>::prefetch() {
  if (trackable_.kind == Trackable::Kind::kConnection) {
    table_.prefetch_buckets(hashes_);
  }
}

template <class Key>
void Connector<Key>::prefetch_more() {
  if (trackable_.kind == Trackable::Kind::kConnection) {
    table_.prefetch_found(hashes_.original);
    table_.prefetch_found(hashes_.reply);
  }
}

template <class Key>
DropReason Connector<Key>::connect() {
  if (this->has_lost_egress()) [[unlikely]] {
    return DropReason::egress_port_down;
  }
  switch (trackable_.kind) {
    case Trackable::Kind::kConnection:
      break;
    case Trackable::Kind::kIcmpError:
      return this->judge_icmp_error();
    case Trackable::Kind::kStateless:
      return pass_stateless();
  }
  const FlowReference reference = this->find();
  if (reference != kNoFlow) {
    bool reopen = false;
    const DropReason reason = pass(reference, reopen);
    if (!reopen) {
      return reason;
    }
  }
  return open();
}

template <class Key>
DropReason Connector<Key>::pass_stateless() {
  const PolicyVerdict verdict = this->judge_stateless();
  walk_.count_rule_hits(verdict);
  return verdict.reason;
}

template <class Key>
void Connector<Key>::fill_forwarding(Half& half, bool is_steady) {
  FlowFields& fields = half.fields;
  // Who reads a part of what follows, and then the flags, doesn't take it for a part of what was.
  fields.flags.store(0, std::memory_order_relaxed);
  std::atomic_thread_fence(std::memory_order_release);
  fields.set_macs(flow_.macs);
  fields.ingress_stamp.store(source_stamp_, std::memory_order_relaxed);
  fields.egress_stamp.store(destination_stamp_, std::memory_order_relaxed);
  fields.set_hop(flow_.hop.place, flow_.hop.signature);
  std::uint16_t flags = 0;
  if (flow_.is_routed) {
    flags = flow_flag::kWriteDestination | flow_flag::kWriteSource | flow_flag::kTakeHop;
  } else if (flow_.restores_source) {
    flags = flow_flag::kWriteSource;
  }
  if (is_steady && flow_.hop.is_set() && trackable_.may_be_fast && windows_ == nullptr) {
    flags |= flow_flag::kFast;
  }
  fields.flags.store(flags, std::memory_order_release);
}

// Takes the connection to its next state.
template <class Key>
TrackVerdict Connector<Key>::advance(ConnectionNumber number, Direction direction,
                                     const PassFinding& finding, const TrackedPacket& packet) {
  ConnectionRecord& record = table_.record(number);
  StateWord word = finding.before;
  TrackResult result = finding.tracked;
  std::uint32_t bits = word.bits;
  while (result.verdict == TrackVerdict::kPass && !(result.next == word) &&
         !record.state.compare_exchange_weak(bits, result.next.bits, std::memory_order_seq_cst)) {
    word = {bits & ~ConnectionRecord::kOffloaded};
    result = track(word, direction, packet);
  }
  if (result.verdict != TrackVerdict::kPass || result.next == word) {
    return result.verdict;
  }
  if ((bits & ConnectionRecord::kOffloaded) != 0) [[unlikely]] {
    state_.offload_notices.tell(walk_.worker, {.number = number, .ipv6 = Key::kIsV6});
  }
  record.next_check.store(first_check(state_, result.next, context_.headers.protocol, now_),
                          std::memory_order_relaxed);
  if (eviction_class(result.next) == EvictionClass::kClosing &&
      eviction_class(word) != EvictionClass::kClosing) {
    flows_.offer_as_victim(number);
  }
  if (!is_steady(result.next, opposite(direction))) {
    table_.half(number, opposite(direction)).fields.leave_fast_path();
  }
  return result.verdict;
}

template <class Key>
bool Connector<Key>::pass_window(ConnectionNumber number, Direction direction, PassFinding& finding,
                                 TrackedPacket& packet) {
  const TcpWindowResult result = windows_->pass(number, direction, segment_numbers());
  packet.reset_sequence = result.reset;
  finding.tracked = track(finding.before, direction, packet);
  return result.is_inside;
}

template <class Key>
DropReason Connector<Key>::pass(FlowReference reference, bool& reopen) {
  const ConnectionNumber number = number_of(reference);
  const Direction direction = direction_of(reference);
  PassFinding finding = this->judge_pass(reference);
  if (finding.has_moved && !finding.goes_on) [[unlikely]] {
    reopen = true;
    flows_.take_down(number);
    return DropReason::kNone;
  }
  if (finding.policy) {
    if (finding.policy->reason != DropReason::kNone) [[unlikely]] {
      flows_.take_down(number);
      return finding.policy->reason;
    }
    ConnectionRecord& record = table_.record(number);
    record.egress_rule.store(finding.policy->egress_rule, std::memory_order_relaxed);
    record.ingress_rule.store(finding.policy->ingress_rule, std::memory_order_relaxed);
  }
  TrackedPacket packet = trackable_.packet;
  if (windows_ != nullptr && finding.tracked.verdict == TrackVerdict::kPass &&
      !pass_window(number, direction, finding, packet)) [[unlikely]] {
    return refuse(DropReason::connection_out_of_window);
  }
  if (finding.has_moved && finding.tracked.verdict == TrackVerdict::kPass) [[unlikely]] {
    return follow(reference, finding, reopen);
  }
  switch (advance(number, direction, finding, packet)) {
    case TrackVerdict::kPass:
      break;
    case TrackVerdict::kInvalid:
      return refuse(DropReason::connection_invalid);
    case TrackVerdict::kReopen:
      reopen = true;
      flows_.take_down(number);
      return DropReason::kNone;
  }
  Half& half = table_.half(reference);
  // A packet that can't be fast itself says nothing about how the others of its direction go.
  if (trackable_.may_be_fast) {
    fill_forwarding(half, is_steady(table_.record(number).word(), direction));
    // The other direction may have changed the state since it was read, and have cleared the flag
    // before it was set here.
    std::atomic_thread_fence(std::memory_order_seq_cst);
    if (!is_steady(table_.record(number).word(), direction)) [[unlikely]] {
      half.fields.leave_fast_path();
    }
  } else {
    // New stamps would vouch for an old way.
    if (finding.policy) {
      half.fields.leave_fast_path();
      std::atomic_thread_fence(std::memory_order_release);
    }
    half.fields.ingress_stamp.store(source_stamp_, std::memory_order_relaxed);
    half.fields.egress_stamp.store(destination_stamp_, std::memory_order_relaxed);
  }
  half.fields.count(packet_->pkt_len, now_);
  return DropReason::kNone;
}

template <class Key>
DropReason Connector<Key>::follow(FlowReference reference, const PassFinding& finding,
                                  bool& reopen) {
  const ConnectionNumber old = number_of(reference);
  const Direction direction = direction_of(reference);
  const auto number = flows_.allocate();
  if (!number) {
    flows_.counters().refused.add(1);
    return refuse(DropReason::connection_table_full);
  }
  // Whoever ends it, or has followed it already, was faster.
  if (!flows_.take_down(old)) {
    flows_.abandon(*number);
    const FlowReference made = this->find();
    reopen = made == kNoFlow || this->judge_pass(made).has_moved;
    return reopen ? DropReason::kNone : pass(made, reopen);
  }
  // The other direction may have changed it since it was judged.
  const TrackResult now = track(table_.record(old).word(), direction, trackable_.packet);
  const StateWord word = now.verdict == TrackVerdict::kPass ? now.next : finding.tracked.next;
  fill_record(*number, word, *finding.policy, direction);
  const Milliseconds created = table_.record(old).created;
  write_shared(table_.record(*number).created, created);
  write_shared(table_.record(old).created, ~created);  // as find_successor() wants it
  if (is_only_answers(word)) {
    // One that only its responder speaks for doesn't live by that, wherever it moves.
    table_.record(*number).next_check.store(
        first_check(state_, word, context_.headers.protocol, created), std::memory_order_relaxed);
  }
  for (const Direction each : {Direction::kOriginal, Direction::kReply}) {
    table_.half(*number, each).fields.add_counts_of(table_.half(old, each).fields);
  }
  if (TcpWindows* windows = state_.template tcp_windows<Key>()) {
    windows->copy(old, *number);
  }
  bool full = false;
  reopen = publish(*number, direction, full) != kNoFlow;
  if (full) {
    flows_.counters().refused.add(1);
    return refuse(DropReason::connection_table_full);
  }
  if (!reopen) {
    if (eviction_class(word) != EvictionClass::kSettled) {
      flows_.offer_as_victim(*number);
    }
    flows_.charge(table_.record(*number).charged_port());
    flows_.counters().created.add(1);
  }
  return DropReason::kNone;
}

template <class Key>
void Connector<Key>::fill_record(ConnectionNumber number, StateWord word,
                                 const PolicyVerdict& policy, Direction direction) {
  ConnectionRecord& record = table_.record(number);
  const Milliseconds now = now_;
  const bool is_original = direction == Direction::kOriginal;
  const auto generation_of = [](const Port* port) {
    return port == nullptr ? std::uint16_t{0} : short_generation(port->generation);
  };
  const Port* initiator = is_original ? source_ : destination_;
  const Port* responder = is_original ? destination_ : source_;
  // Who sees any of it sees that the life of before is over.
  std::atomic_thread_fence(std::memory_order_release);
  record.state.store(word.bits, std::memory_order_relaxed);
  write_shared(record.created, now);
  record.next_check.store(first_check(state_, word, context_.headers.protocol, now),
                          std::memory_order_relaxed);
  record.egress_rule.store(policy.egress_rule, std::memory_order_relaxed);
  record.ingress_rule.store(policy.ingress_rule, std::memory_order_relaxed);
  write_shared(record.initiator, flow_port(initiator));
  write_shared(record.responder, flow_port(responder));
  write_shared(record.initiator_generation, generation_of(initiator));
  write_shared(record.responder_generation, generation_of(responder));

  Half& own = table_.half(number, direction);
  Half& other = table_.half(number, opposite(direction));
  for (FlowFields* fields : {&own.fields, &other.fields}) {
    fields->flags.store(0, std::memory_order_relaxed);
    fields->hop.store(NeighborSlot::kNoPlace, std::memory_order_relaxed);
    fields->ingress_stamp.store(0, std::memory_order_relaxed);
    fields->egress_stamp.store(0, std::memory_order_relaxed);
    fields->packets.store(0, std::memory_order_relaxed);
    fields->bytes.store(0, std::memory_order_relaxed);
    fields->last_seen.store(now, std::memory_order_relaxed);
  }
  write_shared_key(own.key, key_);
  write_shared(own.fields.ingress, flow_port(source_));
  fill_forwarding(own, is_steady(word, direction));
  own.fields.count(packet_->pkt_len, now);

  write_shared_key(other.key, reply_key_);
  write_shared(other.fields.ingress, flow_port(destination_));
  // Its first packet asks the policy, also where the underlay's stamp, 0, would match.
  other.fields.ingress_stamp.store(PortStamps::kNever, std::memory_order_relaxed);
}

// The half that has one of the connection's keys already, if there is one.
template <class Key>
FlowReference Connector<Key>::publish(ConnectionNumber number, Direction direction, bool& full) {
  const auto result = table_.insert(
      number, direction == Direction::kOriginal
                  ? hashes_
                  : ConnectionHashes{.original = hashes_.reply, .reply = hashes_.original});
  full = result.full;
  if (result.full || result.existing != kNoFlow) {
    flows_.abandon(number);
    return result.existing;
  }
  // It can be taken down from now on, not before it is in the index.
  auto& life = table_.record(number).life;
  life.store(life.load(std::memory_order_relaxed) + 1, std::memory_order_release);
  return result.existing;
}

template <class Key>
DropReason Connector<Key>::open() {
  const OpenFinding finding = this->judge_open();
  if (finding.reason != DropReason::kNone) {
    const FlowReference moved = this->find_moved(reply_key_, hashes_.reply);
    if (moved != kNoFlow) {
      bool is_over = false;
      const DropReason reason = pass(moved, is_over);
      if (!is_over) {
        return reason;
      }
    }
  }
  if (!finding.opens) {
    flows_.counters().refused.add(finding.is_over_quota ? 1 : 0);
    return finding.reason;
  }
  // A second try after the connection that was in the way has gone.
  for (int i = 0; i < 2; ++i) {
    const auto number = flows_.allocate();
    bool full = !number;
    if (number) {
      fill_record(*number, *finding.word, finding.policy, finding.direction);
      if (windows_ != nullptr) {
        windows_->open(*number, segment_numbers(), finding.direction);
      }
      const FlowReference existing = publish(*number, finding.direction, full);
      if (existing == kNoFlow && !full) [[likely]] {
        flows_.offer_as_victim(*number);
        flows_.charge(finding.charged);
        flows_.counters().created.add(1);
        walk_.count_rule_hits(finding.policy);
        return DropReason::kNone;
      }
      if (existing != kNoFlow && table_.half(existing).key == key_) {
        // Another worker was faster.
        bool reopen = false;
        const DropReason reason = pass(existing, reopen);
        if (!reopen) {
          return reason;
        }
      } else if (existing != kNoFlow) {
        flows_.take_down(number_of(existing));
      }
    }
    if (full) {
      break;
    }
  }
  flows_.counters().refused.add(1);
  return refuse(DropReason::connection_table_full);
}

template class Connector<FlowKeyV4>;
template class Connector<FlowKeyV6>;

}  // namespace alkaid
