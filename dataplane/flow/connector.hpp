// The slow path's part in connection tracking, for one packet of one address family.
#pragma once

#include <cstdint>

#include <rte_mbuf.h>

#include "dataplane/flow/flow_state.hpp"
#include "dataplane/flow/policy_check.hpp"
#include "dataplane/flow/trackable.hpp"
#include "dataplane/flow/worker_flows.hpp"
#include "dataplane/graph/packet_context.hpp"
#include "dataplane/worker/worker.hpp"

namespace alkaid {

// Forwarding has decided where the packet goes (context.egress or context.tunnel) and has rewritten
// it already.
template <class Key>
class Connector {
 public:
  Connector(Worker& worker, rte_mbuf* packet, PacketContext& context);

  // kNone: the packet may pass.
  DropReason connect();

 private:
  using Half = FlowHalf<Key>;

  // What to do with packets that belong to no connection and can't open one: where nobody enforces
  // a policy they pass, untracked.
  [[nodiscard]] DropReason refuse(DropReason reason) const {
    return is_enforced_ ? reason : DropReason::kNone;
  }
  [[nodiscard]] OpeningPacket opening_packet() const;
  [[nodiscard]] OpeningPacket opening_packet_of(const Half& original) const;
  [[nodiscard]] bool may_pick_up_mid_stream() const;

  DropReason pass_stateless();
  // The error is about a packet of a connection that the groups allow still.
  [[nodiscard]] bool is_related() const;
  DropReason open();
  // The half is one of a connection that lives. reopen: the connection is over, as is the call.
  DropReason pass(FlowReference reference, bool& reopen);
  bool advance(ConnectionNumber number, Direction direction, TrackVerdict& verdict);
  DropReason review_policy(ConnectionNumber number, Half& half, Direction direction);
  void fill_forwarding(Half& half, bool is_steady);
  void fill_record(ConnectionNumber number, StateWord word, const PolicyVerdict& verdict);
  FlowReference publish(ConnectionNumber number, bool& full);
  [[nodiscard]] std::uint32_t zone_of_replies() const;
  [[nodiscard]] FlowPort flow_port(const Port* port) const {
    return port == nullptr ? kUnderlayPort : static_cast<FlowPort>(port->index);
  }
  [[nodiscard]] std::uint32_t stamp_of(const Port* port) const {
    return port == nullptr ? 0 : state_.stamps.of(port->index);
  }

  Worker& worker_;
  FlowState& state_;
  ConnectionTable<Key>& table_;
  WorkerFlows<Key>& flows_;
  rte_mbuf* const packet_;
  const PacketContext& context_;
  const FlowContext& flow_;
  const Port* const source_;       // nullptr: came out of a tunnel
  const Port* const destination_;  // nullptr: goes into a tunnel
  const bool is_enforced_;
  // Read before anything is evaluated: what changes meanwhile has another one.
  const std::uint32_t source_stamp_;
  const std::uint32_t destination_stamp_;
  const Trackable trackable_;
  Key key_;
  std::uint64_t hash_ = 0;
};

extern template class Connector<FlowKeyV4>;
extern template class Connector<FlowKeyV6>;

}  // namespace alkaid
