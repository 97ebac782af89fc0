#include "dataplane/offload/offloader.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <utility>

#include "dataplane/offload/offload_times.hpp"

namespace alkaid {
namespace {

constexpr std::size_t kPortsPerTick = 16;
constexpr OffloadTable::Number kEntriesPerTick = 512;

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

void Offloader::look_at_all_ports() {
  new_ports_.clear();
  for (PortIndex index = 0; index < port_table_.capacity(); ++index) {
    if (port_table_.find(index) != nullptr) {
      new_ports_.push_back(index);
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
    give_up(entry);
  }
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
