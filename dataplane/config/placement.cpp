#include "dataplane/config/placement.hpp"

#include <algorithm>
#include <numeric>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "control/common/joined.hpp"

namespace alkaid {
namespace {

constexpr std::uint64_t kMegabyte = 1 << 20;
constexpr unsigned kLeastMegabytes = 512;
// Of drivers, rings and the allocator, beyond what is counted.
constexpr std::uint64_t kOverheadBytes = 64 * kMegabyte;
constexpr unsigned kMemoryStep = 64;

class Placing {
 public:
  Placing(const PlacementWishes& wishes, const HostSurvey& host) : wishes_(wishes), host_(host) {}

  Placement place() {
    choose_node();
    choose_control_cpu();
    choose_worker_cpus();
    choose_memory();
    choose_hugepages();
    choose_pools();
    return std::move(placement_);
  }

 private:
  void add(std::string name, std::string value, std::string reason) {
    placement_.choices.push_back({std::move(name), std::move(value), std::move(reason)});
  }

  [[nodiscard]] const HostCpu* find_cpu(unsigned number) const {
    const auto found = std::find_if(host_.cpus().begin(), host_.cpus().end(),
                                    [number](const HostCpu& cpu) { return cpu.number == number; });
    return found == host_.cpus().end() ? nullptr : &*found;
  }

  void choose_node() {
    std::string reason = host_.nodes() == 1 ? "the host has no other" : "";
    for (const std::string& device : wishes_.devices) {
      const auto node = host_.node_of(device);
      if (node && reason.empty()) {
        placement_.node = *node;
        reason = fmt::format("{} is connected to it", device);
      }
    }
    if (reason.empty()) {
      const HostCpu* cpu = wishes_.control_cpu    ? find_cpu(*wishes_.control_cpu)
                           : host_.cpus().empty() ? nullptr
                                                  : &host_.cpus().front();
      placement_.node = cpu != nullptr ? cpu->node : 0;
      reason = fmt::format("no device tells its own; that of {}",
                           wishes_.control_cpu ? "--control-cpu" : "the first CPU we may use");
    }
    add("numa_node", fmt::to_string(placement_.node), std::move(reason));
  }

  void choose_control_cpu() {
    if (wishes_.control_cpu) {
      placement_.control_cpu = *wishes_.control_cpu;
      add("control_cpu", fmt::to_string(placement_.control_cpu),
          "--control-cpu" + remarks_on({placement_.control_cpu}));
      return;
    }
    for (const HostCpu& cpu : host_.cpus()) {
      if (cpu.node == placement_.node) {
        placement_.control_cpu = cpu.number;
        add("control_cpu", fmt::to_string(cpu.number),
            "the first of the NUMA node, whose memory it hands out");
        return;
      }
    }
    placement_.control_cpu = host_.cpus().empty() ? 0 : host_.cpus().front().number;
    add("control_cpu", fmt::to_string(placement_.control_cpu),
        "the first that we may use: the NUMA node has none");
  }

  // CPUs in the order in which workers take them: cores of their own on the node, then their other
  // threads, then other nodes.
  [[nodiscard]] std::vector<unsigned> candidates() const {
    using Core = std::pair<unsigned, unsigned>;
    std::set<Core> used;
    if (const HostCpu* control = find_cpu(placement_.control_cpu)) {
      used.insert({control->node, control->core});
    }
    std::vector<unsigned> order;
    std::vector<unsigned> threads;
    for (const bool here : {true, false}) {
      for (const HostCpu& cpu : host_.cpus()) {
        if (cpu.number != placement_.control_cpu && (cpu.node == placement_.node) == here) {
          const bool is_first = used.insert({cpu.node, cpu.core}).second;
          (is_first ? order : threads).push_back(cpu.number);
        }
      }
      order.insert(order.end(), threads.begin(), threads.end());
      threads.clear();
    }
    return order;
  }

  void choose_worker_cpus() {
    if (!wishes_.worker_cpus.empty()) {
      placement_.worker_cpus = wishes_.worker_cpus;
      add("worker_cpus", joined(placement_.worker_cpus, ","),
          "--worker-cpus" + remarks_on(placement_.worker_cpus));
      return;
    }
    auto order = candidates();
    std::string reason = "cores of their own on the NUMA node first, then those cores' threads";
    if (order.empty()) {
      order.push_back(placement_.control_cpu);
      reason = "there is no other than the control thread's";
    } else if (order.size() < wishes_.workers) {
      reason = fmt::format("only {} beside the control thread's: workers share them", order.size());
    }
    for (std::size_t i = 0; i < wishes_.workers; ++i) {
      placement_.worker_cpus.push_back(order[i % order.size()]);
    }
    add("worker_cpus", joined(placement_.worker_cpus, ","),
        reason + remarks_on(placement_.worker_cpus));
  }

