// The command line and configuration file of alkaid-dataplane.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "control/common/instance.hpp"
#include "dataplane/control/dataplane.hpp"

namespace alkaid {

struct Options {
  Instance instance;
  DataplaneSettings dataplane;  // worker_lcores are filled in after EAL's start
  std::string log_level = "info";

  // As far as the operator left them open, choose_placement() fills these in (and the number of
  // packet buffers).
  unsigned control_cpu = 0;
  std::vector<unsigned> worker_cpus;
  bool no_huge = false;
  unsigned memory_megabytes = 512;
  std::vector<unsigned> node_megabytes;  // by NUMA node; empty: wherever EAL takes it from
  // What the operator said.
  unsigned workers = 1;
  std::optional<unsigned> wanted_control_cpu;
  std::optional<unsigned> wanted_memory_megabytes;
  std::optional<std::uint32_t> wanted_packet_buffers;

  bool dry_run = false;  // say what would be done, and end
  bool json = false;     // say it so
  bool pci = false;
  std::string extra_eal_arguments;
};

// What main should do instead of running.
struct ParseOutcome {
  std::optional<Options> options;  // set: run
  int exit_code = 0;               // otherwise: exit with this; help or errors have been printed
};

// Parses flags and --config; flags win. Exit code 2 for bad usage, with a text that names the flag
// and what it wants.
ParseOutcome parse_options(int argc, const char* const* argv);

// The arguments of rte_eal_init. lcore 0 is the control thread, lcore i + 1 is worker i.
std::vector<std::string> eal_arguments(const Options& options);

}  // namespace alkaid
