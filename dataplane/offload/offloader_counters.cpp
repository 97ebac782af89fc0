// Offloader: what hardware counted, and how long ago it saw a packet.
#include <algorithm>
#include <optional>

#include "dataplane/offload/offload_times.hpp"
#include "dataplane/offload/offloader.hpp"

namespace alkaid {
namespace {

constexpr std::uint32_t kLongestIdle = 1U << 20U;  // seconds

}  // namespace

void Offloader::ask_for_counts(Number entry) {
  OffloadedConnection& connection = table_.at(entry);
  connection.last_query = flows_.clock.now();
  ++querying_;
  executor_.submit({.kind = RuleRequest::Kind::kQuery, .entry = entry, .epoch = connection.epoch});
}

void Offloader::ask_for_aged() {
  if (connections_ > 0 && !is_asking_for_aged_ &&
      flows_.clock.now() - last_aged_ >= kQueryInterval) {
    last_aged_ = flows_.clock.now();
    is_asking_for_aged_ = true;
    executor_.submit({.kind = RuleRequest::Kind::kAged});
  }
}

void Offloader::take_aged(const RuleOutcome& outcome) {
  is_asking_for_aged_ = false;
  for (const RuleOutcome::Aged& aged : outcome.aged) {
    const OffloadedConnection& connection = table_.at(aged.entry);
    // Others are told of by the next reading.
    if (connection.epoch == aged.epoch && connection.state == State::kActive &&
        querying_ < kMostQuerying) {
      ask_for_counts(aged.entry);
    }
  }
}

void Offloader::queried(Number entry, const RuleOutcome& outcome) {
  OffloadedConnection& connection = table_.at(entry);
  count(connection, outcome);
  if (outcome.error != 0) {
    connection.not_before = flows_.clock.now() + kRetryConnection;
    withdraw(entry, OffloadEnd::rules_lost, Haste::kNone);
    return;
  }
  const Milliseconds idle = flows_.clock.now() - connection.last_hit;
  const Milliseconds most = is_nearly_full() ? 2 * kQueryInterval : settings_.idle_seconds * 1000;
  if (!lives(connection)) {
    withdraw(entry, OffloadEnd::state_changed, Haste::kNone);
  } else if (!is_as_installed(connection)) {
    withdraw(entry, OffloadEnd::decided_anew, Haste::kNone);
  } else if (idle >= most && removing_ < kMostRemoving) {
    connection.not_before = flows_.clock.now() + kQueryInterval;
    withdraw(entry, OffloadEnd::idle, Haste::kNone);
  }
}

void Offloader::count(OffloadedConnection& connection, const RuleOutcome& outcome) {
  const Milliseconds now = flows_.clock.now();
  for (std::size_t i = 0; i < connection.rule_count; ++i) {
    OffloadedConnection::Rule& rule = connection.rules[i];
    const RuleCounts& counts = outcome.counts[i];
    if (counts.packets <= rule.seen.packets) {
      continue;
    }
    const std::uint64_t packets = counts.packets - rule.seen.packets;
    const std::uint64_t bytes = counts.bytes - rule.seen.bytes;
    rule.seen = counts;
    const std::uint64_t outer = packets * kOffloadOverhead;
    const std::uint64_t inner = rule.from_wire ? bytes - std::min(bytes, outer) : bytes;
    RuleCounts& counted = connection.counted[static_cast<std::size_t>(rule.direction)];
    counted.packets += packets;
    counted.bytes += inner;
    if (rule.counts_ingress) {
      HardwareCounts& ingress = hardware_counts_[rule.ingress];
      ingress.rx_packets += packets;
      ingress.rx_bytes += bytes;
    }
    if (rule.counts_egress) {
      HardwareCounts& egress = hardware_counts_[rule.egress];
      egress.tx_packets += packets;
      egress.tx_bytes += rule.into_tunnel ? inner + outer : inner;
    }
    // As hardware tells it, but not before what was seen already.
    const Milliseconds hit = now - std::min(outcome.idle[i], kLongestIdle) * 1000;
    if (is_before(connection.last_hit, hit)) {
      connection.last_hit = hit;
    }
    if (lives(connection)) {
      auto& last_seen = fields_of(connection, rule.direction).last_seen;
      if (is_before(last_seen.load(std::memory_order_relaxed), hit)) {
        last_seen.store(hit, std::memory_order_relaxed);
      }
    }
  }
}

// Neither the time when it may be tried again is needed, nor what hardware counted.
bool Offloader::is_done_with(OffloadedConnection& connection) {
  if (!lives(connection)) {
    return true;
  }
  if (is_before(flows_.clock.now(), connection.not_before)) {
    return false;
  }
  const bool is_folded =
      connection.has_counted() &&
      (connection.ipv6 ? fold<FlowKeyV6>(connection) : fold<FlowKeyV4>(connection));
  if (is_folded) {
    connection.counted = {};
  }
  return !connection.has_counted();
}

void Offloader::give_up(Number entry) {
  const OffloadedConnection& connection = table_.at(entry);
  const ConnectionId id{
      .ipv6 = connection.ipv6, .number = connection.number, .life = connection.life};
  const auto counted = connection.counted;
  const bool is_over = !lives(connection);
  const bool has_counted = connection.has_counted();
  table_.remove(entry);
  const auto successor =
      is_over && has_counted ? find_successor(flows_, id) : std::optional<ConnectionId>{};
  if (!successor) {
    return;
  }
  auto to = table_.find(successor->ipv6, successor->number);
  if (!to) {
    to = table_.add(successor->ipv6, successor->number, successor->life);
    table_.at(*to).not_before = flows_.clock.now();
  }
  if (table_.at(*to).life != successor->life) {
    return;  // the rules of who had its place before are on their way out
  }
  for (std::size_t direction = 0; direction < counted.size(); ++direction) {
    RuleCounts& into = table_.at(*to).counted[direction];
    into.packets += counted[direction].packets;
    into.bytes += counted[direction].bytes;
  }
}

// The direction's worker counts without locked instructions, so what is added while a packet is
// counted may be lost: hence only to a connection that has had none for a while.
template <class Key>
bool Offloader::fold(const OffloadedConnection& connection) {
  const Milliseconds now = flows_.clock.now();
  for (const Direction direction : {Direction::kOriginal, Direction::kReply}) {
    const FlowFields& fields = flows_.table<Key>().half(connection.number, direction).fields;
    if (is_recent_at(fields.last_seen.load(std::memory_order_relaxed), now)) {
      return false;
    }
  }
  for (const Direction direction : {Direction::kOriginal, Direction::kReply}) {
    FlowFields& fields = flows_.table<Key>().half(connection.number, direction).fields;
    const RuleCounts& counted = connection.counted[static_cast<std::size_t>(direction)];
    fields.packets.fetch_add(counted.packets, std::memory_order_relaxed);
    fields.bytes.fetch_add(counted.bytes, std::memory_order_relaxed);
  }
  return true;
}

}  // namespace alkaid
