// Packet buffers of devices on several NUMA nodes. This machine may have one: the functions of DPDK
// that tell a device's node, make a pool and take a queue's node are replaced (wrapped by the
// linker), and what they were asked for is compared.
#include "dataplane/ports/packet_pools.hpp"

#include <map>
#include <optional>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rte_bus_vdev.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include "dataplane/ports/buffer_occupancy.hpp"
#include "tests/pipeline/frames.hpp"
#include "tests/pipeline/pipeline_lab.hpp"

namespace alkaid::test {
namespace {

using namespace net;
using ::testing::ElementsAre;

// A queue's, as its device was told.
struct Told {
  unsigned node = 0;
  const rte_mempool* pool = nullptr;
};

std::optional<int> faked_node;                  // of every device; nullopt: what DPDK says
std::map<const rte_mempool*, int> asked_nodes;  // of pools
std::map<std::uint16_t, Told> receive_queues;   // the first ones, by ethdev
std::map<std::uint16_t, unsigned> transmit_nodes;

// A lab with a device of DPDK's on a node; how it was set up.
class NumaLab {
 public:
  NumaLab(std::vector<unsigned> packet_nodes, int node) {
    start_eal();
    EXPECT_EQ(rte_eal_hotplug_add("vdev", kDevice, "no-rx=1"), 0);
    EXPECT_EQ(rte_eth_dev_get_port_by_name(kDevice, &ethdev_), 0);
    auto settings = PipelineLab::default_settings();
    settings.packet_nodes = std::move(packet_nodes);
    lab_.emplace(settings);
    lab_->program_network();
    faked_node = node;
    auto config = PipelineLab::port_config("borrower", kGreen, kRed2);
    config.attachment = std::string("dev:") + kDevice;
    EXPECT_FALSE(lab_->programmer().set(config));
    EXPECT_EQ(lab_->dataplane().ports().view("borrower").state, PortAttachState::kAttached);
    faked_node.reset();
  }
  ~NumaLab() {
    lab_.reset();
    EXPECT_EQ(rte_eal_hotplug_remove("vdev", kDevice), 0);
    asked_nodes.clear();
  }
  NumaLab(const NumaLab&) = delete;
  NumaLab& operator=(const NumaLab&) = delete;

  [[nodiscard]] const Told& receive() const { return receive_queues.at(ethdev_); }
  [[nodiscard]] unsigned transmit_node() const { return transmit_nodes.at(ethdev_); }
  [[nodiscard]] PipelineLab& lab() { return *lab_; }

 private:
  static constexpr const char* kDevice = "net_null9";

