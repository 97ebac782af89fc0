// What the host has that placement depends on: processors, NUMA nodes, hugepages, devices.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace alkaid {

struct HostCpu {
  unsigned number = 0;
  unsigned node = 0;  // NUMA
  unsigned core = 0;  // CPUs of one node and core share it (simultaneous multithreading)
  bool operator==(const HostCpu&) const = default;
};

// Hugepages of one size on one NUMA node.
struct HostHugepages {
  unsigned node = 0;
  std::uint64_t page_bytes = 0;
  std::uint64_t free_pages = 0;
};

// Read once; any thread.
class HostSurvey {
 public:
  // Of the host whose /sys is below `root`. allowed: CPUs that this process may use.
  HostSurvey(std::filesystem::path root, const std::vector<unsigned>& allowed);
  // Of this one.
  static HostSurvey here();

  // Online and allowed ones, by number.
  [[nodiscard]] const std::vector<HostCpu>& cpus() const { return cpus_; }
  // At least one.
  [[nodiscard]] unsigned nodes() const { return nodes_; }
  [[nodiscard]] const std::vector<HostHugepages>& hugepages() const { return hugepages_; }
  // Free bytes in hugepages of all sizes.
  [[nodiscard]] std::uint64_t free_hugepage_bytes(unsigned node) const;

  // The node that a network device or PCI device ("0000:3b:00.0") is connected to. nullopt: there
  // is no such device, or it is connected to none.
  [[nodiscard]] std::optional<unsigned> node_of(const std::string& device) const;
  [[nodiscard]] bool has_device(const std::string& device) const;

 private:
  [[nodiscard]] std::optional<std::filesystem::path> directory_of(const std::string& device) const;
  void read_cpus(const std::vector<unsigned>& allowed);
  void read_hugepages(unsigned node, const std::filesystem::path& directory);

  std::filesystem::path root_;
  std::vector<HostCpu> cpus_;
  std::vector<HostHugepages> hugepages_;
  unsigned nodes_ = 1;
};

}  // namespace alkaid
