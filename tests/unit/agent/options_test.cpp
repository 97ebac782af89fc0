#include "control/agent/options.hpp"

#include <chrono>
#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "control/agent/port_attach.hpp"

namespace alkaid::agent::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

OptionsOutcome parse(std::vector<const char*> arguments) {
  // How the channel is protected must be said: channel_options_test.cpp.
  arguments.insert(arguments.begin(), {"alkaid-agent", "--plaintext"});
  return parse_options(static_cast<int>(arguments.size()), arguments.data());
}

class ConfigFile {
 public:
  explicit ConfigFile(const std::string& text) {
    path_ = ::testing::TempDir() + "alkaid-agent-options-" + std::to_string(::getpid()) + ".toml";
    std::ofstream{path_} << text;
  }
  ~ConfigFile() { std::remove(path_.c_str()); }
  ConfigFile(const ConfigFile&) = delete;
  ConfigFile& operator=(const ConfigFile&) = delete;
  [[nodiscard]] const char* path() const { return path_.c_str(); }

 private:
  std::string path_;
};

TEST(Options, Defaults) {
  const auto outcome = parse({});
  ASSERT_TRUE(outcome.options);
  EXPECT_EQ(outcome.options->agent.channel.port, 50001);
  EXPECT_EQ(outcome.options->agent.channel.address, "0.0.0.0");
  EXPECT_EQ(outcome.options->agent.instance.run_directory, "/run/alkaid/default");
  EXPECT_EQ(outcome.options->agent.port_attach.text(), "af_packet:{tap_name}");
  EXPECT_TRUE(outcome.options->agent.host.is_unset());
  EXPECT_EQ(outcome.options->agent.on_demand_idle, std::chrono::seconds{60});
}

TEST(Options, StateFollowsTheInstance) {
  const auto state = [](const std::vector<const char*>& arguments) {
    return parse(arguments).options.value().agent.state_directory;
  };
  EXPECT_EQ(state({}), "/var/lib/alkaid/default");
  EXPECT_EQ(state({"--instance", "left"}), "/var/lib/alkaid/left");
  EXPECT_EQ(state({"--instance", "left", "--run-dir", "/tmp/x"}), "/var/lib/alkaid/left");
  EXPECT_EQ(state({"--run-dir", "/tmp/x"}), "/tmp/x/state");
  EXPECT_EQ(state({"--run-dir", "/run/alkaid/default"}), "/var/lib/alkaid/default");
  EXPECT_EQ(state({"--run-dir", "/tmp/x", "--state-dir", "/tmp/y"}), "/tmp/y");
  EXPECT_EQ(state({"--run-dir", "/tmp/x", "--no-state"}), "");
}

TEST(Options, TakesAcaCommandLine) {
  const auto outcome = parse({"-a", "10.0.0.1", "-p", "9016", "-b", "pulsar://x", "-h", "topic",
                              "-g", "group",    "-k", "7",    "-s", "50021",      "-m", "-d",
                              "-c", "x",        "-t", "y",    "-o", "z"});
  ASSERT_TRUE(outcome.options) << outcome.output;
  EXPECT_EQ(outcome.options->agent.channel.port, 50021);
  EXPECT_EQ(outcome.options->log_level, "debug");
  EXPECT_THAT(outcome.options->without_effect,
              ElementsAre("-b", "-h", "-g", "-k", "-m", "-c", "-t", "-o"));
}

TEST(Options, RepeatedAcaOptionsAndOperandsAreTaken) {
  const auto outcome = parse({"-s", "50021", "-a", "10.0.0.1", "stray", "-a", "10.0.0.2", "-m",
                              "-m", "-d", "-d", "-s", "50022"});
  ASSERT_TRUE(outcome.options) << outcome.output;
  EXPECT_EQ(outcome.options->agent.channel.port, 50022);
  EXPECT_THAT(outcome.options->without_effect, ElementsAre("-m", "stray"));
}

TEST(Options, KeysForTheCommandLineOnlyAreNamed) {
  for (const std::string key : {"help", "version", "operands"}) {
    const ConfigFile file{key + " = true\n"};
    const auto outcome = parse({"--config", file.path()});
    EXPECT_EQ(outcome.exit_code, 2);
    EXPECT_THAT(outcome.output, HasSubstr("'" + key + "'"));
  }
}

