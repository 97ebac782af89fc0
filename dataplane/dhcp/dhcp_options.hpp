// What DHCPv4 tells every client of a subnet, encoded once when the subnet is programmed
// (RFC 2132, 3396, 3397): a worker copies options, it never builds them.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "control/common/net/ip_address.hpp"
#include "dataplane/dhcp/dhcp_message.hpp"
#include "dataplane/tables/objects.hpp"

namespace alkaid {

// The server identifier in a subnet that has no gateway. Link-local (RFC 3927), because nothing may
// ever route it; a client can't reach it by unicast, so its renewal succeeds when it turns to
// broadcast.
inline constexpr Ipv4Address kDhcpServerWithoutGateway{0xa9fe0001};  // 169.254.0.1

inline constexpr std::uint32_t kDhcpDefaultLeaseSeconds = 86400;
inline constexpr std::uint32_t kDhcpInfiniteLease = 0xffffffff;  // RFC 2131, 3.3

// One option can't be longer, and all of a subnet's configured ones together neither: more would
// not fit into any reply.
inline constexpr std::size_t kDhcpLargestOption = 1024;
inline constexpr std::size_t kDhcpLargestOptions = 4096;

// What is wrong with a subnet's DHCPv4 fields.
struct DhcpOptionsError {
  std::string field;
  std::string message;
};

// Control thread. nullopt if DhcpOptions can be made of `segment`: names are domain names; every
// configured option has a code that a server may be told to send, once, and the length that
// RFC 2132 gives it.
[[nodiscard]] std::optional<DhcpOptionsError> check_dhcp_options(const SegmentConfig& segment);

class DhcpOptions {
 public:
  // A subnet that tells nothing but the lease's times.
  DhcpOptions() = default;
  // Control thread. check_dhcp_options(segment) must have accepted it. Configured options take the
  // place of those that follow from other fields.
  explicit DhcpOptions(const SegmentConfig& segment);

  // ---- any thread
  // The whole option with code and length, in pieces of up to 255 bytes if it is longer (RFC 3396);
  // empty if the subnet has none of that code.
  [[nodiscard]] std::span<const std::uint8_t> find(std::uint8_t code) const {
    for (const Entry& entry : entries_) {
      if (entry.code == code) {
        return std::span{bytes_}.subspan(entry.offset, entry.size);
      }
    }
    return {};
  }
  // Codes of all options, in the order in which a client without wishes gets them.
  template <class Visit>
  void for_each_code(Visit&& visit) const {
    for (const Entry& entry : entries_) {
      visit(entry.code);
    }
  }
  [[nodiscard]] Ipv4Address server_identifier() const { return server_identifier_; }
  [[nodiscard]] std::uint32_t lease_seconds() const { return lease_; }
  // Zero if there is nothing to renew: the lease never ends.
  [[nodiscard]] std::uint32_t renewal_seconds() const { return renewal_; }
  [[nodiscard]] std::uint32_t rebinding_seconds() const { return rebinding_; }

 private:
  struct Entry {
    std::uint8_t code;
    std::uint16_t offset;
    std::uint16_t size;
  };

  void put(std::uint8_t code, std::span<const std::uint8_t> value);
  void put_configured(const std::vector<DhcpOptionConfig>& options);
  void put_derived(const SegmentConfig& segment);

  std::vector<Entry> entries_;
  std::vector<std::uint8_t> bytes_;
  Ipv4Address server_identifier_ = kDhcpServerWithoutGateway;
  std::uint32_t lease_ = kDhcpDefaultLeaseSeconds;
  std::uint32_t renewal_ = 0;
  std::uint32_t rebinding_ = 0;
};

}  // namespace alkaid
