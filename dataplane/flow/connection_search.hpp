// Finds connections for operators: copies of what the table has, chosen by a filter. Control
// thread; workers go on meanwhile, so a search sees every connection that lives all through it, and
// of the others some.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "control/common/net/ip_address.hpp"
#include "dataplane/flow/flow_state.hpp"

namespace alkaid {

// A connection for as long as it lives.
struct ConnectionId {
  bool ipv6 = false;
  ConnectionNumber number = 0;
  std::uint32_t life = 0;
};

// One direction as its packets look where they come in.
struct DirectionSnapshot {
  std::uint32_t zone = 0;
  IpAddress source;
  IpAddress destination;
  std::uint16_t source_port = 0;  // of ICMP queries: as icmp_query_ports() says
  std::uint16_t destination_port = 0;
  FlowPort ingress = kUnderlayPort;
  std::uint64_t packets = 0;
  std::uint64_t bytes = 0;
  Milliseconds last_seen = 0;
};

struct ConnectionSnapshot {
  ConnectionId id;
  std::uint8_t protocol = 0;
  StateWord word;
  Milliseconds created = 0;
  RuleNumber egress_rule = kNoRule;
  RuleNumber ingress_rule = kNoRule;
  FlowPort initiator = kUnderlayPort;
  FlowPort responder = kUnderlayPort;
  std::uint16_t initiator_generation = 0;
  std::uint16_t responder_generation = 0;
  std::array<DirectionSnapshot, 2> directions;  // by Direction
  bool offloaded = false;  // hardware forwards it; filled in by who knows (Offloader)

  [[nodiscard]] std::uint64_t bytes() const { return directions[0].bytes + directions[1].bytes; }
};

// nullopt: it is over.
std::optional<ConnectionSnapshot> look_up_connection(FlowState& state, const ConnectionId& id);

// What a connection that is over goes on as, since one of its ends has moved to another port or
// host. nullopt: as nothing, or it can't be told any more, as its place is another's; one in ten
// thousand isn't found.
std::optional<ConnectionId> find_successor(const FlowState& state, const ConnectionId& id);

// Every condition that is set must be met.
struct ConnectionFilter {
  struct GuestPort {
    FlowPort index = kUnderlayPort;
    std::uint16_t generation = 0;  // low bits
  };

  std::optional<GuestPort> port;      // one of its guest ports
  std::optional<std::uint32_t> zone;  // of one of its directions
  std::optional<IpPrefix> address;    // that source or destination lies in
  std::optional<std::uint8_t> protocol;
  std::uint16_t l4_port = 0;  // source or destination port of TCP, UDP or SCTP; 0: any
  ConnectionState state = ConnectionState::kNone;
  std::function<bool(RuleNumber)> rule;  // true for one of those that admitted it

  [[nodiscard]] bool matches(const ConnectionSnapshot& connection) const;
};

// A search in steps, so that the control thread has time for other things in between.
class ConnectionSearch {
 public:
  ConnectionSearch(FlowState& state, ConnectionFilter filter)
      : state_(state), filter_(std::move(filter)) {}

  // Looks at the next `places` places of the table, at fewer when `most` connections have been
  // found, and appends those that match. False: it has looked at all.
  bool advance(std::uint32_t places, std::size_t most, std::vector<ConnectionSnapshot>& found);

 private:
  FlowState& state_;
  const ConnectionFilter filter_;
  bool ipv6_ = false;
  ConnectionNumber next_ = 0;
};

}  // namespace alkaid
