#include "dataplane/config/resources.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "control/common/joined.hpp"
#include "dataplane/graph/packet_context.hpp"
#include "dataplane/ports/device.hpp"

namespace alkaid {
namespace {

// With the bookkeeping of an mbuf and of its pool.
constexpr std::uint64_t kBufferOverhead =
    sizeof(rte_mbuf) + kPacketContextSize + RTE_PKTMBUF_HEADROOM + RTE_CACHE_LINE_SIZE;
// As docs/operating.md has them.
constexpr std::uint64_t kNeighborBytes = 96;
constexpr std::uint64_t kRouteBytes = 180;
constexpr std::uint64_t kRuleBytes = 16;
constexpr std::uint64_t kObjectBytes = 1024;
// Of each connection: when it is tracked, for its TCP windows, and at start.
constexpr std::uint64_t kConnectionBytesV4 = 189;
constexpr std::uint64_t kConnectionBytesV6 = 253;
constexpr std::uint64_t kWindowBytes = 64;
constexpr std::uint64_t kConnectionBytesAtStart = 37;

std::uint64_t standard_pool_bytes(const DataplaneSettings& settings) {
  return settings.packet_buffers * (kStandardFrameSize + kBufferOverhead);
}
std::uint64_t jumbo_pool_bytes(const DataplaneSettings& settings) {
  return settings.jumbo_buffers * (kJumboFrameSize + kBufferOverhead);
}

std::vector<MemoryPart> memory_of(const DataplaneSettings& settings) {
  const TableSizes& sizes = settings.tables;
  const std::uint64_t objects = std::uint64_t{sizes.ports} + sizes.segments + sizes.dhcp_bindings;
  return {
      {"packet buffers", standard_pool_bytes(settings)},
      {"jumbo buffers", jumbo_pool_bytes(settings)},
      {"neighbors", sizes.neighbors * kNeighborBytes},
      {"routes", sizes.routes * kRouteBytes},
      {"security rules", sizes.security_rules * kRuleBytes},
      {"ports, segments and DHCP bindings", objects * kObjectBytes},
  };
}

// As the kernel's /sys names it; empty: not there.
std::string host_device_of(const Attachment& attachment) {
  switch (attachment.kind) {
    case AttachmentKind::kAfPacket:
    case AttachmentKind::kAfXdp:
      return attachment.device;
    case AttachmentKind::kDevice:
      // A representor is on its network card.
      return attachment.device.substr(0, attachment.device.find('_'));
    default:
      return {};
  }
}

Choice device_choice(std::string name, const Attachment& attachment, const std::string& text,
                     const HostSurvey& host) {
  const std::string device = host_device_of(attachment);
  std::string reason = "made by the data plane";
  if (!device.empty()) {
    const auto node = host.node_of(device);
    reason = !host.has_device(device) ? fmt::format("there is no {} yet; it is waited for", device)
             : node                   ? fmt::format("{} is there, on NUMA node {}", device, *node)
                                      : fmt::format("{} is there", device);
  }
  return {std::move(name), text, std::move(reason)};
}

std::size_t workers_of(const Options& options) {
  return options.worker_cpus.empty() ? options.workers : options.worker_cpus.size();
}

// What DPDK's own devices may hold in their rings is half of the buffers at most: the other half is
// for packets under way.
Choice choose_packet_buffers(Options& options) {
  DataplaneSettings& settings = options.dataplane;
  const std::size_t workers = workers_of(options);
  std::uint32_t in_rings = 0;
  const auto add = [&](const Attachment& attachment) {
    if (attachment.kind == AttachmentKind::kDevice) {
      const std::size_t receive = attachment.queues != 0 ? attachment.queues
                                  : settings.queues != 0 ? settings.queues
                                                         : workers;
      in_rings += static_cast<std::uint32_t>((receive + workers) * kDescriptors);
    }
  };
  if (settings.uplink) {
    add(*settings.uplink);
  }
  for (const TrunkSettings& trunk : settings.trunks) {
    add(trunk.attachment);
  }
  std::string reason = "--packet-buffers";
  if (!options.wanted_packet_buffers) {
    const std::uint32_t usual = settings.packet_buffers;
    settings.packet_buffers = std::max(usual, 2 * in_rings);
    reason = fmt::format("{} unless twice the places in the devices' rings, {} here, are more",
                         usual, in_rings);
  } else if (settings.packet_buffers < 2 * in_rings) {
    reason +=
        fmt::format("; the devices' rings have {} places, which may not leave enough", in_rings);
  }
  return {"packet_buffers", fmt::to_string(settings.packet_buffers), std::move(reason)};
}

Choice connection_memory_choice(const FlowSettings& flows) {
  const std::uint64_t windows = flows.tcp_window_check ? kWindowBytes : 0;
  const auto mebibytes = [&flows](std::uint64_t each) { return (flows.connections * each) >> 20; };
  return {"connection_mib",
          fmt::format("{}", mebibytes(kConnectionBytesV4 + kConnectionBytesV6 + 2 * windows)),
          fmt::format(
              "at most: {} connections of each family by --connections, {} bytes each (IPv6: "
              "{}); about {} MiB at start, the rest ahead of need. Ordinary memory, beside that "
              "of memory_mib, of the control thread's NUMA node",
              flows.connections, kConnectionBytesV4 + windows, kConnectionBytesV6 + windows,
              mebibytes(2 * kConnectionBytesAtStart))};
}

Choice queues_choice(const Options& options) {
  const unsigned most = options.dataplane.queues;
  return {"queues",
          most != 0 ? fmt::format("{} receive queues for each device", most)
                    : fmt::format("{} for each device, one for each worker", workers_of(options)),
          fmt::format("{}, as far as the device offers them; ',queues=N' says otherwise for one "
                      "device. Workers poll them as --port-worker says, others are spread. Each "
                      "worker has a transmit queue where a device offers as many, elsewhere there "
                      "is one",
                      most != 0 ? "--queues" : "as many as there are workers")};
}

// How many receive queues are asked for; the device may offer fewer.
std::size_t wanted_queues(const Options& options, const Attachment& attachment) {
  switch (attachment.kind) {
    case AttachmentKind::kTap:
    case AttachmentKind::kPcap:
    case AttachmentKind::kNull:
      return 1;
    default:
      break;
  }
  if (attachment.queues != 0) {
    return attachment.queues;
  }
  return options.dataplane.queues != 0 ? options.dataplane.queues : workers_of(options);
}

// Workers that nothing but guests' ports keeps busy.
Choice spare_workers_choice(const Options& options) {
  const DataplaneSettings& settings = options.dataplane;
  std::size_t queues = settings.uplink ? wanted_queues(options, *settings.uplink) : 0;
  for (const TrunkSettings& trunk : settings.trunks) {
    queues += wanted_queues(options, trunk.attachment);
  }
  const std::size_t workers = workers_of(options);
  if (queues >= workers) {
    return {"spare_workers", "none",
            fmt::format("{} receive queues of uplink and trunks, if the devices offer them, for {} "
                        "workers",
                        queues, workers)};
  }
  return {"spare_workers", fmt::to_string(workers - queues),
          fmt::format("uplink and trunks have {} receive queues for {} workers: the others poll "
                      "guests' ports alone, and sleep without any",
                      queues, workers)};
}

Choice rss_choice(const Options& options) {
  const DataplaneSettings& settings = options.dataplane;
  const bool has_one =
      (!settings.uplink || wanted_queues(options, *settings.uplink) == 1) &&
      std::all_of(settings.trunks.begin(), settings.trunks.end(), [&](const TrunkSettings& trunk) {
        return wanted_queues(options, trunk.attachment) == 1;
      });
  return {"rss", has_one ? "off" : "on",
          has_one ? "with one queue for each device there is nothing to spread"
                  : "by addresses and ports; of an uplink's packets by the inner ones where the "
                    "device can, else by the outer ones, whose UDP source port is the flow's"};
}

}  // namespace

Placement choose_placement(Options& options, const HostSurvey& host) {
  const DataplaneSettings& settings = options.dataplane;
  Choice packet_buffers = choose_packet_buffers(options);
  PlacementWishes wishes{.workers = options.workers,
                         .worker_cpus = options.worker_cpus,
                         .control_cpu = options.wanted_control_cpu,
                         .memory_megabytes = options.wanted_memory_megabytes,
                         .no_huge = options.no_huge,
                         .memory = memory_of(settings),
                         .pool_bytes = standard_pool_bytes(settings) + jumbo_pool_bytes(settings)};
  if (settings.uplink) {
    wishes.devices.push_back(host_device_of(*settings.uplink));
  }
  for (const TrunkSettings& trunk : settings.trunks) {
    wishes.devices.push_back(host_device_of(trunk.attachment));
  }
  Placement placement = place(wishes, host);
  options.control_cpu = placement.control_cpu;
  options.worker_cpus = placement.worker_cpus;
  options.memory_megabytes = placement.memory_megabytes;
  options.no_huge = !placement.hugepages;
  options.node_megabytes = placement.node_megabytes;
  options.dataplane.packet_nodes = placement.pool_nodes;

  auto& choices = placement.choices;
  choices.push_back(connection_memory_choice(settings.flows));
  choices.push_back(std::move(packet_buffers));
  choices.push_back(queues_choice(options));
  choices.push_back(spare_workers_choice(options));
  choices.push_back(rss_choice(options));
  if (settings.uplink) {
    choices.push_back(device_choice("uplink", *settings.uplink, settings.uplink_text, host));
  }
  for (const TrunkSettings& trunk : settings.trunks) {
    choices.push_back(device_choice("trunk " + trunk.name, trunk.attachment, trunk.text, host));
  }
  return placement;
}

std::string dry_run_text(const Options& options, const Placement& placement) {
  std::size_t names = 0;
  std::size_t values = 0;
  for (const Choice& choice : placement.choices) {
    names = std::max(names, choice.name.size());
    values = std::max(values, choice.value.size());
  }
  std::string text;
  for (const Choice& choice : placement.choices) {
    text += fmt::format("{:<{}}  {:<{}}  {}\n", choice.name, names, choice.value, values,
                        choice.reason);
  }
  return text + fmt::format("\nDPDK is started as: {}\n", joined(eal_arguments(options), " "));
}

std::string dry_run_json(const Options& options, const Placement& placement) {
  nlohmann::ordered_json choices = nlohmann::ordered_json::array();
  for (const Choice& choice : placement.choices) {
    choices.push_back({{"name", choice.name}, {"value", choice.value}, {"reason", choice.reason}});
  }
  const nlohmann::ordered_json all{{"choices", std::move(choices)},
                                   {"eal_arguments", eal_arguments(options)}};
  return all.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace alkaid
