// What the kernel counts of a driver's AF_PACKET sockets and the driver does not tell.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace alkaid {

// Finds, among this process's open descriptors, the packet sockets that are bound to the device,
// one for each queue. They stay the driver's. Control thread.
std::vector<int> find_packet_sockets(unsigned device_index, std::size_t queues);

// Frames that the kernel dropped since the last call because the socket's ring was full.
std::uint64_t take_packet_socket_drops(int socket);

}  // namespace alkaid
