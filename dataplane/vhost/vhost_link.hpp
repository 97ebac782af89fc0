// The connection to the program behind a guest's virtio device, and who may use it when.
// Design: docs/design/vhost.md.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include <rte_vhost.h>

#include "dataplane/rcu/quiescence.hpp"

namespace alkaid {

// Queue pairs of a device, from the first one on; at least one of each.
struct QueuePairs {
  std::uint16_t from_guest = 1;  // up to the last one by which the guest may send
  std::uint16_t to_guest = 1;    // by which the guest receives, without a gap

  bool operator==(const QueuePairs&) const = default;
};

// librte_vhost's number of a device and, of what its guest's driver agreed to (virtio 1.2, 5.1.3),
// the bits 0 .. 31.
struct VhostPeer {
  int device = -1;  // VhostLink::kNone
  std::uint32_t features = 0;

  bool operator==(const VhostPeer&) const = default;
};

// librte_vhost's number of a device whose rings are ready. librte_vhost's event thread (or, when a
// socket is given up, the control thread inside librte_vhost) tells what happens; workers read.
class VhostLink {
 public:
  static constexpr int kNone = -1;

  explicit VhostLink(QuiescenceDomain& quiescence) : quiescence_(quiescence) {}

  // Any thread; kNone: no rings. A worker may use it until its next quiescent state.
  [[nodiscard]] VhostPeer peer() const { return peer_.load(std::memory_order_acquire); }
  [[nodiscard]] int device() const { return peer().device; }
  // Any thread; how many queue pairs the guest drives: those below it, of which some may be off.
  // Using one that is off or gone by now does nothing.
  [[nodiscard]] QueuePairs pairs() const { return pairs_.load(std::memory_order_acquire); }

  // Rings can be used from now on. False: somebody else's are in use, and these stay unused until
  // it is asked again.
  bool rings_ready(VhostPeer peer, QueuePairs pairs);
  // The guest drives more or less of them.
  void rings_changed(int device, QueuePairs pairs);
  // Rings are about to be unmapped: returns when no worker uses them any more.
  void rings_going(int device);

 private:
  QuiescenceDomain& quiescence_;
  std::atomic<VhostPeer> peer_{VhostPeer{}};
  std::atomic<QueuePairs> pairs_{QueuePairs{}};
};

// Links by their sockets' paths, for librte_vhost's callbacks; any thread.
// False: the path is somebody else's.
bool add_vhost_link(const std::string& path, std::shared_ptr<VhostLink> link);
void remove_vhost_link(const std::string& path);

// What librte_vhost shall call.
const rte_vhost_device_ops& vhost_callbacks();

// How often any link's rings came, changed or went.
std::uint64_t vhost_changes();

}  // namespace alkaid
