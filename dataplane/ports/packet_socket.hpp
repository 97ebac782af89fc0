// What the kernel counts of a driver's AF_PACKET socket and the driver does not tell.
#pragma once

#include <cstdint>
#include <optional>

namespace alkaid {

// Finds, among this process's open descriptors, the packet socket that is bound to the device.
// nullopt if there is none. The descriptor stays the driver's. Control thread.
std::optional<int> find_packet_socket(unsigned device_index);

// Frames that the kernel dropped since the last call because the socket's ring was full.
std::uint64_t take_packet_socket_drops(int socket);

}  // namespace alkaid
