#include "dataplane/ports/packet_socket.hpp"

#include <linux/if_packet.h>
#include <sys/socket.h>

#include <filesystem>
#include <string>
#include <system_error>

namespace alkaid {

std::vector<int> find_packet_sockets(unsigned device_index) {
  std::vector<int> sockets;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd", error)) {
    const int descriptor = std::stoi(entry.path().filename());
    sockaddr_ll address{};
    socklen_t length = sizeof(address);
    if (::getsockname(descriptor, reinterpret_cast<sockaddr*>(&address), &length) == 0 &&
        address.sll_family == AF_PACKET && address.sll_ifindex == static_cast<int>(device_index)) {
      sockets.push_back(descriptor);
    }
  }
  return sockets;
}

std::uint64_t take_packet_socket_drops(int socket) {
  tpacket_stats statistics{};
  socklen_t length = sizeof(statistics);
  // Reading resets the kernel's counters.
  return ::getsockopt(socket, SOL_PACKET, PACKET_STATISTICS, &statistics, &length) == 0
             ? statistics.tp_drops
             : 0;
}

}  // namespace alkaid
