// The data plane as one object: tables, ports, workers and the control thread that feeds them.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <rte_mbuf.h>

#include "control/common/net/ip_address.hpp"
#include "control/common/net/mac_address.hpp"
#include "dataplane/announce/announcer.hpp"
#include "dataplane/announce/tunnel_sender.hpp"
#include "dataplane/conntrack/fragment_tracker.hpp"
#include "dataplane/control/connection_usage.hpp"
#include "dataplane/control/executor.hpp"
#include "dataplane/control/frame_sender.hpp"
#include "dataplane/control/programmer.hpp"
#include "dataplane/control/table_watch.hpp"
#include "dataplane/flow/connection_keeper.hpp"
#include "dataplane/flow/flow_state.hpp"
#include "dataplane/offload/offload_settings.hpp"
#include "dataplane/on_demand/news_bell.hpp"
#include "dataplane/on_demand/on_demand.hpp"
#include "dataplane/ports/port_manager.hpp"
#include "dataplane/router_advertisement/router_advertiser.hpp"
#include "dataplane/tables/tables.hpp"
#include "dataplane/underlay/next_hop_table.hpp"
#include "dataplane/underlay/tunnel_table.hpp"
#include "dataplane/underlay/underlay.hpp"
#include "dataplane/worker/worker.hpp"

namespace alkaid {

class Offloader;

// A device whose VLANs are guest ports.
struct TrunkSettings {
  std::string name;
  Attachment attachment;
  std::string text;
};

struct DataplaneSettings {
  std::optional<Attachment> uplink;
  std::string uplink_text;
  // To the host's kernel, for what the uplink carries beside VXLAN; unset: dropped.
  std::optional<Attachment> exception;
  std::string exception_text;
  std::uint32_t exception_rate = 10000;      // frames per second
  std::vector<TrunkSettings> trunks;         // of different names
  std::vector<IpPrefix> vteps;               // at most one of each family
  std::vector<IpAddress> underlay_gateways;  // at most kMostNextHops of each family
  std::vector<std::pair<IpAddress, MacAddress>> underlay_neighbors;
  std::uint16_t vxlan_port = udp_port::kVxlan;
  std::uint16_t uplink_vlan = 0;  // 0: untagged
  bool udp6_zero_checksum = false;
  // Guests' large TCP packets are the uplink's card's to cut, where it can.
  bool uplink_segmentation = true;
  bool fragment_outside = false;
  bool clamp_mss = false;
  std::vector<unsigned> worker_lcores;
  // Of them, from the first one on: the others rest until they are made active. 0: all.
  std::size_t workers_on = 0;
  // Which workers poll which port, by the id that is shown of it: of each of its receive queues, or
  // one of all; of others it is chosen.
  std::vector<std::pair<std::string, std::vector<unsigned>>> port_workers;
  // Receive queues of a device that says nothing else, at most; 0: as many as there are workers.
  std::uint16_t queues = 0;
  std::uint32_t idle_backoff_microseconds = 0;
  // The longest time between router advertisements to a port; 0: only in answer to solicitations.
  std::chrono::seconds ra_interval = RouterAdvertiser::kLongestInterval;
  // Gratuitous ARP and unsolicited neighbor advertisements.
  bool announcements = true;
  std::uint32_t packet_buffers = 16384;
  std::uint32_t jumbo_buffers = 2048;
  // NUMA nodes with that many buffers each, the one that serves everybody else first; empty: they
  // are wherever there is memory.
  std::vector<unsigned> packet_nodes;
  TableSizes tables;
  FlowSettings flows;
  OffloadSettings offload;
};

// Made and destroyed by the control thread, after rte_eal_init and register_nodes(). Everything but
// the executor and what workers read is the control thread's alone.
class Dataplane {
 public:
  // Throws std::runtime_error with a text for the operator.
  explicit Dataplane(const DataplaneSettings& settings);
  ~Dataplane();
  Dataplane(const Dataplane&) = delete;
  Dataplane& operator=(const Dataplane&) = delete;

  // Starts the workers on their lcores. Tests that step by hand leave it out.
  void start_workers();
  void stop_workers();

  // What was programmed may have changed how connections are forwarded: they are looked at again,
  // and hardware forwards none by what was. Before the agent is answered.
  void publish_changes();

