// Offloader: what drivers have done, and what follows from it.
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include <spdlog/spdlog.h>

#include "control/common/logging.hpp"
#include "dataplane/offload/offload_times.hpp"
#include "dataplane/offload/offloader.hpp"

namespace alkaid {
namespace {

// Of one whose predecessor's rules are there yet, and of all where the hardware has no room.
constexpr Milliseconds kRetryExisting = 1000;
constexpr Milliseconds kRetryFull = 1000;

constexpr bool is_lack_of_room(int error) {
  return error == ENOSPC || error == ENOMEM || error == ENOBUFS || error == EAGAIN;
}

}  // namespace

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
    if (flushed_) {
      flushed_(proxy);
    }
  }
  ports_.distrust(proxy, flush.is_empty ? "a rule could not be removed from its switch"
                                        : "its switch does not give rules back");
  for (Number entry = 0; entry < table_.end(); ++entry) {
    if (table_.at(entry).is_managed_by(proxy)) {
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
    give_up(entry);
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

bool Offloader::is_as_installed(const OffloadedConnection& connection) const {
  if (!lives(connection)) {
    return false;
  }
  const ConnectionRules rules = connection.ipv6 ? source_.rules_of<FlowKeyV6>(connection.number)
                                                : source_.rules_of<FlowKeyV4>(connection.number);
  return rules.digest() == connection.digest;
}

}  // namespace alkaid
