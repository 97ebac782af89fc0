#include "dataplane/worker/worker.hpp"

#include <bit>
#include <cstring>
#include <stdexcept>

#include <fmt/format.h>
#include <rte_cycles.h>
#include <rte_errno.h>
#include <rte_graph_worker.h>
#include <rte_ring_elem.h>

#include "dataplane/conntrack/fragment_tracking_node.hpp"
#include "dataplane/graph/node_table.hpp"
#include "dataplane/on_demand/worker_waiting.hpp"
#include "dataplane/vhost/vhost_polls.hpp"
#include "dataplane/worker/idle_backoff.hpp"

namespace alkaid {
namespace {

constexpr unsigned kInjectRingSize = 4096;
constexpr unsigned kObservationRingSize = 1024;
constexpr std::uint64_t kReassemblyChecksPerSecond = 10;
// While packets wait for neighbors, which may come any moment; it looks for packets as often.
constexpr std::uint32_t kLongestAwaitMicroseconds = 50;
// Of a worker that has no ports, whatever the settings say.
constexpr std::uint32_t kLongestRestMicroseconds = 1000;
constexpr std::uint64_t kOrphanChecksPerSecond = 1000;  // of a part of the table each

std::size_t burst_bucket(std::uint32_t packets) {
  return std::min<std::size_t>(static_cast<std::size_t>(std::bit_width(packets)),
                               WorkerCounters::kBurstBuckets - 1);
}

}  // namespace

Worker::Worker(const WorkerSettings& settings, const SharedState& shared, rte_mempool* pool)
    : settings_(settings),
      shared_(shared),
      pool_(pool),
      poll_list_(new PollList),
      waiting_(std::make_unique<WorkerWaiting>(
          settings.index,
          WaitingStore::Limits{.packets = settings.waiting_packets,
                               .ports = static_cast<std::uint32_t>(shared.ports.capacity())},
          pool, shared.news_bell)),
      reassembler_(shared.underlay.fragments_outside ? std::make_unique<Reassembler>(settings.index)
                                                     : nullptr),
      fragment_identification_(settings.index),
      flows_v4_(shared.flows, shared.quiescence, settings.index),
      flows_v6_(shared.flows, shared.quiescence, settings.index) {
  const std::string name = fmt::format("worker-{}", settings.index);
  owned_inject_ring_.reset(rte_ring_create(fmt::format("inject-{}", settings.index).c_str(),
                                           kInjectRingSize, SOCKET_ID_ANY,
                                           // Producers may be preempted in the middle.
                                           RING_F_MP_RTS_ENQ | RING_F_SC_DEQ));
  owned_observation_ring_.reset(rte_ring_create_elem(
      fmt::format("observe-{}", settings.index).c_str(), sizeof(UnderlayObservation),
      kObservationRingSize, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ));
  inject_ring_ = owned_inject_ring_.get();
  observation_ring_ = owned_observation_ring_.get();
  if (inject_ring_ == nullptr || observation_ring_ == nullptr) {
    throw std::runtime_error(
        fmt::format("can't create the rings of {}: {}", name, rte_strerror(rte_errno)));
  }
  std::array<const char*, kNodeCount> patterns{};
  for (std::size_t i = 0; i < kNodeCount; ++i) {
    patterns[i] = kNodeNames[i];
  }
  rte_graph_param parameters{};
  parameters.socket_id = SOCKET_ID_ANY;
  parameters.nb_node_patterns = patterns.size();
  parameters.node_patterns = patterns.data();
  graph_id_ = rte_graph_create(name.c_str(), &parameters);
  graph_ = graph_id_ == RTE_GRAPH_ID_INVALID ? nullptr : rte_graph_lookup(name.c_str());
  if (graph_ == nullptr) {
    throw std::runtime_error(
        fmt::format("can't create the graph of {}: {}", name, rte_strerror(rte_errno)));
  }
  Worker* self = this;
  for (const char* node_name : kNodeNames) {
    rte_node* node = rte_graph_node_get_by_name(name.c_str(), node_name);
    std::memcpy(node->ctx, &self, sizeof(self));
  }
}

Worker::~Worker() {
  rte_graph_destroy(graph_id_);
  void* packet = nullptr;
  while (rte_ring_dequeue(inject_ring_, &packet) == 0) {
    rte_pktmbuf_free(static_cast<rte_mbuf*>(packet));
  }
  delete poll_list_.load();
}

unsigned Worker::inject(rte_mbuf** packets, unsigned count) {
  return rte_ring_enqueue_burst(inject_ring_, reinterpret_cast<void* const*>(packets), count,
                                nullptr);
}

void Worker::publish_poll_list(std::unique_ptr<const PollList> list) {
  const PollList* old = poll_list_.exchange(list.release(), std::memory_order_acq_rel);
  shared_.quiescence.retire_object(old);
}

std::vector<UnderlayObservation> Worker::take_observations() {
  std::vector<UnderlayObservation> observations;
  UnderlayObservation observation;
  while (rte_ring_dequeue_elem(observation_ring_, &observation, sizeof(observation)) == 0) {
    observations.push_back(observation);
  }
  return observations;
}

void Worker::observe(const UnderlayObservation& observation) {
  // The ring API takes a pointer to non-const but only reads.
  auto copy = observation;
  rte_ring_enqueue_elem(observation_ring_, &copy, sizeof(copy));
}

unsigned Worker::hand_over(const Port& port, rte_mbuf** packets, unsigned count) {
  return peers_[port.device.worker]->inject(packets, count);
}

std::uint32_t Worker::step() {
  received_ = 0;
  now_ = shared_.flows.clock.at(loop_time_ != 0 ? loop_time_ : rte_rdtsc());
  newest_stamp_ = shared_.flows.stamps.newest();
  rte_graph_walk(graph_);
  waiting_->announce();
  shared_.quiescence.report_quiescent(settings_.index);
  flows_v4_.housekeep();
  flows_v6_.housekeep();
  counters_.graph_walks.add(1);
  counters_.packets.add(received_);
  counters_.bursts[burst_bucket(received_)].add(1);
  return received_;
}

void Worker::refill_icmp_error_tokens(std::uint64_t now, std::uint64_t cycles_per_token) {
  if (now >= next_icmp_error_token_) {
    next_icmp_error_token_ = now + cycles_per_token;
    icmp_error_tokens_ = std::min(icmp_error_tokens_ + 1, kIcmpErrorBurst);
  }
}

void Worker::count_given_up_fragments() {
  const std::uint32_t count = reassembler_->free_given_up();
  if (count > 0) {
    orphan_counters_.drops[static_cast<std::size_t>(DropReason::underlay_reassembly)].add(count);
  }
}

void Worker::expire_fragments(std::uint64_t now) {
  if (now >= next_reassembly_check_) {
    next_reassembly_check_ = now + rte_get_tsc_hz() / kReassemblyChecksPerSecond;
    reassembler_->expire(now);
    count_given_up_fragments();
  }
}

void Worker::drop_orphans(std::uint64_t now) {
  if (now >= next_orphan_check_) {
    next_orphan_check_ = now + rte_get_tsc_hz() / kOrphanChecksPerSecond;
    drop_orphaned_fragments(*this, now);
  }
}

void Worker::run() {
  QuiescenceDomain& quiescence = shared_.quiescence;
  quiescence.register_worker(settings_.index);
  IdleBackoff backoff(settings_.idle_backoff_microseconds);
  IdleBackoff attentive(std::min(settings_.idle_backoff_microseconds, kLongestAwaitMicroseconds));
  IdleBackoff rest(std::max(settings_.idle_backoff_microseconds, kLongestRestMicroseconds));
  const std::uint64_t cycles_per_token = rte_get_tsc_hz() / kIcmpErrorsPerSecond;
  std::uint64_t before = rte_rdtsc();
  while (!stopping_.load(std::memory_order_relaxed)) {
    loop_time_ = before;
    const bool was_busy = step() > 0;
    const bool has_ports =
        !poll_list().queues.empty() || vhost_polls_of(settings_.index) != nullptr;
    IdleBackoff& idle = !has_ports ? rest : waiting_->holds_any() ? attentive : backoff;
    if (was_busy) {
      idle.reset();
    } else if (idle.should_sleep()) {
      counters_.sleeps.add(1);
      quiescence.go_offline(settings_.index);
      idle.sleep();
      quiescence.go_online(settings_.index);
    }
    const std::uint64_t now = rte_rdtsc();
    (was_busy ? counters_.busy_cycles : counters_.idle_cycles).add(now - before);
    refill_icmp_error_tokens(now, cycles_per_token);
    if (reassembler_ != nullptr) {
      expire_fragments(now);
    }
    drop_orphans(now);
    before = now;
  }
  quiescence.unregister_worker(settings_.index);
}

}  // namespace alkaid