  // Timers, devices, next hops, reclamation: call often (the executor's tick).
  void tick();

  [[nodiscard]] Executor& executor() { return executor_; }
  [[nodiscard]] Programmer& programmer() { return *programmer_; }
  [[nodiscard]] PortManager& ports() { return *ports_; }
  [[nodiscard]] Tables& tables() { return *tables_; }
  [[nodiscard]] NextHopTable& next_hops() { return *next_hops_; }
  [[nodiscard]] TunnelTable& tunnels() { return *tunnels_; }
  // nullptr: nothing is announced.
  [[nodiscard]] const Announcer* announcer() const { return announcer_.get(); }
  [[nodiscard]] const RouterAdvertiser& router_advertiser() const { return router_advertiser_; }
  [[nodiscard]] const Underlay& underlay() const { return underlay_; }
  [[nodiscard]] FlowState& flows() { return *flows_; }
  [[nodiscard]] ConnectionKeeper& connections() { return *connections_; }
  [[nodiscard]] const ConnectionUsage& connection_usage() const { return *connection_usage_; }
  [[nodiscard]] Offloader& offloader() { return *offloader_; }
  [[nodiscard]] OnDemand& on_demand() { return *on_demand_; }
  [[nodiscard]] QuiescenceDomain& quiescence() { return *quiescence_; }
  [[nodiscard]] const std::vector<std::unique_ptr<Worker>>& workers() const { return workers_; }
  [[nodiscard]] PortTable& port_table() { return port_table_; }
  [[nodiscard]] rte_mempool* pool() { return pools_.standard(); }
  [[nodiscard]] const PacketPools& pools() const { return pools_; }

  // Random, new with every start.
  [[nodiscard]] std::uint64_t instance() const { return instance_; }
  [[nodiscard]] std::chrono::microseconds uptime() const;

  // Called on the control thread when a port's device came or went. One listener.
  void on_port_state(std::function<void(const PortView&)> listener) {
    port_listener_ = std::move(listener);
  }
  // Called on the control thread when a table begins to refuse objects, or takes them again.
  void on_table_state(TableWatch::Listener listener) {
    table_watch_.on_change(std::move(listener));
  }
  // Called on the control thread when a table passes 80 %, and when it falls below 75 % again.
  void on_table_level(TableWatch::LevelListener listener) {
    table_watch_.on_level(std::move(listener));
  }
  // Of what the agent fills, and of connections: a table may be full.
  [[nodiscard]] std::vector<TableOccupancy> table_occupancies() const;

 private:
  [[nodiscard]] std::vector<TableOccupancy> agent_table_occupancies() const;
  void ask_for(const IpAddress& target, const std::optional<MacAddress>& known);
  void uplink_changed(const Port* port);
  void review_connections(const std::vector<const SecurityGroup*>& groups);
  void bump_changed();
  void make_announcer();
  void guest_port_changed(const Port* before, const Port* now);

  const std::uint64_t instance_;
  const std::chrono::steady_clock::time_point start_;
  Executor executor_;
  std::function<void(const PortView&)> port_listener_;
  TableWatch table_watch_;
  PacketPools pools_;
  std::unique_ptr<QuiescenceDomain> quiescence_;
  std::unique_ptr<Tables> tables_;
  PortTable port_table_;
  Underlay underlay_;
  FragmentTracker fragments_;
  NewsBell news_bell_;
  std::unique_ptr<FlowState> flows_;
  std::unique_ptr<NextHopTable> next_hops_;
  std::unique_ptr<TunnelTable> tunnels_;
  std::vector<std::unique_ptr<Worker>> workers_;
  FrameSender frame_sender_;
  RouterAdvertiser router_advertiser_;
  std::unique_ptr<TunnelSender> tunnel_sender_;
  std::unique_ptr<Announcer> announcer_;  // nullptr: switched off
  std::unique_ptr<OnDemand> on_demand_;
  std::unique_ptr<Offloader> offloader_;
  std::unique_ptr<PortManager> ports_;
  std::unique_ptr<Programmer> programmer_;
  std::unique_ptr<ConnectionKeeper> connections_;
  std::unique_ptr<ConnectionUsage> connection_usage_;
  std::chrono::steady_clock::time_point next_device_check_;
  bool running_ = false;
};

}  // namespace alkaid
