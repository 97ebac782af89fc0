// What AF_XDP asks of a kernel device beyond kernel_device.hpp. Control thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "control/common/net/mac_address.hpp"

namespace alkaid {

struct XdpLink {
  MacAddress mac;
  std::uint32_t receive_queues = 1;
  std::uint32_t transmit_queues = 1;
};

// nullopt if there is no such device.
std::optional<XdpLink> look_at_link(const std::string& device);

// Frames to addresses that are not the device's own, for as long as the object lives.
class PacketMembership {
 public:
  enum class Frames { kToGroups, kAll };

  PacketMembership() = default;
  // is_valid() is false if the kernel refuses.
  PacketMembership(unsigned device_index, Frames frames);
  ~PacketMembership();
  PacketMembership(PacketMembership&& other) noexcept;
  PacketMembership& operator=(PacketMembership&& other) noexcept;
  PacketMembership(const PacketMembership&) = delete;
  PacketMembership& operator=(const PacketMembership&) = delete;

  [[nodiscard]] bool is_valid() const { return socket_ >= 0; }

 private:
  int socket_ = -1;
};

}  // namespace alkaid
