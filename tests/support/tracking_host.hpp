// A host as connection tracking knows it, without the graph: ports, security groups and their
// stamps as the control thread changes them, the keeper of connections, and what workers have of
// their own. Needs the memory of EAL (start_small_eal).
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#ifdef __SANITIZE_THREAD__
#include <sanitizer/tsan_interface.h>
#endif

#include "dataplane/flow/connection_keeper.hpp"
#include "dataplane/flow/connection_search.hpp"
#include "dataplane/flow/connector.hpp"
#include "dataplane/policy/security_group_table.hpp"
#include "tests/support/exact_copy.hpp"
#include "tests/support/packet_fields.hpp"

namespace alkaid::test {

// From and to: guest ports, or kNoPort for a tunnel.
struct TrackedWay {
  PortIndex from = kNoPort;
  PortIndex to = kNoPort;

  bool operator==(const TrackedWay&) const = default;
};

// A frame in a buffer of exactly its size, with what the slow path knows of it before `connect`.
class TrackedFrame {
 public:
  explicit TrackedFrame(const Bytes& frame) : bytes_(frame), buffer_(std::make_unique<Buffer>()) {
    rte_mbuf& packet = buffer_->mbuf;
    packet.buf_addr = bytes_.bytes().data();
    packet.buf_len = packet.data_len = static_cast<std::uint16_t>(frame.size());
    packet.pkt_len = packet.data_len;
    packet.nb_segs = 1;
  }

  // False: no worker would let it come as far as to `connect`.
  [[nodiscard]] bool parse() {
    PacketContext& context = context_of(mbuf());
    context = PacketContext{};
    return parse_frame(bytes_.bytes(), bytes_.size(), context.headers) == DropReason::kNone &&
           context.headers.kind != FrameHeaders::Kind::kArp;
  }
  // False: it can't go this way (any more).
  [[nodiscard]] bool place(const PortTable& ports, const TrackedWay& way) {
    const Port* source = ports.find(way.from);
    const Port* destination = ports.find(way.to);
    if ((way.from != kNoPort && source == nullptr) ||
        (way.to != kNoPort && destination == nullptr) ||
        (source == nullptr && destination == nullptr)) {
      return false;
    }
    PacketContext& context = context_of(mbuf());
    context.ingress = source;
    context.from_wire = source == nullptr;
    context.egress = way.to;
    const Port& home = source != nullptr ? *source : *destination;
    FlowContext& flow = begin_flow(mbuf(), home.zone_of(context.headers.kind));
    flow.hop = {.place = 1, .signature = 1};
    return true;
  }

  [[nodiscard]] rte_mbuf* mbuf() { return &buffer_->mbuf; }
  [[nodiscard]] PacketContext& context() { return context_of(mbuf()); }
  [[nodiscard]] bool is_v6() { return context().headers.kind == FrameHeaders::Kind::kIpv6; }

 private:
  struct alignas(RTE_CACHE_LINE_SIZE) Buffer {
    rte_mbuf mbuf{};
    std::array<std::uint8_t, kPacketContextSize> context{};
  };

  ExactCopy bytes_;
  std::unique_ptr<Buffer> buffer_;
};

class TrackingHost {
 public:
  TrackingHost(const FlowSettings& settings, unsigned workers, PortIndex most_ports)
      : quiescence_(workers),
        state_(settings, workers, most_ports),
        ports_(most_ports),
        rules_(1024, workers, retire_later()),
        groups_({.groups = 64, .members = 1024}, rules_, retire_later()),
        keeper_(state_, ports_, quiescence_),
        groups_of_(most_ports) {
    for (unsigned i = 0; i < workers; ++i) {
      workers_.push_back(std::make_unique<OwnFlows>(state_, quiescence_, i));
    }
    for (PortIndex index = most_ports; index > 0; --index) {
      free_.push_back(index - 1);
    }
    groups_.on_narrowed([this](const auto& narrowed) { review(narrowed); });
  }
  // No worker is registered any more.
  ~TrackingHost() {
    for (PortIndex index = 0; index < ports_.capacity(); ++index) {
      if (ports_.find(index) != nullptr) {
        remove_port(index);
      }
    }
    quiescence_.drain();
  }
  TrackingHost(const TrackingHost&) = delete;
  TrackingHost& operator=(const TrackingHost&) = delete;

  // ---- control thread

  // A port appears; kNoPort: all indexes are in use, or wait for workers.
  PortIndex add_port(std::uint32_t zone) {
    if (free_.empty()) {
      return kNoPort;
    }
    const PortIndex index = free_.back();
    free_.pop_back();
    ++generation_;
    publish(index, make_port(index, generation_, zone));
    return index;
  }
  // groups: none if nothing is enforced there.
  void set_groups(PortIndex index, std::optional<std::vector<std::string>> groups) {
    const Port& old = *ports_.find(index);
    const auto before = std::exchange(groups_of_[index], groups);
    auto port = make_port(index, old.generation, old.zone);
    if (groups) {
      for (const auto& id : *groups) {
        groups_.acquire(id);
      }
      port->policy = std::make_unique<const PortPolicy>(groups_.policy_of(*groups));
    }
    publish(index, std::move(port));
    release(before);
  }
  void remove_port(PortIndex index) {
    publish(index, nullptr);
    release(std::exchange(groups_of_[index], std::nullopt));
    retire([this, index] { free_.push_back(index); });
  }
  ObjectResult change(const SecurityGroupChange& change) { return groups_.apply(change); }
  // What happens all the time: connections age, what waits is freed.
  void tick() {
    keeper_.tick();
    quiescence_.reclaim();
  }
  // How many went.
  std::size_t flush(const ConnectionFilter& filter) {
    ConnectionSearch search(state_, filter);
    std::vector<ConnectionSnapshot> found;
    while (search.advance(UINT32_MAX, SIZE_MAX, found)) {
    }
    std::size_t flushed = 0;
    for (const auto& connection : found) {
      const auto& id = connection.id;
      flushed += (id.ipv6 ? keeper_.take_down<FlowKeyV6>(id.number, id.life)
                          : keeper_.take_down<FlowKeyV4>(id.number, id.life))
                     ? 1
                     : 0;
    }
    return flushed;
  }