  std::uint16_t ethdev_ = 0;
  std::optional<PipelineLab> lab_;
};

TEST(PacketPools, ADeviceTakesFromItsNode) {
  for (const int node : {1, 0}) {
    SCOPED_TRACE(node);
    NumaLab numa({1, 0}, node);
    EXPECT_EQ(asked_nodes.at(numa.receive().pool), node);
    EXPECT_EQ(numa.receive().node, static_cast<unsigned>(node));
    EXPECT_EQ(numa.transmit_node(), static_cast<unsigned>(node));
    EXPECT_EQ(numa.receive().pool == numa.lab().dataplane().pool(), node == 1);
    // Packets of one node's buffers leave by another's device, and are given back.
    numa.lab().send("green-1", {udp_frame(kGreen1, kRed2.mac, kRed2.ip)});
    EXPECT_EQ(numa.lab().dataplane().ports().find("borrower")->counters->tx_packets.read(), 1U);
    EXPECT_EQ(rte_mempool_in_use_count(numa.lab().dataplane().pool()), 0U);
  }
}

TEST(PacketPools, TheFirstServesWhoHasNone) {
  for (const int node : {SOCKET_ID_ANY, 3}) {
    SCOPED_TRACE(node);
    NumaLab numa({0, 1}, node);
    EXPECT_EQ(asked_nodes.at(numa.receive().pool), 0);
    EXPECT_EQ(numa.receive().pool, numa.lab().dataplane().pool());
    EXPECT_EQ(numa.receive().node, static_cast<unsigned>(SOCKET_ID_ANY));
  }
}

TEST(PacketPools, ThereIsOneAnywhereWhereNodesAreNotSaid) {
  NumaLab numa({}, 1);
  EXPECT_EQ(asked_nodes.at(numa.receive().pool), SOCKET_ID_ANY);
  EXPECT_EQ(numa.receive().node, static_cast<unsigned>(SOCKET_ID_ANY));
  EXPECT_EQ(numa.lab().dataplane().pools().all().size(), 1U);
}

TEST(PacketPools, JumboBuffersAreMadeWhereTheyAreNeeded) {
  start_eal();
  const std::vector<unsigned> nodes{0, 1};
  PacketPools pools(512, 512, nodes);
  rte_mempool* jumbo = pools.jumbo(1);
  ASSERT_NE(jumbo, nullptr);
  EXPECT_EQ(asked_nodes.at(jumbo), 1);
  EXPECT_EQ(pools.jumbo(1), jumbo);
  const auto all = pools.all();
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[0].jumbo, nullptr);
  EXPECT_EQ(all[1].jumbo, jumbo);
  EXPECT_NE(all[0].standard, all[1].standard);
  asked_nodes.clear();
}

std::vector<std::string> names_of(const std::vector<TableOccupancy>& occupancies) {
  std::vector<std::string> names;
  names.reserve(occupancies.size());
  for (const auto& occupancy : occupancies) {
    names.push_back(occupancy.name);
  }
  return names;
}

TEST(PacketPools, AreShownByNode) {
  start_eal();
  constexpr std::uint32_t kBuffers = 1024;
  constexpr std::uint32_t kJumboBuffers = 512;
  const std::vector<unsigned> nodes{2, 0};
  PacketPools pools(kBuffers, kJumboBuffers, nodes);
  EXPECT_THAT(names_of(buffer_occupancies(pools)),
              ElementsAre("packet-buffers-node2", "packet-buffers-node0"));
  ASSERT_NE(pools.jumbo(0), nullptr);
  rte_mbuf* packet = rte_pktmbuf_alloc(pools.standard(0));
  const auto shown = buffer_occupancies(pools);
  ASSERT_THAT(names_of(shown),
              ElementsAre("packet-buffers-node2", "packet-buffers-node0", "jumbo-buffers-node0"));
  EXPECT_EQ(shown[0].used, 0U);
  EXPECT_EQ(shown[1].used, 1U) << "each node's own";
  EXPECT_EQ(shown[1].high_water, 1U);
  EXPECT_EQ(shown[1].capacity, kBuffers);
  EXPECT_EQ(shown[2].capacity, kJumboBuffers);
  EXPECT_GT(shown[1].bytes, std::uint64_t{kBuffers} * kStandardFrameSize);
  EXPECT_GT(shown[2].bytes, std::uint64_t{kJumboBuffers} * kJumboFrameSize);
  rte_pktmbuf_free(packet);
  EXPECT_EQ(buffer_occupancies(pools)[1].used, 0U);
  asked_nodes.clear();
}

TEST(PacketPools, OfOneNodeAreShownWithoutIt) {
  start_eal();
  for (const auto& nodes : {std::vector<unsigned>{}, std::vector<unsigned>{1}}) {
    PacketPools pools(512, 512, nodes);
    ASSERT_NE(pools.jumbo(), nullptr);
    EXPECT_THAT(names_of(buffer_occupancies(pools)),
                ElementsAre("packet-buffers", "jumbo-buffers"));
  }
  asked_nodes.clear();
}

}  // namespace
}  // namespace alkaid::test

// In place of the library's, for the whole program: linked with --wrap.
extern "C" {

rte_mempool* __real_rte_pktmbuf_pool_create(const char* name, unsigned count, unsigned cache,
                                            std::uint16_t private_size, std::uint16_t room,
                                            int node);
int __real_rte_eth_dev_socket_id(std::uint16_t ethdev);
int __real_rte_eth_rx_queue_setup(std::uint16_t ethdev, std::uint16_t queue,
                                  std::uint16_t descriptors, unsigned node,
                                  const rte_eth_rxconf* settings, rte_mempool* pool);
int __real_rte_eth_tx_queue_setup(std::uint16_t ethdev, std::uint16_t queue,
                                  std::uint16_t descriptors, unsigned node,
                                  const rte_eth_txconf* settings);

rte_mempool* __wrap_rte_pktmbuf_pool_create(const char* name, unsigned count, unsigned cache,
                                            std::uint16_t private_size, std::uint16_t room,
                                            int node) {
  rte_mempool* pool =
      __real_rte_pktmbuf_pool_create(name, count, cache, private_size, room, SOCKET_ID_ANY);
  alkaid::test::asked_nodes[pool] = node;
  return pool;
}
int __wrap_rte_eth_dev_socket_id(std::uint16_t ethdev) {
  return alkaid::test::faked_node.value_or(__real_rte_eth_dev_socket_id(ethdev));
}
int __wrap_rte_eth_rx_queue_setup(std::uint16_t ethdev, std::uint16_t queue,
                                  std::uint16_t descriptors, unsigned node,
                                  const rte_eth_rxconf* settings, rte_mempool* pool) {
  alkaid::test::receive_queues[ethdev] = {node, pool};
  return __real_rte_eth_rx_queue_setup(ethdev, queue, descriptors,
                                       static_cast<unsigned>(SOCKET_ID_ANY), settings, pool);
}
int __wrap_rte_eth_tx_queue_setup(std::uint16_t ethdev, std::uint16_t queue,
                                  std::uint16_t descriptors, unsigned node,
                                  const rte_eth_txconf* settings) {
  alkaid::test::transmit_nodes[ethdev] = node;
  return __real_rte_eth_tx_queue_setup(ethdev, queue, descriptors,
                                       static_cast<unsigned>(SOCKET_ID_ANY), settings);
}
}
