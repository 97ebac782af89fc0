#include "dataplane/config/host_survey.hpp"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <string_view>
#include <utility>

#include <sched.h>

namespace alkaid {
namespace {

std::string first_line(const std::filesystem::path& file) {
  std::ifstream stream(file);
  std::string line;
  std::getline(stream, line);
  return line;
}

std::optional<unsigned long> number_in(std::string_view text) {
  unsigned long number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc{} && end != text.data() ? std::optional{number} : std::nullopt;
}

// Of "node12" the 12, if the text before it is `prefix`.
std::optional<unsigned> numbered(const std::string& name, std::string_view prefix) {
  if (!name.starts_with(prefix)) {
    return std::nullopt;
  }
  const std::string_view digits = std::string_view{name}.substr(prefix.size());
  const bool is_number = !digits.empty() && std::all_of(digits.begin(), digits.end(), [](char c) {
    return c >= '0' && c <= '9';
  });
  const auto number = is_number ? number_in(digits) : std::nullopt;
  return number ? std::optional{static_cast<unsigned>(*number)} : std::nullopt;
}

template <class Visitor>
void for_each_numbered(const std::filesystem::path& directory, std::string_view prefix,
                       Visitor&& visitor) {
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(directory, ignored)) {
    if (const auto number = numbered(entry.path().filename(), prefix)) {
      visitor(*number, entry.path());
    }
  }
}

}  // namespace

HostSurvey::HostSurvey(std::filesystem::path root, const std::vector<unsigned>& allowed)
    : root_(std::move(root)) {
  read_cpus(allowed);
}

HostSurvey HostSurvey::here() {
  std::vector<unsigned> allowed;
  cpu_set_t set;
  CPU_ZERO(&set);
  if (::sched_getaffinity(0, sizeof(set), &set) == 0) {
    for (unsigned cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
      if (CPU_ISSET(cpu, &set)) {
        allowed.push_back(cpu);
      }
    }
  }
  return HostSurvey("/", allowed);
}

void HostSurvey::read_cpus(const std::vector<unsigned>& allowed) {
  const auto system = root_ / "sys/devices/system";
  for (const unsigned number : allowed) {
    const auto directory = system / ("cpu/cpu" + std::to_string(number));
    // The first one has no such file: it can't be taken offline.
    const bool is_offline = first_line(directory / "online") == "0";
    const auto core = number_in(first_line(directory / "topology/core_id"));
    if (!is_offline) {
      cpus_.push_back({number, 0, static_cast<unsigned>(core.value_or(number))});
    }
  }
  for_each_numbered(system / "node", "node", [this](unsigned node, const auto& directory) {
    nodes_ = std::max(nodes_, node + 1);
    for (HostCpu& cpu : cpus_) {
      if (std::filesystem::exists(directory / ("cpu" + std::to_string(cpu.number)))) {
        cpu.node = node;
      }
    }
    read_hugepages(node, directory / "hugepages");
  });
  std::sort(cpus_.begin(), cpus_.end(),
            [](const HostCpu& a, const HostCpu& b) { return a.number < b.number; });
}

void HostSurvey::read_hugepages(unsigned node, const std::filesystem::path& directory) {
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(directory, ignored)) {
    constexpr std::string_view kPrefix = "hugepages-";  // hugepages-2048kB
    const std::string name = entry.path().filename();
    const auto kilobytes = name.starts_with(kPrefix)
                               ? number_in(std::string_view{name}.substr(kPrefix.size()))
                               : std::nullopt;
    const auto free = number_in(first_line(entry.path() / "free_hugepages"));
    if (kilobytes && free) {
      hugepages_.push_back({node, *kilobytes * 1024, *free});
    }
  }
}

std::uint64_t HostSurvey::free_hugepage_bytes(unsigned node) const {
  std::uint64_t bytes = 0;
  for (const HostHugepages& pages : hugepages_) {
    bytes += pages.node == node ? pages.page_bytes * pages.free_pages : 0;
  }
  return bytes;
}

std::optional<std::filesystem::path> HostSurvey::directory_of(const std::string& device) const {
  std::error_code ignored;
  for (const auto& directory :
       {root_ / "sys/class/net" / device, root_ / "sys/bus/pci/devices" / device}) {
    if (!device.empty() && std::filesystem::exists(directory, ignored)) {
      return directory;
    }
  }
  return std::nullopt;
}

bool HostSurvey::has_device(const std::string& device) const {
  return directory_of(device).has_value();
}

std::optional<unsigned> HostSurvey::node_of(const std::string& device) const {
  const auto directory = directory_of(device);
  if (!directory) {
    return std::nullopt;
  }
  for (const auto& file : {*directory / "device/numa_node", *directory / "numa_node"}) {
    // -1: none.
    if (const auto node = number_in(first_line(file)); node && *node < nodes_) {
      return static_cast<unsigned>(*node);
    }
  }
  return std::nullopt;
}

}  // namespace alkaid
