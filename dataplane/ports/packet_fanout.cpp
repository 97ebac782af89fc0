// The AF_PACKET driver (DPDK 22.11) puts a device's sockets, one for each queue, into a fanout
// group with two flags that we can't have. One makes the kernel put IPv4 fragments together before
// it hands them over: guests' fragments, and those of the underlay, would arrive as packets larger
// than any MTU, cut off at the frame's end. The other lets packets that find their socket's ring
// full go to another socket: a flow's packets would meet two workers. The driver has no option for
// either. This setsockopt stands in front of the C library's for the whole program, takes the flags
// out of that one call, and passes everything else on.
#include <linux/if_packet.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <cstdint>
#include <cstring>

#include <unistd.h>

extern "C" __attribute__((visibility("default"))) int setsockopt(int socket, int level, int name,
                                                                 const void* value,
                                                                 socklen_t length) noexcept {
  std::uint32_t fanout = 0;
  if (level == SOL_PACKET && name == PACKET_FANOUT && length == sizeof(fanout)) {
    std::memcpy(&fanout, value, sizeof(fanout));
    // Group number in the lower half, type and flags in the upper.
    fanout &= ~(std::uint32_t{PACKET_FANOUT_FLAG_DEFRAG | PACKET_FANOUT_FLAG_ROLLOVER} << 16);
    value = &fanout;
  }
  return static_cast<int>(::syscall(SYS_setsockopt, socket, level, name, value, length));
}
