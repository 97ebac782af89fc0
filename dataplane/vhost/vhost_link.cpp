#include "dataplane/vhost/vhost_link.hpp"

#include <chrono>
#include <climits>
#include <map>
#include <mutex>
#include <thread>

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

int new_device(int device) {
  const auto link = link_of(device);
  if (link == nullptr) {
    return -1;
  }
  // We poll: kicks would only cost the guest an exit each.
  for (std::uint16_t ring = 0; ring < rte_vhost_get_vring_num(device); ++ring) {
    rte_vhost_enable_guest_notification(device, ring, 0);
  }
  return link->rings_ready(device) ? 0 : -1;
}

void destroy_device(int device) {
  if (const auto link = link_of(device)) {
    link->rings_going(device);
  }
}

}  // namespace

bool VhostLink::rings_ready(int device) {
  int nobody = kNone;
  if (!device_.compare_exchange_strong(nobody, device)) {
    return nobody == device;
  }
  changes.fetch_add(1, std::memory_order_release);
  return true;
}

void VhostLink::rings_going(int device) {
  if (!device_.compare_exchange_strong(device, kNone)) {
    return;
  }
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
    return operations;
  }();
  return callbacks;
}

std::uint64_t vhost_changes() {
  return changes.load(std::memory_order_acquire);
}

}  // namespace alkaid
