// Recognises the packets that the fast path takes: whole TCP and UDP packets without options of the
// IP layer. Whatever it takes, parse_frame takes too and finds the same in it; what it doesn't take
// is parse_frame's business. Every length is checked before it is read.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "dataplane/conntrack/connection_state.hpp"
#include "dataplane/flow/flow_key.hpp"
#include "dataplane/packet/checksum.hpp"
#include "dataplane/packet/headers.hpp"

namespace alkaid {

// Bytes of a frame: `contiguous` of them in its first buffer, `total` in all.
struct FrameBytes {
  const std::uint8_t* data;
  std::size_t contiguous;
  std::size_t total;

  template <class Header>
  [[nodiscard]] const Header& at(std::size_t offset) const {
    return *reinterpret_cast<const Header*>(data + offset);
  }
  // Whether a packet that ends there is all in the frame, and its offsets are 16 bits wide.
  [[nodiscard]] bool holds(std::size_t end) const {
    return end <= std::min<std::size_t>(total, UINT16_MAX);
  }
};

// TCP that only goes on, or UDP, in `l4_length` bytes of which the headers are in the first buffer.
inline bool is_steady_l4(const FrameBytes& frame, std::size_t l4_offset, std::size_t l4_length,
                         std::uint8_t protocol) {
  if (protocol == ip_protocol::kUdp) {
    const std::size_t length = frame.at<UdpHeader>(l4_offset).length.host();
    return length >= sizeof(UdpHeader) && length <= l4_length;
  }
  if (protocol != ip_protocol::kTcp || l4_length < sizeof(TcpHeader) ||
      l4_offset + sizeof(TcpHeader) > frame.contiguous) {
    return false;
  }
  const auto& tcp = frame.at<TcpHeader>(l4_offset);
  constexpr std::uint8_t kNotable = tcp_flag::kFin | tcp_flag::kSyn | tcp_flag::kRst;
  const std::size_t header_length = (tcp.data_offset >> 4U) * 4U;
  return header_length >= sizeof(TcpHeader) && header_length <= l4_length &&
         (tcp.flags & (kNotable | tcp_flag::kAck)) == tcp_flag::kAck;
}

inline std::uint32_t ports_at(const FrameBytes& frame, std::size_t l4_offset) {
  std::uint32_t ports;
  std::memcpy(&ports, frame.data + l4_offset, sizeof(ports));
  return ports;
}

// The packet behind an Ethernet header of the right type. Fills in the key but for zone and side.
inline bool quick_parse(const FrameBytes& frame, FlowKeyV4& key) {
  constexpr std::size_t kL3 = sizeof(EthernetHeader);
  constexpr std::size_t kL4 = kL3 + sizeof(Ipv4Header);
  if (frame.contiguous < kL4 + sizeof(UdpHeader)) {
    return false;
  }
  const auto& ip = frame.at<Ipv4Header>(kL3);
  const std::size_t length = ip.total_length.host();
  if (ip.version_ihl != 0x45 ||
      (ip.flags_offset.raw() & ~BigEndian16{Ipv4Header::kDontFragment}.raw()) != 0 ||
      length < sizeof(Ipv4Header) + sizeof(UdpHeader) || !frame.holds(kL3 + length) ||
      !is_steady_l4(frame, kL4, length - sizeof(Ipv4Header), ip.protocol) ||
      checksum_fold(checksum_add_header(0, &ip, sizeof(ip))) != 0xffff) {
    return false;
  }
  key = FlowKeyV4::of(ip, ports_at(frame, kL4), ip.protocol);
  return true;
}

inline bool quick_parse(const FrameBytes& frame, FlowKeyV6& key) {
  constexpr std::size_t kL3 = sizeof(EthernetHeader);
  constexpr std::size_t kL4 = kL3 + sizeof(Ipv6Header);
  if (frame.contiguous < kL4 + sizeof(UdpHeader)) {
    return false;
  }
  const auto& ip = frame.at<Ipv6Header>(kL3);
  const std::size_t length = ip.payload_length.host();
  if ((ip.version_class_label.host() >> 28) != 6 || length < sizeof(UdpHeader) ||
      !frame.holds(kL4 + length) || !is_steady_l4(frame, kL4, length, ip.next_header)) {
    return false;
  }
  key = FlowKeyV6::of(ip, ports_at(frame, kL4), ip.next_header);
  return true;
}

}  // namespace alkaid
