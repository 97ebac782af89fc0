#include "dataplane/control/dataplane.hpp"

#include <algorithm>
#include <cstring>
#include <random>
#include <span>
#include <stdexcept>

#include <fmt/format.h>
#include <rte_cycles.h>
#include <rte_errno.h>
#include <rte_launch.h>
#include <rte_lcore.h>
#include <spdlog/spdlog.h>

#include "dataplane/conntrack/fragment_tracking_node.hpp"
#include "dataplane/graph/packet_context.hpp"
#include "dataplane/offload/offloader.hpp"
#include "dataplane/underlay/address_request.hpp"

namespace alkaid {
namespace {

constexpr std::chrono::milliseconds kDeviceCheckInterval{50};

// The fragments of a datagram leave their sender one after another.
constexpr std::uint64_t kFragmentSeconds = 2;

std::uint64_t random_number() {
  std::random_device device;
  return std::uint64_t{device()} << 32 | device();
}

void fill_underlay(const DataplaneSettings& settings, Underlay& underlay) {
  underlay.format = {.vxlan_port = settings.vxlan_port, .vlan = settings.uplink_vlan};
  // A tenth of a second's worth at once, so that a window of TCP gets through.
  underlay.exception_rate =
      Rate::of(settings.exception_rate,
               std::min(settings.exception_rate, std::max(64U, settings.exception_rate / 10)),
               rte_get_tsc_hz());
  underlay.udp6_zero_checksum = settings.udp6_zero_checksum;
  underlay.fragments_outside = settings.fragment_outside;
  underlay.vteps = settings.vteps;
  for (const auto& vtep : settings.vteps) {
    if (vtep.address.is_v4()) {
      underlay.vtep_v4 = vtep.address.v4();
    } else {
      underlay.vtep_v6 = vtep.address;
    }
  }
  if (settings.clamp_mss) {
    underlay.mss_clamp_overhead = underlay.vtep_v6.is_unset() ? kMtuOverheadV4 : kMtuOverheadV6;
  }
}

}  // namespace

Dataplane::Dataplane(const DataplaneSettings& settings)
    : instance_(random_number()),
      start_(std::chrono::steady_clock::now()),
      pools_(settings.packet_buffers, settings.jumbo_buffers, settings.packet_nodes),
      quiescence_(
          std::make_unique<QuiescenceDomain>(static_cast<unsigned>(settings.worker_lcores.size()))),
      tables_(std::make_unique<Tables>(settings.tables, *quiescence_)),
      port_table_(settings.tables.ports),
      fragments_({.lifetime = kFragmentSeconds * rte_get_tsc_hz(), .seed = random_number()}),
      flows_(std::make_unique<FlowState>(settings.flows, settings.worker_lcores.size(),
                                         settings.tables.ports)),
      frame_sender_(pools_.standard(), workers_),
      router_advertiser_(tables_->segments, port_table_, settings.ra_interval,
                         [this](const Port& port, std::span<const std::uint8_t> frame) {
                           return frame_sender_.send(port, frame);
                         }) {
  fill_underlay(settings, underlay_);
  next_hops_ = std::make_unique<NextHopTable>(
      *quiescence_, settings.uplink_vlan,
      [this](const IpAddress& target, const std::optional<MacAddress>& known) {
        ask_for(target, known);
      });
  for (const auto& [address, mac] : settings.underlay_neighbors) {
    next_hops_->add_static(address, mac);
  }
  tunnels_ = std::make_unique<TunnelTable>(underlay_, settings.underlay_gateways, *next_hops_,
                                           *quiescence_);
  const SharedState shared{*tables_,   port_table_, underlay_, *quiescence_,
                           fragments_, *flows_,     news_bell_};
  std::vector<Worker*> workers;
  // Half of the buffers is the devices', whatever guests ask for.
  const std::uint32_t waiting_packets =
      settings.packet_buffers / 2 / static_cast<std::uint32_t>(settings.worker_lcores.size());
  for (std::size_t i = 0; i < settings.worker_lcores.size(); ++i) {
    const WorkerSettings worker{.index = static_cast<unsigned>(i),
                                .lcore = settings.worker_lcores[i],
                                .idle_backoff_microseconds = settings.idle_backoff_microseconds,
                                .waiting_packets = waiting_packets};
    workers_.push_back(std::make_unique<Worker>(worker, shared, pools_.standard()));
    workers.push_back(workers_.back().get());
  }
  for (Worker* worker : workers) {
    worker->know_peers(workers);
  }
  on_demand_ =
      std::make_unique<OnDemand>(workers_, port_table_, tables_->neighbors, news_bell_,
                                 waiting_packets * static_cast<std::uint32_t>(workers_.size()));
  offloader_ =
      std::make_unique<Offloader>(settings.offload, *flows_, *tables_, port_table_, underlay_);
  tables_->neighbors.on_superseded(
      [this](const Neighbor& neighbor) { offloader_->station_superseded(neighbor); });
  next_hops_->on_path([this](const UnderlayPath& path) { offloader_->path_changed(path); });
  ports_ = std::make_unique<PortManager>(
      port_table_, *quiescence_, workers, pools_, settings.offload.rules(),
      [this](const PortConfig& config) {
        return config.policy_enforced
                   ? std::make_unique<const PortPolicy>(
                         tables_->security_groups.policy_of(config.security_groups))
                   : nullptr;
      },
      PortManager::Listener{
          .state_changed =
              [this](const PortView& view) {
                if (port_listener_) {
                  port_listener_(view);
                }
              },
          .port_changed = [this](const Port* before,
                                 const Port* now) { guest_port_changed(before, now); },
          .uplink_changed = [this](const Port* port) { uplink_changed(port); },
          .exception_attached =
              [this](const Port* port) {
                underlay_.exception.store(port->index, std::memory_order_release);
              },
          .device_leaves = [this](std::uint16_t device) { return offloader_->release(device); }});
  offloader_->on_flushed([this](std::uint16_t device) { ports_->rules_flushed(device); });
  programmer_ = std::make_unique<Programmer>(*tables_, *ports_, *tunnels_);
  programmer_->on_neighbor_set([this](Vni vni, const IpAddress& ip, const MacAddress& mac) {
    on_demand_->neighbor_set(vni, ip, mac);
  });
  tables_->security_groups.on_narrowed(
      [this](const std::vector<const SecurityGroup*>& groups) { review_connections(groups); });
  connections_ = std::make_unique<ConnectionKeeper>(*flows_, port_table_, *quiescence_);
  connections_->show_to(*offloader_);
  connection_usage_ = std::make_unique<ConnectionUsage>(*flows_, *connections_, workers_);
  if (settings.announcements) {
    make_announcer();
  }
  programmer_->on_segment([this](const Segment* before, const Segment& now) {
    router_advertiser_.segment_changed(before, now, Clock::now());
  });
  for (const auto& [id, numbers] : settings.port_workers) {
    ports_->prefer_workers(id, numbers);
  }
  if (settings.queues != 0) {
    ports_->limit_queues(settings.queues);
  }
  for (std::size_t worker = settings.workers_on; worker != 0 && worker < workers.size(); ++worker) {
    ports_->set_active(static_cast<unsigned>(worker), false);
  }
  ports_->use_uplink_segmentation(settings.uplink_segmentation);
  if (settings.uplink) {
    Attachment uplink = *settings.uplink;
    uplink.uplink_filter = UplinkFilter{.vtep_v4 = underlay_.vtep_v4,
                                        .vtep_v6 = underlay_.vtep_v6,
                                        .vxlan_port = settings.vxlan_port,
                                        .vlan = settings.uplink_vlan};
    ports_->add_uplink(uplink, settings.uplink_text);
  }
  if (settings.exception) {
    ports_->add_exception(*settings.exception, settings.exception_text);
  }
  for (const TrunkSettings& trunk : settings.trunks) {
    ports_->add_trunk(trunk.name, trunk.attachment, trunk.text);
  }
}

Dataplane::~Dataplane() {
  port_listener_ = nullptr;
  stop_workers();
  offloader_->shut_down();
  programmer_.reset();
  ports_.reset();
  quiescence_->drain();
  connections_.reset();
  workers_.clear();
  free_waiting_fragments(fragments_);
  tunnels_.reset();
  next_hops_.reset();
  tables_.reset();
}

void Dataplane::start_workers() {
  offloader_->allow_thread();
  running_ = true;  // also if only some start: those must be stopped
  for (const auto& worker : workers_) {
    const auto run = [](void* argument) {
      static_cast<Worker*>(argument)->run();
      return 0;
    };
    if (rte_eal_remote_launch(run, worker.get(), worker->settings().lcore) != 0) {
      throw std::runtime_error(fmt::format("can't start worker {} on lcore {}",
                                           worker->settings().index, worker->settings().lcore));
    }
  }
}

void Dataplane::stop_workers() {
  if (!running_) {
    return;
  }
  for (const auto& worker : workers_) {
    worker->stop();
  }
  for (const auto& worker : workers_) {
    rte_eal_wait_lcore(worker->settings().lcore);
  }
  running_ = false;
}

void Dataplane::tick() {
  const auto now = Clock::now();
  for (const auto& worker : workers_) {
    for (const auto& observation : worker->take_observations()) {
      next_hops_->observe(observation, now);
    }
  }
  next_hops_->tick(now);
  bump_changed();
  on_demand_->tick();
  offloader_->take_notices();
  connections_->tick();
  offloader_->tick();
  connection_usage_->tick();
  router_advertiser_.tick(now);
  if (announcer_) {
    announcer_->tick(now);
  }
  if (now >= next_device_check_) {
    next_device_check_ = now + kDeviceCheckInterval;
    ports_->tick();
  }
  quiescence_->reclaim();
  for (const auto& occupancy : agent_table_occupancies()) {
    table_watch_.look(occupancy, now);
  }
  for (const bool ipv6 : {false, true}) {
    table_watch_.look(connection_usage_->occupancy(ipv6), now, TableWatch::Filler::kTraffic);
  }
}

// What the groups admitted may be admitted no more.
void Dataplane::review_connections(const std::vector<const SecurityGroup*>& groups) {
  const auto is_concerned = [&groups](const Port& port) {
    const auto& own = port.policy->groups();
    return std::find_first_of(own.begin(), own.end(), groups.begin(), groups.end()) != own.end();
  };
  for (PortIndex index = 0; index < port_table_.capacity(); ++index) {
    const Port* port = port_table_.find(index);
    if (port != nullptr && port->policy != nullptr && is_concerned(*port)) {
      flows_->stamps.bump(index);
      offloader_->policy_changed(index);
    }
  }
}

void Dataplane::publish_changes() {
  bump_changed();
  offloader_->wait_until_removed();
}

void Dataplane::bump_changed() {
  if (!programmer_->take_forwarding_changed()) {
    return;
  }
  for (const PortView& view : ports_->views()) {
    if (view.config != nullptr) {
      flows_->stamps.bump(view.port->index);
      offloader_->policy_changed(view.port->index);
    }
  }
}

std::vector<TableOccupancy> Dataplane::table_occupancies() const {
  std::vector<TableOccupancy> occupancies = agent_table_occupancies();
  occupancies.push_back(connection_usage_->occupancy(false));
  occupancies.push_back(connection_usage_->occupancy(true));
  return occupancies;
}

std::vector<TableOccupancy> Dataplane::agent_table_occupancies() const {
  const std::uint64_t ports = ports_->size();
  const std::uint64_t port_bytes = port_table_.capacity() * sizeof(const Port*) +
                                   ports * (sizeof(Port) + workers_.size() * sizeof(PortCounters));
  return {{"ports", ports, port_table_.capacity(), ports_->high_water(), ports_->full_events(),
           port_bytes},
          tables_->segments.occupancy(),
          tables_->neighbors.occupancy(),
          tables_->routes.occupancy(),
          tables_->dhcp_bindings.occupancy(),
          tables_->security_groups.group_occupancy(),
          tables_->rules.occupancy(),
          tables_->security_groups.member_occupancy()};
}

std::chrono::microseconds Dataplane::uptime() const {
  return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() -
                                                               start_);
}

