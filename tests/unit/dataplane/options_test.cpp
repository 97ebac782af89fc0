#include "dataplane/config/options.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "dataplane/config/resources.hpp"

namespace alkaid {
namespace {

using ::testing::HasSubstr;

ParseOutcome parse(std::vector<std::string> words) {
  std::vector<const char*> arguments{"alkaid-dataplane"};
  for (const auto& word : words) {
    arguments.push_back(word.c_str());
  }
  return parse_options(static_cast<int>(arguments.size()), arguments.data());
}

std::string errors_of(const std::vector<std::string>& words, int& exit_code) {
  ::testing::internal::CaptureStderr();
  const auto outcome = parse(words);
  exit_code = outcome.options ? -1 : outcome.exit_code;
  return ::testing::internal::GetCapturedStderr();
}

class TemporaryFile {
 public:
  explicit TemporaryFile(const std::string& content) {
    const int descriptor = ::mkstemp(path_.data());
    EXPECT_GE(descriptor, 0);
    ::close(descriptor);
    std::ofstream(path_) << content;
  }
  ~TemporaryFile() { std::filesystem::remove(path_); }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_ = std::filesystem::temp_directory_path() / "alkaid-options-XXXXXX";
};

TEST(Options, PortsAreGivenToWorkers) {
  const auto outcome = parse({"--vtep", "10.0.0.1/24", "--worker-cpus", "0,1", "--port-worker",
                              "pcap:rx=a=1", "--port-worker", "green-1=0,1,0"});
  ASSERT_TRUE(outcome.options);
  using Entry = std::pair<std::string, std::vector<unsigned>>;
  EXPECT_EQ(outcome.options->dataplane.port_workers,
            (std::vector<Entry>{{"pcap:rx=a", {1}}, {"green-1", {0, 1, 0}}}));
  EXPECT_EQ(outcome.options->dataplane.queues, 0);
}

TEST(Options, WorkersMayBeInReserve) {
  const auto on = [](std::vector<std::string> words) {
    words.insert(words.end(), {"--vtep", "10.0.0.1/24"});
    const auto outcome = parse(words);
    EXPECT_TRUE(outcome.options);
    return outcome.options ? outcome.options->dataplane.workers_on : 99;
  };
  EXPECT_EQ(on({"--workers", "2", "--workers-on", "1"}), 1U);
  EXPECT_EQ(on({"--worker-cpus", "0,1", "--workers-on", "2"}), 2U);
  EXPECT_EQ(on({"--workers", "2"}), 0U) << "all";
}

TEST(Options, DevicesHaveSoManyQueues) {
  const auto outcome = parse({"--vtep", "10.0.0.1/24", "--queues", "4", "--uplink",
                              "dev:0000:3b:00.0,queues=2", "--workers", "16"});
  ASSERT_TRUE(outcome.options);
  EXPECT_EQ(outcome.options->dataplane.queues, 4);
  EXPECT_EQ(outcome.options->dataplane.uplink->queues, 2);
}

std::string choice_of(const Placement& placement, const std::string& name) {
  for (const Choice& choice : placement.choices) {
    if (choice.name == name) {
      return choice.value;
    }
  }
  return {};
}

// What --dry-run tells of a name, with these flags beside the least.
Choice told(const std::vector<std::string>& flags, const std::string& name) {
  std::vector<std::string> words{"--vtep", "10.0.0.1/24"};
  words.insert(words.end(), flags.begin(), flags.end());
  auto outcome = parse(words);
  EXPECT_TRUE(outcome.options);
  const Placement placement = choose_placement(*outcome.options, HostSurvey::here());
  const auto json = nlohmann::json::parse(dry_run_json(*outcome.options, placement));
  for (const auto& choice : json.at("choices")) {
    if (choice.at("name") == name) {
      return {name, choice.at("value"), choice.at("reason")};
    }
  }
  ADD_FAILURE() << "nothing is said of " << name;
  return {};
}

TEST(DryRun, MemoryIsWhatTablesNeed) {
  const auto memory = [](std::vector<std::string> flags) { return told(flags, "memory_mib"); };
  EXPECT_EQ(memory({}).value, "512");
  const Choice large = memory({"--max-neighbors", "8388608"});
  EXPECT_THAT(large.reason, HasSubstr("neighbors 768.0"));
  EXPECT_THAT(large.reason, HasSubstr("security rules 4.0"));
  EXPECT_GT(std::stoul(large.value), 768U);
  const Choice little = memory({"--max-neighbors", "8388608", "--memory", "600"});
  EXPECT_EQ(little.value, "600");
  EXPECT_THAT(little.reason, HasSubstr("It may not be enough"));
}

TEST(DryRun, HugepagesAreWhatTheHostHasFree) {
  const Choice none = told({"--no-huge"}, "hugepages");
  EXPECT_EQ(none.value, "no");
  EXPECT_EQ(none.reason, "--no-huge");
  const Choice too_few = told({"--memory", "1048576"}, "hugepages");
  EXPECT_EQ(too_few.value, "no");
  EXPECT_THAT(too_few.reason, HasSubstr("nr_hugepages"));
}

TEST(DryRun, ConnectionsHaveMemoryOfTheirOwn) {
  const auto connections = [](std::vector<std::string> flags) {
    return told(flags, "connection_mib");
  };
  EXPECT_EQ(connections({}).value, "442");
  EXPECT_THAT(connections({}).reason, HasSubstr("189 bytes each (IPv6: 253); about 74 MiB"));
  EXPECT_EQ(connections({"--connections", "2097152"}).value, "884");
  EXPECT_THAT(connections({"--tcp-window-check"}).reason, HasSubstr("253 bytes each (IPv6: 317)"));
  EXPECT_EQ(told({"--connections", "2097152"}, "memory_mib").value, told({}, "memory_mib").value);
}

TEST(DryRun, QueuesAndWhatSpreadsPackets) {
  const std::vector<std::string> one{"--uplink", "dev:0000:3b:00.0"};
  EXPECT_EQ(told(one, "queues").value, "1 for each device, one for each worker");
  EXPECT_EQ(told(one, "rss").value, "off");
  const auto with = [&one](std::vector<std::string> flags) {
    flags.insert(flags.begin(), one.begin(), one.end());
    return flags;
  };
  EXPECT_EQ(told(with({"--workers", "4"}), "queues").value,
            "4 for each device, one for each worker");
  EXPECT_EQ(told(with({"--workers", "4"}), "rss").value, "on");
  EXPECT_THAT(told(with({"--workers", "4"}), "rss").reason,
              HasSubstr("an uplink's packets by the inner ones where the device can, else by the "
                        "outer ones"));
  EXPECT_EQ(told(with({"--workers", "4", "--queues", "1"}), "rss").value, "off");
  EXPECT_THAT(told(with({"--queues", "3"}), "queues").reason, HasSubstr("--queues"));
  EXPECT_EQ(told({"--uplink", "dev:0000:3b:00.0,queues=2"}, "rss").value, "on");
  EXPECT_EQ(told(with({"--trunk", "t=dev:0000:3b:00.1,queues=2"}), "rss").value, "on");
}

TEST(DryRun, WorkersThatNoQueueIsFor) {
  const auto spare = [](std::vector<std::string> flags) {
    flags.insert(flags.begin(), {"--workers", "4"});
    return told(flags, "spare_workers").value;
  };
  EXPECT_EQ(spare({"--uplink", "dev:0000:3b:00.0"}), "none");
  EXPECT_EQ(spare({"--uplink", "dev:0000:3b:00.0", "--queues", "1"}), "3");
  EXPECT_EQ(spare({"--uplink", "af_packet:eth0,queues=2"}), "2");
  EXPECT_EQ(
      spare({"--uplink", "dev:0000:3b:00.0,queues=2", "--trunk", "t=dev:0000:3b:00.1,queues=1"}),
      "1");
  EXPECT_EQ(spare({}), "4");
}

TEST(Options, BuffersAreEnoughForTheQueues) {
  const auto buffers = [](std::vector<std::string> words) {
    for (const char* word : {"--vtep", "10.0.0.1/24", "--uplink", "dev:0000:3b:00.0"}) {
      words.emplace_back(word);
    }
    auto outcome = parse(words);
    EXPECT_TRUE(outcome.options);
    const Placement placement = choose_placement(*outcome.options, HostSurvey::here());
    EXPECT_EQ(choice_of(placement, "packet_buffers"),
              std::to_string(outcome.options->dataplane.packet_buffers));
    return outcome.options->dataplane.packet_buffers;
  };
  EXPECT_EQ(buffers({}), 16384U);
  EXPECT_EQ(buffers({"--workers", "16"}), 2U * (16 + 16) * 512);
  EXPECT_EQ(buffers({"--workers", "32", "--queues", "4"}), 2U * (4 + 32) * 512);
  EXPECT_EQ(buffers({"--workers", "16", "--packet-buffers", "4096"}), 4096U);
}

TEST(Options, FlagsArriveChecked) {
  const auto outcome = parse(
      {"--vtep", "10.0.0.1/24", "--uplink", "af_packet:up0", "--underlay-gateway", "10.0.0.254",
       "--underlay-neighbor", "10.0.0.2=2:0:0:0:0:2", "--instance", "a", "--worker-cpus", "1,0",
       "--idle-backoff", "150", "--ra-interval", "30", "--no-announcements"});
  ASSERT_TRUE(outcome.options);
  const Options& options = *outcome.options;
  EXPECT_EQ(options.instance.run_directory, "/run/alkaid/a");
  ASSERT_EQ(options.dataplane.vteps.size(), 1U);
  EXPECT_EQ(options.dataplane.vteps[0].to_string(), "10.0.0.1/24");
  EXPECT_EQ(options.dataplane.ra_interval.count(), 30);
  EXPECT_FALSE(options.dataplane.announcements);
  EXPECT_EQ(options.dataplane.uplink->device, "up0");
  ASSERT_EQ(options.dataplane.underlay_gateways.size(), 1U);
  EXPECT_EQ(options.dataplane.underlay_gateways[0].to_string(), "10.0.0.254");
  EXPECT_EQ(options.dataplane.uplink_vlan, 0);
  EXPECT_FALSE(options.dataplane.udp6_zero_checksum);
  EXPECT_TRUE(options.dataplane.uplink_segmentation);
  ASSERT_EQ(options.dataplane.underlay_neighbors.size(), 1U);
  EXPECT_EQ(options.dataplane.underlay_neighbors[0].second.to_string(), "02:00:00:00:00:02");
  EXPECT_EQ(options.worker_cpus, (std::vector<unsigned>{1, 0}));
  EXPECT_EQ(options.dataplane.idle_backoff_microseconds, 150U);
  const auto eal = eal_arguments(options);
  EXPECT_NE(std::find(eal.begin(), eal.end(), "0@0,1@1,2@0"), eal.end());
}

TEST(Options, AnEndpointOfEachFamilyAndSeveralGateways) {
  const auto outcome =
      parse({"--vtep", "10.0.0.1/24", "--vtep", "2001:db8::1/64", "--underlay-gateway",
             "10.0.0.253", "--underlay-gateway", "10.0.0.254", "--underlay-gateway", "fe80::1",
             "--underlay-neighbor", "2001:db8::2=2:0:0:0:0:2", "--uplink-vlan", "100",
             "--udp6-zero-checksum", "--uplink-tso", "off"});
  ASSERT_TRUE(outcome.options);
  const DataplaneSettings& dataplane = outcome.options->dataplane;
  ASSERT_EQ(dataplane.vteps.size(), 2U);
  EXPECT_EQ(dataplane.vteps[1].to_string(), "2001:db8::1/64");
  EXPECT_EQ(dataplane.underlay_gateways.size(), 3U);
  EXPECT_EQ(dataplane.underlay_neighbors.at(0).first.to_string(), "2001:db8::2");
  EXPECT_EQ(dataplane.uplink_vlan, 100);
  EXPECT_TRUE(dataplane.udp6_zero_checksum);
  EXPECT_FALSE(dataplane.uplink_segmentation);
}

TEST(Options, Trunks) {
  const auto outcome = parse({"--vtep", "10.0.0.1/24", "--trunk", "trunk0=af_packet:eth1",
                              "--trunk", "trunk1=pcap:rx=a.pcap,tx=b.pcap"});
  ASSERT_TRUE(outcome.options);
  const auto& trunks = outcome.options->dataplane.trunks;
  ASSERT_EQ(trunks.size(), 2U);
  EXPECT_EQ(trunks[0].name, "trunk0");
  EXPECT_EQ(trunks[0].text, "af_packet:eth1");
  EXPECT_EQ(trunks[0].attachment.device, "eth1");
  EXPECT_EQ(trunks[1].attachment.tx_file, "b.pcap");
}

struct Refusal {
  const char* name;
  std::vector<std::string> words;
  const char* named;  // must be in the text
};

class Refused : public ::testing::TestWithParam<Refusal> {};

TEST_P(Refused, ExitsWithTwoAndNamesTheFlag) {
  int exit_code = 0;
  const auto text = errors_of(GetParam().words, exit_code);
  EXPECT_EQ(exit_code, 2);
  EXPECT_NE(text.find(GetParam().named), std::string::npos) << text;
}

INSTANTIATE_TEST_SUITE_P(
    Flags, Refused,
    ::testing::Values(
        Refusal{"no_vtep", {}, "--vtep"},
        Refusal{"ra_interval", {"--vtep", "10.0.0.1/24", "--ra-interval", "3"}, "--ra-interval"},
        Refusal{"bad_vtep", {"--vtep", "10.0.0.300/24"}, "--vtep"},
        Refusal{"vtep_without_length", {"--vtep", "10.0.0.1"}, "--vtep"},
        Refusal{"multicast_vtep", {"--vtep", "224.0.0.1/24"}, "--vtep"},
        Refusal{"link_local_vtep", {"--vtep", "fe80::1/64"}, "--vtep"},
        Refusal{"multicast_vtep_v6", {"--vtep", "ff02::1/64"}, "--vtep"},
        Refusal{"loopback_vtep_v6", {"--vtep", "::1/128"}, "--vtep"},
        Refusal{"two_vteps_of_a_family",
                {"--vtep", "10.0.0.1/24", "--vtep", "10.0.1.1/24"},
                "one of each"},
        Refusal{"gateway_of_another_family",
                {"--vtep", "10.0.0.1/24", "--underlay-gateway", "fe80::1"},
                "--underlay-gateway"},
        Refusal{"gateway_twice",
                {"--vtep", "10.0.0.1/24", "--underlay-gateway", "10.0.0.2", "--underlay-gateway",
                 "10.0.0.2"},
                "twice"},
        Refusal{"nine_gateways",
                {"--vtep", "10.0.0.1/24", "--underlay-gateway", "10.0.0.2", "10.0.0.3", "10.0.0.4",
                 "10.0.0.5", "10.0.0.6", "10.0.0.7", "10.0.0.8", "10.0.0.9", "10.0.0.10"},
                "at most 8"},
        Refusal{"exception_tap_name",
                {"--vtep", "10.0.0.1/24", "--uplink", "null:", "--exception-tap", "a/b"},
                "--exception-tap"},
        Refusal{"exception_tap_without_uplink",
                {"--vtep", "10.0.0.1/24", "--exception-tap", "host0"},
                "needs an --uplink"},
        Refusal{"exception_rate_zero",
                {"--vtep", "10.0.0.1/24", "--exception-rate", "0"},
                "--exception-rate"},
        Refusal{"vlan_zero", {"--vtep", "10.0.0.1/24", "--uplink-vlan", "0"}, "--uplink-vlan"},
        Refusal{"vlan_4095", {"--vtep", "10.0.0.1/24", "--uplink-vlan", "4095"}, "--uplink-vlan"},
        Refusal{"port_of_no_worker",
                {"--vtep", "10.0.0.1/24", "--workers", "2", "--port-worker", "green-1=2"},
                "2 workers, counted from 0"},
        Refusal{"more_on_than_there_are",
                {"--vtep", "10.0.0.1/24", "--workers", "2", "--workers-on", "3"},
                "there are 2 workers"},
        Refusal{"no_worker_on", {"--vtep", "10.0.0.1/24", "--workers-on", "0"}, "--workers-on"},
        Refusal{"port_worker_without_a_number",
                {"--vtep", "10.0.0.1/24", "--port-worker", "green-1=first"},
                "PORT=WORKER"},
        Refusal{"port_worker_with_a_gap",
                {"--vtep", "10.0.0.1/24", "--port-worker", "green-1=0,,0"},
                "PORT=WORKER"},
        Refusal{"port_worker_with_an_open_end",
                {"--vtep", "10.0.0.1/24", "--port-worker", "green-1=0,"},
                "PORT=WORKER"},
        Refusal{"one_queue_of_no_worker",
                {"--vtep", "10.0.0.1/24", "--workers", "2", "--port-worker", "green-1=0,2"},
                "2 workers, counted from 0"},
        Refusal{"no_queues", {"--vtep", "10.0.0.1/24", "--queues", "0"}, "--queues"},
        Refusal{"too_many_queues", {"--vtep", "10.0.0.1/24", "--queues", "65"}, "--queues"},
        Refusal{
            "worker_of_no_port", {"--vtep", "10.0.0.1/24", "--port-worker", "=0"}, "PORT=WORKER"},
        Refusal{"uplink_in_a_trunk",
                {"--vtep", "10.0.0.1/24", "--uplink", "vlan:trunk0/5"},
                "--uplink-vlan"},
        Refusal{"uplink_of_a_guest",
                {"--vtep", "10.0.0.1/24", "--uplink", "vhost-user:/run/u.sock"},
                "guest's device"},
        Refusal{"trunk_of_a_guest",
                {"--vtep", "10.0.0.1/24", "--trunk", "t=vhost-user:/run/u.sock"},
                "no device"},
        Refusal{"trunk_without_name", {"--vtep", "10.0.0.1/24", "--trunk", "af_packet:e"}, "NAME"},
        Refusal{"trunk_name", {"--vtep", "10.0.0.1/24", "--trunk", "a/b=tap:t"}, "--trunk"},
        Refusal{"trunk_kind", {"--vtep", "10.0.0.1/24", "--trunk", "t=floppy:0"}, "--trunk"},
        Refusal{"trunk_of_nothing", {"--vtep", "10.0.0.1/24", "--trunk", "t=null:"}, "no device"},
        Refusal{
            "trunk_in_a_trunk", {"--vtep", "10.0.0.1/24", "--trunk", "t=vlan:u/5"}, "no device"},
        Refusal{"trunk_twice",
                {"--vtep", "10.0.0.1/24", "--trunk", "t=tap:a", "--trunk", "t=tap:b"},
                "are one"},
        Refusal{"trunks_of_one_device",
                {"--vtep", "10.0.0.1/24", "--trunk", "t=tap:a", "--trunk", "u=tap:a"},
                "are one"},
        Refusal{"trunk_is_the_uplink",
                {"--vtep", "10.0.0.1/24", "--uplink", "af_packet:e", "--trunk", "t=af_packet:e"},
                "is the uplink"},
        Refusal{"trunk_is_the_uplink_whatever_its_queues",
                {"--vtep", "10.0.0.1/24", "--uplink", "af_packet:e", "--trunk",
                 "t=af_packet:e,queues=2"},
                "is the uplink"},
        Refusal{"bad_uplink", {"--vtep", "10.0.0.1/24", "--uplink", "floppy:0"}, "--uplink"},
        Refusal{"gateway_outside",
                {"--vtep", "10.0.0.1/24", "--underlay-gateway", "10.0.1.1"},
                "--underlay-gateway"},
        Refusal{"neighbor_without_mac",
                {"--vtep", "10.0.0.1/24", "--underlay-neighbor", "10.0.0.2"},
                "--underlay-neighbor"},
        Refusal{"backoff_too_long",
                {"--vtep", "10.0.0.1/24", "--idle-backoff", "200000"},
                "--idle-backoff"},
        Refusal{"instance_name", {"--vtep", "10.0.0.1/24", "--instance", "../x"}, "--instance"},
        Refusal{"unknown_flag", {"--vtep", "10.0.0.1/24", "--frobnicate"}, "--frobnicate"},
        Refusal{"log_level", {"--vtep", "10.0.0.1/24", "--log-level", "loud"}, "--log-level"}),
    [](const auto& info) { return info.param.name; });

TEST(Options, FileIsReadAndFlagsWin) {
  const TemporaryFile file(
      "vtep = \"10.0.0.7/24\"\nidle-backoff = 20\n"
      "underlay-neighbor = [\"10.0.0.2=02:00:00:00:00:02\", "
      "\"10.0.0.3=02:00:00:00:00:03\"]\n");
  const auto outcome = parse({"--config", file.path(), "--idle-backoff", "30"});
  ASSERT_TRUE(outcome.options);
  EXPECT_EQ(outcome.options->dataplane.vteps.at(0).to_string(), "10.0.0.7/24");
  EXPECT_EQ(outcome.options->dataplane.idle_backoff_microseconds, 30U);
  EXPECT_EQ(outcome.options->dataplane.underlay_neighbors.size(), 2U);
}

TEST(Options, UnknownKeyInTheFileIsNamed) {
  const TemporaryFile file("vtep = \"10.0.0.7/24\"\nfrobnicate = 1\n");
  int exit_code = 0;
  const auto text = errors_of({"--config", file.path()}, exit_code);
  EXPECT_EQ(exit_code, 2);
  EXPECT_NE(text.find("frobnicate"), std::string::npos) << text;
}

TEST(Options, ShippedProfilesAreValid) {
  const std::filesystem::path profiles{ALKAID_SOURCE_DIR "/pmd-config"};
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(profiles)) {
    if (entry.path().extension() == ".toml") {
      EXPECT_TRUE(parse({"--config", entry.path()}).options) << entry.path();
      ++count;
    }
  }
  EXPECT_GT(count, 0U);
}

}  // namespace
}  // namespace alkaid
