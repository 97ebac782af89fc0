// What policy and connection tracking say of one packet on the slow path. Nothing is changed here:
// the connector does what is found, and `explain` tells it.
#pragma once

#include <cstdint>
#include <optional>

#include <rte_mbuf.h>

#include "dataplane/flow/flow_state.hpp"
#include "dataplane/flow/packet_key.hpp"
#include "dataplane/flow/policy_check.hpp"
#include "dataplane/flow/trackable.hpp"
#include "dataplane/graph/packet_context.hpp"

namespace alkaid {

// Of a packet of a known connection.
struct PassFinding {
  // One end is elsewhere by now than when the connection was made.
  bool has_moved = false;
  // It has: behind a tunnel and is a port here now, or the other way round, and the other end is
  // the port that it was. The connection goes on with it. Otherwise what the old port had open is
  // over, the packet may open another connection, and nothing below is filled in.
  bool goes_on = false;
  // What the policy says now; none: nothing has changed since it was asked.
  std::optional<PolicyVerdict> policy;
  StateWord before;
  TrackResult tracked;
};

// Of a packet that would open a connection.
struct OpenFinding {
  bool opens = false;
  DropReason reason = DropReason::kNone;  // if it doesn't; kNone: it passes all the same, untracked
  std::optional<StateWord> word;  // that the connection begins with; none: it can't open one
  // kReply: TCP in mid stream whose answers may come here, while its sender may not open.
  Direction direction = Direction::kOriginal;
  PolicyVerdict policy;
  bool is_over_quota = false;
  FlowPort charged = kUnderlayPort;  // with the connection
};

// Of any packet, step by step.
struct ConnectionFinding {
  DropReason reason = DropReason::kNone;  // kNone: it passes
  Trackable::Kind kind = Trackable::Kind::kConnection;
  FlowReference reference = kNoFlow;  // of the connection that was found
  std::optional<PassFinding> pass;
  std::optional<OpenFinding> open;
  std::optional<PolicyVerdict> stateless;
};

template <class Key>
class ConnectionJudge {
 public:
  // newest_stamp: PortStamps::newest() from before anything was read that has decided about the
  // packet so far.
  // Forwarding has decided where the packet goes (context.egress or context.tunnel) and has
  // rewritten it already. Any thread.
  ConnectionJudge(FlowState& state, const PortTable& ports, rte_mbuf* packet,
                  const PacketContext& context, Milliseconds now, std::uint32_t newest_stamp);

  [[nodiscard]] ConnectionFinding judge() const;

 protected:
  using Half = FlowHalf<Key>;

  [[nodiscard]] bool has_lost_egress() const {
    return context_.egress != kNoPort && destination_ == nullptr;
  }
  [[nodiscard]] FlowReference find() const { return table_.find(key_, hash_); }
  // What answers to the packet are looked up by.
  [[nodiscard]] Key reply_key() const {
    return key_.reversed(
        reply_scope(destination_, flow_.zone, context_.headers.kind, context_.headers.protocol));
  }
  // The half that the packet would have found if its sender hadn't moved here or away, of a
  // connection that goes on with it; kNoFlow: there is none.
  [[nodiscard]] FlowReference find_moved(const Key& reply_key, std::uint64_t reply_hash) const;
  [[nodiscard]] PolicyVerdict judge_stateless() const;
  [[nodiscard]] DropReason judge_icmp_error() const {
    return is_related() ? DropReason::kNone : refuse(DropReason::icmp_error_unrelated);
  }
  [[nodiscard]] PassFinding judge_pass(FlowReference reference) const;
  [[nodiscard]] OpenFinding judge_open() const;

  // What to do with packets that belong to no connection and can't open one: where nobody enforces
  // a policy they pass, untracked.
  [[nodiscard]] DropReason refuse(DropReason reason) const {
    return is_enforced_ ? reason : DropReason::kNone;
  }
  [[nodiscard]] FlowPort flow_port(const Port* port) const {
    return port == nullptr ? kUnderlayPort : static_cast<FlowPort>(port->index);
  }

  FlowState& state_;
  const PortTable& ports_;
  ConnectionTable<Key>& table_;
  rte_mbuf* const packet_;
  const PacketContext& context_;
  const FlowContext& flow_;
  const Milliseconds now_;
  const Port* const source_;       // nullptr: came out of a tunnel
  const Port* const destination_;  // nullptr: goes into a tunnel
  const bool is_enforced_;
  const std::uint32_t newest_stamp_;
  // Read before anything is evaluated: what changes meanwhile has another one.
  const std::uint32_t source_stamp_;
  const std::uint32_t destination_stamp_;
  const Trackable trackable_;
  const Key key_;
  const std::uint64_t hash_;

 private:
  [[nodiscard]] OpeningPacket opening_packet() const;
  [[nodiscard]] OpeningPacket opening_packet_of(const Half& original) const;
  // The error is about a packet of a connection that the groups allow still.
  [[nodiscard]] bool is_related() const;
  [[nodiscard]] bool is_new(const Port* port) const;
  [[nodiscard]] bool may_pick_up_mid_stream() const;
  // Where an end of a connection was when it was made.
  struct End {
    FlowPort port;
    std::uint16_t generation;
  };
  [[nodiscard]] static End end_of(const ConnectionRecord& record, Direction sender);
  // What has its index by now; nullptr: nobody, or it was behind a tunnel.
  [[nodiscard]] const Port* port_of(const End& end) const;
  // Whether it is that port, or behind a tunnel as it was.
  [[nodiscard]] bool is_at(const Port* port, const End& end) const;
  // Of a packet of the connection's `direction`.
  [[nodiscard]] bool goes_on(const ConnectionRecord& record, Direction direction) const;
  [[nodiscard]] PolicyVerdict ask_again(ConnectionNumber number, Direction direction) const;
  void judge_answer(OpenFinding& finding) const;
  // Of the connection finding.reference. False: it is over, or not the packet's any more.
  [[nodiscard]] bool judge_known(ConnectionFinding& finding) const;
  [[nodiscard]] std::uint32_t stamp_of(const Port* port) const {
    return port == nullptr ? 0 : state_.stamps.of(port->index, newest_stamp_);
  }
};

extern template class ConnectionJudge<FlowKeyV4>;
extern template class ConnectionJudge<FlowKeyV6>;

}  // namespace alkaid
