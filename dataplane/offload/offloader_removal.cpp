// Offloader: rules are taken away, and who has changed what they depend on waits for it.
#include <algorithm>
#include <chrono>
#include <vector>

#include <spdlog/spdlog.h>

#include "dataplane/offload/offload_times.hpp"
#include "dataplane/offload/offloader.hpp"

namespace alkaid {

void Offloader::bring_back(bool ipv6, ConnectionNumber number) {
  const auto entry = table_.find(ipv6, number);
  if (entry && table_.at(*entry).state != State::kSoftware) {
    withdraw(*entry, OffloadEnd::idle, Haste::kNone);
  } else {
    ConnectionRecord& record = ipv6 ? flows_.v6.record(number) : flows_.v4.record(number);
    record.state.fetch_and(~ConnectionRecord::kOffloaded, std::memory_order_seq_cst);
  }
}

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
      if (table_.at(entry).is_managed_by(device)) {
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

void Offloader::take_notices() {
  take_notices(Haste::kNone);
}

void Offloader::take_notices(Haste haste) {
  if (connections_ == 0) {
    return;  // none that are told are in hardware
  }
  const bool is_complete = flows_.offload_notices.take([this, haste](const OffloadNotice& notice) {
    const auto entry = table_.find(notice.ipv6, notice.number);
    if (!entry) {
      return;
    }
    OffloadedConnection& connection = table_.at(*entry);
    if (!is_marked(connection)) {
      withdraw(*entry, OffloadEnd::state_changed, haste);
      return;
    }
    // A worker needs its place, and passes it over while it is in hardware.
    connection.not_before = flows_.clock.now() + kRetryConnection;
    withdraw(*entry, OffloadEnd::made_room, haste);
  });
  if (is_complete) {
    return;
  }
  for (Number entry = 0; entry < table_.end(); ++entry) {
    const OffloadedConnection& connection = table_.at(entry);
    if (connection.has_rules() && !is_marked(connection)) {
      withdraw(entry, OffloadEnd::state_changed, haste);
    }
  }
}

}  // namespace alkaid
