// Where the process runs and how much memory it takes: chosen from what the host has, as far as the
// operator left it open. Every value comes with its reason (alkaid-dataplane --dry-run).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "dataplane/config/host_survey.hpp"

namespace alkaid {

// What takes memory from the start.
struct MemoryPart {
  std::string name;
  std::uint64_t bytes = 0;
};

struct PlacementWishes {
  std::vector<std::string> devices = {};  // network or PCI devices, the one that decides first
  unsigned workers = 1;
  std::vector<unsigned> worker_cpus = {};              // empty: chosen
  std::optional<unsigned> control_cpu = std::nullopt;  // nullopt: chosen
  std::optional<unsigned> memory_megabytes = std::nullopt;
  bool no_huge = false;
  std::vector<MemoryPart> memory = {};
  std::uint64_t pool_bytes = 0;  // of it: packet buffers, which each device has on its own node
};

struct Choice {
  std::string name;
  std::string value;
  std::string reason;
};

struct Placement {
  unsigned node = 0;  // NUMA
  unsigned control_cpu = 0;
  std::vector<unsigned> worker_cpus;
  unsigned memory_megabytes = 0;
  bool hugepages = false;
  std::string no_hugepages_because;  // what to tell an operator who didn't ask for that
  // Hugepages by NUMA node; empty: the host has one node, or no hugepages are used.
  std::vector<unsigned> node_megabytes;
  // Nodes with packet buffers of their own, `node` first; empty: there is one pool.
  std::vector<unsigned> pool_nodes;
  std::vector<Choice> choices;
};

Placement place(const PlacementWishes& wishes, const HostSurvey& host);

}  // namespace alkaid