  // ---- a worker's thread

  void begin(unsigned worker) { quiescence_.register_worker(worker); }
  void end(unsigned worker) { quiescence_.unregister_worker(worker); }
  [[nodiscard]] FlowWalk walk(unsigned worker) {
    return {.flows = state_,
            .ports = ports_,
            .rules = rules_,
            .v4 = workers_[worker]->v4,
            .v6 = workers_[worker]->v6,
            .worker = worker,
            .now = state_.clock.now(),
            .newest_stamp = state_.stamps.newest()};
  }
  void end_walk(unsigned worker) {
    show_quiescent_state();
    quiescence_.report_quiescent(worker);
    see_quiescent_states();
    workers_[worker]->v4.housekeep();
    workers_[worker]->v6.housekeep();
  }
  template <class Key>
  [[nodiscard]] WorkerFlows<Key>& own_flows(unsigned worker) {
    if constexpr (Key::kIsV6) {
      return workers_[worker]->v6;
    } else {
      return workers_[worker]->v4;
    }
  }

  // ---- any thread
  [[nodiscard]] FlowState& state() { return state_; }
  [[nodiscard]] const PortTable& ports() const { return ports_; }
  [[nodiscard]] ConnectionKeeper& keeper() { return keeper_; }
  [[nodiscard]] QuiescenceDomain& quiescence() { return quiescence_; }
  [[nodiscard]] unsigned workers() const { return static_cast<unsigned>(workers_.size()); }

 private:
  struct OwnFlows {
    OwnFlows(FlowState& state, QuiescenceDomain& quiescence, unsigned worker)
        : v4(state, quiescence, worker), v6(state, quiescence, worker) {}

    WorkerFlows<FlowKeyV4> v4;
    WorkerFlows<FlowKeyV6> v6;
  };

  // DPDK reads the last acknowledged token without a barrier, to save work: ThreadSanitizer is told
  // that who frees what was unpublished knows what came before the quiescent states since.
#ifdef __SANITIZE_THREAD__
  void show_quiescent_state() {
    __tsan_release(&quiescence_);
  }
  void see_quiescent_states() {
    __tsan_acquire(&quiescence_);
  }
#else
  void show_quiescent_state() {}
  void see_quiescent_states() {}
#endif

  void retire(std::function<void()> release) {
    quiescence_.retire([this, release = std::move(release)] {
      see_quiescent_states();
      release();
    });
  }
  Retire retire_later() {
    return [this](std::function<void()> release) { retire(std::move(release)); };
  }
  static std::unique_ptr<Port> make_port(PortIndex index, std::uint32_t generation,
                                         std::uint32_t zone) {
    auto port = std::make_unique<Port>();
    port->index = index;
    port->generation = generation;
    port->admin_up = port->attached = true;
    port->zone = port->zone_v6 = zone;
    return port;
  }
  void publish(PortIndex index, std::unique_ptr<Port> port) {
    const bool stays = port != nullptr && ports_.find(index) != nullptr;
    const Port* old = ports_.publish(index, port.release());
    if (!stays) {
      state_.ports[index].since.store(state_.clock.now(), std::memory_order_relaxed);
    }
    state_.stamps.bump(index);
    if (old != nullptr) {
      retire([old] { delete old; });
    }
  }
  void release(const std::optional<std::vector<std::string>>& groups) {
    if (groups) {
      for (const auto& id : *groups) {
        groups_.release(id);
      }
    }
  }
  void review(const std::vector<const SecurityGroup*>& narrowed) {
    for (PortIndex index = 0; index < ports_.capacity(); ++index) {
      const Port* port = ports_.find(index);
      if (port == nullptr || port->policy == nullptr) {
        continue;
      }
      for (const SecurityGroup* group : port->policy->groups()) {
        if (std::find(narrowed.begin(), narrowed.end(), group) != narrowed.end()) {
          state_.stamps.bump(index);
          break;
        }
      }
    }
  }

  QuiescenceDomain quiescence_;
  FlowState state_;
  PortTable ports_;
  RuleTable rules_;
  SecurityGroupTable groups_;
  ConnectionKeeper keeper_;
  std::vector<std::unique_ptr<OwnFlows>> workers_;
  std::vector<std::optional<std::vector<std::string>>> groups_of_;  // by port
  std::vector<PortIndex> free_;
  std::uint32_t generation_ = 0;
};

}  // namespace alkaid::test
