#include "dataplane/flow/connection_judge.hpp"

#include <utility>

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
bool ConnectionJudge<Key>::is_new(const Port* port) const {
  const std::uint64_t window = std::uint64_t{state_.settings.mid_stream_seconds} * 1000;
  return port != nullptr &&
         now_ - state_.ports[port->index].since.load(std::memory_order_relaxed) < window;
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
  if (reference == kNoFlow) {
    return false;
  }
  const ConnectionRecord& record = table_.record(number_of(reference));
  const End initiator = end_of(record, Direction::kOriginal);
  const End responder = end_of(record, Direction::kReply);
  if (!record.is_live() || !is_at(destination_, end_of(record, direction_of(reference))) ||
      !is_at(port_of(initiator), initiator) || !is_at(port_of(responder), responder)) {
    return false;
  }
  const Half& original = table_.half(number_of(reference), Direction::kOriginal);
  return check_policy(opening_packet_of(original), port_of(initiator), port_of(responder)).reason ==
         DropReason::kNone;
}

template <class Key>
PolicyVerdict ConnectionJudge<Key>::judge_stateless() const {
  return check_policy(opening_packet(), source_, destination_);
}

template <class Key>
auto ConnectionJudge<Key>::end_of(const ConnectionRecord& record, Direction sender) -> End {
  return sender == Direction::kOriginal ? End{record.initiator, record.initiator_generation}
                                        : End{record.responder, record.responder_generation};
}

template <class Key>
const Port* ConnectionJudge<Key>::port_of(const End& end) const {
  return end.port == kUnderlayPort ? nullptr : ports_.find(end.port);
}

template <class Key>
bool ConnectionJudge<Key>::is_at(const Port* port, const End& end) const {
  return port == nullptr
             ? end.port == kUnderlayPort
             : flow_port(port) == end.port && short_generation(port->generation) == end.generation;
}

// An end that is a port here still vouches for the connection: it is the one that sends, or is sent
// to. What another port here had open is not its successor's; who has come from another host is new
// here; and what comes out of a tunnel has not moved there from a port that is still here.
template <class Key>
bool ConnectionJudge<Key>::goes_on(const ConnectionRecord& record, Direction direction) const {
  const auto stays = [this](const Port* port, const End& end) {
    return port != nullptr && is_at(port, end);
  };
  const auto has_moved = [this](const Port* port, const End& end) {
    return port == nullptr ? end.port != kUnderlayPort : end.port == kUnderlayPort && is_new(port);
  };
  const auto is_here = [this](const End& end) {
    return end.port != kUnderlayPort && is_at(port_of(end), end);
  };
  const End sender = end_of(record, direction);
  const End receiver = end_of(record, opposite(direction));
  return (stays(source_, sender) && has_moved(destination_, receiver)) ||
         (stays(destination_, receiver) && has_moved(source_, sender) && !is_here(sender));
}

template <class Key>
FlowReference ConnectionJudge<Key>::find_moved(const Key& reply_key,
                                               std::uint64_t reply_hash) const {
  // Nobody begins or ends anything in the name of a station that was elsewhere.
  constexpr std::uint8_t kNotable = tcp_flag::kSyn | tcp_flag::kRst;
  const FlowReference answers =
      (trackable_.packet.tcp_flags & kNotable) == 0 ? table_.find(reply_key, reply_hash) : kNoFlow;
  if (answers == kNoFlow) {
    return kNoFlow;
  }
  const ConnectionNumber number = number_of(answers);
  const Direction direction = opposite(direction_of(answers));
  const ConnectionRecord& record = table_.record(number);
  const bool follows =
      record.is_live() && goes_on(record, direction) &&
      ask_again(number, direction).reason == DropReason::kNone &&
      track(record.word(), direction, trackable_.packet).verdict == TrackVerdict::kPass;
  return follows ? reference_of(number, direction) : kNoFlow;
}

template <class Key>
PolicyVerdict ConnectionJudge<Key>::ask_again(ConnectionNumber number, Direction direction) const {
  const bool is_original = direction == Direction::kOriginal;
  return check_policy(opening_packet_of(table_.half(number, Direction::kOriginal)),
                      is_original ? source_ : destination_, is_original ? destination_ : source_);
}

