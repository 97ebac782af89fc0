// Ports as workers see them.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <rte_common.h>

#include "control/common/net/ip_address.hpp"
#include "control/common/net/mac_address.hpp"
#include "control/common/net/vni.hpp"
#include "dataplane/packet/drop_reason.hpp"
#include "dataplane/packet/parse.hpp"
#include "dataplane/policy/port_policy.hpp"
#include "dataplane/ports/tunnel_segmentation.hpp"
#include "dataplane/source_guard/source_guard.hpp"
#include "dataplane/worker/counter.hpp"

namespace alkaid {

class VlanPorts;

using PortIndex = std::uint32_t;
inline constexpr PortIndex kNoPort = UINT32_MAX;
inline constexpr std::uint16_t kNoEthdev = UINT16_MAX;

// One worker's counters of one port; only that worker writes them.
struct alignas(RTE_CACHE_LINE_SIZE) PortCounters {
  Counter rx_packets;
  Counter rx_bytes;
  Counter tx_packets;
  Counter tx_bytes;
  Counter drops[kDropReasonCount];
};

// The device behind a port, fixed for as long as it is attached.
struct PortDevice {
  std::uint16_t ethdev = kNoEthdev;  // kNoEthdev: a sink that never receives
  // Polls its first receive queue, and is the one writer of its only transmit queue.
  std::uint16_t worker = 0;
  std::uint16_t vlan = 0;  // of the port on a trunk, whose device it is; 0: the port's own device
  // Frames come whose TCP or UDP checksum is left to us (by a veth, or by a guest's driver).
  bool partial_checksums = false;
  bool queue_per_worker = false;  // every worker has a transmit queue of its own, by its index
};
static_assert(sizeof(PortDevice) == 8);

// Immutable; a change is a new object in the same slot of the PortTable. What every packet needs is
// in the first cache line.
struct alignas(RTE_CACHE_LINE_SIZE) Port {
  PortIndex index = kNoPort;
  // Tells this port from earlier ones of the same index, for packets that name it from a ring.
  std::uint32_t generation = 0;
  bool is_uplink = false;
  bool is_exception = false;  // leads to the host's kernel
  bool admin_up = false;
  bool attached = false;  // device is valid
  PortDevice device;
  MacAddress mac;         // of guests the guest's, of others the device's
  std::uint16_t mtu = 0;  // bytes of IP packet
  // Guests only: segment and its slot in the SegmentTable; those of IPv6 are mostly the same.
  Vni vni;
  Vni vni_v6;
  std::uint32_t zone = 0;
  std::uint32_t zone_v6 = 0;
  Ipv4Address guarded_v4;  // the first fixed one, the source of most packets; zero: none
  std::unique_ptr<const SourceGuard> source_guard;  // nullptr: the port has none
  std::unique_ptr<const PortPolicy> policy;         // nullptr: everything passes
  std::string id;                                   // port id, or an uplink's attachment
  // [worker]; owned by the port manager, lives until after the port's grace period.
  PortCounters* counters = nullptr;
  const VlanPorts* vlans = nullptr;  // of a trunk: whose packets it carries; nullptr: no trunk
  PortIndex trunk = kNoPort;         // of a guest in a VLAN
  bool inserts_vlan = false;         // the trunk's driver or hardware does it
  TunnelSegmentation tunnel_segmentation;  // an uplink's

  // Of the segment in which a guest's frame means something.
  [[nodiscard]] Vni vni_of(FrameHeaders::Kind kind) const {
    return kind == FrameHeaders::Kind::kIpv6 ? vni_v6 : vni;
  }
  [[nodiscard]] std::uint32_t zone_of(FrameHeaders::Kind kind) const {
    return kind == FrameHeaders::Kind::kIpv6 ? zone_v6 : zone;
  }
  [[nodiscard]] bool forwards() const { return admin_up && attached; }
  // Carries guests' ports by VLAN; no packet is its own.
  [[nodiscard]] bool is_trunk() const { return vlans != nullptr; }
};

// Ports by index. The control thread publishes, workers read.
class PortTable {
 public:
  explicit PortTable(std::size_t capacity) : slots_(capacity) {}

  [[nodiscard]] std::size_t capacity() const { return slots_.size(); }

  // Any thread; nullptr if there is none. A worker may use it until its next quiescent state.
  [[nodiscard]] const Port* find(PortIndex index) const {
    return index < slots_.size() ? slots_[index].load(std::memory_order_acquire) : nullptr;
  }

  // Control thread; returns what was there, to be retired by the caller.
  const Port* publish(PortIndex index, const Port* port) {
    return slots_[index].exchange(port, std::memory_order_acq_rel);
  }

 private:
  std::vector<std::atomic<const Port*>> slots_;
};

struct PolledQueue {
  PortIndex port = kNoPort;
  std::uint16_t queue = 0;  // of the port's device
};

// What one worker polls; replaced as a whole when ports come and go.
struct PollList {
  std::vector<PolledQueue> queues;
};

}  // namespace alkaid
