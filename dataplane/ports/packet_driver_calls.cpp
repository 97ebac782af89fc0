// What the AF_PACKET driver (DPDK 22.11) asks of the kernel, and has no options for. These two
// functions stand in front of the C library's for the whole program, change these calls of the
// driver's, and pass everything else on.
#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <cerrno>
#include <cstdint>
#include <cstring>

#include <unistd.h>

namespace {

// False with errno.
bool make_packet_socket(int descriptor) {
  int domain = 0;
  socklen_t length = sizeof(domain);
  if (::getsockopt(descriptor, SOL_SOCKET, SO_DOMAIN, &domain, &length) != 0) {
    return false;
  }
  if (domain == AF_PACKET) {
    return true;
  }
  // Without a protocol it receives nothing before it is bound.
  const auto made = static_cast<int>(::syscall(SYS_socket, AF_PACKET, SOCK_RAW, 0));
  const bool is_in_place = made >= 0 && ::dup2(made, descriptor) >= 0;
  const int error = errno;
  if (made >= 0) {
    ::close(made);
  }
  errno = error;
  return is_in_place;
}

}  // namespace

// The driver opens a packet socket of all devices to ask for a device's index and address, which
// any socket can, and one for its packets, which is bound to its device later. To end the one and
// to bind the other the kernel waits for who may be using it (10 ms each), so they become packet
// sockets no sooner than they must.
extern "C" __attribute__((visibility("default"))) int socket(int domain, int type,
                                                             int protocol) noexcept {
  const bool is_drivers = domain == AF_PACKET && type == SOCK_RAW && protocol == htons(ETH_P_ALL);
  return static_cast<int>(is_drivers ? ::syscall(SYS_socket, AF_INET, SOCK_DGRAM, 0)
                                     : ::syscall(SYS_socket, domain, type, protocol));
}

// The driver puts a device's sockets, one for each queue, into a fanout group with two flags that
// we can't have. One makes the kernel put IPv4 fragments together before it hands them over:
// guests' fragments, and those of the underlay, would arrive as packets larger than any MTU, cut
// off at the frame's end. The other lets packets that find their socket's ring full go to another
// socket: a flow's packets would meet two workers.
extern "C" __attribute__((visibility("default"))) int setsockopt(int socket, int level, int name,
                                                                 const void* value,
                                                                 socklen_t length) noexcept {
  std::uint32_t fanout = 0;
  if (level == SOL_PACKET && !make_packet_socket(socket)) {
    return -1;
  }
  if (level == SOL_PACKET && name == PACKET_FANOUT && length == sizeof(fanout)) {
    std::memcpy(&fanout, value, sizeof(fanout));
    // Group number in the lower half, type and flags in the upper.
    fanout &= ~(std::uint32_t{PACKET_FANOUT_FLAG_DEFRAG | PACKET_FANOUT_FLAG_ROLLOVER} << 16);
    value = &fanout;
  }
  return static_cast<int>(::syscall(SYS_setsockopt, socket, level, name, value, length));
}
