// Placement on hosts that are made up: trees of files like /sys.
#include "dataplane/config/placement.hpp"

#include <filesystem>
#include <fstream>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

namespace alkaid {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Removed with the object.
class FakeHost {
 public:
  FakeHost() {
    std::string pattern = std::filesystem::temp_directory_path() / "alkaid-host-XXXXXX";
    root_ = ::mkdtemp(pattern.data());
  }
  ~FakeHost() { std::filesystem::remove_all(root_); }
  FakeHost(const FakeHost&) = delete;
  FakeHost& operator=(const FakeHost&) = delete;

  FakeHost& cpu(unsigned number, unsigned node, unsigned core) {
    write(fmt::format("devices/system/cpu/cpu{}/topology/core_id", number), fmt::to_string(core));
    write(fmt::format("devices/system/node/node{}/cpu{}/x", node, number), "");
    allowed_.push_back(number);
    return *this;
  }
  FakeHost& offline(unsigned number) {
    write(fmt::format("devices/system/cpu/cpu{}/online", number), "0");
    return *this;
  }
  FakeHost& hugepages(unsigned node, unsigned kilobytes, unsigned free) {
    write(fmt::format("devices/system/node/node{}/hugepages/hugepages-{}kB/free_hugepages", node,
                      kilobytes),
          fmt::to_string(free));
    return *this;
  }
  FakeHost& pci(const std::string& address, int node) {
    write(fmt::format("bus/pci/devices/{}/numa_node", address), fmt::to_string(node));
    return *this;
  }
  FakeHost& network_device(const std::string& name, int node) {
    write(fmt::format("class/net/{}/device/numa_node", name), fmt::to_string(node));
    return *this;
  }
  [[nodiscard]] HostSurvey survey() const { return {root_, allowed_}; }

 private:
  void write(const std::string& path, const std::string& text) {
    const auto file = root_ / "sys" / path;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << text << "\n";
  }

