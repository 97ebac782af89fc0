// A worker: one polling thread with a packet graph of its own.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <rte_graph.h>
#include <rte_mbuf.h>
#include <rte_ring.h>

#include "dataplane/flow/flow_state.hpp"
#include "dataplane/flow/worker_flows.hpp"
#include "dataplane/ports/port.hpp"
#include "dataplane/rcu/quiescence.hpp"
#include "dataplane/tables/tables.hpp"
#include "dataplane/underlay/reassembler.hpp"
#include "dataplane/underlay/underlay.hpp"
#include "dataplane/worker/counter.hpp"

namespace alkaid {

class FragmentTracker;
class NewsBell;
class WorkerWaiting;

// Counters that a worker keeps about itself; it alone writes them.
struct alignas(RTE_CACHE_LINE_SIZE) WorkerCounters {
  static constexpr std::size_t kBurstBuckets = 10;  // 0, 1, 2-3, 4-7, ... 128-255, 256 and more

  Counter packets;
  Counter graph_walks;
  Counter busy_cycles;
  Counter idle_cycles;
  Counter sleeps;
  std::array<Counter, kBurstBuckets> bursts;
};

// DHCP messages by type (option 53); only the worker writes them.
struct DhcpCounters {
  static constexpr std::size_t kTypes = 9;  // 1 .. 8; 0 is unused

  std::array<Counter, kTypes> received;
  std::array<Counter, kTypes> sent;
};

// DHCPv6 messages by type (RFC 8415, 7.3) and router discovery; only the worker writes them.
struct Dhcpv6Counters {
  static constexpr std::size_t kTypes = 12;  // 1 .. 11; 0 is unused

  std::array<Counter, kTypes> received;
  std::array<Counter, kTypes> sent;
  Counter router_solicitations;
  Counter router_advertisements;  // sent in answer; the others are the control thread's
};

// Everything that all workers share, read-only to them but for what the members' comments say.
struct SharedState {
  Tables& tables;
  PortTable& ports;
  Underlay& underlay;
  QuiescenceDomain& quiescence;
  FragmentTracker& fragments;
  FlowState& flows;
  NewsBell& news_bell;  // of missing neighbors
};

struct WorkerSettings {
  unsigned index = 0;
  unsigned lcore = 0;
  // Longest sleep of an idle worker; 0: poll without pause.
  std::uint32_t idle_backoff_microseconds = 0;
  std::uint32_t waiting_packets = 0;  // that may wait for their neighbors
};

// Made and destroyed by the control thread; run() belongs to the worker's lcore; the inject and
// observation rings connect the two.
class Worker {
 public:
  // Makes the graph. Throws std::runtime_error.
  Worker(const WorkerSettings& settings, const SharedState& shared, rte_mempool* pool);
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // ---- any thread
  [[nodiscard]] const WorkerSettings& settings() const { return settings_; }
  [[nodiscard]] const WorkerCounters& counters() const { return counters_; }
  [[nodiscard]] const FlowCounters& flow_counters(bool ipv6) const {
    return ipv6 ? flows_v6_.counters() : flows_v4_.counters();
  }
  [[nodiscard]] const DhcpCounters& dhcp_counters() const { return dhcp_counters_; }
  [[nodiscard]] const Dhcpv6Counters& dhcpv6_counters() const { return dhcpv6_counters_; }
  // Drops of packets without an ingress port.
  [[nodiscard]] const PortCounters& orphan_counters() const { return orphan_counters_; }
  [[nodiscard]] rte_graph* graph() const { return graph_; }
  // Hands packets whose context names an egress port to this worker, which transmits them. Takes
  // what fits; returns how many were taken, the rest stays the caller's.
  unsigned inject(rte_mbuf** packets, unsigned count);
  void stop() { stopping_.store(true, std::memory_order_relaxed); }

  // What the worker polls; workers may use it until their next quiescent state.
  [[nodiscard]] const PollList& poll_list() const {
    return *poll_list_.load(std::memory_order_acquire);
  }

  // ---- control thread
  // Replaces what the worker polls; the old list is retired.
  void publish_poll_list(std::unique_ptr<const PollList> list);
  // Takes what the worker learnt on the underlay since the last call.
  std::vector<UnderlayObservation> take_observations();

  // ---- the worker's thread
  // Polls until stop().
  void run();
  // One walk of the graph, for tests that step by hand. Returns how many packets were received.
  std::uint32_t step();

