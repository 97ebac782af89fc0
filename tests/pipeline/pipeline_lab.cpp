#include "tests/pipeline/pipeline_lab.hpp"

#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <rte_eal.h>
#include <rte_mempool.h>

#include "dataplane/graph/node_table.hpp"
#include "dataplane/graph/packet_context.hpp"
#include "dataplane/offload/offloader.hpp"
#include "tests/pipeline/lab_observer.hpp"

namespace alkaid::test {
namespace {

constexpr unsigned kRingSize = 1024;
const std::string kUplinkRing = "up";
LabObserver* observer = nullptr;

// The keeper shows them about once a second: too seldom for tests.
void show_connections_to_card(Dataplane& dataplane) {
  Offloader& offloader = dataplane.offloader();
  if (!offloader.is_watching()) {
    return;
  }
  dataplane.connections().for_each<FlowKeyV4>([&](auto& table, ConnectionNumber number) {
    offloader.look_at(false, number, table.record(number).life.load());
  });
  dataplane.connections().for_each<FlowKeyV6>([&](auto& table, ConnectionNumber number) {
    offloader.look_at(true, number, table.record(number).life.load());
  });
}

}  // namespace

void observe_labs(LabObserver& by) {
  observer = &by;
}

void start_eal() {
  static const bool started = [] {
    std::vector<std::string> arguments{"pipeline-tests", "--no-huge", "--no-shconf",
                                       "--no-pci",       "-m",        "256",
                                       "--lcores",       "0@0",       "--no-telemetry"};
    std::vector<char*> pointers;
    for (auto& argument : arguments) {
      pointers.push_back(argument.data());
    }
    if (rte_eal_init(static_cast<int>(pointers.size()), pointers.data()) < 0) {
      throw std::runtime_error("rte_eal_init failed");
    }
    register_nodes();
    return true;
  }();
  static_cast<void>(started);
}

DataplaneSettings PipelineLab::default_settings() {
  DataplaneSettings settings;
  settings.uplink = Attachment{.kind = AttachmentKind::kRing, .device = kUplinkRing};
  settings.uplink_text = "ring:" + kUplinkRing;
  settings.vteps = {*IpPrefix::parse("10.0.0.1/24")};
  settings.underlay_neighbors = {{IpAddress{net::kPeerVtep}, net::kPeerVtepMac}};
  settings.worker_lcores = {0};
  settings.packet_buffers = 2048;
  settings.flows.connections = 4096;
  // The whole suite runs both ways: what comes out must be the same.
  const char* fast_path = std::getenv("ALKAID_TEST_FAST_PATH");
  settings.flows.fast_path = fast_path == nullptr || std::string_view{fast_path} != "off";
  settings.offload.is_on = next_nic != nullptr;
  if (next_nic != nullptr) {
    settings.offload.after_packets = 0;
  }
  // Or they would be among what cases expect.
  settings.ra_interval = std::chrono::seconds{0};
  settings.announcements = false;
  settings.tables = {
      .segments = 64, .neighbors = 1024, .routes = 256, .dhcp_bindings = 64, .ports = 64};
  return settings;
}

PipelineLab::PipelineLab() : PipelineLab(default_settings()) {
  program_network();
}

PipelineLab::PipelineLab(const DataplaneSettings& settings, LabQueues queues) : queues_(queues) {
  start_eal();
  make_rings(kUplinkRing);
  if (settings.exception) {
    make_rings(settings.exception->device);
  }
  for (const auto& trunk : settings.trunks) {
    make_rings(trunk.attachment.device);
  }
  dataplane_ = std::make_unique<Dataplane>(settings);
}

PipelineLab::~PipelineLab() {
  if (observer != nullptr) {
    observer->ends(*this);
  }
  for (auto& [name, rings] : rings_) {
    for (rte_ring* ring : rings.all()) {
      void* packet = nullptr;
      while (rte_ring_dequeue(ring, &packet) == 0) {
        rte_pktmbuf_free(static_cast<rte_mbuf*>(packet));
      }
    }
  }
  dataplane_.reset();
  for (auto& [name, rings] : rings_) {
    for (rte_ring* ring : rings.all()) {
      rte_ring_free(ring);
    }
  }
}

std::vector<rte_ring*> PipelineLab::Rings::all() const {
  std::vector<rte_ring*> both = rx;
  both.insert(both.end(), tx.begin(), tx.end());
  return both;
}

void PipelineLab::make_rings(const std::string& name) {
  const auto make = [&name](const char* direction, unsigned count) {
    std::vector<rte_ring*> rings;
    for (unsigned i = 0; i < count; ++i) {
      const std::string number = i == 0 ? "" : fmt::to_string(i);
      rings.push_back(rte_ring_create((name + direction + number).c_str(), kRingSize, SOCKET_ID_ANY,
                                      RING_F_SP_ENQ | RING_F_SC_DEQ));
      if (rings.back() == nullptr) {
        throw std::runtime_error("rte_ring_create failed");
      }
    }
    return rings;
  };
  rings_[name] = {make("_rx", queues_.receive), make("_tx", queues_.transmit)};
}

PortConfig PipelineLab::port_config(const std::string& id, Vni vni, const net::Station& station) {
  PortConfig config;
  config.id = id;
  config.vni = vni;
  config.mac = station.mac;
  config.fixed_ips = {IpAddress{station.ip}};
  config.admin_up = true;
  config.attachment = "ring:" + id;
  return config;
}

NeighborConfig PipelineLab::neighbor_config(Vni vni, const net::Station& station,
                                            const IpAddress& vtep) {
  return {{vni, IpAddress{station.ip}}, station.mac, vtep};
}

SegmentConfig PipelineLab::segment_config(Vni vni) {
  const bool green = vni == net::kGreen;
  SegmentConfig config;
  config.vni = vni;
  config.prefixes = {*IpPrefix::parse(green ? "10.1.0.0/24" : "10.2.0.0/24")};
  config.gateways = {{IpAddress{green ? net::kGreenGateway : net::kRedGateway},
                      green ? net::kGreenGatewayMac : net::kRedGatewayMac}};
  config.router = net::kRouter;
  config.host_dvr_mac = net::kDvrMac;
  config.dhcp_enabled = true;
  config.dns_servers = {IpAddress{Ipv4Address{0x08080808}}};
  return config;
}

void PipelineLab::program_network(const IpAddress& vtep) {
  const auto must = [](const ObjectResult& result) {
    if (result) {
      throw std::runtime_error(result->field + ": " + result->message);
    }
  };
  for (const char* name : {"green-1", "green-3", "red-1"}) {
    make_rings(name);
  }
  must(programmer().set(segment_config(net::kGreen)));
  must(programmer().set(segment_config(net::kRed)));
  must(programmer().set(port_config("green-1", net::kGreen, net::kGreen1)));
  must(programmer().set(port_config("green-3", net::kGreen, net::kGreen3)));
  must(programmer().set(port_config("red-1", net::kRed, net::kRed1)));
  must(programmer().set(neighbor_config(net::kGreen, net::kGreen2, vtep)));
  must(programmer().set(neighbor_config(net::kRed, net::kRed2, vtep)));
  must(programmer().set(
      RouteConfig{{net::kRouter, *IpPrefix::parse("10.1.0.0/24")}, ConnectedAction{net::kGreen}}));
  must(programmer().set(
      RouteConfig{{net::kRouter, *IpPrefix::parse("10.2.0.0/24")}, ConnectedAction{net::kRed}}));
  must(programmer().set(DhcpBindingConfig{
      {net::kGreen, net::kGreen1.mac}, IpAddress{net::kGreen1.ip}, {}, "green-1"}));
}

void PipelineLab::enqueue(const std::string& port, const std::vector<Bytes>& frames,
                          unsigned queue) {
  for (const Bytes& frame : frames) {
    rte_mbuf* packet = rte_pktmbuf_alloc(dataplane_->pool());
    if (packet == nullptr) {
      throw std::runtime_error("no packet buffer");
    }
    if (!frame.empty()) {
      std::memcpy(rte_pktmbuf_append(packet, static_cast<std::uint16_t>(frame.size())),
                  frame.data(), frame.size());
    }
    if (rte_ring_enqueue(rings_.at(port).rx.at(queue), packet) != 0) {
      throw std::runtime_error("the ring is full");
    }
  }
}

void PipelineLab::send(const std::string& port, const std::vector<Bytes>& frames) {
  // What the card takes would overtake what is queued, and what is compared with it goes likewise.
  const bool is_one_by_one = nic_ != nullptr || observer != nullptr;
  bool is_queued = false;
  if (nic_ != nullptr) {
    dataplane_->publish_changes();  // as the local API does before it answers
  }
  for (const Bytes& frame : frames) {
    if (is_one_by_one && is_queued) {
      walk();
    }
    is_queued = !forward_ahead(port, frame);
    if (is_queued) {
      enqueue(port, {frame});
    }
  }
  walk();
}

const Port* PipelineLab::attached_by(const std::string& ring) const {
  for (const auto& view : dataplane_->ports().views()) {
    if (view.attachment == "ring:" + ring && view.port->attached) {
      return view.port;
    }
  }
  return nullptr;
}

bool PipelineLab::forward_ahead(const std::string& port, const Bytes& frame) {
  const Port* ingress = nic_ != nullptr ? attached_by(port) : nullptr;
  const auto forwarded =
      ingress != nullptr ? nic_->forward(ingress->device.ethdev, frame) : std::nullopt;
  if (!forwarded) {
    return false;
  }
  for (const auto& [name, rings] : rings_) {
    const Port* egress = attached_by(name);
    if (egress != nullptr && egress->device.ethdev == forwarded->egress) {
      drain(name);
      transmitted_[name].push_back(forwarded->frame);
    }
  }
  return true;
}

void PipelineLab::walk() {
  // What the control thread originates enters by a ring, so a walk may follow a tick and vice
  // versa.
  std::uint32_t moved = 0;
  do {
    dataplane_->tick();
    moved = 0;
    for (const auto& worker : dataplane_->workers()) {
      moved += worker->step();
    }
    if (nic_ != nullptr) {
      show_connections_to_card(*dataplane_);
    }
  } while (moved > 0);
}

std::vector<Bytes> PipelineLab::take(const std::string& port) {
  drain(port);
  if (observer != nullptr) {
    observer->took(port, transmitted_[port]);
  }
  return std::exchange(transmitted_[port], {});
}

std::vector<Bytes> PipelineLab::take(const std::string& port, unsigned queue) {
  std::vector<Bytes> frames;
  void* object = nullptr;
  while (rte_ring_dequeue(rings_.at(port).tx.at(queue), &object) == 0) {
    auto* packet = static_cast<rte_mbuf*>(object);
    const auto bytes = bytes_of(packet);
    frames.emplace_back(bytes.begin(), bytes.end());
    rte_pktmbuf_free(packet);
  }
  return frames;
}

void PipelineLab::drain(const std::string& port) {
  for (unsigned queue = 0; queue < queues_.transmit; ++queue) {
    const auto more = take(port, queue);
    auto& transmitted = transmitted_[port];
    transmitted.insert(transmitted.end(), more.begin(), more.end());
  }
}

const Port& PipelineLab::port(const std::string& name) const {
  for (const auto& view : dataplane_->ports().views()) {
    if (view.port->id == (name == kUplinkRing ? "ring:" + name : name)) {
      return *view.port;
    }
  }
  throw std::runtime_error("no port " + name);
}

std::uint64_t PipelineLab::drops(const std::string& name, DropReason reason) const {
  std::uint64_t sum = 0;
  for (std::size_t worker = 0; worker < dataplane_->workers().size(); ++worker) {
    sum += port(name).counters[worker].drops[static_cast<std::size_t>(reason)].read();
  }
  return sum;
}

std::map<std::string, std::uint64_t> PipelineLab::all_drops() const {
  std::map<std::string, std::uint64_t> drops;
  const auto add = [&drops](const std::string& name, const PortCounters& counters) {
    for (std::size_t reason = 0; reason < kDropReasonCount; ++reason) {
      if (const std::uint64_t count = counters.drops[reason].read(); count > 0) {
        drops[fmt::format("{} {}", name, text_of(static_cast<DropReason>(reason)).name)] += count;
      }
    }
  };
  for (std::size_t worker = 0; worker < dataplane_->workers().size(); ++worker) {
    for (const auto& view : dataplane_->ports().views()) {
      add(view.port->is_uplink ? kUplinkRing : view.port->id, view.port->counters[worker]);
    }
    add("none", dataplane_->workers()[worker]->orphan_counters());
  }
  return drops;
}

std::uint64_t PipelineLab::buffers_in_use() const {
  return rte_mempool_in_use_count(dataplane_->pool());
}

}  // namespace alkaid::test
