#include "dataplane/ports/kernel_device.hpp"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>

#include <unistd.h>

namespace alkaid {
namespace {

// nullopt: there is no such device.
std::optional<ifreq> ask(const std::string& device, unsigned long question) {
  const int socket = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (socket < 0) {
    return std::nullopt;
  }
  ifreq request{};
  std::strncpy(request.ifr_name, device.c_str(), sizeof(request.ifr_name) - 1);
  const bool is_known = ::ioctl(socket, question, &request) == 0;
  ::close(socket);
  return is_known ? std::optional{request} : std::nullopt;
}

}  // namespace

KernelDevices list_kernel_devices() {
  KernelDevices devices;
  struct if_nameindex* list = ::if_nameindex();
  if (list != nullptr) {
    for (const auto* device = list; device->if_index != 0; ++device) {
      devices.emplace(device->if_name, device->if_index);
    }
    ::if_freenameindex(list);
  }
  return devices;
}

std::optional<std::uint16_t> kernel_device_mtu(const std::string& device) {
  const auto answer = ask(device, SIOCGIFMTU);
  if (!answer) {
    return std::nullopt;
  }
  return static_cast<std::uint16_t>(std::clamp(answer->ifr_mtu, 0, 65535));
}

std::optional<bool> kernel_device_has_carrier(const std::string& device) {
  const auto answer = ask(device, SIOCGIFFLAGS);
  if (!answer) {
    return std::nullopt;
  }
  return (answer->ifr_flags & IFF_RUNNING) != 0;
}

std::optional<int> kernel_device_node(const std::string& device, const std::string& sys) {
  std::ifstream file(sys + "/class/net/" + device + "/device/numa_node");
  int node = -1;
  return file >> node && node >= 0 ? std::optional{node} : std::nullopt;
}

LinkWatcher::LinkWatcher()
    : socket_(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE)) {
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  address.nl_groups = RTMGRP_LINK;
  if (socket_ >= 0 &&
      ::bind(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    ::close(socket_);
    socket_ = -1;
  }
}

LinkWatcher::~LinkWatcher() {
  if (socket_ >= 0) {
    ::close(socket_);
  }
}

bool LinkWatcher::have_changed() {
  bool changed = socket_ < 0;
  std::array<char, 16384> buffer;
  while (socket_ >= 0) {
    const ssize_t length = ::recv(socket_, buffer.data(), buffer.size(), 0);
    // An overrun (ENOBUFS) lost messages, so something has changed; any other error is "no more".
    if (length < 0 && errno != ENOBUFS) {
      break;
    }
    changed = true;
  }
  return changed;
}

}  // namespace alkaid