TEST(Options, TheNetworkConfigManagerByOneFlagOrByAcas) {
  EXPECT_EQ(parse({}).options->agent.ncm.address, "");
  EXPECT_EQ(parse({"--ncm", "ncm.example:9016"}).options->agent.ncm.address, "ncm.example:9016");
  EXPECT_EQ(parse({"-a", "10.0.0.1"}).options->agent.ncm.address, "10.0.0.1:9016");
  EXPECT_EQ(parse({"-a", "fd00::1", "-p", "99"}).options->agent.ncm.address, "[fd00::1]:99");
  EXPECT_EQ(parse({"--on-demand-idle", "5"}).options->agent.on_demand_idle,
            std::chrono::seconds{5});
  for (const std::string wrong : {"ncm", "ncm:", ":9016", "ncm:0", "ncm:65536", "fd00::1:9016"}) {
    const auto outcome = parse({"--ncm", wrong.c_str()});
    EXPECT_EQ(outcome.exit_code, 2) << wrong;
    EXPECT_THAT(outcome.output, HasSubstr("--ncm")) << wrong;
  }
}

// How goal states come decides about the manager unless it is said.
TEST(Options, TheNetworkConfigManagerIsAskedInPlaintextOnlyWhenThatIsSaid) {
  const auto over_tls = [](std::vector<const char*> arguments) {
    arguments.insert(arguments.begin(), {"alkaid-agent", "--tls-certificate", "a.pem", "--tls-key",
                                         "a.key", "--ncm", "ncm:9016"});
    return parse_options(static_cast<int>(arguments.size()), arguments.data());
  };
  EXPECT_FALSE(parse({"--ncm", "ncm:9016"}).options.value().agent.ncm.tls);
  EXPECT_FALSE(over_tls({"--ncm-plaintext"}).options.value().agent.ncm.tls);
  const auto silent = over_tls({});
  EXPECT_EQ(silent.exit_code, 2);
  EXPECT_THAT(silent.output, HasSubstr("--ncm-tls-ca"));
  EXPECT_THAT(silent.output, HasSubstr("--ncm-plaintext"));

  const auto system = over_tls({"--ncm-tls"}).options.value().agent.ncm;
  ASSERT_TRUE(system.tls);
  EXPECT_FALSE(system.tls->any());
  const auto mutual = parse({"--ncm", "ncm:9016", "--ncm-tls-ca", "ca.pem", "--ncm-tls-certificate",
                             "b.pem", "--ncm-tls-key", "b.key", "--ncm-tls-server-name", "manager"})
                          .options.value()
                          .agent.ncm;
  ASSERT_TRUE(mutual.tls);
  EXPECT_EQ(mutual.tls->authorities, "ca.pem");
  EXPECT_EQ(mutual.tls->certificate, "b.pem");
  EXPECT_EQ(mutual.tls->key, "b.key");
  EXPECT_EQ(mutual.server_name, "manager");
}

TEST(Options, WhatCantBeMeantForTheNetworkConfigManager) {
  const std::vector<std::pair<std::vector<const char*>, const char*>> cases = {
      {{"--ncm", "ncm:1", "--ncm-tls", "--ncm-plaintext"}, "exclude each other"},
      {{"--ncm", "ncm:1", "--ncm-tls-key", "b.key"}, "belong together"},
      {{"--ncm", "ncm:1", "--ncm-tls-ca", ""}, "--ncm-tls-ca: names no file"},
      {{"--ncm-tls-ca", "ca.pem"}, "--ncm is reached, which is not given"},
      {{"--ncm-plaintext"}, "--ncm is reached, which is not given"},
  };
  for (const auto& [arguments, text] : cases) {
    const auto outcome = parse(arguments);
    EXPECT_EQ(outcome.exit_code, 2) << text;
    EXPECT_THAT(outcome.output, HasSubstr(text));
  }
}

TEST(Options, FlagsOverrideTheFile) {
  const ConfigFile file{"port = 50031\nhost-ip = \"172.16.0.1\"\nlog-level = \"warning\"\n"};
  const auto outcome = parse({"--config", file.path(), "--port", "50032"});
  ASSERT_TRUE(outcome.options) << outcome.output;
  EXPECT_EQ(outcome.options->agent.channel.port, 50032);
  EXPECT_EQ(outcome.options->agent.host.to_string(), "172.16.0.1");
  EXPECT_EQ(outcome.options->log_level, "warning");
}

