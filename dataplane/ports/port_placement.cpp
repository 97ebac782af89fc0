// PortManager: which worker polls which receive queue, and how that changes while packets pass.
// Design: docs/design/workers.md.
#include <algorithm>
#include <thread>
#include <utility>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "control/common/logging.hpp"
#include "dataplane/ports/port_manager.hpp"
#include "dataplane/ports/transmit_lock.hpp"

namespace alkaid {
namespace {

constexpr std::size_t kLongestShown = 64;

}  // namespace

void PortManager::prefer_workers(const std::string& id, std::vector<unsigned> workers) {
  preferred_workers_[id] = std::move(workers);
}

std::optional<unsigned> PortManager::wanted_worker(const Record& record, std::size_t queue) const {
  if (const auto own = record.wanted_by_queue.find(queue); own != record.wanted_by_queue.end()) {
    return own->second;
  }
  const auto preferred = preferred_workers_.find(record.config.id);
  if (record.wanted_worker || preferred == preferred_workers_.end()) {
    return record.wanted_worker;
  }
  const std::vector<unsigned>& workers = preferred->second;
  if (workers.size() == 1) {
    return workers.front();
  }
  return queue < workers.size() ? std::optional{workers[queue]} : std::nullopt;
}

PortManager::QueueCounts PortManager::count_queues(const Record& record) const {
  QueueCounts counts(workers_.size(), 0);
  if (record.is_polled()) {
    for (const ReceiveQueue& queue : record.queues) {
      ++counts[queue.worker];
    }
  }
  return counts;
}

PortManager::QueueCounts PortManager::count_queues() const {
  QueueCounts all(workers_.size(), 0);
  for (const auto& [id, record] : records_) {
    if (record.is_polled()) {
      for (const ReceiveQueue& queue : record.queues) {
        ++all[queue.worker];
      }
    }
  }
  return all;
}

unsigned PortManager::choose_worker(const Record& record, std::size_t queue, const QueueCounts& own,
                                    const QueueCounts& all) const {
  if (const auto wanted = wanted_worker(record, queue); wanted && is_active(*wanted)) {
    return *wanted;
  }
  std::optional<unsigned> best;
  for (unsigned worker = 0; worker < workers_.size(); ++worker) {
    if (is_active(worker) &&
        (!best || std::pair{own[worker], all[worker]} < std::pair{own[*best], all[*best]})) {
      best = worker;
    }
  }
  return *best;
}

void PortManager::place_queues(Record& record, std::size_t count) {
  record.queues.resize(std::min(record.queues.size(), count));
  QueueCounts own = count_queues(record);
  QueueCounts all = count_queues();
  for (std::size_t queue = record.queues.size(); queue < count; ++queue) {
    const unsigned worker = choose_worker(record, queue, own, all);
    ++own[worker];
    ++all[worker];
    record.queues.push_back({.worker = worker});
  }
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

std::string PortManager::refuse_move(const Record* record, const std::string& id, unsigned worker,
                                     std::optional<std::uint16_t> queue) const {
  if (record == nullptr) {
    return fmt::format("there is no port \"{}\"", id);
  }
  if (record->trunk != nullptr) {
    return fmt::format("port {} is a VLAN of {}, which moves as a whole", id,
                       printable(record->trunk->config.id));
  }
  if (worker >= workers_.size()) {
    return fmt::format("there is no worker {}: they are 0 to {}", worker, workers_.size() - 1);
  }
  if (!is_active(worker)) {
    return fmt::format("worker {} is off; set worker {} on", worker, worker);
  }
  if ((record->device || queue) && !record->is_polled()) {
    return fmt::format("port {} has no queue that a worker would poll", id);
  }
  if (queue && *queue >= record->queues.size()) {
    return fmt::format("port {} has no receive queue {}: they are 0 to {}", id, *queue,
                       record->queues.size() - 1);
  }
  return {};
}

std::string PortManager::move(const std::string& id, unsigned worker,
                              std::optional<std::uint16_t> queue) {
  const std::string shown = printable(id, kLongestShown);
  Record* record = find_shown(id);
  if (const std::string refusal = refuse_move(record, shown, worker, queue); !refusal.empty()) {
    return refusal;
  }
  if (queue) {
    record->wanted_by_queue[*queue] = worker;
  } else {
    record->wanted_worker = worker;
    record->wanted_by_queue.clear();
  }
  Moves moves;
  for (std::size_t i = 0; record->is_polled() && i < record->queues.size(); ++i) {
    if ((!queue || *queue == i) && record->queues[i].worker != worker) {
      moves.push_back({record, i, worker});
    }
  }
  move_queues(moves);
  spdlog::info("{}port {} belongs to worker {}",
               queue ? fmt::format("receive queue {} of ", *queue) : "", shown, worker);
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
  QueueCounts all = count_queues();
  for (auto& [id, record] : records_) {
    QueueCounts own = count_queues(record);
    for (std::size_t queue = 0; queue < record.queues.size() && own[worker] > 0; ++queue) {
      if (record.queues[queue].worker == worker) {
        const unsigned target = choose_worker(record, queue, own, all);
        --own[worker];
        ++own[target];
        ++all[target];
        moves.push_back({&record, queue, target});
      }
    }
  }
  return moves;
}

PortManager::Moves PortManager::moves_to(unsigned worker) {
  Moves moves;
  QueueCounts all = count_queues();
  // Those that shall be its, then what makes its share: a port's queues stay spread.
  for (const bool is_wanted : {true, false}) {
    for (auto& [id, record] : records_) {
      QueueCounts own = count_queues(record);
      for (std::size_t queue = 0; record.is_polled() && queue < record.queues.size(); ++queue) {
        const unsigned from = record.queues[queue].worker;
        const auto wanted = wanted_worker(record, queue);
        const bool makes_share = !wanted && all[from] > all[worker] + 1 && own[from] > own[worker];
        if (from != worker && (is_wanted ? wanted == worker : makes_share)) {
          --all[from];
          ++all[worker];
          --own[from];
          ++own[worker];
          moves.push_back({&record, queue, worker});
        }
      }
    }
  }
  return moves;
}

void PortManager::move_queues(const Moves& moves) {
  if (moves.empty()) {
    return;
  }
  const auto engage = [&moves](bool is_engaged) {
    for (const Move& move : moves) {
      // The first queue's worker is the one that sends. librte_vhost has a lock of its own for each
      // ring.
      if (move.queue == 0 && !move.record->device->is_vhost()) {
        transmit_lock_of(move.record->device->ethdev())
            .is_engaged.store(is_engaged, std::memory_order_release);
      }
    }
  };
  engage(true);
  wait_for_workers();  // from now on nobody sends by these devices without the lock
  for (const Move& move : moves) {
    move.record->queues[move.queue] = {.worker = move.worker, .is_moving = true};
    if (move.queue == 0) {
      publish(*move.record);
      if (move.record->is_trunk()) {
        trunk_changed(*move.record);
      }
    }
  }
  publish_poll_lists();
  wait_for_workers();  // the workers they leave have let go of the queues
  for (const Move& move : moves) {
    move.record->queues[move.queue].is_moving = false;
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
