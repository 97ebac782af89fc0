#include "dataplane/api/show.hpp"

#include <array>
#include <string>

#include <fmt/format.h>
#include <rte_graph_worker.h>
#include <rte_lcore.h>

#include "dataplane/api/convert.hpp"
#include "dataplane/graph/node_table.hpp"
#include "dataplane/offload/offloader.hpp"
#include "dataplane/ports/buffer_occupancy.hpp"

namespace alkaid {
namespace {

std::uint64_t sum_drops(const PortCounters& counters) {
  std::uint64_t sum = 0;
  for (const auto& drops : counters.drops) {
    sum += drops.read();
  }
  return sum;
}

}  // namespace

void show_ports(Dataplane& dataplane, const api::ShowPortsRequest& request,
                api::ShowPortsResponse& response) {
  dataplane.ports().refresh_missed();
  for (const auto& view : dataplane.ports().views()) {
    const Port& port = *view.port;
    if (!request.id().empty() && request.id() != port.id) {
      continue;
    }
    auto* info = response.add_ports();
    info->set_id(port.id);
    info->set_uplink(port.is_uplink);
    info->set_exception(port.is_exception);
    info->set_device(view.attachment);
    info->set_driver(view.driver);
    info->set_index(port.index);
    to_api(view, *info->mutable_status());
    if (view.config != nullptr) {
      to_api(*view.config, *info->mutable_config());
    }
    info->set_mac(view.device_mac.number());
    info->set_mtu(port.mtu);
    info->set_drops(view.missed);
    PortCounters* counters = port.counters;
    for (std::size_t worker = 0; worker < dataplane.workers().size(); ++worker) {
      info->set_rx_packets(info->rx_packets() + counters[worker].rx_packets.read());
      info->set_rx_bytes(info->rx_bytes() + counters[worker].rx_bytes.read());
      info->set_tx_packets(info->tx_packets() + counters[worker].tx_packets.read());
      info->set_tx_bytes(info->tx_bytes() + counters[worker].tx_bytes.read());
      info->set_drops(info->drops() + sum_drops(counters[worker]));
    }
    const HardwareCounts hardware = dataplane.offloader().counts_of(port.index);
    info->set_rx_packets(info->rx_packets() + hardware.rx_packets);
    info->set_rx_bytes(info->rx_bytes() + hardware.rx_bytes);
    info->set_tx_packets(info->tx_packets() + hardware.tx_packets);
    info->set_tx_bytes(info->tx_bytes() + hardware.tx_bytes);
    if (port.attached) {
      info->mutable_workers()->Assign(view.workers.begin(), view.workers.end());
    }
  }
}

void show_drops(Dataplane& dataplane, const api::ShowDropsRequest& request,
                api::ShowDropsResponse& response) {
  using Sums = std::array<std::uint64_t, kDropReasonCount>;
  const auto add = [](Sums& sums, const PortCounters& counters) {
    for (std::size_t reason = 0; reason < kDropReasonCount; ++reason) {
      sums[reason] += counters.drops[reason].read();
    }
  };
  const auto report = [&](const std::string& port, const Sums& sums) {
    for (std::size_t reason = 1; reason < kDropReasonCount; ++reason) {
      if (sums[reason] == 0 && !request.include_zero()) {
        continue;
      }
      const auto& text = text_of(static_cast<DropReason>(reason));
      auto* drop = response.add_drops();
      drop->set_port(port);
      drop->set_reason(std::string{text.name});
      drop->set_description(std::string{text.description});
      drop->set_packets(sums[reason]);
    }
  };
  dataplane.ports().refresh_missed();
  for (const auto& view : dataplane.ports().views()) {
    if (!request.port().empty() && request.port() != view.port->id) {
      continue;
    }
    Sums sums{};
    for (std::size_t worker = 0; worker < dataplane.workers().size(); ++worker) {
      add(sums, view.port->counters[worker]);
    }
    sums[static_cast<std::size_t>(DropReason::ingress_queue_full)] += view.missed;
    report(view.port->id, sums);
  }
  if (request.port().empty()) {
    Sums sums{};
    for (const auto& worker : dataplane.workers()) {
      add(sums, worker->orphan_counters());
    }
    report({}, sums);
  }
}

namespace {

// Its queues, at the workers that poll them.
void add_queues(const PortView& view, api::ShowWorkersResponse& response) {
  for (std::size_t queue = 0; queue < view.workers.size(); ++queue) {
    auto& worker = *response.mutable_workers(static_cast<int>(view.workers[queue]));
    if (worker.queues().empty() || worker.queues().rbegin()->port() != view.port->id) {
      worker.add_ports(view.port->id);
    }
    auto* polled = worker.add_queues();
    polled->set_port(view.port->id);
    polled->set_queue(static_cast<std::uint32_t>(queue));
  }
}

}  // namespace

void show_workers(Dataplane& dataplane, api::ShowWorkersResponse& response) {
  for (const auto& worker : dataplane.workers()) {
    const WorkerCounters& counters = worker->counters();
    auto* info = response.add_workers();
    info->set_worker(worker->settings().index);
    info->set_lcore(worker->settings().lcore);
    info->set_cpu(static_cast<std::uint32_t>(
        rte_lcore_to_cpu_id(static_cast<int>(worker->settings().lcore))));
    info->set_packets(counters.packets.read());
    info->set_graph_walks(counters.graph_walks.read());
    info->set_busy_cycles(counters.busy_cycles.read());
    info->set_idle_cycles(counters.idle_cycles.read());
    info->set_sleeps(counters.sleeps.read());
    for (const auto& bucket : counters.bursts) {
      info->add_burst_histogram(bucket.read());
    }
    info->set_idle_backoff_microseconds(worker->settings().idle_backoff_microseconds);
  }
  for (const auto& view : dataplane.ports().views()) {
    // Who polls a trunk polls its VLANs.
    if (view.port->attached && view.port->trunk == kNoPort) {
      add_queues(view, response);
    }
  }
}

void show_graph(Dataplane& dataplane, api::ShowGraphResponse& response) {
  std::string dot = "digraph alkaid {\n  rankdir=LR;\n";
  for (const auto& node : node_table()) {
    auto* info = response.add_nodes();
    info->set_name(name_of(node.id));
    info->set_description(node.description);
    for (const auto& worker : dataplane.workers()) {
      const rte_node* instance = rte_graph_node_get_by_name(
          fmt::format("worker-{}", worker->settings().index).c_str(), name_of(node.id));
      if (instance != nullptr) {
        // Written by the worker without synchronisation: a snapshot may be a burst old.
        info->set_calls(info->calls() + instance->total_calls);
        info->set_packets(info->packets() + instance->total_objs);
        info->set_cycles(info->cycles() + instance->total_cycles);
      }
    }
    for (const NodeId next : node.next) {
      if (node.id != NodeId::kDrop && !(next == NodeId::kDrop && node.is_source)) {
        info->add_next(name_of(next));
        dot += fmt::format("  \"{}\" -> \"{}\";\n", name_of(node.id), name_of(next));
      }
    }
  }
  response.set_dot(dot + "}\n");
}

namespace {

void show_dhcpv6(Dataplane& dataplane, api::ShowDhcpResponse& response) {
  static constexpr std::array<const char*, Dhcpv6Counters::kTypes> kTypes{
      "",       "solicit", "advertise", "request", "confirm",     "renew",
      "rebind", "reply",   "release",   "decline", "reconfigure", "information_request"};
  const auto add = [&](std::string name, std::string description, auto counter_of) {
    std::uint64_t sum = 0;
    for (const auto& worker : dataplane.workers()) {
      sum += counter_of(worker->dhcpv6_counters()).read();
    }
    auto* counter = response.add_counters();
    counter->set_name(std::move(name));
    counter->set_description(std::move(description));
    counter->set_value(sum);
  };
  for (const std::size_t type : {1U, 3U, 4U, 5U, 6U, 8U, 9U, 11U}) {
    add(
        fmt::format("dhcpv6_received_{}", kTypes[type]),
        fmt::format("DHCPv6 {} messages from guests", kTypes[type]),
        [type](const Dhcpv6Counters& counters) -> auto& { return counters.received[type]; });
  }
  for (const std::size_t type : {2U, 7U}) {
    add(
        fmt::format("dhcpv6_sent_{}", kTypes[type]),
        fmt::format("DHCPv6 {} messages to guests", kTypes[type]),
        [type](const Dhcpv6Counters& counters) -> auto& { return counters.sent[type]; });
  }
  add(
      "received_router_solicitation", "router solicitations from guests",
      [](const Dhcpv6Counters& counters) -> auto& { return counters.router_solicitations; });
  add(
      "sent_router_advertisement", "router advertisements in answer to solicitations",
      [](const Dhcpv6Counters& counters) -> auto& { return counters.router_advertisements; });
  auto* unasked = response.add_counters();
  unasked->set_name("sent_unsolicited_router_advertisement");
  unasked->set_description("router advertisements that nobody asked for");
  unasked->set_value(dataplane.router_advertiser().sent());
  if (const Announcer* announcer = dataplane.announcer()) {
    auto* announced = response.add_counters();
    announced->set_name("sent_announcement");
    announced->set_description("gratuitous ARP and unsolicited neighbor advertisements");
    announced->set_value(announcer->sent());
    auto* given_up = response.add_counters();
    given_up->set_name("announcement_given_up");
    given_up->set_description("moves that were not announced: too many at once");
    given_up->set_value(announcer->given_up());
  }
}

}  // namespace

void show_dhcp(Dataplane& dataplane, api::ShowDhcpResponse& response) {
  static constexpr std::array<const char*, DhcpCounters::kTypes> kTypes{
      "", "discover", "offer", "request", "decline", "ack", "nak", "release", "inform"};
  const auto add = [&](const char* direction, const char* text, std::size_t type, auto counter_of) {
    std::uint64_t sum = 0;
    for (const auto& worker : dataplane.workers()) {
      sum += counter_of(worker->dhcp_counters())[type].read();
    }
    auto* counter = response.add_counters();
    counter->set_name(fmt::format("{}_{}", direction, kTypes[type]));
    counter->set_description(fmt::format("DHCP {} messages {}", kTypes[type], text));
    counter->set_value(sum);
  };
  for (const std::size_t type : {1U, 3U, 4U, 7U, 8U}) {
    add(
        "received", "from guests", type,
        [](const DhcpCounters& counters) -> auto& { return counters.received; });
  }
  for (const std::size_t type : {2U, 5U, 6U}) {
    add(
        "sent", "to guests", type,
        [](const DhcpCounters& counters) -> auto& { return counters.sent; });
  }
  show_dhcpv6(dataplane, response);
}

void show_underlay(Dataplane& dataplane, api::ShowUnderlayResponse& response) {
  const Underlay& underlay = dataplane.underlay();
  for (const auto& vtep : underlay.vteps) {
    auto* prefix = response.add_vteps();
    to_api(vtep.address, *prefix->mutable_address());
    prefix->set_length(vtep.length);
  }
  response.set_vlan(underlay.format.vlan);
  for (const auto& view : dataplane.next_hops().groups()) {
    auto* group = response.add_groups();
    for (const auto& view_member : view.members) {
      auto* member = group->add_members();
      to_api(view_member.address, *member->mutable_address());
      member->set_slots(view_member.slots);
    }
    group->set_slots(kEcmpSlots);
    group->set_tunnels(view.tunnels);
  }
  for (const auto& view : dataplane.next_hops().view(Clock::now())) {
    auto* info = response.add_next_hops();
    to_api(view.address, *info->mutable_address());
    info->set_mac(view.mac.number());
    info->set_age_microseconds(static_cast<std::uint64_t>(view.age.count()));
    info->set_tunnels(view.tunnels);
    switch (view.state) {
      case NextHopState::kResolving:
        info->set_state(api::ShowUnderlayResponse::RESOLVING);
        break;
      case NextHopState::kReachable:
        info->set_state(api::ShowUnderlayResponse::REACHABLE);
        break;
      case NextHopState::kStatic:
        info->set_state(api::ShowUnderlayResponse::STATIC);
        break;
      case NextHopState::kUnreachable:
        info->set_state(api::ShowUnderlayResponse::UNREACHABLE);
        break;
    }
  }
  for (const auto& view : dataplane.tunnels().view()) {
    auto* info = response.add_tunnels();
    to_api(view.vtep, *info->mutable_vtep());
    info->set_vni(view.vni.number());
    to_api(view.next_hops.front(), *info->mutable_next_hop());
    for (const auto& next_hop : view.next_hops) {
      to_api(next_hop, *info->add_next_hops());
    }
    info->set_neighbors(view.neighbors);
  }
}

void show_tables(Dataplane& dataplane, api::ShowTablesResponse& response) {
  const auto add = [&](const TableOccupancy& occupancy) {
    auto* table = response.add_tables();
    table->set_name(occupancy.name);
    table->set_used(occupancy.used);
    table->set_capacity(occupancy.capacity);
    table->set_high_water(occupancy.high_water);
    table->set_full_events(occupancy.full_events);
    table->set_bytes(occupancy.bytes);
  };
  for (const auto& occupancy : dataplane.table_occupancies()) {
    add(occupancy);
  }
  for (const auto& occupancy : buffer_occupancies(dataplane.pools())) {
    add(occupancy);
  }
}

}  // namespace alkaid