TEST(Options, Policy) {
  const auto outcome = parse({"--broadcast",
                              "replicate:200",
                              "--broadcast",
                              "7=drop",
                              "--broadcast",
                              "8=replicate",
                              "--source-guard",
                              "off",
                              "--source-guard-exempt",
                              "a",
                              "--source-guard-exempt",
                              "b",
                              "--source-guard-exempt-owner",
                              "network:",
                              "--default-policy",
                              "closed",
                              "--tcp-without-ports",
                              "tcp",
                              "--security-groups",
                              "off"});
  ASSERT_TRUE(outcome.options) << outcome.output;
  const Policy& policy = outcome.options->agent.policy;
  EXPECT_EQ(policy.broadcast_in(Vni::from_trusted(6)), (BroadcastPolicy{true, 200}));
  EXPECT_EQ(policy.broadcast_in(Vni::from_trusted(7)), (BroadcastPolicy{false, 0}));
  EXPECT_EQ(policy.broadcast_in(Vni::from_trusted(8)), (BroadcastPolicy{true, 0}));
  EXPECT_FALSE(policy.source_guard);
  EXPECT_THAT(policy.unguarded_ports, ElementsAre("a", "b"));
  EXPECT_THAT(policy.unguarded_owners, ElementsAre("network:"));
  EXPECT_TRUE(policy.closed_by_default);
  EXPECT_TRUE(policy.tcp_without_ports_is_tcp);
  EXPECT_FALSE(policy.security_groups);
}

TEST(Options, PolicyFromTheFile) {
  const ConfigFile file{
      "broadcast = [\"7=replicate\", \"8=replicate:9\"]\n"
      "source-guard-exempt = [\"a\"]\n"};
  const auto outcome = parse({"--config", file.path()});
  ASSERT_TRUE(outcome.options) << outcome.output;
  const Policy& policy = outcome.options->agent.policy;
  EXPECT_FALSE(policy.broadcast.replicates);
  EXPECT_EQ(policy.broadcast_in(Vni::from_trusted(8)), (BroadcastPolicy{true, 9}));
  EXPECT_TRUE(policy.source_guard);
  EXPECT_FALSE(policy.closed_by_default);
  EXPECT_FALSE(policy.tcp_without_ports_is_tcp);
  EXPECT_TRUE(policy.security_groups);
  EXPECT_THAT(policy.unguarded_ports, ElementsAre("a"));
}

struct BadUse {
  std::vector<const char*> arguments;
  const char* names;  // what the message must name
};

TEST(Options, BadUseIsRefusedByName) {
  const std::vector<BadUse> cases = {
      {{"--port", "70000"}, "--port"},
      {{"--port", "http"}, "--port"},
      {{"--nonsense"}, "--nonsense"},
      {{"--listen-address", "localhost"}, "--listen-address"},
      {{"--host-ip", "1.2.3"}, "--host-ip"},
      {{"--instance", "../x"}, "--instance"},
      {{"--port-attach", "dpdk:{mac}"},
       "af_packet, af_xdp, tap, ring, pcap, null, vlan, dev, vhost-user, vhost-user-server"},
      {{"--port-attach", "tap:{tap}"}, "{tap_name}, {port_id}, {port_name}, {device_id}, {mac}"},
      {{"--port-attach", "tap:{tap_name"}, "{tap_name"},
      {{"--port-attach", "tap"}, "--port-attach"},
      {{"--port-attach", "tap:"}, "names no device"},
      {{"--port-attach", "af_packet:a-device-name-too-long"}, "names no device"},
      {{"--port-attach", "af_packet:veth0,queues=0"}, "names no device"},
      {{"--port-attach", "af_packet:veth0,queues=100"}, "names no device"},
      {{"--port-attach", "tap:tap0,queues=2"}, "names no device"},
      {{"--port-attach", "pcap:"}, "pcap:rx=FILE,tx=FILE"},
      {{"--port-attach", "vlan:trunk0"}, "vlan:TRUNK/VID"},
      {{"--port-attach", "vlan:trunk0/4095"}, "vlan:TRUNK/VID"},
      {{"--port-attach", "vhost-user:{port_id}.sock"}, "names no socket"},
      {{"--port-attach", "vhost-user-server:/run/../{port_id}"}, "names no socket"},
      {{"--port-attach", "vlan:/{vlan}"}, "{vlan:FIRST-LAST}"},
      {{"--port-attach", "vlan:trunk0/{vlan:9-8}"}, "{vlan:FIRST-LAST}"},
      {{"--port-attach", "pcap:{port_id}"}, "pcap:rx=FILE,tx=FILE"},
      {{"--config", "/nonexistent.toml"}, "/nonexistent.toml"},
      {{"--broadcast", "flood"}, "--broadcast: 'flood'"},
      {{"--broadcast", "0=replicate"}, "--broadcast"},
      {{"--broadcast", "16777216=drop"}, "--broadcast"},
      {{"--broadcast", "5=replicate:0"}, "replicate[:PACKETS_PER_SECOND]"},
      {{"--broadcast", "replicate:"}, "--broadcast"},
      {{"--broadcast", "replicate500"}, "--broadcast"},
      {{"--source-guard", "maybe"}, "--source-guard"},
      {{"--default-policy", "maybe"}, "--default-policy"},
      {{"--tcp-without-ports", "udp"}, "--tcp-without-ports"},
      {{"--security-groups", "some"}, "--security-groups"},
      {{"--source-guard-exempt-owner", ""}, "--source-guard-exempt-owner"},
  };
  for (const auto& bad : cases) {
    const auto outcome = parse(bad.arguments);
    EXPECT_FALSE(outcome.options) << bad.names;
    EXPECT_EQ(outcome.exit_code, 2) << bad.names;
    EXPECT_THAT(outcome.output, HasSubstr(bad.names));
  }
}

