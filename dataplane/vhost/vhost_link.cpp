#include "dataplane/vhost/vhost_link.hpp"

#include <linux/virtio_config.h>

#include <bitset>
#include <chrono>
#include <climits>
#include <map>
#include <mutex>
#include <thread>
#include <unordered_map>
#define VIRTIO_RING_NO_LEGACY  // which is C alone
#include <linux/virtio_ring.h>

#include <rte_config.h>

namespace alkaid {
namespace {

constexpr std::chrono::microseconds kLookInterval{50};

struct Links {
  std::mutex mutex;
  std::map<std::string, std::shared_ptr<VhostLink>> by_path;
};

Links& links() {
  static Links all;
  return all;
}

std::atomic<std::uint64_t> changes{0};

// Rings that are enabled, by librte_vhost's number of the device: ring 2n is that by which the
// guest receives on pair n, ring 2n + 1 that by which it sends (virtio 1.2, 5.1.2). librte_vhost
// tells of those that are before it tells of the device.
using Rings = std::bitset<RTE_MAX_QUEUES_PER_PORT>;
struct EnabledRings {
  std::mutex mutex;
  std::unordered_map<int, Rings> by_device;
};

EnabledRings& enabled_rings() {
  static EnabledRings all;
  return all;
}

QueuePairs pairs_of(const Rings& rings) {
  QueuePairs pairs;
  while (2U * pairs.to_guest < rings.size() && rings.test(2U * pairs.to_guest)) {
    ++pairs.to_guest;
  }
  for (std::uint16_t pair = pairs.from_guest; 2U * pair + 1 < rings.size(); ++pair) {
    if (rings.test(2U * pair + 1)) {
      pairs.from_guest = static_cast<std::uint16_t>(pair + 1);
    }
  }
  return pairs;
}

// Not under the mutex when it is used: a link that waits for workers holds up nobody else.
std::shared_ptr<VhostLink> link_of(int device) {
  char path[PATH_MAX] = {};
  if (rte_vhost_get_ifname(device, path, sizeof(path)) != 0) {
    return nullptr;
  }
  Links& all = links();
  const std::lock_guard lock{all.mutex};
  const auto found = all.by_path.find(path);
  return found == all.by_path.end() ? nullptr : found->second;
}

std::uint64_t features_of(int device) {
  std::uint64_t features = 0;
  rte_vhost_get_negotiated_features(device, &features);
  return features;
}

// We poll: kicks would only cost the guest an exit each. librte_vhost's own way to say so
// (rte_vhost_enable_guest_notification) waits for the ring's lock, which the event thread has when
// a ring is enabled, and forgets rings that are set up after the first pair. Nobody else writes
// these flags. A driver with an event index doesn't look at a split ring's (virtio 1.2, 2.7.10.2).
void refuse_kicks(int device, std::uint16_t ring) {
  constexpr std::uint64_t kEventIndex = std::uint64_t{1} << VIRTIO_RING_F_EVENT_IDX;
  constexpr std::uint64_t kPacked = std::uint64_t{1} << VIRTIO_F_RING_PACKED;
  rte_vhost_vring parts{};
  if (rte_vhost_get_vhost_vring(device, ring, &parts) != 0 || parts.used == nullptr) {
    return;
  }
  const std::uint64_t features = features_of(device);
  if ((features & kPacked) != 0) {
    parts.device_event->flags = VRING_PACKED_EVENT_FLAG_DISABLE;
  } else if ((features & kEventIndex) == 0) {
    parts.used->flags = VRING_USED_F_NO_NOTIFY;
  }
}

int new_device(int device) {
  const auto link = link_of(device);
  if (link == nullptr) {
    return -1;
  }
  EnabledRings& enabled = enabled_rings();
  const std::lock_guard lock{enabled.mutex};
  return link->rings_ready({device, static_cast<std::uint32_t>(features_of(device))},
                           pairs_of(enabled.by_device[device]))
             ? 0
             : -1;
}

int vring_state_changed(int device, std::uint16_t ring, int is_enabled) {
  const auto link = link_of(device);
  if (link == nullptr || ring >= Rings{}.size()) {
    return -1;
  }
  if (is_enabled != 0) {
    refuse_kicks(device, ring);
  }
  EnabledRings& enabled = enabled_rings();
  const std::lock_guard lock{enabled.mutex};
  Rings& rings = enabled.by_device[device];
  rings.set(ring, is_enabled != 0);
  link->rings_changed(device, pairs_of(rings));
  return 0;
}

// Of a number that another connection may have had.
int new_connection(int device) {
  EnabledRings& enabled = enabled_rings();
  const std::lock_guard lock{enabled.mutex};
  enabled.by_device.erase(device);
  return 0;
}

void destroy_device(int device) {
  if (const auto link = link_of(device)) {
    link->rings_going(device);
  }
}

}  // namespace

bool VhostLink::rings_ready(VhostPeer peer, QueuePairs pairs) {
  VhostPeer nobody;
  if (!peer_.compare_exchange_strong(nobody, peer)) {
    return nobody.device == peer.device;
  }
  pairs_.store(pairs, std::memory_order_release);
  changes.fetch_add(1, std::memory_order_release);
  return true;
}

void VhostLink::rings_changed(int device, QueuePairs pairs) {
  if (this->device() == device && !(pairs_.exchange(pairs) == pairs)) {
    changes.fetch_add(1, std::memory_order_release);
  }
}

void VhostLink::rings_going(int device) {
  VhostPeer gone = peer();
  if (gone.device != device || !peer_.compare_exchange_strong(gone, {})) {
    return;
  }
  pairs_.store({}, std::memory_order_release);
  changes.fetch_add(1, std::memory_order_release);
  const std::uint64_t token = quiescence_.start_grace_period();
  while (!quiescence_.has_passed(token)) {
    std::this_thread::sleep_for(kLookInterval);
  }
}

bool add_vhost_link(const std::string& path, std::shared_ptr<VhostLink> link) {
  Links& all = links();
  const std::lock_guard lock{all.mutex};
  return all.by_path.emplace(path, std::move(link)).second;
}

void remove_vhost_link(const std::string& path) {
  Links& all = links();
  const std::lock_guard lock{all.mutex};
  all.by_path.erase(path);
}

const rte_vhost_device_ops& vhost_callbacks() {
  static const rte_vhost_device_ops callbacks = [] {
    rte_vhost_device_ops operations{};
    operations.new_device = new_device;
    operations.destroy_device = destroy_device;
    operations.vring_state_changed = vring_state_changed;
    operations.new_connection = new_connection;
    return operations;
  }();
  return callbacks;
}

std::uint64_t vhost_changes() {
  return changes.load(std::memory_order_acquire);
}

}  // namespace alkaid
