// The frames by which we ask for the MAC address of an underlay next hop.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>

#include "control/common/net/ip_address.hpp"
#include "control/common/net/mac_address.hpp"

namespace alkaid {

// A whole frame, unpadded: the driver or the kernel pads.
class AddressRequest {
 public:
  static constexpr std::size_t kLargest = 90;  // tagged neighbor solicitation

  [[nodiscard]] std::span<const std::uint8_t> frame() const {
    return std::span{bytes_}.first(size_);
  }

  template <class Header>
  void append(const Header& header) {
    static_assert(sizeof(Header) <= kLargest);
    std::memcpy(bytes_.data() + size_, &header, sizeof(header));
    size_ += sizeof(header);
  }

 private:
  std::array<std::uint8_t, kLargest> bytes_{};
  std::size_t size_ = 0;
};

struct AddressRequestFields {
  MacAddress own_mac;
  IpAddress own_ip;  // of the target's family
  IpAddress target;
  // To confirm it by asking nobody else (RFC 1122, 2.3.2.1; RFC 4861, 7.3.3).
  std::optional<MacAddress> known;
  std::uint16_t vlan = 0;  // 0: none
};

// An ARP request (RFC 826) or a neighbor solicitation (RFC 4861, 4.3), by the target's family.
AddressRequest make_address_request(const AddressRequestFields& fields);

}  // namespace alkaid
