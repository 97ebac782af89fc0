#include "control/agent/options.hpp"

#include <array>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "control/agent/channel_options.hpp"
#include "control/agent/metrics/metrics_server.hpp"
#include "control/agent/ncm_options.hpp"
#include "control/agent/policy_options.hpp"
#include "control/agent/toml_config.hpp"
#include "control/common/logging.hpp"

namespace alkaid::agent {
namespace {

constexpr int kUsageError = 2;

constexpr const char* kExamples = R"(Examples:
  alkaid-agent --tls-certificate agent.pem --tls-key agent.key --tls-client-ca clients.pem
      serve goal states on 0.0.0.0:50001 to clients with a certificate, program the data plane of
      instance 'default'
  alkaid-agent --plaintext
      the same for any client, unprotected
  alkaid-agent --instance left --listen-address 127.0.0.1 --port 50011 --plaintext
      one of several on a machine
  alkaid-agent --plaintext --port-attach 'tap:{tap_name}'
      let the data plane create the guests' TAP devices
  alkaid-agent --plaintext --port-attach 'vhost-user:/run/alkaid/vhost/{port_id}.sock'
      virtual machines, whose hypervisors make these sockets
  alkaid-agent --config /etc/alkaid/agent.toml --log-level debug
      the file holds the same options by their long names: port = 50001

Exit codes: 0 stopped by a signal, 1 failed at run time, 2 bad usage or configuration.
)";

struct AcaOption {
  const char* names;
  const char* written;
  const char* description;
  bool flag;
};

// ACA's options, so that its units and scripts start this agent with --plaintext added.
constexpr std::array<AcaOption, 8> kAcaOptions = {{
    {"-b,--pulsar-brokers", "-b", "Pulsar brokers", false},
    {"-h,--pulsar-topic", "-h", "Pulsar topic", false},
    {"-g,--pulsar-subscription", "-g", "Pulsar subscription", false},
    {"-k,--pulsar-key", "-k", "Pulsar hashed key", false},
    {"-m,--demo", "-m", "ACA's demo mode", true},
    {"-c,--ofctl-command", "-c", "leftover of ACA's OpenFlow client", false},
    {"-t,--ofctl-target", "-t", "leftover of ACA's OpenFlow client", false},
    {"-o,--ofctl-options", "-o", "leftover of ACA's OpenFlow client", false},
}};

OptionsOutcome refuse(std::string text) {
  return {std::nullopt, kUsageError, fmt::format("alkaid-agent: {}\n", text)};
}

// An instance that is told from others by its run directory alone keeps its state there: all of
// them are named "default".
std::string default_state_directory(const Instance& instance, bool has_name) {
  const bool is_unnamed = !has_name && instance.run_directory != Instance{}.run_directory;
  return is_unnamed ? instance.run_directory + "/state"
                    : fmt::format("/var/lib/alkaid/{}", instance.name);
}

}  // namespace

