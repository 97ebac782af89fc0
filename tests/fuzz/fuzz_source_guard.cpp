// Feeds any bytes that parse as a guest's frame to the source guard and checks what must never
// pass.
//
// Input: one byte, odd if the IPv4 header checksum and even ICMPv6 checksums shall be made right
// (no fuzzer finds one by chance); then the frame.
#include <cstddef>
#include <cstdint>
#include <span>

#include "dataplane/packet/checksum.hpp"
#include "dataplane/packet/link_local.hpp"
#include "dataplane/source_guard/source_guard.hpp"
#include "tests/fuzz/require.hpp"
#include "tests/support/exact_copy.hpp"

namespace alkaid::fuzz {
namespace {

constexpr MacAddress kMac = MacAddress::from_number(0x020000000001);
constexpr MacAddress kPairMac = MacAddress::from_number(0x020000000002);

PortConfig port() {
  PortConfig config;
  config.mac = kMac;
  config.fixed_ips = {IpAddress{Ipv4Address{0x0a000001}},
                      IpAddress::from_numbers(0x20010db800000000, 1)};
  config.allowed_address_pairs = {{{IpAddress{Ipv4Address{0x0a000100}}, 24}, {}},
                                  {{IpAddress::from_numbers(0x20010db800010000, 0), 64}, kPairMac}};
  return config;
}

void repair(std::span<std::uint8_t> frame) {
  if (frame.size() >= sizeof(EthernetHeader) + sizeof(Ipv4Header)) {
    auto& ip = *reinterpret_cast<Ipv4Header*>(frame.data() + sizeof(EthernetHeader));
    if (ip.version() == 4 && ip.header_length() >= sizeof(Ipv4Header) &&
        sizeof(EthernetHeader) + ip.header_length() <= frame.size()) {
      ipv4_checksum_set(ip);
    }
  }
}

void repair_icmpv6(std::span<std::uint8_t> frame, const FrameHeaders& headers) {
  if (!headers.is_nd || headers.l4_offset == 0 || headers.l3_end > frame.size()) {
    return;
  }
  const auto& ip = *reinterpret_cast<const Ipv6Header*>(frame.data() + headers.l3_offset);
  auto& icmp = *reinterpret_cast<IcmpEchoHeader*>(frame.data() + headers.l4_offset);
  const std::size_t length = headers.l3_end - headers.l4_offset;
  icmp.checksum = {};
  icmp.checksum = checksum_finish(checksum_add(
      ipv6_pseudo_header_sum(ip, ip_protocol::kIcmpv6, static_cast<std::uint32_t>(length)), &icmp,
      length));
}

void check_passed(std::span<const std::uint8_t> frame, const FrameHeaders& headers) {
  const auto& ethernet = *reinterpret_cast<const EthernetHeader*>(frame.data());
  ALKAID_REQUIRE(ethernet.source == kMac || ethernet.source == kPairMac);
  if (headers.protocol == ip_protocol::kUdp) {
    const std::uint16_t server =
        headers.kind == FrameHeaders::Kind::kIpv4 ? udp_port::kDhcpServer : udp_port::kDhcpv6Server;
    ALKAID_REQUIRE(headers.source_port.host() != server || headers.is_dhcp_client);
  }
  if (headers.is_nd) {
    const std::uint8_t type = frame[headers.l4_offset];
    ALKAID_REQUIRE(type != icmpv6_type::kRouterAdvertisement && type != icmpv6_type::kRedirect);
  }
  if (headers.kind == FrameHeaders::Kind::kIpv4) {
    const auto source =
        reinterpret_cast<const Ipv4Header*>(frame.data() + headers.l3_offset)->source.host();
    ALKAID_REQUIRE(source == 0 || headers.is_dhcp_client || source == 0x0a000001 ||
                   source >> 8 == 0x0a0001);
  }
}

}  // namespace
}  // namespace alkaid::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace alkaid;
  static const SourceGuard guard{fuzz::port()};
  static const GuardedRouter router{IpAddress::from_numbers(0xfe80000000000000, 1),
                                    link_local_address(kServerMacWithoutIpv6Gateway)};
  if (size == 0) {
    return 0;
  }
  test::ExactCopy frame{{data + 1, size - 1}};
  if ((data[0] & 1) != 0) {
    fuzz::repair(frame.bytes());
  }
  FrameHeaders headers;
  if (parse_frame(frame.bytes(), frame.size(), headers) != DropReason::kNone) {
    return 0;
  }
  if ((data[0] & 1) != 0) {
    fuzz::repair_icmpv6(frame.bytes(), headers);
  }
  const DropReason reason = guard.check(frame.bytes(), headers, router);
  ALKAID_REQUIRE(reason < DropReason::kCount);
  if (reason == DropReason::kNone) {
    fuzz::check_passed(frame.bytes(), headers);
  }
  return 0;
}
