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
#include <optional>

#include <unistd.h>

#include "dataplane/ports/spare_packet_sockets.hpp"

namespace alkaid {
namespace {

int pass_on(int socket, int level, int name, const void* value, socklen_t length) {
  return static_cast<int>(::syscall(SYS_setsockopt, socket, level, name, value, length));
}

// The socket that the driver is making; it makes one after the other, on one thread.
struct PacketSocketInWork {
  int descriptor = -1;
  PacketSocketShape shape;  // as far as it is known
  bool has_rings = false;   // both, since it was a spare one
};

PacketSocketInWork& in_work() {
  thread_local PacketSocketInWork socket;
  return socket;
}

bool is_packet_socket(int descriptor) {
  int domain = 0;
  socklen_t length = sizeof(domain);
  return ::getsockopt(descriptor, SOL_SOCKET, SO_DOMAIN, &domain, &length) == 0 &&
         domain == AF_PACKET;
}

// `made` takes the descriptor's place. False with errno.
bool put_in_place(int made, int descriptor) {
  const bool is_in_place = made >= 0 && ::dup2(made, descriptor) >= 0;
  const int error = errno;
  if (made >= 0) {
    ::close(made);
  }
  errno = error;
  return is_in_place;
}

// A packet socket with the options that were set by now. False with errno.
bool make_in_place(PacketSocketInWork& socket) {
  if (!put_in_place(make_packet_socket(), socket.descriptor)) {
    return false;
  }
  for (const auto& [name, value] : socket.shape.options) {
    if (pass_on(socket.descriptor, SOL_PACKET, name, &value, sizeof(value)) != 0) {
      return false;
    }
  }
  return true;
}

// Options that come before the rings are remembered until then, since they choose the spare socket.
int set_before_rings(int descriptor, int name, const void* value, socklen_t length) {
  static SparePacketSockets spares;
  PacketSocketInWork& socket = in_work();
  if (socket.descriptor != descriptor) {
    socket = {.descriptor = descriptor, .shape = {}, .has_rings = false};
  }
  if (name == PACKET_RX_RING && length == sizeof(socket.shape.ring)) {
    std::memcpy(&socket.shape.ring, value, sizeof(socket.shape.ring));
    if (const std::optional<int> spare = spares.take(socket.shape)) {
      socket.has_rings = put_in_place(*spare, descriptor);
      return socket.has_rings ? 0 : -1;
    }
  } else if (int number = 0; length == sizeof(number)) {
    std::memcpy(&number, value, sizeof(number));
    socket.shape.options.emplace_back(name, number);
    return 0;
  }
  return make_in_place(socket) ? pass_on(descriptor, SOL_PACKET, name, value, length) : -1;
}

int set_packet_option(int descriptor, int name, const void* value, socklen_t length) {
  if (!is_packet_socket(descriptor)) {
    return set_before_rings(descriptor, name, value, length);
  }
  PacketSocketInWork& socket = in_work();
  if (name == PACKET_TX_RING && socket.descriptor == descriptor) {
    const bool has_ring = socket.has_rings;
    socket = {};
    if (has_ring) {
      return 0;
    }
  }
  std::uint32_t fanout = 0;
  if (name == PACKET_FANOUT && length == sizeof(fanout)) {
    std::memcpy(&fanout, value, sizeof(fanout));
    // Group number in the lower half, type and flags in the upper.
    fanout &= ~(std::uint32_t{PACKET_FANOUT_FLAG_DEFRAG | PACKET_FANOUT_FLAG_ROLLOVER} << 16);
    value = &fanout;
  }
  return pass_on(descriptor, SOL_PACKET, name, value, length);
}

}  // namespace
}  // namespace alkaid

// The driver opens a packet socket of all devices to ask for a device's index and address, which
// any socket can, and one for its packets, which is bound to its device later. To end the one and
// to bind the other the kernel waits for who may be using it (10 ms each), so they become packet
// sockets no sooner than they must. For its rings it waits, too: there are spare sockets that have
// them.
extern "C" __attribute__((visibility("default"))) int socket(int domain, int type,
                                                             int protocol) noexcept {
  if (domain != AF_PACKET || type != SOCK_RAW || protocol != htons(ETH_P_ALL)) {
    return static_cast<int>(::syscall(SYS_socket, domain, type, protocol));
  }
  alkaid::in_work() = {};
  return static_cast<int>(::syscall(SYS_socket, AF_INET, SOCK_DGRAM, 0));
}

// The driver puts a device's sockets, one for each queue, into a fanout group with two flags that
// we can't have. One makes the kernel put IPv4 fragments together before it hands them over:
// guests' fragments, and those of the underlay, would arrive as packets larger than any MTU, cut
// off at the frame's end. The other lets packets that find their socket's ring full go to another
// socket: a flow's packets would meet two workers.
extern "C" __attribute__((visibility("default"))) int setsockopt(int socket, int level, int name,
                                                                 const void* value,
                                                                 socklen_t length) noexcept {
  return level == SOL_PACKET ? alkaid::set_packet_option(socket, name, value, length)
                             : alkaid::pass_on(socket, level, name, value, length);
}
