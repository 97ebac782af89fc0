// What we ask of Linux network devices. Control thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>

namespace alkaid {

// Interface indexes by name.
using KernelDevices = std::unordered_map<std::string, unsigned>;

// All devices of the process's network namespace.
KernelDevices list_kernel_devices();

// Bytes of IP packet; nullopt if there is no such device.
std::optional<std::uint16_t> kernel_device_mtu(const std::string& device);

// Whether it is up and its link too (IFF_RUNNING); nullopt if there is no such device.
std::optional<bool> kernel_device_has_carrier(const std::string& device);

// The NUMA node that it is connected to; nullopt if it is none's, or there is no such device. sys:
// where the kernel's device files are.
std::optional<int> kernel_device_node(const std::string& device, const std::string& sys = "/sys");

// Tells whether devices came, went or changed, without looking at them (rtnetlink notifications).
class LinkWatcher {
 public:
  LinkWatcher();
  ~LinkWatcher();
  LinkWatcher(const LinkWatcher&) = delete;
  LinkWatcher& operator=(const LinkWatcher&) = delete;

  // Since the last call. Always true if the kernel gave us no socket: the caller then looks itself.
  bool have_changed();

 private:
  int socket_ = -1;
};

}  // namespace alkaid
