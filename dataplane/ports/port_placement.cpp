// PortManager: which worker polls which port, and how that changes while packets pass.
// Design: docs/design/workers.md.
#include <algorithm>
#include <thread>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "control/common/logging.hpp"
#include "dataplane/ports/port_manager.hpp"
#include "dataplane/ports/transmit_lock.hpp"

namespace alkaid {
namespace {

constexpr std::size_t kLongestShown = 64;

}  // namespace

void PortManager::prefer_worker(const std::string& id, unsigned worker) {
  preferred_workers_[id] = worker;
}

std::optional<unsigned> PortManager::wanted_worker(const Record& record) const {
  if (record.wanted_worker) {
    return record.wanted_worker;
  }
  const auto found = preferred_workers_.find(record.config.id);
  return found == preferred_workers_.end() ? std::nullopt : std::optional{found->second};
}

std::vector<std::size_t> PortManager::count_queues() const {
  std::vector<std::size_t> queues(workers_.size(), 0);
  for (const auto& [id, record] : records_) {
    queues[record.worker] += record.is_polled() ? 1 : 0;
  }
  return queues;
}

unsigned PortManager::choose_worker(const Record& record,
                                    const std::vector<std::size_t>& queues) const {
  if (const auto wanted = wanted_worker(record); wanted && is_active(*wanted)) {
    return *wanted;
  }
  std::optional<unsigned> best;
  for (unsigned worker = 0; worker < workers_.size(); ++worker) {
    if (is_active(worker) && (!best || queues[worker] < queues[*best])) {
      best = worker;
    }
  }
  return *best;
}

PortManager::Record* PortManager::find_shown(const std::string& id) {
  // The data plane's own ports come first and are few.
  for (auto& [key, record] : records_) {
    if (record.is_guest()) {
      break;
    }
    if (record.config.id == id) {
      return &record;
    }
  }
  const auto found = records_.find(id);
  return found == records_.end() || !found->second.is_guest() ? nullptr : &found->second;
}

std::string PortManager::move(const std::string& id, unsigned worker) {
  const std::string shown = printable(id, kLongestShown);
  Record* record = find_shown(id);
  if (record == nullptr) {
    return fmt::format("there is no port \"{}\"", shown);
  }
  if (record->trunk != nullptr) {
    return fmt::format("port {} is a VLAN of {}, which moves as a whole", shown,
                       printable(record->trunk->config.id));
  }
  if (worker >= workers_.size()) {
    return fmt::format("there is no worker {}: they are 0 to {}", worker, workers_.size() - 1);
  }
  if (!is_active(worker)) {
    return fmt::format("worker {} is off; set worker {} on", worker, worker);
  }
  if (record->device && !record->is_polled()) {
    return fmt::format("port {} has no queue that a worker would poll", shown);
  }
  record->wanted_worker = worker;
  if (record->is_polled() && record->worker != worker) {
    move_queues({{record, worker}});
  }
  spdlog::info("port {} belongs to worker {}", shown, worker);
  return {};
}

std::string PortManager::set_active(unsigned worker, bool active) {
  if (worker >= workers_.size()) {
    return fmt::format("there is no worker {}: they are 0 to {}", worker, workers_.size() - 1);
  }
  if (is_active(worker) == active) {
    return {};
  }
  const auto others = std::count(resting_.begin(), resting_.end(), false);
  if (!active && others == 1) {
    return fmt::format("worker {} is the last one that is on", worker);
  }
  resting_[worker] = !active;
  if (active) {
    move_queues(moves_to(worker));
  } else {
    move_queues(moves_from(worker));
  }
  spdlog::info("worker {} is {}", worker, active ? "on" : "off");
  return {};
}

PortManager::Moves PortManager::moves_from(unsigned worker) {
  Moves moves;
  auto queues = count_queues();
  for (auto& [id, record] : records_) {
    if (record.is_polled() && record.worker == worker) {
      const unsigned target = choose_worker(record, queues);
      ++queues[target];
      moves.emplace_back(&record, target);
    }
  }
  return moves;
}

PortManager::Moves PortManager::moves_to(unsigned worker) {
  Moves moves;
  auto queues = count_queues();
  const auto take = [&](Record& record) {
    --queues[record.worker];
    ++queues[worker];
    moves.emplace_back(&record, worker);
  };
  for (auto& [id, record] : records_) {
    if (record.is_polled() && record.worker != worker && wanted_worker(record) == worker) {
      take(record);
    }
  }
  for (auto& [id, record] : records_) {
    if (record.is_polled() && record.worker != worker && !wanted_worker(record) &&
        queues[record.worker] > queues[worker] + 1) {
      take(record);
    }
  }
  return moves;
}

void PortManager::move_queues(const Moves& moves) {
  if (moves.empty()) {
    return;
  }
  const auto engage = [&moves](bool is_engaged) {
    for (const auto& [record, worker] : moves) {
      // librte_vhost has a lock of its own for each ring.
      if (!record->device->is_vhost()) {
        transmit_lock_of(record->device->ethdev())
            .is_engaged.store(is_engaged, std::memory_order_release);
      }
    }
  };
  engage(true);
  wait_for_workers();  // from now on nobody sends by these devices without the lock
  for (const auto& [record, worker] : moves) {
    record->worker = worker;
    record->is_moving = true;
    publish(*record);
    if (record->is_trunk()) {
      trunk_changed(*record);
    }
  }
  publish_poll_lists();
  wait_for_workers();  // the workers they leave have let go of both queues
  for (const auto& [record, worker] : moves) {
    record->is_moving = false;
  }
  publish_poll_lists();
  engage(false);
}

void PortManager::wait_for_workers() {
  // Not drain(): what waits to be freed would be freed while nobody polls the ports.
  const std::uint64_t token = quiescence_.start_grace_period();
  while (!quiescence_.has_passed(token)) {
    std::this_thread::yield();
  }
}

}  // namespace alkaid
