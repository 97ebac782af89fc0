#include "dataplane/ports/kernel_device.hpp"

#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>

#include <unistd.h>

namespace alkaid {

std::optional<std::uint16_t> kernel_device_mtu(const std::string& device) {
  const int socket = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (socket < 0) {
    return std::nullopt;
  }
  ifreq request{};
  std::strncpy(request.ifr_name, device.c_str(), sizeof(request.ifr_name) - 1);
  const bool known = ::ioctl(socket, SIOCGIFMTU, &request) == 0;
  ::close(socket);
  if (!known) {
    return std::nullopt;
  }
  return static_cast<std::uint16_t>(std::clamp(request.ifr_mtu, 0, 65535));
}

}  // namespace alkaid
