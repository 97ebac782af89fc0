#include "dataplane/config/options.hpp"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <sstream>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <rte_config.h>

#include "control/common/joined.hpp"
#include "dataplane/config/connection_options.hpp"
#include "dataplane/config/offload_options.hpp"
#include "dataplane/underlay/endpoint.hpp"
#include "dataplane/worker/idle_backoff.hpp"

namespace alkaid {
namespace {

constexpr const char* kDescription =
    "alkaid-dataplane: the packet pipeline of a cloud host. Polls its ports, forwards tenants' "
    "packets "
    "over VXLAN and is programmed over RUN_DIR/dataplane.sock by alkaid-agent.";

constexpr const char* kFooter = R"(Examples:
  # one host of a lab: veth 'up0' carries the underlay; sleep up to 200 us when idle
  alkaid-dataplane --uplink af_packet:up0 --vtep 10.0.0.1/24 --idle-backoff 200

  # everything from a file; flags win over the file
  alkaid-dataplane --config pmd-config/af-packet-lab.toml --log-level debug

Stops cleanly on SIGINT and SIGTERM. Exit codes: 0 stopped, 1 can't start or run, 2 bad usage.)";

// Flags as text, before they are checked.
struct RawOptions {
  std::string instance = "default";
  std::string run_directory;
  std::string uplink;
  std::vector<std::string> vteps;
  std::vector<std::string> underlay_gateways;
  std::vector<std::string> underlay_neighbors;
  std::string exception_tap;
  std::vector<std::string> trunks;
  std::vector<std::string> port_workers;
  unsigned ra_interval = RouterAdvertiser::kLongestInterval.count();
};

[[noreturn]] void refuse(const std::string& flag, const std::string& message) {
  throw CLI::ValidationError(flag, message);
}

void check_vteps(const RawOptions& raw, DataplaneSettings& dataplane) {
  for (const auto& text : raw.vteps) {
    const auto vtep = IpPrefix::parse(text);
    const bool has_length = text.find('/') != std::string::npos;
    if (!vtep || !has_length || !is_endpoint(vtep->address)) {
      refuse("--vtep", fmt::format("'{}' is no interface address such as 10.0.0.1/24 or "
                                   "2001:db8::1/64 that tunnels can end at",
                                   text));
    }
    for (const auto& other : dataplane.vteps) {
      if (other.address.is_v4() == vtep->address.is_v4()) {
        refuse("--vtep", fmt::format("{} and {} are of one family; one of each is the most",
                                     other.to_string(), vtep->to_string()));
      }
    }
    dataplane.vteps.push_back(*vtep);
  }
}

void check_gateways(const RawOptions& raw, DataplaneSettings& dataplane) {
  auto& gateways = dataplane.underlay_gateways;
  for (const auto& text : raw.underlay_gateways) {
    const auto gateway = IpAddress::parse(text);
    const bool is_on_link =
        gateway && std::any_of(dataplane.vteps.begin(), dataplane.vteps.end(), [&](auto& vtep) {
          const bool same_family = vtep.address.is_v4() == gateway->is_v4();
          return vtep.address != *gateway &&
                 (vtep.contains(*gateway) || (same_family && is_link_local(*gateway)));
        });
    if (!is_on_link) {
      refuse("--underlay-gateway",
             fmt::format("'{}' is no address of another station inside the prefix of a --vtep, nor "
                         "link-local beside an IPv6 one",
                         text));
    }
    if (std::find(gateways.begin(), gateways.end(), *gateway) != gateways.end()) {
      refuse("--underlay-gateway", fmt::format("{} is given twice", gateway->to_string()));
    }
    gateways.push_back(*gateway);
    const auto same_family = std::count_if(gateways.begin(), gateways.end(), [&](auto& other) {
      return other.is_v4() == gateway->is_v4();
    });
    if (static_cast<std::size_t>(same_family) > kMostNextHops) {
      refuse("--underlay-gateway",
             fmt::format("at most {} of one family share the flows", kMostNextHops));
    }
  }
}

void check_exception(const RawOptions& raw, DataplaneSettings& dataplane) {
  if (raw.exception_tap.empty()) {
    return;
  }
  std::string error;
  dataplane.exception_text = "tap:" + raw.exception_tap;
  dataplane.exception = Attachment::parse(dataplane.exception_text, error);
  if (!dataplane.exception) {
    refuse("--exception-tap", error);
  }
  if (!dataplane.uplink) {
    refuse("--exception-tap", "needs an --uplink whose frames it takes");
  }
}

void check_trunks(const RawOptions& raw, DataplaneSettings& dataplane) {
  auto& trunks = dataplane.trunks;
  for (const auto& text : raw.trunks) {
    const auto equals = text.find('=');
    TrunkSettings trunk{.name = text.substr(0, equals)};
    if (equals == std::string::npos || !is_device_name(trunk.name)) {
      refuse("--trunk",
             fmt::format("'{}' is not NAME=KIND:ARGUMENT, such as trunk0=af_packet:eth1", text));
    }
    trunk.text = text.substr(equals + 1);
    std::string error;
    const auto attachment = Attachment::parse(trunk.text, error);
    if (!attachment) {
      refuse("--trunk", error);
    }
    if (attachment->is_for_guests_only() || attachment->kind == AttachmentKind::kNull) {
      refuse("--trunk", fmt::format("'{}' is no device", trunk.text));
    }
    trunk.attachment = *attachment;
    for (const auto& other : trunks) {
      if (other.name == trunk.name || other.attachment.is_same_device_as(trunk.attachment)) {
        refuse("--trunk", fmt::format("{}={} and {}={} are one", other.name, other.text, trunk.name,
                                      trunk.text));
      }
    }
    if (dataplane.uplink && dataplane.uplink->is_same_device_as(trunk.attachment)) {
      refuse("--trunk", fmt::format("{} is the uplink", trunk.text));
    }
    trunks.push_back(std::move(trunk));
  }
  if (trunks.size() >= RTE_MAX_ETHPORTS) {
    refuse("--trunk", fmt::format("DPDK has room for {} devices here", RTE_MAX_ETHPORTS));
  }
}

// "0,1,2" from `start` on; nullopt: it is something else.
std::optional<std::vector<unsigned>> parse_numbers(const std::string& text, std::size_t start) {
  std::vector<unsigned> numbers;
  const char* const end = text.data() + text.size();
  for (const char* next = text.data() + start;; ++next) {
    unsigned number = 0;
    const auto parsed = std::from_chars(next, end, number);
    if (parsed.ec != std::errc{} || (parsed.ptr != end && *parsed.ptr != ',')) {
      return std::nullopt;
    }
    numbers.push_back(number);
    if (parsed.ptr == end) {
      return numbers;
    }
    next = parsed.ptr;
  }
}

void check_workers(const RawOptions& raw, Options& options) {
  const std::size_t workers =
      options.worker_cpus.empty() ? options.workers : options.worker_cpus.size();
  if (options.dataplane.workers_on > workers) {
    refuse("--workers-on", fmt::format("there are {} workers", workers));
  }
  for (const auto& text : raw.port_workers) {
    const auto equals = text.rfind('=');
    const auto numbers =
        equals == std::string::npos || equals == 0 ? std::nullopt : parse_numbers(text, equals + 1);
    if (!numbers) {
      refuse("--port-worker",
             fmt::format("'{}' is not PORT=WORKER nor PORT=WORKER,WORKER..., such as "
                         "af_packet:eth0=0",
                         text));
    }
    if (*std::max_element(numbers->begin(), numbers->end()) >= workers) {
      refuse("--port-worker",
             fmt::format("'{}': there are {} workers, counted from 0", text, workers));
    }
    options.dataplane.port_workers.emplace_back(text.substr(0, equals), *numbers);
  }
}

void check(const RawOptions& raw, Options& options) {
  const auto instance = Instance::make(raw.instance, raw.run_directory);
  if (!instance) {
    refuse("--instance",
           fmt::format("'{}' is no instance name (letters, digits, '_', '-', '.')", raw.instance));
  }
  options.instance = *instance;
  DataplaneSettings& dataplane = options.dataplane;
  if (!raw.uplink.empty()) {
    std::string error;
    dataplane.uplink = Attachment::parse(raw.uplink, error);
    if (!dataplane.uplink) {
      refuse("--uplink", error);
    }
    if (dataplane.uplink->kind == AttachmentKind::kVlan) {
      refuse("--uplink", "a trunk carries guests; --uplink-vlan puts the underlay into a VLAN");
    }
    if (dataplane.uplink->is_for_guests_only()) {
      refuse("--uplink", fmt::format("'{}' is a guest's device", raw.uplink));
    }
    dataplane.uplink_text = raw.uplink;
  }
  check_vteps(raw, dataplane);
  check_gateways(raw, dataplane);
  check_exception(raw, dataplane);
  check_trunks(raw, dataplane);
  for (const auto& text : raw.underlay_neighbors) {
    const auto equals = text.find('=');
    const auto address = IpAddress::parse(text.substr(0, equals));
    const auto mac =
        equals == std::string::npos ? std::nullopt : MacAddress::parse(text.substr(equals + 1));
    if (!address || !mac || !mac->is_unicast()) {
      refuse("--underlay-neighbor",
             fmt::format("'{}' is not IP=MAC, such as 10.0.0.2=02:00:00:00:00:02", text));
    }
    dataplane.underlay_neighbors.emplace_back(*address, *mac);
  }
  if (dataplane.idle_backoff_microseconds > IdleBackoff::kLongestMicroseconds) {
    refuse("--idle-backoff",
           fmt::format("at most {} microseconds", IdleBackoff::kLongestMicroseconds));
  }
  dataplane.ra_interval = std::chrono::seconds{raw.ra_interval};
  if (raw.ra_interval != 0 && (dataplane.ra_interval < RouterAdvertiser::kShortestInterval ||
                               dataplane.ra_interval > RouterAdvertiser::kLongestInterval)) {
    refuse("--ra-interval", fmt::format("{} is neither 0 nor 4 to 600 seconds", raw.ra_interval));
  }
  options.control_cpu = options.wanted_control_cpu.value_or(options.control_cpu);
  options.memory_megabytes = options.wanted_memory_megabytes.value_or(options.memory_megabytes);
  dataplane.packet_buffers = options.wanted_packet_buffers.value_or(dataplane.packet_buffers);
  if (options.worker_cpus.size() > 64) {
    refuse("--worker-cpus", "at most 64 workers");
  }
  check_workers(raw, options);
}

}  // namespace

ParseOutcome parse_options(int argc, const char* const* argv) {
  Options options;
  RawOptions raw;
  CLI::App app{kDescription, "alkaid-dataplane"};
  app.footer(kFooter);
  app.set_help_flag("--help", "Show this text and exit");
  app.set_version_flag("--version", "alkaid-dataplane " ALKAID_VERSION);
  app.set_config("--config", "", "TOML file with any of these options, without the dashes");
  app.allow_config_extras(false);
  app.get_formatter()->column_width(36);

  const auto* instance = "Instance";
  app.add_option("--instance", raw.instance, "Name of this instance; several run side by side")
      ->capture_default_str()
      ->group(instance);
  app.add_option("--run-dir", raw.run_directory, "Where sockets and locks live [/run/alkaid/NAME]")
      ->group(instance);
  app.add_option("--log-level", options.log_level, "trace, debug, info, warning, error or off")
      ->capture_default_str()
      ->check(CLI::IsMember({"trace", "debug", "info", "warning", "error", "critical", "off"}))
      ->group(instance);

  const auto* underlay = "Underlay";
  app.add_option(
         "--uplink", raw.uplink,
         "Port that carries the underlay, as KIND:ARGUMENT: dev:NAME[,queues=N] (a DPDK device, "
         "such "
         "as a PCI address), af_packet:DEVICE[,queues=N], af_xdp:DEVICE[,mode=native|generic], "
         "tap:NAME, "
         "pcap:rx=FILE,tx=FILE, null:. It may "
         "appear later")
      ->group(underlay);
  app.add_option("--trunk", raw.trunks,
                 "Device whose VLANs are guest ports, as NAME=KIND:ARGUMENT; guests attach as "
                 "vlan:NAME/VID; repeatable")
      ->group("Guests");
  app.add_option("--ra-interval", raw.ra_interval,
                 "Longest time between router advertisements to a guest, in seconds, 4 to 600; "
                 "0: only in answer to solicitations")
      ->capture_default_str()
      ->group("Guests");
  app.add_flag_callback(
         "--no-announcements", [&options] { options.dataplane.announcements = false; },
         "Send no gratuitous ARP and no unsolicited neighbor advertisements")
      ->group("Guests");
  app.add_option("--vtep", raw.vteps,
                 "Our tunnel endpoint and its prefix, ADDRESS/LENGTH; once for IPv4, for IPv6, or "
                 "for both")
      ->required()
      ->group(underlay);
  app.add_option("--underlay-gateway", raw.underlay_gateways,
                 "Next hop to VTEPs outside the prefix of --vtep; repeatable: those that answer "
                 "share the flows")
      ->group(underlay);
  app.add_option("--underlay-neighbor", raw.underlay_neighbors,
                 "Fixed MAC of an underlay address, IP=MAC, instead of ARP or neighbor discovery; "
                 "repeatable")
      ->group(underlay);
  app.add_option("--vxlan-port", options.dataplane.vxlan_port, "UDP port of VXLAN")
      ->capture_default_str()
      ->group(underlay);

  app.add_option("--uplink-vlan", options.dataplane.uplink_vlan,
                 "802.1Q VLAN of the underlay on the uplink, 1 to 4094 [untagged]")
      ->check(CLI::Range(1, 4094))
      ->group(underlay);
  app.add_option(
         "--exception-tap", raw.exception_tap,
         "TAP by which the host's kernel gets what the uplink carries beside our VXLAN, ARP "
         "and neighbor discovery, and sends its own [none]")
      ->group(underlay);
  app.add_option("--exception-rate", options.dataplane.exception_rate,
                 "Most frames per second from the uplink to the kernel")
      ->capture_default_str()
      ->check(CLI::Range(1U, 10000000U))
      ->group(underlay);
  app.add_flag("--udp6-zero-checksum", options.dataplane.udp6_zero_checksum,
               "Send and accept VXLAN over IPv6 without UDP checksums (RFC 6935); every VTEP must "
               "agree")
      ->group(underlay);

  app.add_option_function<std::string>(
         "--uplink-tso",
         [&options](const std::string& wish) {
           options.dataplane.uplink_segmentation = wish == "on";
         },
         "Let the uplink's card cut virtual machines' large TCP packets, where it can do it in a "
         "tunnel; off: they are cut in software")
      ->default_str("on")
      ->check(CLI::IsMember({"on", "off"}))
      ->group(underlay);

  const auto* path_mtu = "Path MTU";
  app.add_option_function<std::string>(
         "--fragment",
         [&options](const std::string& where) {
           options.dataplane.fragment_outside = where == "outer";
         },
         "IPv4 packets without DF that are too big for the underlay: off drops them, outer cuts "
         "the encapsulated packet into fragments, and puts such together that come")
      ->default_str("off")
      ->check(CLI::IsMember({"off", "outer"}))
      ->group(path_mtu);
  app.add_flag("--clamp-mss", options.dataplane.clamp_mss,
               "Lower the segment size that TCP SYNs announce across the underlay to what fits")
      ->group(path_mtu);

  const auto* cpu = "Processors and memory";
  app.add_option("--workers", options.workers, "Worker threads; their CPUs are chosen")
      ->capture_default_str()
      ->check(CLI::Range(1, 64))
      ->group(cpu);
  app.add_option("--worker-cpus", options.worker_cpus,
                 "CPUs of the workers, one each, such as 2,3,4")
      ->delimiter(',')
      ->excludes("--workers")
      ->group(cpu);
  app.add_option("--workers-on", options.dataplane.workers_on,
                 "Workers that are on at the start, from worker 0 on; 'set worker N on' adds one "
                 "of the others [all]")
      ->check(CLI::Range(1, 64))
      ->group(cpu);
  app.add_option(
         "--port-worker", raw.port_workers,
         "Which worker polls a port, as PORT=WORKER, or each of its receive queues, as "
         "PORT=WORKER,WORKER...: the port as 'show port' has it, the worker's number from 0; "
         "repeatable; others are spread, workers with the fewest queues first")
      ->group(cpu);
  app.add_option("--queues", options.dataplane.queues,
                 "Most receive queues of a device, if it doesn't say ',queues=N' itself [as many "
                 "as there are workers]")
      ->check(CLI::Range(1U, unsigned{kMostQueues}))
      ->group(cpu);
  app.add_option("--control-cpu", options.wanted_control_cpu,
                 "CPU of the control thread and the local API [chosen]")
      ->group(cpu);
  app.add_option("--idle-backoff", options.dataplane.idle_backoff_microseconds,
                 "Longest sleep of an idle worker, in microseconds; 0 polls without pause")
      ->capture_default_str()
      ->group(cpu);
  app.add_flag("--no-huge", options.no_huge,
               "Do without hugepages (slower; chosen by itself if the "
               "kernel has none)")
      ->group(cpu);
  app.add_option(
         "--memory", options.wanted_memory_megabytes,
         "Memory for packets and tables, in MiB; unless given, what they need if that is more")
      ->default_str("512")
      ->check(CLI::Range(64, 1 << 20))
      ->group(cpu);
  app.add_flag("--pci", options.pci, "Let DPDK look for PCI devices")->group(cpu);
  app.add_option("--eal", options.extra_eal_arguments,
                 "More arguments for DPDK's EAL, in one string")
      ->group(cpu);

  auto* dry_run =
      app.add_flag("--dry-run", options.dry_run,
                   "Say which CPUs, memory and devices would be taken and why, and exit");
  app.add_flag("--json", options.json, "With --dry-run: as JSON")->needs(dry_run);

  const auto* capacity = "Capacity, taken at start";
  TableSizes& sizes = options.dataplane.tables;
  const auto table = CLI::Range(8U, 1U << 27);
  app.add_option(
         "--packet-buffers", options.wanted_packet_buffers,
         "Packet buffers of 2 KiB; unless given, more where the queues of devices need them")
      ->default_str(fmt::to_string(options.dataplane.packet_buffers))
      ->check(CLI::Range(1024U, 1U << 24))
      ->group(capacity);
  app.add_option(
         "--jumbo-buffers", options.dataplane.jumbo_buffers,
         "Packet buffers of 10 KiB, made when a device's MTU first needs them; 0: none, packets "
         "stay at 1,964 bytes and less")
      ->capture_default_str()
      ->check(CLI::Range(0U, 1U << 22))
      ->group(capacity);
  app.add_option("--max-ports", sizes.ports, "Guest ports")
      ->capture_default_str()
      ->check(CLI::Range(8U, kMostFlowPorts))
      ->group(capacity);
  app.add_option("--max-segments", sizes.segments, "Subnets")
      ->capture_default_str()
      ->check(CLI::Range(8U, kMaxZones))
      ->group(capacity);
  app.add_option("--max-neighbors", sizes.neighbors,
                 "Neighbors, IPv4 and IPv6 together, and the addresses of ports; 96 bytes each")
      ->capture_default_str()
      ->check(table)
      ->group(capacity);
  app.add_option("--max-routes", sizes.routes, "Routes of all tables")
      ->capture_default_str()
      ->check(table)
      ->group(capacity);
  app.add_option("--max-dhcp-bindings", sizes.dhcp_bindings, "DHCP bindings")
      ->capture_default_str()
      ->check(table)
      ->group(capacity);
  app.add_option("--max-security-groups", sizes.security_groups, "Security groups")
      ->capture_default_str()
      ->check(table)
      ->group(capacity);
  app.add_option(
         "--max-security-rules", sizes.security_rules,
         "Rules of all security groups together; 16 bytes each at start, about 600 when used")
      ->capture_default_str()
      ->check(CLI::Range(8U, RuleTable::kMostRules))
      ->group(capacity);
  app.add_option("--max-security-members", sizes.security_members,
                 "Addresses that are in security groups, all groups together")
      ->capture_default_str()
      ->check(table)
      ->group(capacity);
  add_connection_options(app, options.dataplane.flows);
  add_offload_options(app, options.dataplane.offload);
  try {
    app.parse(argc, argv);
    check(raw, options);
  } catch (const CLI::ParseError& error) {
    const bool is_help = error.get_exit_code() == 0;
    app.exit(error);
    return {std::nullopt, is_help ? 0 : 2};
  }
  return {std::move(options), 0};
}

std::vector<std::string> eal_arguments(const Options& options) {
  std::string lcores = fmt::format("0@{}", options.control_cpu);
  for (std::size_t i = 0; i < options.worker_cpus.size(); ++i) {
    lcores += fmt::format(",{}@{}", i + 1, options.worker_cpus[i]);
  }
  std::vector<std::string> arguments{"alkaid-dataplane",
                                     "--lcores",
                                     lcores,
                                     "--main-lcore",
                                     "0",
                                     "--file-prefix",
                                     "alkaid-" + options.instance.name};
  if (options.node_megabytes.empty() || options.no_huge) {
    arguments.emplace_back("-m");
    arguments.push_back(std::to_string(options.memory_megabytes));
  } else {
    arguments.push_back(fmt::format("--socket-mem={}", joined(options.node_megabytes, ",")));
  }
  if (!options.pci) {
    arguments.emplace_back("--no-pci");
  }
  if (options.no_huge) {
    // EAL takes --in-memory for "hugepages without files" and refuses it here.
    arguments.emplace_back("--no-huge");
    arguments.emplace_back("--no-shconf");
  } else {
    arguments.emplace_back("--in-memory");
  }
  if (options.log_level != "debug" && options.log_level != "trace") {
    arguments.emplace_back("--log-level=lib.*:warning");
    arguments.emplace_back("--log-level=pmd.*:warning");
  }
  std::istringstream extra(options.extra_eal_arguments);
  std::string argument;
  while (extra >> argument) {
    arguments.push_back(argument);
  }
  return arguments;
}

}  // namespace alkaid
