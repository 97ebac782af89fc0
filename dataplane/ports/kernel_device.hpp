// What we ask of, and tell, a Linux network device (rtnetlink). Control thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace alkaid {

// Bytes of IP packet; nullopt if there is no such device.
std::optional<std::uint16_t> kernel_device_mtu(const std::string& device);

// A veth's other end, in whatever namespace, hands TCP and UDP over in segments of up to 64 KiB
// because its "hardware" would cut them. Nothing cuts them on the way to a packet socket, so the
// peer's kernel is told to do it before transmitting: one segment per packet (IFLA_GSO_MAX_SEGS).
// True if that is done, or if the device has no peer; false with a text otherwise. Setting it again
// is harmless.
bool limit_peer_segmentation(const std::string& device, std::string& error);

}  // namespace alkaid