  // What the operator should know of these CPUs.
  [[nodiscard]] std::string remarks_on(const std::vector<unsigned>& cpus) const {
    std::vector<unsigned> missing;
    std::vector<unsigned> far;
    for (const unsigned number : cpus) {
      const HostCpu* cpu = find_cpu(number);
      if (cpu == nullptr) {
        missing.push_back(number);
      } else if (cpu->node != placement_.node) {
        far.push_back(number);
      }
    }
    std::string text;
    if (!missing.empty()) {
      text += fmt::format("; {} not among the CPUs that we may use", joined(missing, ","));
    }
    if (!far.empty()) {
      text += fmt::format("; {} on another NUMA node: its memory is slower", joined(far, ","));
    }
    return text;
  }

  void choose_memory() {
    const std::uint64_t counted =
        std::accumulate(wishes_.memory.begin(), wishes_.memory.end(), std::uint64_t{0},
                        [](std::uint64_t sum, const MemoryPart& part) { return sum + part.bytes; });
    const auto needed = static_cast<unsigned>(
        (counted + counted / 10 + kOverheadBytes + kMegabyte - 1) / kMegabyte);
    std::vector<std::string> parts;
    for (const MemoryPart& part : wishes_.memory) {
      parts.push_back(
          fmt::format("{} {:.1f}", part.name, static_cast<double>(part.bytes) / kMegabyte));
    }
    const std::string sum = fmt::format("{} MiB needed: {}; a tenth and {} for drivers and rings",
                                        needed, joined(parts, ", "), kOverheadBytes / kMegabyte);
    if (wishes_.memory_megabytes) {
      placement_.memory_megabytes = *wishes_.memory_megabytes;
      add("memory_mib", fmt::to_string(placement_.memory_megabytes),
          fmt::format("--memory; {}{}", sum,
                      placement_.memory_megabytes < needed ? ". It may not be enough" : ""));
      return;
    }
    placement_.memory_megabytes =
        std::max(kLeastMegabytes, (needed + kMemoryStep - 1) / kMemoryStep * kMemoryStep);
    add("memory_mib", fmt::to_string(placement_.memory_megabytes),
        fmt::format("{}; at least {}", sum, kLeastMegabytes));
  }

  void choose_hugepages() {
    const std::uint64_t wanted = placement_.memory_megabytes * kMegabyte;
    const std::uint64_t free = host_.free_hugepage_bytes(placement_.node);
    if (wishes_.no_huge) {
      add("hugepages", "no", "--no-huge");
      return;
    }
    if (free < wanted) {
      std::uint64_t page = 2 * kMegabyte;
      for (const HostHugepages& pages : host_.hugepages()) {
        page = pages.node == placement_.node ? std::min(page, pages.page_bytes) : page;
      }
      placement_.no_hugepages_because = fmt::format(
          "only {} MiB of free hugepages on NUMA node {} for {} MiB of memory: running without "
          "hugepages, which is slower (echo {} > /sys/devices/system/node/node{}/hugepages/"
          "hugepages-{}kB/nr_hugepages)",
          free / kMegabyte, placement_.node, placement_.memory_megabytes,
          (wanted + page - 1) / page, placement_.node, page / 1024);
      add("hugepages", "no", placement_.no_hugepages_because);
      return;
    }
    placement_.hugepages = true;
    if (host_.nodes() > 1) {
      placement_.node_megabytes.assign(host_.nodes(), 0);
      placement_.node_megabytes[placement_.node] = placement_.memory_megabytes;
    }
    add("hugepages", "yes",
        fmt::format("{} MiB are free on NUMA node {}", free / kMegabyte, placement_.node));
  }

  // Packet buffers are on the node of the device that fills them, as far as hugepages allow.
  void choose_pools() {
    if (placement_.node_megabytes.empty()) {
      add("packet_pools", "one",
          host_.nodes() == 1 ? "the host has one NUMA node"
                             : "without hugepages memory has no node");
      return;
    }
    const auto needed = static_cast<unsigned>((wishes_.pool_bytes + wishes_.pool_bytes / 10) /
                                                  kMegabyte / kMemoryStep * kMemoryStep +
                                              kMemoryStep);
    std::vector<unsigned> nodes{placement_.node};
    std::string reason =
        fmt::format("node {} serves all devices that know no other", placement_.node);
    for (const std::string& device : wishes_.devices) {
      const auto node = host_.node_of(device);
      if (!node || std::find(nodes.begin(), nodes.end(), *node) != nodes.end()) {
        continue;
      }
      const std::uint64_t free = host_.free_hugepage_bytes(*node);
      if (free < needed * kMegabyte) {
        reason +=
            fmt::format("; {} of node {} too: only {} MiB of hugepages are free there, not {}",
                        device, *node, free / kMegabyte, needed);
        continue;
      }
      nodes.push_back(*node);
      placement_.node_megabytes[*node] = needed;
      reason += fmt::format("; {} takes from its node {}, which has {} MiB for it", device, *node,
                            needed);
    }
    add("packet_pools", "on node " + joined(nodes, ","), std::move(reason));
    if (nodes.size() > 1) {
      placement_.pool_nodes = std::move(nodes);
    }
  }

  const PlacementWishes& wishes_;
  const HostSurvey& host_;
  Placement placement_;
};

}  // namespace

Placement place(const PlacementWishes& wishes, const HostSurvey& host) {
  return Placing(wishes, host).place();
}

}  // namespace alkaid
