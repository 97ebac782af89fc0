// The slow path's part in connection tracking, for one packet of one address family.
#pragma once

#include <cstdint>

#include <rte_mbuf.h>

#include "dataplane/flow/connection_judge.hpp"
#include "dataplane/flow/flow_walk.hpp"
#include "dataplane/graph/packet_context.hpp"

namespace alkaid {

// Forwarding has decided where the packet goes (context.egress or context.tunnel) and has rewritten
// it already.
// Carries out what the judge finds. Made for a whole burst before any of it is connected, so that
// the cache misses of all packets overlap. The walk outlives it.
template <class Key>
class Connector : private ConnectionJudge<Key> {
 public:
  Connector(const FlowWalk& walk, rte_mbuf* packet, const PacketContext& context);

  // What the packet's connection will touch in the index, if there is one or will be: of a new one
  // nothing is in any cache, and one miss after the other would cost more than all the rest.
  void prefetch();
  // Some time after prefetch() and before connect(): what is known only now.
  void prefetch_more();
  // kNone: the packet may pass.
  DropReason connect();

 private:
  using Judge = ConnectionJudge<Key>;
  using Half = FlowHalf<Key>;
  using Judge::context_;
  using Judge::destination_;
  using Judge::destination_stamp_;
  using Judge::flow_;
  using Judge::flow_port;
  using Judge::key_;
  using Judge::now_;
  using Judge::packet_;
  using Judge::refuse;
  using Judge::source_;
  using Judge::source_stamp_;
  using Judge::state_;
  using Judge::table_;
  using Judge::trackable_;

  DropReason pass_stateless();
  DropReason open();
  // The half is one of a connection that lives. reopen: the connection is over, as is the call.
  DropReason pass(FlowReference reference, bool& reopen);
  // The same if one of its ends is elsewhere by now: it gets the keys of the new place, and keeps
  // its state, its age and its counts.
  DropReason follow(FlowReference reference, const PassFinding& finding, bool& reopen);
  TrackVerdict advance(ConnectionNumber number, Direction direction, const PassFinding& finding,
                       const TrackedPacket& packet);
  // False: the segment is not what its receiver can be expecting. Otherwise tells of an RST what
  // its number says.
  bool pass_window(ConnectionNumber number, Direction direction, PassFinding& finding,
                   TrackedPacket& packet);
  [[nodiscard]] TcpSegmentNumbers segment_numbers() const {
    return tcp_segment_numbers(bytes_of(packet_), context_.headers);
  }
  void fill_forwarding(Half& half, bool is_steady);
  // direction: the packet's.
  void fill_record(ConnectionNumber number, StateWord word, const PolicyVerdict& policy,
                   Direction direction);
  FlowReference publish(ConnectionNumber number, Direction direction, bool& full);

  const FlowWalk& walk_;
  WorkerFlows<Key>& flows_;
  TcpWindows* const windows_;  // nullptr: not to be checked
  const Key reply_key_;
  const ConnectionHashes hashes_;
};

extern template class Connector<FlowKeyV4>;
extern template class Connector<FlowKeyV6>;

}  // namespace alkaid
