// What a guest may claim to be: the source guard of a port (RFC 7039), with ARP and neighbor
// discovery inspection, router advertisement guard (RFC 6105) and DHCP server guard (RFC 7610).
// Design: docs/design/source-guard.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "control/common/net/ip_address.hpp"
#include "control/common/net/mac_address.hpp"
#include "dataplane/packet/drop_reason.hpp"
#include "dataplane/packet/parse.hpp"
#include "dataplane/tables/objects.hpp"

namespace alkaid {

// The segment's IPv6 router, whose addresses no guest may claim: link-local addresses can't be
// checked otherwise.
struct GuardedRouter {
  IpAddress address;     // unset: none is configured
  IpAddress link_local;  // of the router's MAC
};

// A port's rules, compiled; immutable. Made by the control thread, read by any.
class SourceGuard {
 public:
  // From the port's MAC, fixed addresses and allowed address pairs.
  explicit SourceGuard(const PortConfig& port);

  // kNone, or why the frame must be dropped. `frame` was parsed into `headers` by parse_frame.
  [[nodiscard]] DropReason check(std::span<const std::uint8_t> frame, const FrameHeaders& headers,
                                 const GuardedRouter& router) const;

 private:
  struct Rule {
    std::uint64_t high = 0;  // masked address
    std::uint64_t low = 0;
    MacAddress mac;

    auto operator<=>(const Rule&) const = default;
  };
  // The rules whose prefixes have one length; a port has few lengths and may have many rules.
  struct Group {
    std::uint64_t mask_high = 0;
    std::uint64_t mask_low = 0;
    bool is_v4 = false;
    std::vector<Rule> rules;  // sorted
  };

  void add(const IpPrefix& prefix, const MacAddress& mac);
  [[nodiscard]] bool has_mac(const MacAddress& mac) const;
  [[nodiscard]] bool has_address(const IpAddress& address, const MacAddress& mac) const;
  // The same for IPv6, where a link-local address needs no rule.
  [[nodiscard]] bool may_claim(const IpAddress& address, const MacAddress& mac,
                               const GuardedRouter& router) const;
  [[nodiscard]] DropReason check_arp(std::span<const std::uint8_t> frame,
                                     const FrameHeaders& headers) const;
  [[nodiscard]] DropReason check_ipv4(std::span<const std::uint8_t> frame,
                                      const FrameHeaders& headers) const;
  [[nodiscard]] DropReason check_ipv6(std::span<const std::uint8_t> frame,
                                      const FrameHeaders& headers,
                                      const GuardedRouter& router) const;
  [[nodiscard]] DropReason check_nd(std::span<const std::uint8_t> frame,
                                    const FrameHeaders& headers, const MacAddress& source_mac,
                                    const GuardedRouter& router) const;

  std::vector<MacAddress> macs_;  // sorted
  std::vector<Group> groups_;     // longest prefixes first
};

}  // namespace alkaid
