// One opened DPDK port, or one guest's virtio device.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <rte_mempool.h>

#include "control/common/net/mac_address.hpp"
#include "dataplane/ports/attachment.hpp"
#include "dataplane/ports/inner_rss.hpp"
#include "dataplane/ports/kernel_device.hpp"
#include "dataplane/ports/packet_pools.hpp"
#include "dataplane/ports/port.hpp"
#include "dataplane/ports/tunnel_segmentation.hpp"
#include "dataplane/ports/veth_segmentation.hpp"
#include "dataplane/rcu/quiescence.hpp"
#include "dataplane/vhost/vhost_device.hpp"
#include "dataplane/xdp/xdp_device.hpp"

namespace alkaid {

// Places in each ring of one of DPDK's devices.
inline constexpr std::uint16_t kDescriptors = 512;

// Configured and started by open(), stopped and removed by the destructor. Control thread only; no
// worker may use it any more when it is destroyed.
class Device {
 public:
  // What becomes of VLAN tags: of a trunk's the driver relieves us if it can.
  enum class Tags { kKept, kStripped };

  struct Wishes {
    std::uint16_t workers = 1;         // that will send
    std::uint16_t receive_queues = 1;  // at most
    Tags tags = Tags::kKept;
    // Frames are tunneled to this UDP port: where the device can, their inner headers decide who
    // receives them. 0: they are in no tunnel.
    std::uint16_t vxlan_port = 0;
    // Large TCP packets in tunnels are the device's to cut, where it can.
    bool leaves_segmentation = false;
    // Of a card that takes rules by templates: that it must be able to count.
    std::uint32_t offload_rules = 0;
  };

  // nullptr with a text if it can't be opened.
  static std::unique_ptr<Device> open(const Attachment& attachment, PacketPools& pools,
                                      const Wishes& wishes, std::string& error);
  // A guest's virtio device.
  static std::unique_ptr<Device> open_vhost(const Attachment& attachment, PacketPools& pools,
                                            const Wishes& wishes, QuiescenceDomain& quiescence,
                                            std::string& error);
  ~Device();
  Device(const Device&) = delete;
  Device& operator=(const Device&) = delete;

  [[nodiscard]] std::uint16_t ethdev() const { return ethdev_; }
  [[nodiscard]] const MacAddress& mac() const { return mac_; }
  // A guest's virtio device, whose number ethdev() is.
  [[nodiscard]] bool is_vhost() const { return vhost_ != nullptr; }
  // Frames can come and go: always, unless it is a virtio device that no guest drives.
  [[nodiscard]] bool is_connected() const { return !vhost_ || vhost_->is_connected(); }
  // Bytes of IP packet.
  [[nodiscard]] std::uint16_t mtu() const { return mtu_; }
  [[nodiscard]] const std::string& driver() const { return driver_; }
  [[nodiscard]] bool partial_checksums() const { return partial_checksums_; }
  // Each has one reader; the packets of a flow come by one of them. A guest may change it.
  [[nodiscard]] std::uint16_t receive_queues() const {
    return vhost_ ? vhost_->receive_queues() : receive_queues_;
  }
  // Whether every worker has a transmit queue of its own, or may use it as one; else there is one,
  // with one writer.
  [[nodiscard]] bool has_queue_per_worker() const {
    return vhost_ ? vhost_->takes_from_all() : queue_per_worker_;
  }
  // Tags packets as their mbufs say; of those opened with Tags::kStripped.
  [[nodiscard]] bool inserts_vlan() const { return inserts_vlan_; }
  // What it was opened to do of it.
  [[nodiscard]] const TunnelSegmentation& tunnel_segmentation() const {
    return tunnel_segmentation_;
  }
  // Takes over another device's address and MTU, as far as the driver can: the host's kernel then
  // sees in this one what the other is to the network.
  void impersonate(const MacAddress& mac, std::uint16_t mtu);
  // Lets frames to all groups through (ND and, for the host's kernel, what else it listens to); all
  // frames at all where the device can't tell groups apart.
  void accept_groups();
  // Lets frames to all addresses through.
  void accept_everything();
  // All rules of the device were removed: makes those that are its own again.
  void rules_flushed();
  // Frames that the kernel could not hand over since the last call, where it tells.
  std::uint64_t take_missed();
  // False once the kernel device behind it is gone or was replaced by another of the same name.
  [[nodiscard]] bool is_present(const KernelDevices& devices) const;
  // Looks at the kernel device's MTU; true if mtu() is another now.
  bool refresh_mtu();
  // Looks at the link, of the kernel's devices and of cards that tell; true if has_carrier() is
  // another now.
  bool refresh_carrier();
  [[nodiscard]] bool has_carrier() const { return has_carrier_; }
  // True if the kernel device's MTU has grown beyond what this can carry and a device that is
  // opened anew can.
  [[nodiscard]] bool is_outgrown(PacketPools& pools) const;
  // True if the kernel device has other queues or another address than this was opened for, where
  // that matters. The kernel tells nobody of the former.
  [[nodiscard]] bool is_outdated() const { return xdp_ && xdp_->is_outdated(); }

  // Whether open() can be expected to work now; false while the kernel device doesn't exist.
  static bool is_available(const Attachment& attachment, const KernelDevices& devices);

 private:
  Device() = default;
  [[nodiscard]] bool is_kernels() const { return !kernel_device_.empty(); }
  // Chooses buffers and the largest packet for the kernel device's MTU.
  rte_mempool* choose_pool(const Attachment& attachment, PacketPools& pools);
  bool open_xdp(const Attachment& attachment, rte_mempool* pool, const Wishes& wishes,
                std::string& error);
  bool probe_rings(const std::string& name, const Wishes& wishes, std::string& error);
  bool probe(const Attachment& attachment, const Wishes& wishes, std::string& error);
  bool start(rte_mempool* pool, const Wishes& wishes, std::string& error);
  void tell_vxlan_port(std::uint16_t port);
  // By the headers inside tunnels, if the device can; tells by which ones.
  void share_out_tunneled(const InnerRss& wanted);

  std::uint16_t ethdev_ = kNoEthdev;
  std::string vdev_name_;      // empty: not a vdev of ours
  bool is_borrowed_ = false;   // EAL made it, and will end it
  std::string kernel_device_;  // empty: none
  unsigned kernel_index_ = 0;
  std::vector<int> packet_sockets_;  // the driver's, one for each queue
  std::optional<VethSegmentation> veth_segmentation_;
  std::uint64_t missed_before_ = 0;  // the driver's counter at the last call
  MacAddress mac_;
  std::uint16_t mtu_ = 0;
  std::uint16_t largest_packet_ = 0;  // that the driver's buffers hold
  int memory_node_ = SOCKET_ID_ANY;   // NUMA node of its buffers and rings
  std::string mtu_device_;            // kernel device whose MTU counts; empty: none
  std::string driver_;
  bool partial_checksums_ = false;
  bool has_carrier_ = true;
  std::uint16_t receive_queues_ = 1;
  bool queue_per_worker_ = false;
  bool inserts_vlan_ = false;
  std::uint16_t vxlan_port_ = 0;       // that it was told of
  std::optional<InnerRss> inner_rss_;  // that a rule asks for
  TunnelSegmentation tunnel_segmentation_;
  std::unique_ptr<VhostDevice> vhost_;
  std::unique_ptr<XdpDevice> xdp_;
};

}  // namespace alkaid
