// Whom a replicated packet may go to. Nothing is counted or sent here.
#pragma once

#include <optional>

#include <rte_mbuf.h>

#include "dataplane/flood/flood_table.hpp"
#include "dataplane/flow/stateless_policy.hpp"
#include "dataplane/graph/packet_context.hpp"

namespace alkaid {

class FloodReceivers {
 public:
  FloodReceivers(const PortTable& ports, rte_mbuf* packet, const ReplicationList& list)
      : ports_(ports),
        context_(context_of(packet)),
        list_(list),
        policy_packet_(policy_packet_of(packet, context_.headers)) {}

  // The groups of the port that it comes from.
  [[nodiscard]] bool sender_is_denied() const {
    return !context_.from_wire && denies(context_.ingress, nullptr);
  }
  // Calls take(const Port&) or deny(const Port&) for every port here but its own.
  template <class Take, class Deny>
  void for_each_port(Take&& take, Deny&& deny) const {
    for (const PortIndex index : list_.ports_of(context_.headers.kind)) {
      const Port* port = ports_.find(index);
      if (index == context_.ingress->index || port == nullptr || !port->forwards()) {
        continue;
      }
      if (denies(nullptr, port)) {
        deny(*port);
      } else {
        take(*port);
      }
    }
  }
  // A packet out of a tunnel goes into none.
  template <class Take>
  void for_each_tunnel(Take&& take) const {
    if (!context_.from_wire) {
      for (const Tunnel* tunnel : list_.tunnels) {
        take(tunnel);
      }
    }
  }

 private:
  [[nodiscard]] bool denies(const Port* sender, const Port* receiver) const {
    return policy_packet_ &&
           check_policy(*policy_packet_, sender, receiver).reason != DropReason::kNone;
  }

  const PortTable& ports_;
  const PacketContext& context_;
  const ReplicationList& list_;
  const std::optional<OpeningPacket> policy_packet_;
};

}  // namespace alkaid
