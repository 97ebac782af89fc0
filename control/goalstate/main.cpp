// alkaid-goalstate: pushes goal states from files to an agent.
#include <chrono>
#include <cstdio>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "control/common/tls/channel_credentials.hpp"
#include "control/goalstate/agent_address.hpp"
#include "control/goalstate/goal_state_file.hpp"
#include "control/goalstate/push_client.hpp"
#include "control/goalstate/report.hpp"

namespace {

using namespace alkaid::goalstate;

enum ExitCode {
  kGood = 0,         // everything SUCCESS or PENDING
  kNotApplied = 1,   // FAILURE or INVALID_ARG for a resource, or the agent broke the call off
  kUsage = 2,        // wrong flags, file that can't be read or parsed
  kUnreachable = 3,  // no agent there, or no answer in time
};

constexpr std::size_t kLongestSuccessList = 100;

constexpr const char* kPushHelp =
    R"(Pushes goal states to an agent and shows what became of every resource.

A FILE holds Alcor's GoalStateV2 in protobuf's JSON mapping: maps from a name of your choice to a state.

  {
    "subnet_states": {
      "green": {"operation_type": "INFO", "configuration": {
        "id": "green", "vpc_id": "demo", "cidr": "10.1.0.0/24", "tunnel_id": 1001, "dhcp_enable": true,
        "gateway": {"ip_address": "10.1.0.1", "mac_address": "02:00:00:00:01:01"}}}
    },
    "port_states": {
      "green-1": {"operation_type": "CREATE", "configuration": {
        "id": "green-1", "vpc_id": "demo", "mac_address": "02:00:00:00:01:11", "admin_state_up": true,
        "device_id": "vm-1", "fixed_ips": [{"subnet_id": "green", "ip_address": "10.1.0.11"}]}}
    }
  }

  alkaid-goalstate push green.json --agent 10.0.0.1

docs/examples/goal-states has complete ones. GoalState (v1), which has lists in the place of maps, is
recognized too. The order of resources and files does not matter to the agent; pushing twice changes
nothing.)";

constexpr const char* kPushFooter = R"(
Exit code: 0 every resource SUCCESS or PENDING; 1 some FAILURE or INVALID_ARG; 2 wrong flags or file;
3 the agent can't be reached or does not answer.)";

struct Options {
  std::vector<std::string> files;
  std::string agent = "127.0.0.1";
  bool v1 = false;
  bool json = false;
  bool all = false;
  double timeout_seconds = 60;
  bool tls = false;
  alkaid::TlsFiles tls_files;
  std::string tls_server_name;
};

int run_push(const Options& options) {
  const auto address = parse_agent_address(options.agent);
  if (!address) {
    fmt::print(stderr,
               "alkaid-goalstate: --agent {}: expected ADDRESS or ADDRESS:PORT, for example "
               "10.0.0.1 or [2001:db8::1]:50001\n",
               options.agent);
    return kUsage;
  }
  Protection protection{.server_name = options.tls_server_name};
  if (options.tls || options.tls_files.any() || !options.tls_server_name.empty()) {
    std::string error;
    protection.credentials = alkaid::make_channel_credentials(options.tls_files, error);
    if (!protection.credentials) {
      fmt::print(stderr, "alkaid-goalstate: {}\n", error);
      return kUsage;
    }
  }
  // All files are read before the first is pushed: a typing error in the last changes nothing.
  std::vector<GoalStateFile> files;
  for (const std::string& path : options.files) {
    auto file = read_goal_state(path, options.v1 ? Format::kV1 : Format::kDetect);
    if (const auto* error = std::get_if<FileError>(&file)) {
      fmt::print(stderr, "alkaid-goalstate: {}\n", error->message);
      return kUsage;
    }
    files.push_back(std::get<GoalStateFile>(std::move(file)));
  }

  const auto timeout = std::chrono::duration_cast<std::chrono::milliseconds>(
      std::chrono::duration<double>{options.timeout_seconds});
  const PushResult result = push(files, *address, timeout, protection);
  if (options.json) {
    fmt::print("{}", to_json(result.replies));
  } else if (!result.replies.empty()) {
    fmt::print("{}", to_text(result.replies, options.all ? SIZE_MAX : kLongestSuccessList));
  }
  std::fflush(stdout);
  if (result.outcome != PushResult::Outcome::kAnswered) {
    fmt::print(stderr, "alkaid-goalstate: {}\n", result.error);
  }
  switch (result.outcome) {
    case PushResult::Outcome::kUnreachable:
      return kUnreachable;
    case PushResult::Outcome::kRefused:
      return kNotApplied;
    case PushResult::Outcome::kAnswered:
      break;
  }
  return count(result.replies).all_good() ? kGood : kNotApplied;
}

int run(int argc, char** argv) {
  CLI::App app{"Goal-state client: pushes goal states from files to an Alkaid (or Alcor) agent."};
  app.set_help_flag("--help", "show this help");
  app.set_version_flag("--version", std::string{"alkaid-goalstate " ALKAID_VERSION});
  app.require_subcommand(1);
  app.failure_message(CLI::FailureMessage::simple);

  Options options;
  CLI::App* push = app.add_subcommand("push", kPushHelp);
  push->footer(kPushFooter);
  push->add_option("FILE", options.files,
                   "goal state in JSON, several in order; - is standard input")
      ->required();
  push->add_option("--agent", options.agent, "where the agent listens; port 50001 unless given")
      ->type_name("ADDRESS[:PORT]")
      ->capture_default_str();
  push->add_flag("--tls", options.tls,
                 "speak TLS and trust the system's certificate authorities (otherwise plaintext)");
  push->add_option("--tls-ca", options.tls_files.authorities,
                   "speak TLS and trust the authorities in this PEM file")
      ->type_name("FILE")
      ->check(alkaid::require_file_name);
  push->add_option("--tls-certificate", options.tls_files.certificate,
                   "certificate to show to an agent that asks for one, in PEM")
      ->type_name("FILE")
      ->check(alkaid::require_file_name);
  push->add_option("--tls-key", options.tls_files.key, "its key")
      ->type_name("FILE")
      ->check(alkaid::require_file_name);
  push->add_option("--tls-server-name", options.tls_server_name,
                   "name that the agent's certificate must have (default: the address)")
      ->type_name("NAME");
  push->add_flag("--v1", options.v1,
                 "the files hold GoalState (v1), also where that can't be seen");
  push->add_flag("--json", options.json, "print the agent's replies as JSON");
  push->add_flag("--all", options.all, "list every resource (otherwise at most 100 successes)");
  push->add_option("--timeout", options.timeout_seconds, "longest wait for everything, in seconds")
      ->check(CLI::Range(0.001, 86400.0))
      ->type_name("SECONDS")
      ->capture_default_str();

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kGood : kUsage;
  }
  return run_push(options);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    fmt::print(stderr, "alkaid-goalstate: {}\n", error.what());
    return kNotApplied;
  }
}
