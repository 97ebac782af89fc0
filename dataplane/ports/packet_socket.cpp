#include "dataplane/ports/packet_socket.hpp"

#include <linux/if_packet.h>
#include <sys/socket.h>

#include <unistd.h>

namespace alkaid {

std::vector<int> find_packet_sockets(unsigned device_index, std::size_t queues) {
  std::vector<int> sockets;
  // Each is asked: a list of /proc/self/fd takes milliseconds where every huge page is a file.
  const long end = ::sysconf(_SC_OPEN_MAX);
  for (int descriptor = 0; descriptor < end && sockets.size() < queues; ++descriptor) {
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