TEST(Options, UnknownKeyOfTheFileIsNamed) {
  const ConfigFile file{"prot = 50031\n"};
  const auto outcome = parse({"--config", file.path()});
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_THAT(outcome.output, HasSubstr("'prot'"));
}

TEST(Options, FileThatIsNoTomlIsRefused) {
  const ConfigFile file{"port = \n"};
  const auto outcome = parse({"--config", file.path()});
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_THAT(outcome.output, HasSubstr("line 1"));
}

TEST(Options, HelpAndVersion) {
  EXPECT_EQ(parse({"--help"}).exit_code, 0);
  EXPECT_THAT(parse({"--help"}).output, HasSubstr("Examples:"));
  EXPECT_THAT(parse({"--version"}).output, HasSubstr("alkaid-agent "));
}

TEST(PortAttachTest, ExpandsEveryPlaceholder) {
  std::string error;
  const auto attach = PortAttach::parse(
      "pcap:rx={port_id}-{port_name}-{device_id}-{mac}.pcap,tx={tap_name}", error);
  ASSERT_TRUE(attach) << error;
  Refusal refusal;
  EXPECT_EQ(attach->expand({"0123456789abcdef", "web", "vm7", "02:00:00:00:00:01"}, refusal),
            "pcap:rx=0123456789abcdef-web-vm7-02:00:00:00:00:01.pcap,tx=tap0123456789a");
}

TEST(PortAttachTest, ADevicesOptionsAreThoseOfEveryPort) {
  std::string error;
  Refusal refusal;
  for (const char* option : {"queues=2", "mode=native"}) {
    const std::string kind = option[0] == 'q' ? "af_packet" : "af_xdp";
    const auto attach = PortAttach::parse(kind + ":{port_name}," + option, error);
    ASSERT_TRUE(attach) << error;
    EXPECT_EQ(attach->expand({"id", "veth0", "device", "mac"}, refusal), kind + ":veth0," + option);
    EXPECT_FALSE(attach->expand({"id", "a-name-that-is-too-long", "device", "mac"}, refusal));
    EXPECT_FALSE(PortAttach::parse(kind + ":{port_name},queues=2,mode=native", error));
  }
}

TEST(PortAttachTest, TapNameIsCutTo14) {
  EXPECT_EQ(tap_name("9e3f1a2b-4c5d-6e7f"), "tap9e3f1a2b-4c");
  EXPECT_EQ(tap_name("p1"), "tapp1");
}

TEST(PortAttachTest, RefusesNamesThatLeadElsewhere) {
  std::string error;
  const auto attach = PortAttach::parse("pcap:rx={port_name}", error);
  for (const char* name : {"", "a/b", "..", "a,b", "a=b", "a b", "a\nb", "\xc3\xa9"}) {
    Refusal refusal;
    EXPECT_FALSE(attach->expand({"id", name, "vm", ""}, refusal)) << name;
    EXPECT_EQ(refusal.field, "configuration.name");
  }
}

}  // namespace
}  // namespace alkaid::agent::test
