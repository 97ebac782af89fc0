#include "dataplane/flow/connection_judge.hpp"

namespace alkaid {
template <class Key>
ConnectionJudge<Key>::ConnectionJudge(FlowState& state, const PortTable& ports, rte_mbuf* packet,
                                      const PacketContext& context, Milliseconds now,
                                      std::uint32_t newest_stamp)
    : state_(state),
      ports_(ports),
      table_(state.table<Key>()),
      packet_(packet),
      context_(context),
      flow_(flow_context_of(packet)),
      now_(now),
      source_(context.from_wire ? nullptr : context.ingress),
      destination_(context.egress == kNoPort ? nullptr : ports.find(context.egress)),
      is_enforced_(enforces(source_) || enforces(destination_)),
      newest_stamp_(newest_stamp),
      source_stamp_(stamp_of(source_)),
      destination_stamp_(stamp_of(destination_)),
      trackable_(trackable_of(packet, context.headers)),
      key_(key_of<Key>(packet, context, trackable_.ports)),
      hash_(key_.hash()) {}

template <class Key>
OpeningPacket ConnectionJudge<Key>::opening_packet() const {
  return {.source = key_.source(),
          .destination = key_.destination(),
          .ipv6 = Key::kIsV6,
          .protocol = context_.headers.protocol,
          .selector = trackable_.selector};
}

template <class Key>
OpeningPacket ConnectionJudge<Key>::opening_packet_of(const Half& original) const {
  return {.source = original.key.source(),
          .destination = original.key.destination(),
          .ipv6 = Key::kIsV6,
          .protocol = protocol_of(original.key.scope),
          .selector = destination_port_of(original.key.ports)};
}

template <class Key>
bool ConnectionJudge<Key>::may_pick_up_mid_stream() const {
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
           now_ - state_.ports[port->index].since.load(std::memory_order_relaxed) < window;
  };
  return is_new(source_) || is_new(destination_);
}

// What the error quotes was sent by the station that the error goes to: a guest here, or one behind
// the tunnel whose packet came to our guest. Nothing is refreshed by it.
template <class Key>
bool ConnectionJudge<Key>::is_related() const {
  const auto quoted = embedded_tuple(bytes_of(packet_), context_.headers);
  if (!quoted || quoted->is_v6 != Key::kIsV6) {
    return false;
  }
  const Key key = Key::of(
      quoted->source, quoted->destination, raw_ports(quoted->source_port, quoted->destination_port),
      reply_scope(destination_, flow_.zone, context_.headers.kind, quoted->protocol));
  const FlowReference reference = table_.find(key, key.hash());
  if (reference == kNoFlow || table_.half(reference).fields.ingress != flow_port(destination_)) {
    return false;
  }
  const ConnectionRecord& record = table_.record(number_of(reference));
  const auto port_of = [this](FlowPort index) {
    return index == kUnderlayPort ? nullptr : ports_.find(index);
  };
  const Half& original = table_.half(number_of(reference), Direction::kOriginal);
  return record.is_live() && check_policy(opening_packet_of(original), port_of(record.initiator),
                                          port_of(record.responder))
                                     .reason == DropReason::kNone;
}

template <class Key>
PolicyVerdict ConnectionJudge<Key>::judge_stateless() const {
  return check_policy(opening_packet(), source_, destination_);
}

// Whoever opened the connection from here must be the one that sends, or is sent the answers: an
// address may be another port's by now, and a zone another segment's.
template <class Key>
bool ConnectionJudge<Key>::is_between_its_ports(const ConnectionRecord& record,
                                                Direction direction) const {
  const Port* initiator = direction == Direction::kOriginal ? source_ : destination_;
  if (record.initiator == kUnderlayPort) {
    return direction == Direction::kReply || initiator == nullptr;
  }
  return initiator != nullptr && flow_port(initiator) == record.initiator &&
         short_generation(initiator->generation) == record.initiator_generation;
}

template <class Key>
PassFinding ConnectionJudge<Key>::judge_pass(FlowReference reference) const {
  const ConnectionNumber number = number_of(reference);
  const Direction direction = direction_of(reference);
  const FlowFields& fields = table_.half(reference).fields;
  PassFinding finding;
  if (fields.ingress != flow_port(source_) ||
      !is_between_its_ports(table_.record(number), direction)) [[unlikely]] {
    finding.has_moved = true;
    return finding;
  }
  // A stamp has changed since the policy was asked, or this direction's first packet is here.
  if (fields.ingress_stamp.load(std::memory_order_relaxed) != source_stamp_ ||
      fields.egress_stamp.load(std::memory_order_relaxed) != destination_stamp_) {
    const bool is_original = direction == Direction::kOriginal;
    finding.policy =
        check_policy(opening_packet_of(table_.half(number, Direction::kOriginal)),
                     is_original ? source_ : destination_, is_original ? destination_ : source_);
  }
  finding.before = table_.record(number).word();
  finding.tracked = track(finding.before, direction, trackable_.packet);
  return finding;
}

template <class Key>
OpenFinding ConnectionJudge<Key>::judge_open() const {
  OpenFinding finding;
  if (trackable_.may_open) {
    finding.word = open_connection(trackable_.packet, may_pick_up_mid_stream());
  }
  if (!finding.word) {
    finding.reason = refuse(DropReason::connection_invalid);
    return finding;
  }
  finding.policy = check_policy(opening_packet(), source_, destination_);
  finding.reason = finding.policy.reason;
  if (finding.reason != DropReason::kNone) {
    return finding;
  }
  finding.charged = source_ != nullptr ? flow_port(source_) : flow_port(destination_);
  const std::uint32_t quota = state_.settings.connections_per_port;
  finding.is_over_quota = quota != 0 && state_.port_connections.of(finding.charged) >= quota;
  if (finding.is_over_quota) {
    finding.reason = refuse(DropReason::connection_quota);
  }
  finding.opens = !finding.is_over_quota;
  return finding;
}

template <class Key>
ConnectionFinding ConnectionJudge<Key>::judge() const {
  ConnectionFinding finding{.kind = trackable_.kind};
  if (has_lost_egress()) {
    finding.reason = DropReason::egress_port_down;
    return finding;
  }
  switch (finding.kind) {
    case Trackable::Kind::kConnection:
      break;
    case Trackable::Kind::kIcmpError:
      finding.reason = judge_icmp_error();
      return finding;
    case Trackable::Kind::kStateless:
      finding.stateless = judge_stateless();
      finding.reason = finding.stateless->reason;
      return finding;
  }
  finding.reference = find();
  if (finding.reference != kNoFlow) {
    finding.pass = judge_pass(finding.reference);
    if (finding.pass->policy && finding.pass->policy->reason != DropReason::kNone) {
      finding.reason = finding.pass->policy->reason;
      return finding;
    }
    const TrackVerdict verdict =
        finding.pass->has_moved ? TrackVerdict::kReopen : finding.pass->tracked.verdict;
    if (verdict != TrackVerdict::kReopen) {
      finding.reason = verdict == TrackVerdict::kInvalid ? refuse(DropReason::connection_invalid)
                                                         : DropReason::kNone;
      return finding;
    }
  }
  finding.open = judge_open();
  finding.reason = finding.open->reason;
  return finding;
}

template class ConnectionJudge<FlowKeyV4>;
template class ConnectionJudge<FlowKeyV6>;

}  // namespace alkaid
