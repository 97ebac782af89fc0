#include "dataplane/source_guard/source_guard.hpp"

#include <algorithm>

#include "dataplane/nd/nd_message.hpp"
#include "dataplane/packet/link_local.hpp"

namespace alkaid {
namespace {

constexpr std::uint8_t kIgmp = 2;  // IP protocol

constexpr std::uint8_t kBootRequest = 1;  // RFC 951, first byte of a message

template <class Header>
const Header& header_at(std::span<const std::uint8_t> frame, std::size_t offset) {
  return *reinterpret_cast<const Header*>(frame.data() + offset);
}

// The first `length` bits of 64.
constexpr std::uint64_t leading_bits(unsigned length) {
  return length == 0 ? 0 : ~std::uint64_t{0} << (64 - std::min(length, 64U));
}

// What a relay passes on (RFC 1542), from the port that servers answer from as well.
bool is_relayed_request(std::span<const std::uint8_t> frame, const FrameHeaders& headers) {
  const std::size_t message = headers.l4_offset + sizeof(UdpHeader);
  return headers.is_dhcp_client && message < headers.l3_end && message < frame.size() &&
         frame[message] == kBootRequest;
}

}  // namespace

SourceGuard::SourceGuard(const PortConfig& port) {
  macs_.push_back(port.mac);
  for (const auto& ip : port.fixed_ips) {
    add({ip, IpPrefix{ip}.max_length()}, port.mac);
  }
  for (const auto& pair : port.allowed_address_pairs) {
    const MacAddress mac = pair.mac.is_zero() ? port.mac : pair.mac;
    macs_.push_back(mac);
    add(pair.prefix, mac);
  }
  std::sort(macs_.begin(), macs_.end());
  macs_.erase(std::unique(macs_.begin(), macs_.end()), macs_.end());
  for (auto& group : groups_) {
    std::sort(group.rules.begin(), group.rules.end());
  }
  std::sort(groups_.begin(), groups_.end(), [](const Group& a, const Group& b) {
    return std::pair{a.mask_high, a.mask_low} > std::pair{b.mask_high, b.mask_low};
  });
}

void SourceGuard::add(const IpPrefix& prefix, const MacAddress& mac) {
  const bool is_v4 = prefix.address.is_v4();
  const unsigned length = prefix.length + (is_v4 ? 96U : 0U);
  const std::uint64_t mask_high = leading_bits(length);
  const std::uint64_t mask_low = length > 64 ? leading_bits(length - 64) : 0;
  auto group = std::find_if(groups_.begin(), groups_.end(), [&](const Group& other) {
    return other.is_v4 == is_v4 && other.mask_high == mask_high && other.mask_low == mask_low;
  });
  if (group == groups_.end()) {
    group = groups_.insert(groups_.end(), Group{mask_high, mask_low, is_v4, {}});
  }
  group->rules.push_back({prefix.address.high() & mask_high, prefix.address.low() & mask_low, mac});
}

bool SourceGuard::has_mac(const MacAddress& mac) const {
  return std::binary_search(macs_.begin(), macs_.end(), mac);
}

bool SourceGuard::has_address(const IpAddress& address, const MacAddress& mac) const {
  const std::uint64_t high = address.high();
  const std::uint64_t low = address.low();
  const bool is_v4 = address.is_v4();
  return std::any_of(groups_.begin(), groups_.end(), [&](const Group& group) {
    return group.is_v4 == is_v4 &&
           std::binary_search(group.rules.begin(), group.rules.end(),
                              Rule{high & group.mask_high, low & group.mask_low, mac});
  });
}

bool SourceGuard::may_claim(const IpAddress& address, const MacAddress& mac,
                            const GuardedRouter& router) const {
  if (!is_link_local(address)) {
    return has_address(address, mac);
  }
  return (address != router.address && address != router.link_local) || has_address(address, mac);
}

DropReason SourceGuard::check(std::span<const std::uint8_t> frame, const FrameHeaders& headers,
                              const GuardedRouter& router) const {
  if (!has_mac(header_at<EthernetHeader>(frame, 0).source)) {
    return DropReason::spoofed_mac;
  }
  switch (headers.kind) {
    case FrameHeaders::Kind::kArp:
      return check_arp(frame, headers);
    case FrameHeaders::Kind::kIpv4:
      return check_ipv4(frame, headers);
    case FrameHeaders::Kind::kIpv6:
      break;
  }
  return check_ipv6(frame, headers, router);
}

DropReason SourceGuard::check_arp(std::span<const std::uint8_t> frame,
                                  const FrameHeaders& headers) const {
  const auto& arp = header_at<ArpHeader>(frame, headers.l3_offset);
  if (arp.sender_mac != header_at<EthernetHeader>(frame, 0).source) {
    return DropReason::spoofed_arp;
  }
  // A probe says nothing of its sender (RFC 5227, 2.1.1).
  const bool is_probe = arp.sender_ip.is_zero() && arp.operation.host() == ArpHeader::kRequest;
  return is_probe || has_address(arp.sender_ip, arp.sender_mac) ? DropReason::kNone
                                                                : DropReason::spoofed_arp;
}

DropReason SourceGuard::check_ipv4(std::span<const std::uint8_t> frame,
                                   const FrameHeaders& headers) const {
  if (headers.protocol == ip_protocol::kUdp &&
      headers.source_port == BigEndian16{udp_port::kDhcpServer} &&
      !is_relayed_request(frame, headers)) {
    return DropReason::rogue_dhcp_server;
  }
  const auto& ethernet = header_at<EthernetHeader>(frame, 0);
  const Ipv4Address source = header_at<Ipv4Header>(frame, headers.l3_offset).source;
  if (headers.is_dhcp_client && headers.source_port == BigEndian16{udp_port::kDhcpClient} &&
      ethernet.destination.is_broadcast()) {
    // Without an address, or with one that it must be told is no longer its own (RFC 2131, 4.3.2).
    return DropReason::kNone;
  }
  // Groups may be reported before there is an address (RFC 3376, 4.2.13).
  const bool may_lack_source = headers.protocol == kIgmp;
  return (source.is_zero() && may_lack_source) || has_address(source, ethernet.source)
             ? DropReason::kNone
             : DropReason::spoofed_ip;
}

DropReason SourceGuard::check_ipv6(std::span<const std::uint8_t> frame, const FrameHeaders& headers,
                                   const GuardedRouter& router) const {
  if (headers.protocol == ip_protocol::kUdp &&
      headers.source_port == BigEndian16{udp_port::kDhcpv6Server}) {
    return DropReason::rogue_dhcp_server;
  }
  const IpAddress source{header_at<Ipv6Header>(frame, headers.l3_offset).source};
  const MacAddress& source_mac = header_at<EthernetHeader>(frame, 0).source;
  // Without an address a station looks for duplicates of the one it wants, for routers, and reports
  // its groups (RFC 4862, 5.4.2; RFC 4861, 4.1; RFC 3810, 5.2.13); DHCPv6 refuses it by itself.
  const bool may_lack_source = headers.is_nd || headers.is_mld || headers.is_dhcpv6_client;
  if (source.is_unset() ? !may_lack_source : !may_claim(source, source_mac, router)) {
    return DropReason::spoofed_ip;
  }
  return headers.is_nd ? check_nd(frame, headers, source_mac, router) : DropReason::kNone;
}

DropReason SourceGuard::check_nd(std::span<const std::uint8_t> frame, const FrameHeaders& headers,
                                 const MacAddress& source_mac, const GuardedRouter& router) const {
  const std::uint8_t type = header_at<IcmpEchoHeader>(frame, headers.l4_offset).type;
  if (type == icmpv6_type::kRouterAdvertisement || type == icmpv6_type::kRedirect) {
    return DropReason::rogue_router;
  }
  const auto message = read_nd_message(frame, headers);
  if (!message) {
    // Router solicitations go no further than to the service that names what is wrong with them.
    return type == icmpv6_type::kRouterSolicitation ? DropReason::kNone : DropReason::nd_malformed;
  }
  const bool is_advertisement = type == icmpv6_type::kNeighborAdvertisement;
  const IpAddress& claimed = is_advertisement ? message->target : message->source;
  if (claimed.is_unset()) {
    return DropReason::kNone;  // a probe, which claims nothing and has no link address
  }
  return may_claim(claimed, message->link_mac.value_or(source_mac), router) &&
                 (!message->link_mac || has_mac(*message->link_mac))
             ? DropReason::kNone
             : DropReason::spoofed_nd;
}

}  // namespace alkaid
