#include "dataplane/offload/offloader.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <utility>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "control/common/logging.hpp"

namespace alkaid {
namespace {

// What the executor has to do at most beside what is urgent, so that nothing of it gets old.
constexpr std::size_t kMostInstalling = 256;
constexpr std::size_t kMostQuerying = 256;
constexpr std::size_t kMostRemoving = 256;  // that nobody waits for, by age
constexpr std::size_t kMostTried = 256;     // connections in a tick
constexpr std::size_t kPortsPerTick = 16;
constexpr OffloadTable::Number kEntriesPerTick = 512;
constexpr OffloadTable::Number kEntriesForRoom = 64;
// Of a connection that has packets now.
constexpr Milliseconds kRecently = 2000;
constexpr Milliseconds kQueryInterval = 1000;
constexpr std::uint32_t kLongestIdle = 1U << 20U;  // seconds
// After a refusal: of the connection, of one whose predecessor's rules are there yet, and of all
// where the hardware has no room.
constexpr Milliseconds kRetryConnection = 10000;
constexpr Milliseconds kRetryExisting = 1000;
constexpr Milliseconds kRetryFull = 1000;

constexpr bool is_before(Milliseconds a, Milliseconds b) {
  return static_cast<std::int32_t>(a - b) < 0;
}

// A worker's clock may be ahead of the reading of ours.
constexpr bool is_recent_at(Milliseconds time, Milliseconds now) {
  return is_before(now, time + kRecently);
}

constexpr bool is_lack_of_room(int error) {
  return error == ENOSPC || error == ENOMEM || error == ENOBUFS || error == EAGAIN;
}

bool is_managed_by(const OffloadedConnection& connection, std::uint16_t proxy) {
  const auto end = connection.rules.begin() + static_cast<std::ptrdiff_t>(connection.rule_count);
  return std::any_of(connection.rules.begin(), end,
                     [proxy](const auto& rule) { return rule.proxy == proxy; });
}

}  // namespace

const OffloadEndText& text_of(OffloadEnd end) {
  static const std::array texts{
#define ALKAID_TEXT(name, description) OffloadEndText{#name, description},
      ALKAID_OFFLOAD_ENDS(ALKAID_TEXT)
#undef ALKAID_TEXT
  };
  return texts[static_cast<std::size_t>(end)];
}

Offloader::Offloader(const OffloadSettings& settings, FlowState& flows, const Tables& tables,
                     const PortTable& ports, const Underlay& underlay)
    : settings_(settings),
      flows_(flows),
      port_table_(ports),
      // Rules of one shape are of one direction.
      executor_({.table_size = settings.rules() / 2, .age = settings.idle_seconds}),
      ports_(ports, underlay, executor_),
      source_(flows, tables, ports, underlay, ports_),
      // As many that are software's again keep what was counted, or when they may be tried again.
      table_(std::size_t{2} * settings.connections),
      is_on_(settings.is_on),
      hardware_counts_(ports.capacity()),
      last_aged_(flows.clock.now()),
      not_before_(flows.clock.now()) {}

Offloader::~Offloader() {
  shut_down();
}

void Offloader::shut_down() {
  set_on(false);
  executor_.stop(std::chrono::steady_clock::now() + settings_.longest_wait);
}

// ---- candidates

void Offloader::look_at(bool ipv6, ConnectionNumber number, std::uint32_t life) {
  if (ipv6) {
    consider<FlowKeyV6>(number, life);
  } else {
    consider<FlowKeyV4>(number, life);
  }
}

bool Offloader::is_between_hardware(const ConnectionRecord& record) const {
  const auto is_hardware = [this](FlowPort port) {
    return port == kUnderlayPort || ports_.hardware(port) != nullptr;
  };
  return is_hardware(record.initiator) && is_hardware(record.responder);
}

template <class Key>
bool Offloader::has_earned_it(ConnectionNumber number) const {
  std::uint64_t packets = 0;
  bool is_recent = false;
  const Milliseconds now = flows_.clock.now();
  for (const Direction direction : {Direction::kOriginal, Direction::kReply}) {
    const FlowFields& fields = flows_.table<Key>().half(number, direction).fields;
    packets += fields.packets.load(std::memory_order_relaxed) & FlowFields::kCounterMask;
    is_recent |= is_recent_at(fields.last_seen.load(std::memory_order_relaxed), now);
  }
  return is_recent && packets > settings_.after_packets;
}

template <class Key>
void Offloader::consider(ConnectionNumber number, std::uint32_t life) {
  const ConnectionRecord& record = flows_.table<Key>().record(number);
  const std::uint32_t state = record.state.load(std::memory_order_relaxed);
  if ((state & ConnectionRecord::kOffloaded) != 0 || !is_between_hardware(record) ||
      installing_ >= kMostInstalling || is_before(flows_.clock.now(), not_before_) ||
      !has_earned_it<Key>(number) || tried_ >= kMostTried) {
    return;
  }
  if (connections_ >= settings_.connections) {
    ++counts_.refused_full;
    return;
  }
  ++tried_;
  const ConnectionRules rules = source_.rules_of<Key>(number);
  if (rules.count == 0) {
    return;
  }
  if (const auto entry = place_for(Key::kIsV6, number, life)) {
    install(*entry, {state}, rules);
  }
}

// An entry that can be given rules now.
std::optional<OffloadTable::Number> Offloader::place_for(bool ipv6, ConnectionNumber number,
                                                         std::uint32_t life) {
  if (const auto known = table_.find(ipv6, number)) {
    const OffloadedConnection& connection = table_.at(*known);
    if (connection.state != State::kSoftware) {
      return std::nullopt;  // rules of its predecessor are on their way out
    }
    if (connection.life == life) {
      return is_before(flows_.clock.now(), connection.not_before) ? std::nullopt : known;
    }
    table_.remove(*known);
  }
  // Of what was refused nothing has to be kept but when it may be tried again.
  auto entry = table_.add(ipv6, number, life);
  for (Number i = 0; i < std::min(kEntriesForRoom, table_.end()) && !entry; ++i) {
    next_entry_ = next_entry_ + 1 < table_.end() ? next_entry_ + 1 : 0;
    const OffloadedConnection& other = table_.at(next_entry_);
    if (other.state == State::kSoftware && !other.has_counted()) {
      table_.remove(next_entry_);
      entry = table_.add(ipv6, number, life);
    }
  }
  if (entry) {
    table_.at(*entry).not_before = flows_.clock.now();
  }
  return entry;
}

// The state word that the rules are good for gets the mark: whoever changes it or ends the life
// from then on tells.
void Offloader::install(Number entry, StateWord word, const ConnectionRules& rules) {
  OffloadedConnection& connection = table_.at(entry);
  ConnectionRecord& record = record_of(connection);
  if (!record.state.compare_exchange_strong(word.bits, word.bits | ConnectionRecord::kOffloaded,
                                            std::memory_order_seq_cst)) {
    return;
  }
  if (!lives(connection)) {
    // The mark may be on another connection that has the place by now.
    record.state.fetch_and(~ConnectionRecord::kOffloaded, std::memory_order_seq_cst);
    return;
  }
  table_.set_rules(entry, rules);
  connection.epoch = ++last_epoch_;
  connection.state = State::kInstalling;
  connection.last_hit = flows_.clock.now();
  connection.last_query = flows_.clock.now();
  ++installing_;
  ++connections_;
  rules_ += rules.count;
  RuleRequest request{
      .kind = RuleRequest::Kind::kInstall, .entry = entry, .epoch = connection.epoch};
  for (std::size_t i = 0; i < rules.count; ++i) {
    request.rules.push_back(rules.rules[i].rule);
  }
  executor_.submit(std::move(request));
}

void Offloader::bring_back(bool ipv6, ConnectionNumber number) {
  const auto entry = table_.find(ipv6, number);
  if (entry && table_.at(*entry).state != State::kSoftware) {
    withdraw(*entry, OffloadEnd::idle, Haste::kNone);
  } else {
    ConnectionRecord& record = ipv6 ? flows_.v6.record(number) : flows_.v4.record(number);
    record.state.fetch_and(~ConnectionRecord::kOffloaded, std::memory_order_seq_cst);
  }
}

// ---- taking rules away

void Offloader::withdraw(Number entry, OffloadEnd end, Haste haste) {
  OffloadedConnection& connection = table_.at(entry);
  if (connection.has_rules()) {
    connection.state = State::kRemoving;
    ++counts_.ends[static_cast<std::size_t>(end)];
    ask_to_remove(entry, haste);
  } else if (connection.state == State::kRemoving && haste == Haste::kNow &&
             !connection.is_awaited && !connection.is_late) {
    ask_to_remove(entry, haste);  // once more, at the other end of the queue
  }
}

void Offloader::ask_to_remove(Number entry, Haste haste) {
  OffloadedConnection& connection = table_.at(entry);
  const bool is_urgent = haste == Haste::kNow;
  connection.is_awaited = is_urgent;
  (is_urgent ? awaited_ : removing_) += 1;
  executor_.submit({.kind = RuleRequest::Kind::kRemove,
                    .is_urgent = is_urgent,
                    .entry = entry,
                    .epoch = connection.epoch});
}

void Offloader::withdraw_all(const std::vector<Number>& entries, OffloadEnd end) {
  for (const Number entry : entries) {
    withdraw(entry, end, Haste::kNow);
  }
}

void Offloader::withdraw_everything(OffloadEnd end) {
  for (Number entry = 0; connections_ > 0 && entry < table_.end(); ++entry) {
    withdraw(entry, end, Haste::kNow);
  }
}

bool Offloader::wait_until_removed() {
  if (awaited_ == 0) {
    return true;
  }
  const auto deadline = std::chrono::steady_clock::now() + settings_.longest_wait;
  while (awaited_ > 0) {
    const auto outcomes = executor_.wait(deadline);
    carry_out(outcomes);
    if (awaited_ > 0 && (std::chrono::steady_clock::now() >= deadline ||
                         (outcomes.empty() && !executor_.has_thread()))) {
      give_up_waiting();
      return false;
    }
  }
  return true;
}

void Offloader::give_up_waiting() {
  spdlog::error(
      "offload: hardware still forwards {} connections by outdated rules: their removal takes "
      "longer than {} ms",
      awaited_, settings_.longest_wait.count());
  counts_.late_removals += awaited_;
  awaited_ = 0;
  for (Number entry = 0; entry < table_.end(); ++entry) {
    OffloadedConnection& connection = table_.at(entry);
    connection.is_late |= connection.is_awaited;
    connection.is_awaited = false;
  }
}

void Offloader::policy_changed(PortIndex index) {
  if (connections_ > 0) {
    withdraw_all(table_.of_port(index), OffloadEnd::port_changed);
  }
}

void Offloader::port_changed(PortIndex index) {
  policy_changed(index);
  ports_.port_changed(index);
  if (port_table_.find(index) == nullptr) {
    table_.port_gone(index);
    hardware_counts_[index] = {};
  } else if (is_on_) {
    new_ports_.push_back(index);
  }
}

void Offloader::uplink_changed() {
  withdraw_everything(OffloadEnd::port_changed);
  ports_.forget_all();
  if (is_on_) {
    look_at_all_ports();
  }
}

void Offloader::look_at_all_ports() {
  new_ports_.clear();
  for (PortIndex index = 0; index < port_table_.capacity(); ++index) {
    if (port_table_.find(index) != nullptr) {
      new_ports_.push_back(index);
    }
  }
}

void Offloader::station_superseded(const Neighbor& neighbor) {
  if (connections_ > 0) {
    withdraw_all(table_.of_station(station_name(neighbor)), OffloadEnd::neighbor_moved);
  }
}

void Offloader::path_changed(const UnderlayPath& path) {
  if (connections_ == 0) {
    return;
  }
  for (const Number entry : table_.of_path(&path)) {
    if (!is_as_installed(table_.at(entry))) {
      withdraw(entry, OffloadEnd::next_hop_changed, Haste::kNow);
    }
  }
}

void Offloader::connections_ended() {
  take_notices(Haste::kNow);
}

// The device's number may be another device's at once: what is asked about it, and what is known of
// its rules, goes first. Where a removal is late, it is not waited for: closing takes it along.
bool Offloader::release(std::uint16_t device) {
  if (!ports_.uses(device)) {
    return true;
  }
  if (leaving_.insert(device).second) {
    // Other ports' rules that are managed through it would stay in the switch for good.
    for (Number entry = 0; connections_ > 0 && entry < table_.end(); ++entry) {
      if (is_managed_by(table_.at(entry), device)) {
        withdraw(entry, OffloadEnd::port_changed, Haste::kNow);
      }
    }
    for (PortIndex index = 0; index < port_table_.capacity(); ++index) {
      const OffloadPort* known = ports_.hardware(index);
      if (known != nullptr && known->proxy == device) {
        executor_.submit({.kind = RuleRequest::Kind::kRemove,
                          .owner = RuleRequest::Owner::kPort,
                          .is_urgent = true,
                          .entry = index,
                          .epoch = known->epoch});
      }
    }
    ports_.distrust(device, "the device that manages its rules is being closed");
    const bool is_in_time = wait_until_removed();
    executor_.submit({.kind = RuleRequest::Kind::kForget, .is_urgent = true, .entry = device},
                     !is_in_time);
    const auto deadline = std::chrono::steady_clock::now() + settings_.longest_wait;
    while (leaving_.count(device) != 0 && std::chrono::steady_clock::now() < deadline) {
      carry_out(executor_.wait(deadline));
    }
  }
  return leaving_.count(device) == 0;
}

void Offloader::set_on(bool on) {
  const bool was_on = std::exchange(is_on_, on);
  if (on && !was_on) {
    not_before_ = flows_.clock.now();
    ports_.trust_again();
    look_at_all_ports();
  }
  if (!on && was_on) {
    withdraw_everything(OffloadEnd::switched_off);
    ports_.forget_all();
    new_ports_.clear();
    wait_until_removed();
  }
}

void Offloader::take_notices() {
  take_notices(Haste::kNone);
}

void Offloader::take_notices(Haste haste) {
  if (connections_ == 0) {
    return;  // none that are told are in hardware
  }
  const bool is_complete = flows_.offload_notices.take([this, haste](const OffloadNotice& notice) {
    if (const auto entry = table_.find(notice.ipv6, notice.number)) {
      withdraw(*entry, OffloadEnd::state_changed, haste);
    }
  });
  if (is_complete) {
    return;
  }
  for (Number entry = 0; entry < table_.end(); ++entry) {
    const OffloadedConnection& connection = table_.at(entry);
    if (connection.has_rules() &&
        (!lives(connection) || (record_of(connection).state.load(std::memory_order_relaxed) &
                                ConnectionRecord::kOffloaded) == 0)) {
      withdraw(entry, OffloadEnd::state_changed, haste);
    }
  }
}

// ---- what was done

void Offloader::carry_out(const std::vector<RuleOutcome>& outcomes) {
  for (const RuleOutcome& outcome : outcomes) {
    if (outcome.error != 0) {
      fail(outcome);
    }
    if (outcome.kind == RuleRequest::Kind::kForget) {
      leaving_.erase(static_cast<std::uint16_t>(outcome.entry));
      ports_.device_forgotten(static_cast<std::uint16_t>(outcome.entry));
      if (is_on_) {
        look_at_all_ports();
      }
    } else if (outcome.kind == RuleRequest::Kind::kAged) {
      take_aged(outcome);
    } else if (outcome.owner == RuleRequest::Owner::kPort) {
      ports_.carry_out(outcome);
    } else {
      carry_out_of_connection(outcome);
    }
    for (const RuleOutcome::Flush& flush : outcome.flushes) {
      switch_flushed(flush);
    }
  }
}

void Offloader::carry_out_of_connection(const RuleOutcome& outcome) {
  const Number entry = outcome.entry;
  // Of rules that have gone meanwhile nothing more is to be done.
  const bool is_current = table_.at(entry).epoch == outcome.epoch;
  switch (outcome.kind) {
    case RuleRequest::Kind::kInstall:
      --installing_;
      if (is_current) {
        installed(entry, outcome);
      }
      break;
    case RuleRequest::Kind::kRemove:
      removing_ -= outcome.is_urgent ? 0 : 1;
      if (is_current) {
        removed(entry, outcome);
      }
      break;
    default:
      --querying_;
      if (is_current && table_.at(entry).state == State::kActive) {
        queried(entry, outcome);
      }
      break;
  }
}

void Offloader::fail(const RuleOutcome& outcome) {
  std::uint64_t& count = counts_.errors[outcome.error];
  if (count++ == 0) {
    spdlog::warn("offload: {} ({}); from now on only counted",
                 outcome.message.empty() ? "a rule was refused" : printable(outcome.message),
                 std::strerror(outcome.error));
  }
}

void Offloader::switch_flushed(const RuleOutcome::Flush& flush) {
  const std::uint16_t proxy = flush.proxy;
  if (flush.is_empty) {
    spdlog::error("offload: a rule could not be removed, so all rules of device {} were", proxy);
  }
  ports_.distrust(proxy, flush.is_empty ? "a rule could not be removed from its switch"
                                        : "its switch does not give rules back");
  for (Number entry = 0; entry < table_.end(); ++entry) {
    if (is_managed_by(table_.at(entry), proxy)) {
      withdraw(entry, OffloadEnd::rules_lost, Haste::kNone);
    }
  }
}

void Offloader::installed(Number entry, const RuleOutcome& outcome) {
  OffloadedConnection& connection = table_.at(entry);
  if (outcome.error == 0) {
    ++counts_.installed;
    if (connection.state == State::kInstalling) {
      connection.state = State::kActive;
      if (!is_as_installed(connection)) {
        withdraw(entry, OffloadEnd::decided_anew, Haste::kNone);
      }
    }
    return;
  }
  const Milliseconds now = flows_.clock.now();
  connection.not_before = now + (outcome.error == EEXIST ? kRetryExisting : kRetryConnection);
  if (is_lack_of_room(outcome.error)) {
    not_before_ = now + kRetryFull;
  }
  if (connection.state == State::kInstalling) {
    connection.state = State::kRemoving;
    removed(entry, outcome);
  }
}

void Offloader::removed(Number entry, const RuleOutcome& outcome) {
  OffloadedConnection& connection = table_.at(entry);
  count(connection, outcome);
  if (outcome.has_rules_left) {
    keep_trying(entry);
    return;
  }
  awaited_ -= connection.is_awaited ? 1 : 0;
  stuck_ -= connection.is_stuck ? 1 : 0;
  --connections_;
  rules_ -= connection.rule_count;
  table_.clear_rules(entry);
  connection.epoch = 0;
  connection.is_awaited = connection.is_late = connection.is_stuck = false;
  connection.state = State::kSoftware;
  if (lives(connection)) {
    record_of(connection).state.fetch_and(~ConnectionRecord::kOffloaded, std::memory_order_seq_cst);
  } else {
    table_.remove(entry);
  }
}

void Offloader::keep_trying(Number entry) {
  OffloadedConnection& connection = table_.at(entry);
  awaited_ -= connection.is_awaited ? 1 : 0;
  connection.is_awaited = false;
  counts_.late_removals += connection.is_late ? 0 : 1;
  connection.is_late = true;
  connection.last_query = flows_.clock.now();
  if (!std::exchange(connection.is_stuck, true) && ++stuck_ == 1) {
    spdlog::error(
        "offload: a driver removes neither a rule nor all: hardware forwards by outdated rules; "
        "tried again each second");
  }
}

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

bool Offloader::is_as_installed(const OffloadedConnection& connection) const {
  if (!lives(connection)) {
    return false;
  }
  const ConnectionRules rules = connection.ipv6 ? source_.rules_of<FlowKeyV6>(connection.number)
                                                : source_.rules_of<FlowKeyV4>(connection.number);
  return rules.digest() == connection.digest;
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

// ---- ticks

// A time that has come stays at now, or it would be to come again when the clock has wrapped.
Milliseconds Offloader::not_past(Milliseconds time) const {
  const Milliseconds now = flows_.clock.now();
  return is_before(time, now) ? now : time;
}

void Offloader::tick() {
  if (!is_on_ && table_.used() == 0 && executor_.pending() == 0) {
    return;
  }
  tried_ = 0;
  not_before_ = not_past(not_before_);
  look_at_ports();
  ask_for_aged();
  executor_.step();
  if (executor_.pending() > 0) {
    carry_out(executor_.take());
  }
  look_at_entries();
}

void Offloader::look_at_ports() {
  const std::size_t count = std::min(kPortsPerTick, new_ports_.size());
  for (std::size_t i = 0; i < count; ++i) {
    const PortIndex index = new_ports_.front();
    new_ports_.pop_front();
    const Port* port = port_table_.find(index);
    if (port != nullptr && !port->is_exception && !port->is_trunk() && !ports_.look_at(*port)) {
      new_ports_.push_back(index);
    }
  }
}

void Offloader::look_at_entries() {
  const Number count = std::min(kEntriesPerTick, table_.end());
  for (Number i = 0; i < count; ++i) {
    if (next_entry_ >= table_.end()) {
      next_entry_ = 0;
    }
    look_at_entry(next_entry_++);
  }
}

void Offloader::look_at_entry(Number entry) {
  OffloadedConnection& connection = table_.at(entry);
  const Milliseconds now = flows_.clock.now();
  connection.not_before = not_past(connection.not_before);
  const bool is_due = now - connection.last_query >= kQueryInterval;
  if (connection.state == State::kActive && is_due && querying_ < kMostQuerying) {
    ask_for_counts(entry);
  } else if (connection.state == State::kRemoving && connection.is_stuck && is_due &&
             removing_ < kMostRemoving) {
    connection.last_query = now;
    ask_to_remove(entry, Haste::kNone);
  } else if (connection.state == State::kSoftware && is_done_with(connection)) {
    table_.remove(entry);
  }
}

// Neither the time when it may be tried again is needed, nor what hardware counted.
bool Offloader::is_done_with(const OffloadedConnection& connection) {
  if (!lives(connection)) {
    return true;
  }
  if (is_before(flows_.clock.now(), connection.not_before)) {
    return false;
  }
  return !connection.has_counted() ||
         (connection.ipv6 ? fold<FlowKeyV6>(connection) : fold<FlowKeyV4>(connection));
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

// ---- views

bool Offloader::add_counts(ConnectionSnapshot& connection) const {
  const auto entry = table_.find(connection.id.ipv6, connection.id.number);
  if (!entry || table_.at(*entry).life != connection.id.life) {
    return false;
  }
  const OffloadedConnection& offloaded = table_.at(*entry);
  for (std::size_t direction = 0; direction < 2; ++direction) {
    connection.directions[direction].packets += offloaded.counted[direction].packets;
    connection.directions[direction].bytes += offloaded.counted[direction].bytes;
  }
  return offloaded.state == State::kActive;
}

std::vector<Offloader::PortView> Offloader::port_views() const {
  std::vector<PortView> views;
  for (PortIndex index = 0; index < port_table_.capacity(); ++index) {
    const Port* port = port_table_.find(index);
    if (port == nullptr || port->is_exception || port->is_trunk()) {
      continue;
    }
    views.push_back({.port = index,
                     .is_hardware = ports_.hardware(index) != nullptr,
                     .reason = is_on_ ? ports_.refusal_of(*port) : "offload is switched off",
                     .connections = table_.count_of_port(index)});
  }
  return views;
}

}  // namespace alkaid
