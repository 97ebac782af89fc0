#include "dataplane/flow/connector.hpp"

#include <algorithm>

#include "dataplane/tables/segment_table.hpp"

namespace alkaid {
namespace {

template <class Key>
Key key_of(rte_mbuf* packet, const FrameHeaders& headers, std::uint32_t ports,
           std::uint32_t scope) {
  if constexpr (Key::kIsV6) {
    return Key::of(header_at<Ipv6Header>(packet, headers.l3_offset), ports, scope);
  } else {
    return Key::of(header_at<Ipv4Header>(packet, headers.l3_offset), ports, scope);
  }
}

constexpr std::uint16_t low_bits(std::uint32_t generation) {
  return static_cast<std::uint16_t>(generation);
}

}  // namespace

template <class Key>
Connector<Key>::Connector(Worker& worker, rte_mbuf* packet, PacketContext& context)
    : worker_(worker),
      state_(worker.flows()),
      table_(state_.table<Key>()),
      flows_(worker.own_flows<Key>()),
      packet_(packet),
      context_(context),
      flow_(flow_context_of(packet)),
      source_(context.from_wire ? nullptr : context.ingress),
      destination_(context.egress == kNoPort ? nullptr : worker.ports().find(context.egress)),
      is_enforced_(enforces(source_) || enforces(destination_)),
      source_stamp_(stamp_of(source_)),
      destination_stamp_(stamp_of(destination_)),
      trackable_(trackable_of(packet, context.headers)) {
  const Side side = context.from_wire ? Side::kUnderlay : Side::kGuest;
  key_ = key_of<Key>(packet, context.headers, trackable_.ports,
                     flow_scope(flow_.zone, side, context.headers.protocol));
}

template <class Key>
DropReason Connector<Key>::connect() {
  if (context_.egress != kNoPort && destination_ == nullptr) [[unlikely]] {
    return DropReason::egress_port_down;
  }
  switch (trackable_.kind) {
    case Trackable::Kind::kConnection:
      break;
    case Trackable::Kind::kIcmpError:
      return is_related() ? DropReason::kNone : refuse(DropReason::icmp_error_unrelated);
    case Trackable::Kind::kStateless:
      return pass_stateless();
  }
  hash_ = key_.hash();
  const FlowReference reference = table_.find(key_, hash_);
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
OpeningPacket Connector<Key>::opening_packet() const {
  return {.source = key_.source(),
          .destination = key_.destination(),
          .ipv6 = Key::kIsV6,
          .protocol = context_.headers.protocol,
          .selector = trackable_.selector};
}

template <class Key>
OpeningPacket Connector<Key>::opening_packet_of(const Half& original) const {
  return {.source = original.key.source(),
          .destination = original.key.destination(),
          .ipv6 = Key::kIsV6,
          .protocol = protocol_of(original.key.scope),
          .selector = destination_port_of(original.key.ports)};
}

template <class Key>
DropReason Connector<Key>::pass_stateless() {
  const PolicyVerdict verdict = check_policy(opening_packet(), source_, destination_);
  worker_.count_rule_hits(verdict.egress_rule, verdict.ingress_rule);
  return verdict.reason;
}

// What the error quotes was sent by the station that the error goes to: a guest here, or one behind
// the tunnel whose packet came to our guest. Nothing is refreshed by it.
template <class Key>
bool Connector<Key>::is_related() const {
  const auto quoted = embedded_tuple(bytes_of(packet_), context_.headers);
  if (!quoted || quoted->is_v6 != Key::kIsV6) {
    return false;
  }
  const Side side = destination_ == nullptr ? Side::kUnderlay : Side::kGuest;
  const Key key = Key::of(quoted->source, quoted->destination,
                          raw_ports(quoted->source_port, quoted->destination_port),
                          flow_scope(zone_of_replies(), side, quoted->protocol));
  const FlowReference reference = table_.find(key, key.hash());
  if (reference == kNoFlow || table_.half(reference).fields.ingress != flow_port(destination_)) {
    return false;
  }
  const ConnectionRecord& record = table_.record(number_of(reference));
  const auto port_of = [this](FlowPort index) {
    return index == kUnderlayPort ? nullptr : worker_.ports().find(index);
  };
  const Half& original = table_.half(number_of(reference), Direction::kOriginal);
  return record.is_live() && check_policy(opening_packet_of(original), port_of(record.initiator),
                                          port_of(record.responder))
                                     .reason == DropReason::kNone;
}

template <class Key>
bool Connector<Key>::may_pick_up_mid_stream() const {
  if (!is_enforced_) {
    return true;
  }
  switch (state_.settings.mid_stream) {
    case MidStreamPickup::kAlways:
      return true;
    case MidStreamPickup::kNever:
      return false;
    case MidStreamPickup::kWindow:
      break;
  }
  const Milliseconds window = state_.settings.mid_stream_seconds * 1000;
  const auto is_new = [&](const Port* port) {
    return port != nullptr &&
           worker_.now() - state_.ports[port->index].since.load(std::memory_order_relaxed) < window;
  };
  return is_new(source_) || is_new(destination_);
}

template <class Key>
std::uint32_t Connector<Key>::zone_of_replies() const {
  // A remote station's host routes its packets into our guest's segment.
  return destination_ == nullptr ? flow_.zone
                                 : destination_->zone_of(Key::kIsV6 ? FrameHeaders::Kind::kIpv6
                                                                    : FrameHeaders::Kind::kIpv4);
}

template <class Key>
void Connector<Key>::fill_forwarding(Half& half, bool is_steady) {
  FlowFields& fields = half.fields;
  fields.macs = flow_.macs;
  fields.ingress_stamp.store(source_stamp_, std::memory_order_relaxed);
  fields.egress_stamp.store(destination_stamp_, std::memory_order_relaxed);
  fields.set_hop(flow_.hop.place, flow_.hop.signature);
  std::uint16_t flags = 0;
  if (flow_.is_routed) {
    flags = flow_flag::kWriteDestination | flow_flag::kWriteSource | flow_flag::kTakeHop;
  } else if (flow_.restores_source) {
    flags = flow_flag::kWriteSource;
  }
  if (is_steady && flow_.hop.is_set() && trackable_.may_be_fast) {
    flags |= flow_flag::kFast;
  }
  fields.flags.store(flags, std::memory_order_release);
}

// A stamp has changed since the policy was looked at, or this direction's first packet is here.
template <class Key>
DropReason Connector<Key>::review_policy(ConnectionNumber number, Half& half, Direction direction) {
  if (half.fields.ingress_stamp.load(std::memory_order_relaxed) == source_stamp_ &&
      half.fields.egress_stamp.load(std::memory_order_relaxed) == destination_stamp_) {
    return DropReason::kNone;
  }
  const bool is_original = direction == Direction::kOriginal;
  const PolicyVerdict verdict =
      check_policy(opening_packet_of(table_.half(number, Direction::kOriginal)),
                   is_original ? source_ : destination_, is_original ? destination_ : source_);
  if (verdict.reason == DropReason::kNone) {
    ConnectionRecord& record = table_.record(number);
    record.egress_rule.store(verdict.egress_rule, std::memory_order_relaxed);
    record.ingress_rule.store(verdict.ingress_rule, std::memory_order_relaxed);
  }
  return verdict.reason;
}

// Takes the connection to its next state. False: it has ended meanwhile.
template <class Key>
bool Connector<Key>::advance(ConnectionNumber number, Direction direction, TrackVerdict& verdict) {
  ConnectionRecord& record = table_.record(number);
  StateWord word = record.word();
  TrackResult result;
  do {
    result = track(word, direction, trackable_.packet);
    verdict = result.verdict;
    if (verdict != TrackVerdict::kPass || result.next == word) {
      return true;
    }
  } while (
      !record.state.compare_exchange_weak(word.bits, result.next.bits, std::memory_order_acq_rel));
  record.next_check.store(worker_.now(), std::memory_order_relaxed);
  if (eviction_class(result.next) == EvictionClass::kClosing &&
      eviction_class(word) != EvictionClass::kClosing) {
    flows_.offer_as_victim(number);
  }
  if (!is_steady(result.next, opposite(direction))) {
    table_.half(number, opposite(direction))
        .fields.flags.fetch_and(static_cast<std::uint16_t>(~flow_flag::kFast),
                                std::memory_order_acq_rel);
  }
  return true;
}

template <class Key>
DropReason Connector<Key>::pass(FlowReference reference, bool& reopen) {
  const ConnectionNumber number = number_of(reference);
  const Direction direction = direction_of(reference);
  Half& half = table_.half(reference);
  if (half.fields.ingress != flow_port(source_)) [[unlikely]] {
    // The address has moved to another port: what the old one had open is over.
    reopen = true;
    flows_.take_down(number);
    return DropReason::kNone;
  }
  if (const DropReason denied = review_policy(number, half, direction); denied != DropReason::kNone)
      [[unlikely]] {
    flows_.take_down(number);
    return denied;
  }
  TrackVerdict verdict = TrackVerdict::kPass;
  advance(number, direction, verdict);
  switch (verdict) {
    case TrackVerdict::kPass:
      break;
    case TrackVerdict::kInvalid:
      return refuse(DropReason::connection_invalid);
    case TrackVerdict::kReopen:
      reopen = true;
      flows_.take_down(number);
      return DropReason::kNone;
  }
  // A packet that can't be fast itself says nothing about how the others of its direction go.
  if (trackable_.may_be_fast) {
    fill_forwarding(half, is_steady(table_.record(number).word(), direction));
  } else {
    half.fields.ingress_stamp.store(source_stamp_, std::memory_order_relaxed);
    half.fields.egress_stamp.store(destination_stamp_, std::memory_order_relaxed);
  }
  half.fields.count(packet_->pkt_len, worker_.now());
  return DropReason::kNone;
}

template <class Key>
void Connector<Key>::fill_record(ConnectionNumber number, StateWord word,
                                 const PolicyVerdict& verdict) {
  ConnectionRecord& record = table_.record(number);
  const Milliseconds now = worker_.now();
  record.state.store(word.bits, std::memory_order_relaxed);
  record.created = now;
  record.next_check.store(now, std::memory_order_relaxed);
  record.egress_rule.store(verdict.egress_rule, std::memory_order_relaxed);
  record.ingress_rule.store(verdict.ingress_rule, std::memory_order_relaxed);
  record.initiator = flow_port(source_);
  record.responder = flow_port(destination_);
  record.initiator_generation = source_ == nullptr ? 0 : low_bits(source_->generation);
  record.responder_generation = destination_ == nullptr ? 0 : low_bits(destination_->generation);

  Half& original = table_.half(number, Direction::kOriginal);
  Half& reply = table_.half(number, Direction::kReply);
  for (FlowFields* fields : {&original.fields, &reply.fields}) {
    fields->flags.store(0, std::memory_order_relaxed);
    fields->hop = NeighborSlot::kNoPlace;
    fields->ingress_stamp.store(0, std::memory_order_relaxed);
    fields->egress_stamp.store(0, std::memory_order_relaxed);
    fields->packets.store(0, std::memory_order_relaxed);
    fields->bytes.store(0, std::memory_order_relaxed);
    fields->last_seen.store(now, std::memory_order_relaxed);
  }
  original.key = key_;
  original.fields.ingress = flow_port(source_);
  fill_forwarding(original, is_steady(word, Direction::kOriginal));
  original.fields.count(packet_->pkt_len, now);

  const Side reply_side = destination_ == nullptr ? Side::kUnderlay : Side::kGuest;
  reply.key = key_.reversed(flow_scope(zone_of_replies(), reply_side, context_.headers.protocol));
  reply.fields.ingress = flow_port(destination_);
  // The first reply asks the policy, also where the underlay's stamp, 0, would match.
  reply.fields.ingress_stamp.store(PortStamps::kNever, std::memory_order_relaxed);
}

// The half that has one of the connection's keys already, if there is one.
template <class Key>
FlowReference Connector<Key>::publish(ConnectionNumber number, bool& full) {
  ConnectionRecord& record = table_.record(number);
  record.life.fetch_add(1, std::memory_order_release);
  const auto result =
      table_.insert(number, hash_, table_.half(number, Direction::kReply).key.hash());
  full = result.full;
  if (result.full || result.existing != kNoFlow) {
    record.life.fetch_add(1, std::memory_order_release);
    flows_.abandon(number);
  }
  return result.existing;
}

template <class Key>
DropReason Connector<Key>::open() {
  const auto word = trackable_.may_open
                        ? open_connection(trackable_.packet, may_pick_up_mid_stream())
                        : std::nullopt;
  if (!word) {
    return refuse(DropReason::connection_invalid);
  }
  const PolicyVerdict verdict = check_policy(opening_packet(), source_, destination_);
  if (verdict.reason != DropReason::kNone) {
    return verdict.reason;
  }
  const FlowPort charged = source_ != nullptr ? flow_port(source_) : flow_port(destination_);
  const std::uint32_t quota = state_.settings.connections_per_port;
  auto& charged_connections = state_.ports[charged].connections;
  if (quota != 0 && charged_connections.load(std::memory_order_relaxed) >= quota) {
    flows_.counters().refused.add(1);
    return refuse(DropReason::connection_quota);
  }
  // A second try after the connection that was in the way has gone.
  for (int i = 0; i < 2; ++i) {
    const auto number = flows_.allocate();
    bool full = !number;
    if (number) {
      fill_record(*number, *word, verdict);
      const FlowReference existing = publish(*number, full);
      if (existing == kNoFlow && !full) [[likely]] {
        charged_connections.fetch_add(1, std::memory_order_relaxed);
        flows_.offer_as_victim(*number);
        flows_.counters().created.add(1);
        worker_.count_rule_hits(verdict.egress_rule, verdict.ingress_rule);
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
