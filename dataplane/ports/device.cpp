#include "dataplane/ports/device.hpp"

#include <net/if.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <future>
#include <numeric>
#include <utility>

#include <fmt/format.h>
#include <rte_dev.h>
#include <rte_errno.h>
#include <rte_eth_ring.h>
#include <rte_ethdev.h>
#include <rte_ring.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include "dataplane/offload/rule_queue.hpp"
#include "dataplane/ports/kernel_device.hpp"
#include "dataplane/ports/packet_socket.hpp"
#include "dataplane/ports/rss_fields.hpp"
#include "dataplane/ports/transmit_lock.hpp"

namespace alkaid {
namespace {

// Of the drivers.
constexpr std::uint16_t kMostPcapQueues = 16;
constexpr std::uint16_t kMostAfPacketQueues = 16;
constexpr std::uint16_t kMostRingQueues = 16;
constexpr std::uint16_t kDefaultMtu = 1500;
// AF_PACKET's shared rings: about 4 MiB for each direction, all queues together, and at least 1 MiB
// for each, whatever the frames' size. Blocks are whole pages, which have up to 64 KiB on arm64,
// and hold frames without a gap at their end: the driver knows of none.
constexpr unsigned kAfPacketMemory = 4U << 20;
constexpr unsigned kAfPacketBlockLimit = 65536;
constexpr unsigned kFewestAfPacketBlocks = 16;
constexpr unsigned af_packet_block_size(unsigned frame_size, unsigned page_size) {
  const unsigned smallest = std::lcm(frame_size, page_size);
  return std::max(kAfPacketBlockLimit / smallest, 1U) * smallest;
}
static_assert(af_packet_block_size(kStandardFrameSize, 4096) == 65536);
static_assert(af_packet_block_size(kJumboFrameSize, 4096) == 61440);
static_assert(af_packet_block_size(kStandardFrameSize, 65536) == 65536);
static_assert(af_packet_block_size(kJumboFrameSize, 65536) == 5 * 65536);

// AF_XDP's, with Ethernet and a VLAN tag around it.
constexpr std::uint16_t kXdpPacket = kXdpLongestFrame - 18;

// Names are never reused, so that a device that is still being removed can't be met again.
std::string next_vdev_name(const char* driver) {
  static std::atomic<unsigned> counter{0};
  return fmt::format("{}{}", driver, counter.fetch_add(1));
}

// "NAME", "NAME1", "NAME2" ... as far as they are there.
std::vector<rte_ring*> find_rings(const std::string& name, std::uint16_t most) {
  std::vector<rte_ring*> rings;
  for (unsigned i = 0; i < most; ++i) {
    rte_ring* ring = rte_ring_lookup((i == 0 ? name : fmt::format("{}{}", name, i)).c_str());
    if (ring == nullptr) {
      break;
    }
    rings.push_back(ring);
  }
  return rings;
}

// The NUMA node that it is connected to; SOCKET_ID_ANY: none, or nobody knows.
int node_of(const Attachment& attachment) {
  switch (attachment.kind) {
    case AttachmentKind::kDevice: {
      std::uint16_t ethdev = kNoEthdev;
      return rte_eth_dev_get_port_by_name(attachment.device.c_str(), &ethdev) == 0
                 ? rte_eth_dev_socket_id(ethdev)
                 : SOCKET_ID_ANY;
    }
    case AttachmentKind::kAfPacket:
    case AttachmentKind::kAfXdp:
      return kernel_device_node(attachment.device).value_or(SOCKET_ID_ANY);
    default:
      return SOCKET_ID_ANY;
  }
}

}  // namespace

bool Device::is_available(const Attachment& attachment, const KernelDevices& devices) {
  return !attachment.binds_kernel_device() || devices.contains(attachment.device);
}

bool Device::refresh_mtu() {
  if (mtu_device_.empty()) {
    return false;
  }
  const auto kernel_mtu = kernel_device_mtu(mtu_device_);
  if (!kernel_mtu) {
    return false;
  }
  const std::uint16_t usable = std::min(*kernel_mtu, largest_packet_);
  if (usable < *kernel_mtu && usable != mtu_) {
    spdlog::warn("{} has an MTU of {}; {} carries packets of up to {} bytes here", mtu_device_,
                 *kernel_mtu, driver_, usable);
  }
  return std::exchange(mtu_, usable) != usable;
}

bool Device::refresh_carrier() {
  bool has_carrier = true;
  if (is_kernels()) {
    has_carrier = kernel_device_has_carrier(kernel_device_).value_or(has_carrier_);
  } else if (is_borrowed_) {
    rte_eth_link link{};
    has_carrier =
        rte_eth_link_get_nowait(ethdev_, &link) != 0 || link.link_status == RTE_ETH_LINK_UP;
  }
  // Each time: what was on its way when the carrier went was no sign that it is back.
  if (is_kernels()) {
    transmit_lock_of(ethdev_).is_cut_off.store(!has_carrier, std::memory_order_relaxed);
  }
  return std::exchange(has_carrier_, has_carrier) != has_carrier;
}

bool Device::is_outgrown(PacketPools& pools) const {
  const std::uint16_t most = xdp_ ? kXdpPacket : kJumboPacket;
  if ((packet_sockets_.empty() && !xdp_) || largest_packet_ >= most) {
    return false;
  }
  return kernel_device_mtu(mtu_device_).value_or(0) > largest_packet_ &&
         pools.jumbo(memory_node_) != nullptr;
}

rte_mempool* Device::choose_pool(const Attachment& attachment, PacketPools& pools) {
  const int node = node_of(attachment);
  memory_node_ = pools.memory_node(node);
  largest_packet_ = kStandardPacket;
  switch (attachment.kind) {
    case AttachmentKind::kAfPacket:
      if (kernel_device_mtu(attachment.device).value_or(0) > kStandardPacket &&
          pools.jumbo(node) != nullptr) {
        largest_packet_ = kJumboPacket;
        return pools.jumbo(node);
      }
      break;
    case AttachmentKind::kAfXdp:
      if (kernel_device_mtu(attachment.device).value_or(0) > kStandardPacket &&
          pools.jumbo(node) != nullptr) {
        largest_packet_ = kXdpPacket;
        return pools.jumbo(node);
      }
      break;
    case AttachmentKind::kDevice:
    case AttachmentKind::kTap:
      // The driver chains buffers.
      largest_packet_ = kJumboPacket;
      break;
    default:
      break;
  }
  return pools.standard(node);
}

bool Device::open_xdp(const Attachment& attachment, rte_mempool* pool, const Wishes& wishes,
                      std::string& error) {
  xdp_ = XdpDevice::open(attachment.device, attachment.xdp_mode, attachment.uplink_filter, pool,
                         error);
  if (!xdp_) {
    return false;
  }
  if (!xdp_->program().is_native() && VethSegmentation::concerns(attachment.device)) {
    spdlog::warn(
        "{}: in generic mode its peer may send segments larger than its MTU, which are lost; TCP "
        "may stall: run 'ethtool -K DEVICE tso off gso off' there",
        attachment.device);
  }
  kernel_device_ = attachment.device;
  ethdev_ = xdp_->number();
  mac_ = xdp_->mac();
  driver_ = "af_xdp";
  partial_checksums_ = true;
  // What comes by a queue without a socket would be lost: each has one, whatever was wished for.
  receive_queues_ = static_cast<std::uint16_t>(xdp_->queues());
  queue_per_worker_ = wishes.workers <= xdp_->transmit_queues();
  return true;
}

bool Device::probe_rings(const std::string& name, const Wishes& wishes, std::string& error) {
  const auto rx = find_rings(name + "_rx", std::min(wishes.receive_queues, kMostRingQueues));
  const auto tx = find_rings(name + "_tx", std::min(wishes.workers, kMostRingQueues));
  if (rx.empty() || tx.empty()) {
    error = fmt::format("no rings {0}_rx and {0}_tx", name);
    return false;
  }
  vdev_name_ = next_vdev_name("ring");
  const int port =
      rte_eth_from_rings(vdev_name_.c_str(), rx.data(), static_cast<unsigned>(rx.size()), tx.data(),
                         static_cast<unsigned>(tx.size()), SOCKET_ID_ANY);
  if (port < 0) {
    error = fmt::format("can't make a port of the rings: {}", rte_strerror(rte_errno));
    return false;
  }
  vdev_name_ = "net_ring_" + vdev_name_;
  ethdev_ = static_cast<std::uint16_t>(port);
  receive_queues_ = static_cast<std::uint16_t>(rx.size());
  queue_per_worker_ = wishes.workers <= tx.size();
  return true;
}

bool Device::probe(const Attachment& attachment, const Wishes& wishes, std::string& error) {
  std::string arguments;
  switch (attachment.kind) {
    case AttachmentKind::kNull:
    case AttachmentKind::kVlan:
    case AttachmentKind::kVhost:
    case AttachmentKind::kAfXdp:
      return true;
    case AttachmentKind::kDevice:
      if (rte_eth_dev_get_port_by_name(attachment.device.c_str(), &ethdev_) != 0) {
        ethdev_ = kNoEthdev;
        error = fmt::format(
            "DPDK has no device '{}': --pci lets it look for PCI devices, --eal '-a ADDRESS,...' "
            "or "
            "'--vdev ...' names them",
            attachment.device);
        return false;
      }
      is_borrowed_ = true;
      return true;
    case AttachmentKind::kRing:
      return probe_rings(attachment.device, wishes, error);
    case AttachmentKind::kAfPacket: {
      vdev_name_ = next_vdev_name("net_af_packet");
      kernel_device_ = attachment.device;
      partial_checksums_ = true;
      const unsigned frame_size =
          largest_packet_ > kStandardPacket ? kJumboFrameSize : kStandardFrameSize;
      const unsigned block_size =
          af_packet_block_size(frame_size, static_cast<unsigned>(::getpagesize()));
      receive_queues_ = std::min(wishes.receive_queues, kMostAfPacketQueues);
      queue_per_worker_ = wishes.workers <= receive_queues_;
      const unsigned blocks =
          std::max(kAfPacketMemory / block_size / receive_queues_, kFewestAfPacketBlocks);
      arguments =
          fmt::format("iface={},qpairs={},blocksz={},framesz={},framecnt={}", attachment.device,
                      receive_queues_, block_size, frame_size, block_size / frame_size * blocks);
      break;
    }
    case AttachmentKind::kTap:
      vdev_name_ = next_vdev_name("net_tap");
      arguments = fmt::format("iface={}", attachment.device);
      break;
    case AttachmentKind::kPcap:
      vdev_name_ = next_vdev_name("net_pcap");
      if (!attachment.tx_file.empty()) {
        arguments += fmt::format("tx_pcap={},", attachment.tx_file);
      }
      // What is sent without a file is dropped, in as many queues as the driver could receive from;
      // only the first one receives.
      queue_per_worker_ = attachment.tx_file.empty() && wishes.workers <= kMostPcapQueues;
      if (!attachment.rx_file.empty()) {
        const unsigned times = queue_per_worker_ ? wishes.workers : 1;
        for (unsigned i = 0; i < times; ++i) {
          arguments += fmt::format("rx_pcap={},", attachment.rx_file);
        }
      }
      if (attachment.pcap_loop) {
        arguments += "infinite_rx=1,";
      }
      arguments.pop_back();
      break;
  }
  if (rte_eal_hotplug_add("vdev", vdev_name_.c_str(), arguments.c_str()) != 0) {
    error = fmt::format("the driver {} refused it: {} ({} of DPDK's {} device ports are in use)",
                        vdev_name_, rte_strerror(rte_errno), rte_eth_dev_count_avail(),
                        RTE_MAX_ETHPORTS);
    vdev_name_.clear();
    return false;
  }
  if (rte_eth_dev_get_port_by_name(vdev_name_.c_str(), &ethdev_) != 0) {
    error = fmt::format("the driver made no port {}", vdev_name_);
    return false;
  }
  return true;
}

bool Device::start(rte_mempool* pool, const Wishes& wishes, std::string& error) {
  const auto check = [&](int result, const char* what) {
    if (result < 0) {
      error = fmt::format("{}: {}", what, rte_strerror(-result));
      if (receive_queues_ > 1) {
        error +=
            fmt::format(" (with {} receive queues; ',queues=1' asks for one)", receive_queues_);
      }
    }
    return result >= 0;
  };
  rte_eth_dev_info information{};
  if (rte_eth_dev_info_get(ethdev_, &information) == 0) {
    driver_ = information.driver_name;
  }
  rte_eth_conf configuration{};
  configuration.rxmode.offloads = information.rx_offload_capa & RTE_ETH_RX_OFFLOAD_SCATTER;
  configuration.txmode.offloads = information.tx_offload_capa & RTE_ETH_TX_OFFLOAD_MULTI_SEGS;
  if (wishes.tags == Tags::kStripped) {
    configuration.rxmode.offloads |= information.rx_offload_capa & RTE_ETH_RX_OFFLOAD_VLAN_STRIP;
    configuration.txmode.offloads |= information.tx_offload_capa & RTE_ETH_TX_OFFLOAD_VLAN_INSERT;
    inserts_vlan_ = (configuration.txmode.offloads & RTE_ETH_TX_OFFLOAD_VLAN_INSERT) != 0;
  }
  if (wishes.leaves_segmentation) {
    tunnel_segmentation_ = alkaid::tunnel_segmentation(information);
  }
  if (tunnel_segmentation_.is_any()) {
    configuration.txmode.offloads |= tunnel_segmentation_offloads(information.tx_offload_capa);
    spdlog::info("device {} ({}) cuts guests' large TCP packets, in tunnels", ethdev_, driver_);
  }
  if (is_borrowed_) {
    queue_per_worker_ = wishes.workers <= information.max_tx_queues;
    receive_queues_ =
        std::clamp<std::uint16_t>(information.max_rx_queues, 1, wishes.receive_queues);
  }
  const std::uint64_t fields =
      rss_fields(information.flow_type_rss_offloads, wishes.vxlan_port != 0);
  if (receive_queues_ > 1 && fields != 0) {
    configuration.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
    configuration.rx_adv_conf.rss_conf.rss_hf = fields;
  }
  const std::uint16_t transmit_queues = queue_per_worker_ ? wishes.workers : 1;
  if (!check(rte_eth_dev_configure(ethdev_, receive_queues_, transmit_queues, &configuration),
             "configure")) {
    return false;
  }
  configure_rule_queue(ethdev_, wishes.offload_rules);
  const auto socket = static_cast<unsigned>(memory_node_);
  for (std::uint16_t queue = 0; queue < receive_queues_; ++queue) {
    if (!check(rte_eth_rx_queue_setup(ethdev_, queue, kDescriptors, socket, nullptr, pool),
               "receive queue")) {
      return false;
    }
  }
  for (std::uint16_t queue = 0; queue < transmit_queues; ++queue) {
    if (!check(rte_eth_tx_queue_setup(ethdev_, queue, kDescriptors, socket, nullptr),
               "transmit queue")) {
      return false;
    }
  }
  if (!check(rte_eth_dev_start(ethdev_), "start")) {
    return false;
  }
  if (wishes.vxlan_port != 0) {
    tell_vxlan_port(wishes.vxlan_port);
    if (receive_queues_ > 1 && fields != 0) {
      share_out_tunneled(
          {.queues = receive_queues_, .fields = fields, .vxlan_port = wishes.vxlan_port});
    }
  }
  rte_ether_addr address{};
  if (rte_eth_macaddr_get(ethdev_, &address) == 0) {
    std::array<std::uint8_t, 6> bytes{};
    std::copy_n(address.addr_bytes, bytes.size(), bytes.begin());
    mac_ = MacAddress{bytes};
  }
  return true;
}

void Device::tell_vxlan_port(std::uint16_t port) {
  rte_eth_udp_tunnel tunnel{.udp_port = port, .prot_type = RTE_ETH_TUNNEL_TYPE_VXLAN};
  const int result = rte_eth_dev_udp_tunnel_port_add(ethdev_, &tunnel);
  if (result == 0) {
    vxlan_port_ = port;
    spdlog::info("device {} ({}) knows VXLAN by UDP port {}", ethdev_, driver_, port);
  } else if (result != -ENOTSUP) {
    spdlog::warn("device {} ({}) doesn't take UDP port {} for VXLAN: {}", ethdev_, driver_, port,
                 rte_strerror(-result));
  }
}

void Device::share_out_tunneled(const InnerRss& wanted) {
  const bool has_level = (wanted.fields & RTE_ETH_RSS_LEVEL_INNERMOST) != 0;
  const int why = has_level ? 0 : spread_tunnels_by_inner_headers(ethdev_, wanted);
  if (why == 0) {
    spdlog::info("device {} ({}) shares packets out by the headers inside tunnels{}", ethdev_,
                 driver_, has_level ? "" : ", by a rule");
  } else {
    spdlog::info(
        "device {} ({}) shares packets out by the headers outside tunnels, whose UDP source port "
        "is the flow's; it offers no RSS by those inside, neither as a level nor by a rule ({})",
        ethdev_, driver_, rte_strerror(why));
  }
  inner_rss_ = why == 0 && !has_level ? std::optional{wanted} : std::nullopt;
}

void Device::rules_flushed() {
  if (inner_rss_) {
    share_out_tunneled(*inner_rss_);
  }
}

std::unique_ptr<Device> Device::open(const Attachment& attachment, PacketPools& pools,
                                     const Wishes& wishes, std::string& error) {
  std::unique_ptr<Device> device{new Device};
  device->mtu_ = kDefaultMtu;
  rte_mempool* pool = device->choose_pool(attachment, pools);
  std::string why;
  std::future<std::optional<VethSegmentation>> segmentation;
  if (attachment.kind == AttachmentKind::kAfPacket &&
      VethSegmentation::concerns(attachment.device)) {
    // The kernel makes us wait for this and for the driver's rings: both at once.
    segmentation = std::async(std::launch::async, [&attachment, &why] {
      return VethSegmentation::switch_off(attachment.device, why);
    });
  }
  if (!device->probe(attachment, wishes, error)) {
    return nullptr;
  }
  if (attachment.kind == AttachmentKind::kNull) {
    device->driver_ = "null";
    return device;
  }
  const bool is_open = attachment.kind == AttachmentKind::kAfXdp
                           ? device->open_xdp(attachment, pool, wishes, error)
                           : device->start(pool, wishes, error);
  if (!is_open) {
    return nullptr;
  }
  if (device->is_borrowed_) {
    // What it counted for an earlier port is that one's.
    rte_eth_stats_reset(device->ethdev_);
    std::uint16_t mtu = 0;
    if (rte_eth_dev_get_mtu(device->ethdev_, &mtu) == 0) {
      device->mtu_ = std::min(mtu, device->largest_packet_);
    }
  }
  if (!device->kernel_device_.empty() || attachment.kind == AttachmentKind::kTap) {
    device->mtu_device_ = attachment.device;
    device->refresh_mtu();
  }
  if (!device->kernel_device_.empty()) {
    device->kernel_index_ = ::if_nametoindex(device->kernel_device_.c_str());
    if (attachment.kind == AttachmentKind::kAfPacket) {
      device->packet_sockets_ = find_packet_sockets(device->kernel_index_, device->receive_queues_);
    }
    if (segmentation.valid()) {
      device->veth_segmentation_ = segmentation.get();
      if (!device->veth_segmentation_) {
        spdlog::warn(
            "{}: can't keep its peer from sending segments larger than its MTU ({}); TCP may "
            "stall: run 'ethtool -K DEVICE tso off gso off' where the guest is",
            device->kernel_device_, why);
      }
    }
  }
  return device;
}

std::unique_ptr<Device> Device::open_vhost(const Attachment& attachment, PacketPools& pools,
                                           const Wishes& wishes, QuiescenceDomain& quiescence,
                                           std::string& error) {
  std::unique_ptr<Device> device{new Device};
  device->vhost_ = VhostDevice::open(attachment.device, attachment.is_server,
                                     {wishes.workers, wishes.receive_queues}, pools.standard(),
                                     quiescence, error);
  if (!device->vhost_) {
    return nullptr;
  }
  device->ethdev_ = device->vhost_->number();
  device->driver_ = "vhost-user";
  device->partial_checksums_ = true;
  // librte_vhost chains buffers.
  device->mtu_ = kJumboPacket;
  return device;
}

void Device::impersonate(const MacAddress& mac, std::uint16_t mtu) {
  if (ethdev_ != kNoEthdev && !xdp_) {
    rte_ether_addr address{};
    std::copy_n(mac.bytes().begin(), sizeof(address.addr_bytes), address.addr_bytes);
    rte_eth_dev_default_mac_addr_set(ethdev_, &address);
    rte_eth_dev_set_mtu(ethdev_, mtu);
  }
  mac_ = mac;
  mtu_ = mtu;
}

void Device::accept_groups() {
  if (xdp_) {
    xdp_->accept(PacketMembership::Frames::kToGroups);
  } else if (ethdev_ != kNoEthdev && rte_eth_allmulticast_enable(ethdev_) != 0) {
    rte_eth_promiscuous_enable(ethdev_);
  }
}

void Device::accept_everything() {
  const bool is_refused = xdp_ ? !xdp_->accept(PacketMembership::Frames::kAll)
                               : ethdev_ != kNoEthdev && rte_eth_promiscuous_enable(ethdev_) != 0;
  if (is_refused) {
    spdlog::warn("{} can't be made to accept frames to all addresses", driver_);
  }
}

std::uint64_t Device::take_missed() {
  if (vhost_) {
    return 0;
  }
  if (!packet_sockets_.empty()) {
    std::uint64_t missed = 0;
    for (const int socket : packet_sockets_) {
      missed += take_packet_socket_drops(socket);
    }
    return missed;
  }
  if (xdp_) {
    const std::uint64_t lost = xdp_->lost();
    return lost - std::exchange(missed_before_, lost);
  }
  rte_eth_stats statistics{};
  if (ethdev_ == kNoEthdev || rte_eth_stats_get(ethdev_, &statistics) != 0) {
    return 0;
  }
  return statistics.imissed - std::exchange(missed_before_, statistics.imissed);
}

bool Device::is_present(const KernelDevices& devices) const {
  if (kernel_device_.empty()) {
    return true;
  }
  const auto found = devices.find(kernel_device_);
  return found != devices.end() && found->second == kernel_index_;
}

Device::~Device() {
  if (is_kernels() && ethdev_ != kNoEthdev) {
    transmit_lock_of(ethdev_).is_cut_off.store(false, std::memory_order_relaxed);
  }
  if (vhost_ || xdp_) {
    return;
  }
  if (ethdev_ != kNoEthdev) {
    if (vxlan_port_ != 0) {
      rte_eth_udp_tunnel tunnel{.udp_port = vxlan_port_, .prot_type = RTE_ETH_TUNNEL_TYPE_VXLAN};
      rte_eth_dev_udp_tunnel_port_delete(ethdev_, &tunnel);
    }
    rte_eth_dev_stop(ethdev_);
    // One that EAL made can't be had again once it is closed; stopped, it can be opened anew.
    if (!is_borrowed_) {
      rte_eth_dev_close(ethdev_);
    }
  }
  if (!vdev_name_.empty()) {
    rte_eal_hotplug_remove("vdev", vdev_name_.c_str());
  }
}

}  // namespace alkaid