// Whoever opened the connection must be the one that sends, or is sent the answers: an address may
// be another port's by now, and a zone another segment's.
template <class Key>
PassFinding ConnectionJudge<Key>::judge_pass(FlowReference reference) const {
  const ConnectionNumber number = number_of(reference);
  const Direction direction = direction_of(reference);
  const FlowFields& fields = table_.half(reference).fields;
  const ConnectionRecord& record = table_.record(number);
  PassFinding finding;
  if (!is_at(source_, end_of(record, direction)) ||
      !is_at(destination_, end_of(record, opposite(direction)))) [[unlikely]] {
    finding.has_moved = true;
    finding.goes_on = goes_on(record, direction);
    if (!finding.goes_on) {
      return finding;
    }
  }
  // A stamp has changed since the policy was asked, or this direction's first packet is here.
  if (finding.has_moved || fields.ingress_stamp.load(std::memory_order_relaxed) != source_stamp_ ||
      fields.egress_stamp.load(std::memory_order_relaxed) != destination_stamp_) {
    finding.policy = ask_again(number, direction);
  }
  finding.before = record.word();
  finding.tracked = track(finding.before, direction, trackable_.packet);
  return finding;
}

// After a restart or a migration the first packet seen may be an answer, which the rules of its own
// direction needn't admit; a receiver that only waits would never send one that they do.
template <class Key>
void ConnectionJudge<Key>::judge_answer(OpenFinding& finding) const {
  const auto word = pick_up_reply(trackable_.packet);
  if (!word || state_.settings.mid_stream != MidStreamPickup::kWindow) {
    return;
  }
  OpeningPacket opening = opening_packet();
  std::swap(opening.source, opening.destination);
  opening.selector = source_port_of(key_.ports);
  const PolicyVerdict policy = check_policy(opening, destination_, source_);
  if (policy.reason == DropReason::kNone) {
    finding.word = word;
    finding.direction = Direction::kReply;
    finding.policy = policy;
  }
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
  if (finding.policy.reason != DropReason::kNone) {
    judge_answer(finding);
  }
  finding.reason = finding.policy.reason;
  if (finding.reason != DropReason::kNone) {
    return finding;
  }
  const bool is_original = finding.direction == Direction::kOriginal;
  const Port* initiator = is_original ? source_ : destination_;
  const Port* responder = is_original ? destination_ : source_;
  finding.charged = flow_port(initiator != nullptr ? initiator : responder);
  const std::uint32_t quota = state_.settings.connections_per_port;
  // Who may not open anything here shall not use up what those who are charged may open.
  const std::uint32_t share = is_original ? quota : quota / 4;
  finding.is_over_quota = quota != 0 && state_.port_connections.of(finding.charged) >= share;
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
  if (finding.reference != kNoFlow && judge_known(finding)) {
    return finding;
  }
  finding.open = judge_open();
  finding.reason = finding.open->reason;
  if (finding.reason == DropReason::kNone) {
    return finding;
  }
  const Key reply = reply_key();
  const FlowReference moved = find_moved(reply, reply.hash());
  if (moved != kNoFlow) {
    ConnectionFinding other{.kind = finding.kind, .reference = moved};
    if (judge_known(other)) {
      return other;
    }
  }
  return finding;
}

template <class Key>
bool ConnectionJudge<Key>::judge_known(ConnectionFinding& finding) const {
  finding.pass = judge_pass(finding.reference);
  const PassFinding& pass = *finding.pass;
  if (pass.has_moved && !pass.goes_on) {
    return false;
  }
  if (pass.policy && pass.policy->reason != DropReason::kNone) {
    finding.reason = pass.policy->reason;
    return true;
  }
  if (pass.tracked.verdict == TrackVerdict::kInvalid) {
    finding.reason = refuse(DropReason::connection_invalid);
  }
  return pass.tracked.verdict != TrackVerdict::kReopen;
}

template class ConnectionJudge<FlowKeyV4>;
template class ConnectionJudge<FlowKeyV6>;

}  // namespace alkaid
