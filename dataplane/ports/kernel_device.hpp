// What we ask of a Linux network device. Control thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace alkaid {

// Bytes of IP packet; nullopt if there is no such device.
std::optional<std::uint16_t> kernel_device_mtu(const std::string& device);

}  // namespace alkaid