  [[nodiscard]] SharedState& shared() { return shared_; }
  [[nodiscard]] Tables& tables() { return shared_.tables; }
  [[nodiscard]] PortTable& ports() { return shared_.ports; }
  [[nodiscard]] Underlay& underlay() { return shared_.underlay; }
  [[nodiscard]] FragmentTracker& fragments() { return shared_.fragments; }
  [[nodiscard]] FlowState& flows() { return shared_.flows; }
  // Packets that wait for neighbors; its own comments say which thread may call what.
  [[nodiscard]] WorkerWaiting& waiting() { return *waiting_; }
  template <class Key>
  [[nodiscard]] WorkerFlows<Key>& own_flows() {
    if constexpr (Key::kIsV6) {
      return flows_v6_;
    } else {
      return flows_v4_;
    }
  }
  // When the walk began.
  [[nodiscard]] Milliseconds now() const { return now_; }
  // PortStamps::newest() when the walk began.
  [[nodiscard]] std::uint32_t newest_stamp() const { return newest_stamp_; }
  [[nodiscard]] WorkerCounters& own_counters() { return counters_; }
  [[nodiscard]] DhcpCounters& own_dhcp_counters() { return dhcp_counters_; }
  [[nodiscard]] Dhcpv6Counters& own_dhcpv6_counters() { return dhcpv6_counters_; }
  [[nodiscard]] rte_mempool* pool() { return pool_; }
  [[nodiscard]] rte_ring* inject_ring() { return inject_ring_; }
  // Counters of the port in this worker; nullptr: of packets without one.
  [[nodiscard]] PortCounters& counters_of(const Port* port) {
    return port != nullptr ? port->counters[settings_.index] : orphan_counters_;
  }
  // ICMP errors are rate-limited (RFC 1812, 4.3.2.8). False: none may be sent now.
  bool take_icmp_error_token() { return icmp_error_tokens_ > 0 && icmp_error_tokens_-- > 0; }
  // Time stamp counter when the walk began, for what needs no more precision; 0 while tests step by
  // hand.
  [[nodiscard]] std::uint64_t loop_time() const { return loop_time_; }
  // Tells the control thread what an ARP packet said; lost if the ring is full (it is asked again).
  void observe(const UnderlayObservation& observation);
  // Source nodes report what they took in.
  void count_received(std::uint32_t packets) { received_ += packets; }
  // Puts outer fragments together; nullptr unless that is configured.
  [[nodiscard]] Reassembler* reassembler() { return reassembler_.get(); }
  // Frees and counts fragments that will never be a packet.
  void count_given_up_fragments();
  // Of the next packet that is cut into fragments; workers' numbers differ.
  std::uint32_t next_fragment_identification() {
    return fragment_identification_ += static_cast<std::uint32_t>(peers_.size());
  }
  // Hands packets for `port` to the worker that owns its transmit queue; returns how many it took.
  unsigned hand_over(const Port& port, rte_mbuf** packets, unsigned count);
  // Set once, before any worker runs: all workers by index.
  void know_peers(std::vector<Worker*> peers) { peers_ = std::move(peers); }

 private:
  static constexpr std::uint32_t kIcmpErrorBurst = 100;
  static constexpr std::uint64_t kIcmpErrorsPerSecond = 1000;

  void expire_fragments(std::uint64_t now);
  void drop_orphans(std::uint64_t now);
  void refill_icmp_error_tokens(std::uint64_t now, std::uint64_t cycles_per_token);

  struct RingDeleter {
    void operator()(rte_ring* ring) const { rte_ring_free(ring); }
  };

  const WorkerSettings settings_;
  SharedState shared_;
  rte_mempool* const pool_;
  rte_graph* graph_ = nullptr;
  rte_graph_t graph_id_ = RTE_GRAPH_ID_INVALID;
  rte_ring* inject_ring_ = nullptr;
  rte_ring* observation_ring_ = nullptr;
  std::unique_ptr<rte_ring, RingDeleter> owned_inject_ring_;
  std::unique_ptr<rte_ring, RingDeleter> owned_observation_ring_;
  std::atomic<const PollList*> poll_list_;
  std::atomic<bool> stopping_{false};
  std::vector<Worker*> peers_;
  std::uint32_t received_ = 0;
  std::uint64_t loop_time_ = 0;
  std::uint32_t icmp_error_tokens_ = kIcmpErrorBurst;
  std::uint64_t next_icmp_error_token_ = 0;  // TSC
  std::unique_ptr<WorkerWaiting> waiting_;
  std::unique_ptr<Reassembler> reassembler_;
  std::uint64_t next_reassembly_check_ = 0;  // TSC
  std::uint64_t next_orphan_check_ = 0;      // TSC
  std::uint32_t fragment_identification_;
  Milliseconds now_ = 0;
  std::uint32_t newest_stamp_ = 0;
  WorkerFlows<FlowKeyV4> flows_v4_;
  WorkerFlows<FlowKeyV6> flows_v6_;

  WorkerCounters counters_;
  DhcpCounters dhcp_counters_;
  Dhcpv6Counters dhcpv6_counters_;
  PortCounters orphan_counters_;
};

}  // namespace alkaid
