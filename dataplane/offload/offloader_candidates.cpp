// Offloader: which connections are given to hardware.
#include <algorithm>
#include <utility>

#include "dataplane/offload/offload_times.hpp"
#include "dataplane/offload/offloader.hpp"

namespace alkaid {
namespace {

constexpr std::size_t kMostTried = 256;  // connections in a tick
constexpr OffloadTable::Number kEntriesForRoom = 64;

}  // namespace

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

}  // namespace alkaid