OptionsOutcome parse_options(int argc, const char* const* argv) {
  CLI::App app{"Alkaid's agent: takes Alcor's goal states and programs this host's data plane.",
               "alkaid-agent"};
  app.set_help_flag("--help", "print this help and exit");
  app.set_version_flag("--version", "alkaid-agent " ALKAID_VERSION, "print the version and exit");
  app.footer(kExamples);
  app.set_config("--config", "", "TOML file of options by their long names; flags override it")
      ->check(CLI::ExistingFile);
  app.config_formatter(std::make_shared<TomlConfig>());
  app.allow_config_extras(CLI::config_extras_mode::error);

  std::string instance = "default";
  std::string run_directory;
  std::string state_directory;
  bool no_state = false;
  std::string host;
  std::string attach = "af_packet:{tap_name}";
  bool debug = false;
  Options options;
  app.add_option("--instance", instance, "name of this instance")->capture_default_str();
  app.add_option("--run-dir", run_directory, "run-time directory (default /run/alkaid/INSTANCE)");
  app.add_option(
      "--state-dir", state_directory,
      "where goal states are kept for the next start (default /var/lib/alkaid/INSTANCE; with "
      "--run-dir and without --instance RUN_DIR/state)");
  app.add_flag("--no-state", no_state,
               "keep goal states in memory only: after a restart they must be pushed again");
  ChannelOptions channel;
  channel.add_to(app);
  app.add_option("--host-ip", host,
                 "this host's address in goal states (default: the data plane's VTEPs)");
  app.add_option("--port-attach", attach,
                 "how guest ports attach, KIND:TEXT with {tap_name}, {port_id}, {port_name}, "
                 "{device_id}, {mac}; or vlan:TRUNK[,TRUNK...]/{vlan}, which gives every port a "
                 "free VLAN of these trunks of the data plane ({vlan:100-199}: of some VLANs) and "
                 "keeps it")
      ->capture_default_str();
  app.add_option("--metrics-listen", options.agent.metrics_listen,
                 "serve metrics for Prometheus at http://ADDRESS:PORT/metrics (default: nowhere); "
                 "without protection")
      ->type_name("ADDRESS:PORT");
  PolicyOptions policy;
  policy.add_to(app);
  NcmOptions ncm;
  ncm.add_to(app);
  app.add_option("--log-level", options.log_level,
                 "trace, debug, info, warning, error, critical or off")
      ->capture_default_str();
  app.add_flag("-d,--debug", debug, "same as --log-level debug")->take_last();

  std::array<std::string, kAcaOptions.size()> ignored_values;
  std::array<bool, kAcaOptions.size()> ignored_flags{};
  for (std::size_t i = 0; i < kAcaOptions.size(); ++i) {
    const AcaOption& option = kAcaOptions[i];
    const std::string description = fmt::format("{} (accepted, no effect yet)", option.description);
    auto* added = option.flag ? app.add_flag(option.names, ignored_flags[i], description)
                              : app.add_option(option.names, ignored_values[i], description);
    added->take_last();  // as getopt
    added->group("Options of the Alcor Control Agent");
  }

  // ACA's getopt leaves operands alone.
  std::vector<std::string> operands;
  app.add_option("operands", operands, "ignored")->group("")->configurable(false);

  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    return {std::nullopt, 0, app.help()};
  } catch (const CLI::CallForVersion& version) {
    return {std::nullopt, 0, fmt::format("{}\n", version.what())};
  } catch (const CLI::ConfigError& error) {
    const std::string_view text{error.what()};
    if (const auto key = text.find(": This option is not allowed"); key != std::string_view::npos) {
      return refuse(
          fmt::format("'{}' can't stand in the configuration file, only on the command "
                      "line; see --help",
                      text.substr(0, key)));
    }
    // The key is the last word of CLI11's text.
    return refuse(fmt::format("unknown key '{}' in the configuration file; see --help",
                              text.substr(text.rfind(' ') + 1)));
  } catch (const CLI::ParseError& error) {
    return refuse(fmt::format("{}; see --help", error.what()));
  }

  for (const AcaOption& option : kAcaOptions) {
    if (app.get_option(option.written)->count() > 0) {
      options.without_effect.emplace_back(option.written);
    }
  }
  for (const std::string& operand : operands) {
    options.without_effect.push_back(printable(operand));
  }
  if (debug) {
    options.log_level = "debug";
  }
  const auto made = Instance::make(instance, run_directory);
  if (!made) {
    return refuse(fmt::format(
        "--instance: '{}' must be 1 to 64 of A-Z a-z 0-9 _ . - and not start with a dot",
        instance));
  }
  options.agent.instance = *made;
  const bool has_name = app.get_option("--instance")->count() > 0;
  if (no_state && !state_directory.empty()) {
    return refuse("--no-state: keeps nothing in --state-dir; give one of them");
  }
  if (!no_state) {
    options.agent.state_directory =
        state_directory.empty() ? default_state_directory(*made, has_name) : state_directory;
  }
  if (!host.empty()) {
    const auto address = IpAddress::parse(host);
    if (!address) {
      return refuse(fmt::format("--host-ip: '{}' is no IPv4 or IPv6 address", host));
    }
    options.agent.host = *address;
  }
  std::string error;
  auto channel_parsed = channel.channel(error);
  if (!channel_parsed) {
    return refuse(error);
  }
  options.agent.channel = std::move(*channel_parsed);
  if (const std::string& listen = options.agent.metrics_listen;
      !listen.empty() && !is_metrics_address(listen)) {
    return refuse(fmt::format(
        "--metrics-listen: '{}' is no ADDRESS:PORT, such as 127.0.0.1:9464 or [::1]:9464",
        printable(listen)));
  }
  auto template_parsed = PortAttach::parse(attach, error);
  if (!template_parsed) {
    return refuse(fmt::format("--port-attach: {}", error));
  }
  options.agent.port_attach = std::move(*template_parsed);
  auto policy_parsed = policy.policy(error);
  if (!policy_parsed) {
    return refuse(error);
  }
  options.agent.policy = std::move(*policy_parsed);
  auto ncm_parsed = ncm.ncm(!options.agent.channel.tls, error);
  if (!ncm_parsed) {
    return refuse(error);
  }
  options.agent.ncm = std::move(*ncm_parsed);
  options.agent.on_demand_idle = ncm.idle();
  return {std::move(options), 0, {}};
}

}  // namespace alkaid::agent
