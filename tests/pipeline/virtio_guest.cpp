#include "tests/pipeline/virtio_guest.hpp"

#include <csignal>
#include <stdexcept>

#include <fmt/format.h>
#include <rte_bus_vdev.h>
#include <rte_dev.h>
#include <rte_ethdev.h>

#include "tests/pipeline/buffer_chain.hpp"

namespace alkaid::test {
namespace {

constexpr unsigned kBuffers = 2047;
constexpr std::uint16_t kRoom = 2048;
constexpr std::uint16_t kDescriptors = 256;

void must(int result, const char* what) {
  if (result < 0) {
    throw std::runtime_error(fmt::format("virtio guest: {}: {}", what, rte_strerror(-result)));
  }
}

}  // namespace

VirtioGuest::VirtioGuest(const Settings& settings) : queues_(settings.queues) {
  // The driver writes to a socket that the other side may have closed.
  std::signal(SIGPIPE, SIG_IGN);
  static unsigned count = 0;
  name_ = fmt::format("net_virtio_user{}", ++count);
  pool_.reset(rte_pktmbuf_pool_create(fmt::format("virtio-guest-{}", count).c_str(), kBuffers, 0, 0,
                                      RTE_PKTMBUF_HEADROOM + kRoom, SOCKET_ID_ANY));
  if (!pool_) {
    throw std::runtime_error("virtio guest: no memory for buffers");
  }
  const auto arguments = fmt::format(
      "path={},queues={},cq={:d},queue_size={},server={:d},mrg_rxbuf={:d},packed_vq={:d},in_order="
      "0",
      settings.path, queues_, queues_ > 1, kDescriptors, settings.is_server,
      settings.merges_buffers, settings.packed_rings);
  must(rte_eal_hotplug_add("vdev", name_.c_str(), arguments.c_str()), "device");
  must(rte_eth_dev_get_port_by_name(name_.c_str(), &port_), "port");
  rte_eth_conf configuration{};
  configuration.txmode.offloads = RTE_ETH_TX_OFFLOAD_MULTI_SEGS;
  configuration.rxmode.offloads = settings.merges_buffers ? RTE_ETH_RX_OFFLOAD_SCATTER : 0;
  if (settings.leaves_work) {
    configuration.txmode.offloads |=
        RTE_ETH_TX_OFFLOAD_UDP_CKSUM | RTE_ETH_TX_OFFLOAD_TCP_CKSUM | RTE_ETH_TX_OFFLOAD_TCP_TSO;
  }
  if (settings.takes_checksums || settings.takes_large) {
    configuration.rxmode.offloads |= RTE_ETH_RX_OFFLOAD_UDP_CKSUM | RTE_ETH_RX_OFFLOAD_TCP_CKSUM;
  }
  if (settings.takes_large) {
    configuration.rxmode.offloads |= RTE_ETH_RX_OFFLOAD_TCP_LRO;
  }
  must(rte_eth_dev_configure(port_, queues_, queues_, &configuration), "configure");
  for (std::uint16_t queue = 0; queue < queues_; ++queue) {
    must(rte_eth_rx_queue_setup(port_, queue, kDescriptors, SOCKET_ID_ANY, nullptr, pool_.get()),
         "receive queue");
    must(rte_eth_tx_queue_setup(port_, queue, kDescriptors, SOCKET_ID_ANY, nullptr),
         "transmit queue");
  }
  must(rte_eth_dev_start(port_), "start");
}

VirtioGuest::~VirtioGuest() {
  rte_eth_dev_stop(port_);
  rte_eth_dev_close(port_);
  rte_eal_hotplug_remove("vdev", name_.c_str());
}

bool VirtioGuest::send(const std::vector<Bytes>& frames, const LeftToDevice& left,
                       std::uint16_t queue) {
  for (const Bytes& frame : frames) {
    rte_mbuf* head = chain_of(frame, pool_.get(), kRoom);
    if (head == nullptr) {
      return false;
    }
    const bool is_v6 = frame[12] == 0x86;
    head->l2_len = 14;
    head->l3_len = is_v6 ? 40 : 20;
    head->ol_flags = is_v6 ? RTE_MBUF_F_TX_IPV6 : RTE_MBUF_F_TX_IPV4;
    if (left.udp_checksum) {
      head->ol_flags |= RTE_MBUF_F_TX_UDP_CKSUM;
    }
    if (left.segment_size != 0) {
      head->ol_flags |= RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_TCP_CKSUM;
      head->l4_len = 20;
      head->tso_segsz = left.segment_size;
    }
    if (rte_eth_tx_burst(port_, queue, &head, 1) != 1) {
      rte_pktmbuf_free(head);
      return false;
    }
  }
  return true;
}

std::vector<Bytes> VirtioGuest::take() {
  std::vector<Bytes> frames;
  for (std::uint16_t queue = 0; queue < queues_; ++queue) {
    const auto more = take(queue);
    frames.insert(frames.end(), more.begin(), more.end());
  }
  return frames;
}

std::vector<Bytes> VirtioGuest::take(std::uint16_t queue) {
  std::vector<Bytes> frames;
  rte_mbuf* packet = nullptr;
  while (rte_eth_rx_burst(port_, queue, &packet, 1) == 1) {
    frames.push_back(bytes_of_chain(packet));
    rte_pktmbuf_free(packet);
  }
  return frames;
}

std::vector<TakenFrame> VirtioGuest::take_marked() {
  std::vector<TakenFrame> frames;
  rte_mbuf* packet = nullptr;
  while (rte_eth_rx_burst(port_, 0, &packet, 1) == 1) {
    const bool is_large = (packet->ol_flags & RTE_MBUF_F_RX_LRO) != 0;
    const std::uint64_t checksum = packet->ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK;
    frames.push_back({bytes_of_chain(packet), checksum == RTE_MBUF_F_RX_L4_CKSUM_NONE,
                      static_cast<std::uint16_t>(is_large ? packet->tso_segsz : 0)});
    rte_pktmbuf_free(packet);
  }
  return frames;
}

bool VirtioGuest::may_send_large() const {
  rte_eth_dev_info information{};
  must(rte_eth_dev_info_get(port_, &information), "information");
  return (information.tx_offload_capa & RTE_ETH_TX_OFFLOAD_TCP_TSO) != 0;
}

bool VirtioGuest::may_receive_large() const {
  rte_eth_dev_info information{};
  must(rte_eth_dev_info_get(port_, &information), "information");
  return (information.rx_offload_capa & RTE_ETH_RX_OFFLOAD_TCP_LRO) != 0;
}

}  // namespace alkaid::test