void Dataplane::ask_for(const IpAddress& target, const std::optional<MacAddress>& known) {
  const Port* uplink = port_table_.find(underlay_.uplink.load(std::memory_order_relaxed));
  const IpPrefix* vtep = underlay_.vtep_of_family(target.is_v4());
  if (uplink == nullptr || vtep == nullptr) {
    return;
  }
  rte_mbuf* packet = rte_pktmbuf_alloc(pools_.standard());
  if (packet == nullptr) {
    return;  // tried again by the next hop's timer
  }
  const AddressRequest request = make_address_request({.own_mac = uplink->mac,
                                                       .own_ip = vtep->address,
                                                       .target = target,
                                                       .known = known,
                                                       .vlan = underlay_.format.vlan});
  const auto frame = request.frame();
  std::memcpy(rte_pktmbuf_append(packet, static_cast<std::uint16_t>(frame.size())), frame.data(),
              frame.size());
  PacketContext& context = context_of(packet);
  context = PacketContext{};
  context.egress = uplink->index;
  context.egress_generation = uplink->generation;
  if (workers_[uplink->device.worker]->inject(&packet, 1) == 0) {
    rte_pktmbuf_free(packet);
  }
}

void Dataplane::make_announcer() {
  tunnel_sender_ = std::make_unique<TunnelSender>(pools_.standard(), workers_, port_table_,
                                                  underlay_, *tunnels_);
  announcer_ = std::make_unique<Announcer>(
      *tables_, port_table_,
      Announcer::Outputs{
          .to_port = [this](const Port& port,
                            Announcer::Bytes frame) { return frame_sender_.send(port, frame); },
          .to_hosts = [this](Vni vni,
                             Announcer::Bytes frame) { return tunnel_sender_->send(vni, frame); },
          .config_of = [this](const std::string& id) { return ports_->find_config(id); }});
  programmer_->on_station_moved(
      [this](const NeighborKey& key) { announcer_->station_moved(key.vni, key.ip, Clock::now()); });
}

void Dataplane::guest_port_changed(const Port* before, const Port* now) {
  const PortIndex index = (now != nullptr ? now : before)->index;
  if (before == nullptr || now == nullptr) {
    flows_->ports[index].since.store(flows_->clock.now(), std::memory_order_relaxed);
  }
  flows_->stamps.bump(index);
  offloader_->port_changed(index);
  if (now == nullptr) {
    on_demand_->port_gone(*before);
  }
  router_advertiser_.port_changed(before, now, Clock::now());
  if (announcer_) {
    announcer_->port_changed(before, now, Clock::now());
  }
}

void Dataplane::uplink_changed(const Port* port) {
  underlay_.uplink.store(port != nullptr ? port->index : kNoPort, std::memory_order_release);
  if (port != nullptr) {
    programmer_->set_underlay_mtu(port->mtu);
  }
  offloader_->uplink_changed();
  next_hops_->set_uplink(port != nullptr ? std::optional{port->mac} : std::nullopt, Clock::now());
}

}  // namespace alkaid