  std::filesystem::path root_;
  std::vector<unsigned> allowed_;
};

// Two nodes with four cores of two threads each; threads are numbered as Linux does on x86.
void make_two_nodes(FakeHost& host) {
  for (unsigned thread = 0; thread < 2; ++thread) {
    for (unsigned node = 0; node < 2; ++node) {
      for (unsigned core = 0; core < 4; ++core) {
        host.cpu(thread * 8 + node * 4 + core, node, core);
      }
    }
  }
}

std::string reason_of(const Placement& placement, const std::string& name) {
  for (const Choice& choice : placement.choices) {
    if (choice.name == name) {
      return choice.reason;
    }
  }
  return "none";
}

TEST(Placement, FollowsTheDeviceToItsNode) {
  FakeHost host;
  make_two_nodes(host);
  host.pci("0000:3b:00.0", 1).hugepages(0, 2048, 4096).hugepages(1, 2048, 1024);
  PlacementWishes wishes{.devices = {"0000:3b:00.0"}, .workers = 3};
  const auto placement = place(wishes, host.survey());
  EXPECT_EQ(placement.node, 1U);
  EXPECT_EQ(placement.control_cpu, 4U);
  EXPECT_THAT(placement.worker_cpus, ElementsAre(5, 6, 7));
  EXPECT_TRUE(placement.hugepages);
  EXPECT_THAT(placement.node_megabytes, ElementsAre(0, 512));
  EXPECT_THAT(reason_of(placement, "numa_node"), HasSubstr("0000:3b:00.0"));
}

TEST(Placement, EachNodeWithADeviceHasPacketBuffers) {
  FakeHost host;
  make_two_nodes(host);
  host.pci("0000:3b:00.0", 1).network_device("eth0", 0);
  host.hugepages(0, 2048, 64).hugepages(1, 2048, 1024);
  PlacementWishes wishes{.devices = {"0000:3b:00.0", "eth0", "0000:3b:00.0"},
                         .pool_bytes = std::uint64_t{100} << 20};
  const auto both = place(wishes, host.survey());
  EXPECT_THAT(both.pool_nodes, ElementsAre(1, 0));
  EXPECT_THAT(both.node_megabytes, ElementsAre(128, 512));
  EXPECT_THAT(reason_of(both, "packet_pools"), HasSubstr("eth0 takes from its node 0"));

  wishes.pool_bytes = std::uint64_t{200} << 20;
  const auto too_few = place(wishes, host.survey());
  EXPECT_THAT(too_few.pool_nodes, ElementsAre());
  EXPECT_THAT(too_few.node_megabytes, ElementsAre(0, 512));
  EXPECT_THAT(reason_of(too_few, "packet_pools"),
              HasSubstr("only 128 MiB of hugepages are free there, not 256"));

  wishes.no_huge = true;
  const auto none = place(wishes, host.survey());
  EXPECT_THAT(none.pool_nodes, ElementsAre());
  EXPECT_THAT(reason_of(none, "packet_pools"), HasSubstr("without hugepages"));
}

TEST(Placement, TakesCoresThenThreadsThenOtherNodes) {
  FakeHost host;
  make_two_nodes(host);
  host.network_device("eth0", 0);
  const auto placement = place({.devices = {"eth0"}, .workers = 8}, host.survey());
  EXPECT_EQ(placement.control_cpu, 0U);
  EXPECT_THAT(placement.worker_cpus, ElementsAre(1, 2, 3, 8, 9, 10, 11, 4));
  EXPECT_THAT(reason_of(placement, "worker_cpus"), HasSubstr("4 on another NUMA node"));
}

TEST(Placement, KeepsWhatIsGivenAndRemarksOnIt) {
  FakeHost host;
  make_two_nodes(host);
  host.pci("0000:3b:00.0", 1);
  const auto placement = place({.devices = {"0000:3b:00.0"},
                                .worker_cpus = {2, 99, 5},
                                .control_cpu = 0,
                                .memory_megabytes = 64,
                                .no_huge = true,
                                .memory = {{"buffers", 100 << 20}}},
                               host.survey());
  EXPECT_EQ(placement.control_cpu, 0U);
  EXPECT_THAT(placement.worker_cpus, ElementsAre(2, 99, 5));
  EXPECT_EQ(placement.memory_megabytes, 64U);
  EXPECT_FALSE(placement.hugepages);
  EXPECT_EQ(placement.no_hugepages_because, "") << "it was asked for";
  EXPECT_THAT(reason_of(placement, "worker_cpus"), HasSubstr("99 not among the CPUs"));
  EXPECT_THAT(reason_of(placement, "worker_cpus"), HasSubstr("2 on another NUMA node"));
  EXPECT_THAT(reason_of(placement, "memory_mib"), HasSubstr("may not be enough"));
}

TEST(Placement, ASmallHostShares) {
  FakeHost host;
  host.cpu(0, 0, 0).cpu(1, 0, 1).cpu(2, 0, 2).offline(2);
  const auto two = place({.workers = 2}, host.survey());
  EXPECT_EQ(two.control_cpu, 0U);
  EXPECT_THAT(two.worker_cpus, ElementsAre(1, 1));
  EXPECT_THAT(reason_of(two, "worker_cpus"), HasSubstr("share"));
  EXPECT_THAT(place({.control_cpu = 1}, host.survey()).worker_cpus, ElementsAre(0));

  FakeHost one;
  one.cpu(3, 0, 0);
  const auto alone = place({}, one.survey());
  EXPECT_EQ(alone.control_cpu, 3U);
  EXPECT_THAT(alone.worker_cpus, ElementsAre(3));
  EXPECT_TRUE(alone.node_megabytes.empty());
}

TEST(Placement, MemoryIsWhatIsCountedAndSomeMore) {
  FakeHost host;
  host.cpu(0, 0, 0).hugepages(0, 2048, 500).hugepages(0, 1048576, 1);
  EXPECT_EQ(place({.memory = {{"buffers", 40 << 20}}}, host.survey()).memory_megabytes, 512U);
  const auto large =
      place({.memory = {{"buffers", 1200ULL << 20}, {"neighbors", 96ULL << 20}}}, host.survey());
  EXPECT_EQ(large.memory_megabytes, 1536U);  // 1296 * 1.1 + 64 = 1490
  EXPECT_THAT(reason_of(large, "memory_mib"), HasSubstr("neighbors 96.0"));
  EXPECT_TRUE(large.hugepages) << "1,000 MiB in small ones and 1,024 in a large one";
  const auto larger = place({.memory_megabytes = 2048}, host.survey());
  EXPECT_FALSE(larger.hugepages);
  EXPECT_THAT(larger.no_hugepages_because, HasSubstr("2024 MiB"));
  EXPECT_THAT(larger.no_hugepages_because, HasSubstr("echo 1024 >"));
}

TEST(Placement, HugepagesOfAnotherNodeDontCount) {
  FakeHost host;
  make_two_nodes(host);
  host.pci("0000:3b:00.0", 1).hugepages(0, 2048, 4096).hugepages(1, 2048, 255);
  const auto placement = place({.devices = {"0000:3b:00.0"}}, host.survey());
  EXPECT_FALSE(placement.hugepages);
  EXPECT_THAT(placement.no_hugepages_because, HasSubstr("/node1/hugepages/hugepages-2048kB"));
}

TEST(Placement, DevicesThatTellNothing) {
  FakeHost host;
  make_two_nodes(host);
  host.pci("0000:00:03.0", -1).network_device("eth1", 7);
  const auto placement = place({.devices = {"0000:00:03.0", "eth1", "absent", ""}}, host.survey());
  EXPECT_EQ(placement.node, 0U);
  EXPECT_THAT(reason_of(placement, "numa_node"), HasSubstr("no device tells"));
  EXPECT_EQ(place({.control_cpu = 6}, host.survey()).node, 1U);
}

TEST(Placement, AHostWithoutSysfs) {
  const HostSurvey nothing("/nonexistent", {});
  const auto placement = place({.workers = 2}, nothing);
  EXPECT_EQ(placement.control_cpu, 0U);
  EXPECT_THAT(placement.worker_cpus, ElementsAre(0, 0));
  EXPECT_FALSE(placement.hugepages);
}

}  // namespace
}  // namespace alkaid
