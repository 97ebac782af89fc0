#include "dataplane/flow/connection_keeper.hpp"

#include <algorithm>
#include <utility>

#include "dataplane/flow/populate.hpp"
#include "dataplane/flow/shared_field.hpp"

namespace alkaid {
namespace {

constexpr Milliseconds kRound = 1000;
constexpr std::uint32_t kMostAtOnce = 65536;
constexpr std::size_t kTicksBetweenPopulating = 32;  // 64 ms: half a million connections a second

// a - b of times that wrap.
constexpr std::int32_t difference(Milliseconds a, Milliseconds b) {
  return static_cast<std::int32_t>(a - b);
}

template <class Key>
Milliseconds last_seen(const ConnectionTable<Key>& table, ConnectionNumber number) {
  const auto of = [&](Direction direction) {
    return table.half(number, direction).fields.last_seen.load(std::memory_order_relaxed);
  };
  const Milliseconds original = of(Direction::kOriginal);
  const Milliseconds reply = of(Direction::kReply);
  return difference(reply, original) > 0 ? reply : original;
}

}  // namespace

ConnectionKeeper::ConnectionKeeper(FlowState& state, const PortTable& ports,
                                   QuiescenceDomain& quiescence)
    : state_(state), ports_(ports), quiescence_(quiescence), last_tick_(state.clock.now()) {}

bool ConnectionKeeper::is_lost(FlowPort index, std::uint16_t generation) const {
  if (index == kUnderlayPort) {
    return false;
  }
  const Port* port = ports_.find(index);
  return port == nullptr || short_generation(port->generation) != generation;
}

bool ConnectionKeeper::has_lost_port(const ConnectionRecord& record, Milliseconds now) const {
  const FlowPort initiator = read_shared(record.initiator);
  const FlowPort responder = read_shared(record.responder);
  const bool lost_initiator = is_lost(initiator, read_shared(record.initiator_generation));
  const bool lost_responder = is_lost(responder, read_shared(record.responder_generation));
  if (lost_initiator == lost_responder) {
    return lost_initiator;
  }
  // The lost one may have moved to another host: for a while the connection waits for whoever was
  // at the other end here to go on (ConnectionJudge::goes_on), until another port has its place.
  const FlowPort lost = lost_initiator ? initiator : responder;
  const FlowPort other = lost_initiator ? responder : initiator;
  const auto ago = difference(now, state_.ports[lost].since.load(std::memory_order_relaxed));
  const bool may_go_on = other != kUnderlayPort && ports_.find(lost) == nullptr &&
                         eviction_class(record.word()) == EvictionClass::kSettled &&
                         ago < static_cast<std::int64_t>(state_.settings.mid_stream_seconds) * 1000;
  return !may_go_on;
}

template <class Key>
bool ConnectionKeeper::take_down(ConnectionNumber number, std::uint32_t life) {
  if (!state_.end_connection<Key>(state_.port_connections.control_thread(), number, life)) {
    return false;
  }
  ++counts_[Key::kIsV6].ended;
  ended_[Key::kIsV6].push_back(number);
  return true;
}

template <class Key>
Milliseconds ConnectionKeeper::time_left(ConnectionNumber number) const {
  const ConnectionTable<Key>& table = state_.table<Key>();
  const std::uint8_t protocol =
      protocol_of(read_shared(table.half(number, Direction::kOriginal).key.scope));
  const std::uint64_t timeout =
      std::uint64_t{timeouts().of(table.record(number).word(), protocol)} * 1000;
  const ConnectionRecord& record = table.record(number);
  // One that only its responder speaks for doesn't live by that.
  const Milliseconds since =
      is_only_answers(record.word()) ? read_shared(record.created) : last_seen(table, number);
  const std::int32_t idle = difference(now(), since);
  return idle > 0 && static_cast<std::uint64_t>(idle) >= timeout
             ? 0
             : static_cast<Milliseconds>(std::min<std::uint64_t>(
                   timeout - static_cast<std::uint64_t>(std::max(idle, 0)), INT32_MAX));
}

// An old stamp may come again after the counter has wrapped: what holds one is to be looked at anew
// whatever it finds.
template <class Key>
void ConnectionKeeper::forget_old_stamps(ConnectionNumber number) {
  ConnectionTable<Key>& table = state_.table<Key>();
  for (const Direction direction : {Direction::kOriginal, Direction::kReply}) {
    FlowFields& fields = table.half(number, direction).fields;
    const FlowPort destination =
        read_shared(table.half(number, opposite(direction)).fields.ingress);
    const bool is_old = is_old_stamp(fields.ingress_stamp, read_shared(fields.ingress)) ||
                        is_old_stamp(fields.egress_stamp, destination);
    if (is_old) {
      fields.leave_fast_path();
      fields.ingress_stamp.store(PortStamps::kNever, std::memory_order_relaxed);
      fields.egress_stamp.store(PortStamps::kNever, std::memory_order_relaxed);
    }
  }
}

bool ConnectionKeeper::is_old_stamp(const std::atomic<std::uint32_t>& stamp, FlowPort port) const {
  const std::uint32_t value = stamp.load(std::memory_order_relaxed);
  return port == kUnderlayPort ? value != 0 : value != state_.stamps.of(port);
}

template <class Key>
void ConnectionKeeper::look_at(ConnectionNumber number, bool looks_at_all, Milliseconds now) {
  ConnectionRecord& record = state_.table<Key>().record(number);
  const std::uint32_t life = record.life.load(std::memory_order_acquire);
  if ((life & 1) == 0) {
    return;
  }
  Milliseconds due = record.next_check.load(std::memory_order_relaxed);
  if (has_lost_port(record, now)) {
    take_down<Key>(number, life);
    return;
  }
  if (is_watched_) {
    watch_->look_at(Key::kIsV6, number, life);
  }
  if (looks_at_all) {
    forget_old_stamps<Key>(number);
  } else if (difference(due, now) > 0) {
    return;
  }
  const Milliseconds left = time_left<Key>(number);
  if (left == 0 && watch_ != nullptr &&
      (record.state.load(std::memory_order_relaxed) & ConnectionRecord::kOffloaded) != 0) {
    watch_->bring_back(Key::kIsV6, number);
  } else if (left == 0) {
    counts_[Key::kIsV6].expired += take_down<Key>(number, life) ? 1 : 0;
  } else {
    // Unless it has changed its state meanwhile, or its place has become another's: they have said
    // when to look again.
    record.next_check.compare_exchange_strong(due, now + left, std::memory_order_relaxed);
  }
}

template <class Key>
void ConnectionKeeper::look_at_some(Round& round, Milliseconds elapsed) {
  const std::uint32_t total = state_.table<Key>().high_water();
  if (total == 0) {
    return;
  }
  const std::uint64_t share = std::uint64_t{total} * elapsed / kRound + 1;
  const auto count =
      static_cast<std::uint32_t>(std::min<std::uint64_t>({share, total, kMostAtOnce}));
  const Milliseconds now = this->now();
  for (std::uint32_t i = 0; i < count; ++i) {
    if (round.next >= total) {
      round.next = 0;
      round.looks_at_all = state_.stamps.take_needs_sweep(Key::kIsV6) || round.wants_all;
      round.wants_all = false;
    }
    look_at<Key>(round.next++, round.looks_at_all, now);
  }
}

void ConnectionKeeper::hand_back() {
  if (!ended_[0].empty()) {
    quiescence_.retire(
        [this, numbers = std::exchange(ended_[0], {})] { state_.v4.give_back(numbers); });
  }
  if (!ended_[1].empty()) {
    quiescence_.retire(
        [this, numbers = std::exchange(ended_[1], {})] { state_.v6.give_back(numbers); });
  }
}

void ConnectionKeeper::tick() {
  const Milliseconds now = this->now();
  const Milliseconds elapsed = now - std::exchange(last_tick_, now);
  is_watched_ = watch_ != nullptr && watch_->is_watching();
  look_at_some<FlowKeyV4>(rounds_[0], elapsed);
  look_at_some<FlowKeyV6>(rounds_[1], elapsed);
  hand_back();
  keep_ages_apart();
  if (next_port_ % kTicksBetweenPopulating == 0) {
    populate_ahead(state_.v4);
    populate_ahead(state_.v6);
  }
}

// A port that appeared long ago must not look new when the clock has wrapped.
void ConnectionKeeper::keep_ages_apart() {
  constexpr Milliseconds kOld = 1U << 30;
  auto& since = state_.ports[next_port_++ % state_.ports.size()].since;
  if (now() - since.load(std::memory_order_relaxed) > kOld) {
    since.store(now() - kOld, std::memory_order_relaxed);
  }
}

void ConnectionKeeper::set_timeouts(const ConnectionTimeouts& timeouts) {
  const auto* old = state_.timeouts.exchange(new ConnectionTimeouts(timeouts));
  quiescence_.retire_object(old);
  for (Round& round : rounds_) {
    round.wants_all = true;
  }
}

template bool ConnectionKeeper::take_down<FlowKeyV4>(ConnectionNumber number, std::uint32_t life);
template bool ConnectionKeeper::take_down<FlowKeyV6>(ConnectionNumber number, std::uint32_t life);
template Milliseconds ConnectionKeeper::time_left<FlowKeyV4>(ConnectionNumber number) const;
template Milliseconds ConnectionKeeper::time_left<FlowKeyV6>(ConnectionNumber number) const;

}  // namespace alkaid
