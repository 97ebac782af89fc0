#include "dataplane/config/resources.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "control/common/joined.hpp"
#include "dataplane/graph/packet_context.hpp"

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

std::vector<MemoryPart> memory_of(const DataplaneSettings& settings) {
  const TableSizes& sizes = settings.tables;
  const std::uint64_t objects = std::uint64_t{sizes.ports} + sizes.segments + sizes.dhcp_bindings;
  return {
      {"packet buffers", settings.packet_buffers * (kStandardFrameSize + kBufferOverhead)},
      {"jumbo buffers", settings.jumbo_buffers * (kJumboFrameSize + kBufferOverhead)},
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

}  // namespace

Placement choose_placement(Options& options, const HostSurvey& host) {
  const DataplaneSettings& settings = options.dataplane;
  PlacementWishes wishes{.workers = options.workers,
                         .worker_cpus = options.worker_cpus,
                         .control_cpu = options.wanted_control_cpu,
                         .memory_megabytes = options.wanted_memory_megabytes,
                         .no_huge = options.no_huge,
                         .memory = memory_of(settings)};
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

  auto& choices = placement.choices;
  choices.push_back({"queues", "1 receive queue for each device",
                     "it belongs to one worker, --port-worker or that with the fewest; each worker "
                     "has a transmit queue where a DPDK "
                     "device offers as many, elsewhere there is one"});
  choices.push_back({"rss", "off", "with one queue for each device there is nothing to spread"});
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
