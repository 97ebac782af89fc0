#include "dataplane/flow/connection_search.hpp"

#include <algorithm>

#include "dataplane/flow/shared_field.hpp"
#include "dataplane/packet/headers.hpp"

namespace alkaid {
namespace {

template <class Key>
DirectionSnapshot snapshot_of(const FlowHalf<Key>& half) {
  const FlowFields& fields = half.fields;
  const Key key = read_shared_key(half.key);
  return {.zone = zone_of(key.scope),
          .source = key.source(),
          .destination = key.destination(),
          .source_port = source_port_of(key.ports),
          .destination_port = destination_port_of(key.ports),
          .ingress = read_shared(fields.ingress),
          .packets = fields.packets.load(std::memory_order_relaxed) & FlowFields::kCounterMask,
          .bytes = fields.bytes.load(std::memory_order_relaxed) & FlowFields::kCounterMask,
          .last_seen = fields.last_seen.load(std::memory_order_relaxed)};
}

// A copy that is of one connection: its life was the same before and after.
template <class Key>
std::optional<ConnectionSnapshot> snapshot_of(const ConnectionTable<Key>& table,
                                              ConnectionNumber number) {
  const ConnectionRecord& record = table.record(number);
  const std::uint32_t life = record.life.load(std::memory_order_acquire);
  if ((life & 1) == 0) {
    return std::nullopt;
  }
  const FlowHalf<Key>& original = table.half(number, Direction::kOriginal);
  ConnectionSnapshot result{
      .id = {.ipv6 = Key::kIsV6, .number = number, .life = life},
      .protocol = protocol_of(read_shared(original.key.scope)),
      .word = record.word(),
      .created = read_shared(record.created),
      .egress_rule = record.egress_rule.load(std::memory_order_relaxed),
      .ingress_rule = record.ingress_rule.load(std::memory_order_relaxed),
      .initiator = read_shared(record.initiator),
      .responder = read_shared(record.responder),
      .initiator_generation = read_shared(record.initiator_generation),
      .responder_generation = read_shared(record.responder_generation),
      .directions = {snapshot_of(original), snapshot_of(table.half(number, Direction::kReply))}};
  std::atomic_thread_fence(std::memory_order_acquire);
  return record.life.load(std::memory_order_relaxed) == life ? std::optional{result} : std::nullopt;
}

// The end that has stayed sends by the key that it has sent by, and what goes on is as old as what
// was followed, which has the complement by now (Connector::follow): what was opened anew by the
// same ends may be as old, but not of one that has it.
template <class Key>
std::optional<ConnectionId> successor_of(const ConnectionTable<Key>& table,
                                         const ConnectionId& id) {
  const ConnectionRecord& old = table.record(id.number);
  const Milliseconds created = ~read_shared(old.created);
  for (const Direction direction : {Direction::kOriginal, Direction::kReply}) {
    const Key key = read_shared_key(table.half(id.number, direction).key);
    const std::uint64_t hash = key.hash();
    for (const FlowReference found : {table.candidate(hash), table.candidate_elsewhere(hash)}) {
      if (found == kNoFlow || direction_of(found) != direction) {
        continue;
      }
      const ConnectionNumber number = number_of(found);
      const ConnectionRecord& record = table.record(number);
      const std::uint32_t life = record.life.load(std::memory_order_acquire);
      const bool is_it = (life & 1) != 0 && read_shared(record.created) == created &&
                         read_shared_key(table.half(found).key) == key;
      std::atomic_thread_fence(std::memory_order_acquire);
      if (is_it && record.life.load(std::memory_order_relaxed) == life &&
          old.life.load(std::memory_order_relaxed) == id.life + 1) {
        return ConnectionId{.ipv6 = Key::kIsV6, .number = number, .life = life};
      }
    }
  }
  return std::nullopt;
}

constexpr bool has_ports(std::uint8_t protocol) {
  return protocol == ip_protocol::kTcp || protocol == ip_protocol::kUdp ||
         protocol == ip_protocol::kSctp;
}

// True: there is more.
template <class Key>
bool look_at(const ConnectionTable<Key>& table, const ConnectionFilter& filter,
             ConnectionNumber& next, std::uint32_t& places, std::size_t most,
             std::vector<ConnectionSnapshot>& found) {
  const std::uint32_t end = table.high_water();
  for (; next < end && places > 0 && found.size() < most; ++next, --places) {
    if (const auto connection = snapshot_of(table, next);
        connection && filter.matches(*connection)) {
      found.push_back(*connection);
    }
  }
  return next < end;
}

}  // namespace

std::optional<ConnectionSnapshot> look_up_connection(FlowState& state, const ConnectionId& id) {
  auto connection = id.ipv6 ? snapshot_of(state.v6, id.number) : snapshot_of(state.v4, id.number);
  return connection && connection->id.life == id.life ? connection : std::nullopt;
}

std::optional<ConnectionId> find_successor(const FlowState& state, const ConnectionId& id) {
  return id.ipv6 ? successor_of(state.v6, id) : successor_of(state.v4, id);
}

bool ConnectionFilter::matches(const ConnectionSnapshot& connection) const {
  const DirectionSnapshot& original = connection.directions[0];
  if (port &&
      !(port->index == connection.initiator &&
        port->generation == connection.initiator_generation) &&
      !(port->index == connection.responder &&
        port->generation == connection.responder_generation)) {
    return false;
  }
  if (protocol && *protocol != connection.protocol) {
    return false;
  }
  if (state != ConnectionState::kNone && state != connection.word.state()) {
    return false;
  }
  if (zone && *zone != original.zone && *zone != connection.directions[1].zone) {
    return false;
  }
  if (l4_port != 0 && (!has_ports(connection.protocol) ||
                       (l4_port != original.source_port && l4_port != original.destination_port))) {
    return false;
  }
  if (address && !address->contains(original.source) && !address->contains(original.destination)) {
    return false;
  }
  const auto is_wanted = [this](RuleNumber number) { return number != kNoRule && rule(number); };
  return !rule || is_wanted(connection.egress_rule) || is_wanted(connection.ingress_rule);
}

bool ConnectionSearch::advance(std::uint32_t places, std::size_t most,
                               std::vector<ConnectionSnapshot>& found) {
  if (!ipv6_) {
    if (look_at(state_.v4, filter_, next_, places, most, found)) {
      return true;
    }
    ipv6_ = true;
    next_ = 0;
  }
  return look_at(state_.v6, filter_, next_, places, most, found);
}

}  // namespace alkaid
