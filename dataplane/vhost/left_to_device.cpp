#include "dataplane/vhost/left_to_device.hpp"

#include "dataplane/packet/checksum.hpp"
#include "dataplane/packet/headers.hpp"
#include "dataplane/packet/mbuf_checksum.hpp"
#include "dataplane/vhost/large_tcp_packet.hpp"

namespace alkaid {
namespace {

constexpr std::uint8_t kCongestionWindowReduced = 0x80;

template <class Header>
Header& header_in(const rte_mbuf* packet, std::size_t offset) {
  return *rte_pktmbuf_mtod_offset(packet, Header*, offset);
}

std::uint32_t segments_of(std::uint32_t payload, std::uint32_t segment) {
  return payload == 0 ? 1 : (payload + segment - 1) / segment;
}

}  // namespace

void complete_left_checksum(rte_mbuf* packet, const FrameHeaders& headers) {
  const bool is_left = is_checksum_left(packet);
  packet->ol_flags &= ~kLeftToDevice;
  if (!is_left || headers.kind == FrameHeaders::Kind::kArp || headers.is_fragment ||
      headers.l4_offset == 0) {
    return;
  }
  BigEndian16* field = nullptr;
  if (headers.protocol == ip_protocol::kTcp) {
    field = &header_in<TcpHeader>(packet, headers.l4_offset).checksum;
  } else if (headers.protocol == ip_protocol::kUdp) {
    field = &header_in<UdpHeader>(packet, headers.l4_offset).checksum;
  } else {
    return;
  }
  *field = checksum_finish(checksum_add_packet(0, packet, headers.l4_offset,
                                               std::size_t{headers.l3_end} - headers.l4_offset));
  if (headers.protocol == ip_protocol::kUdp && field->raw() == 0) {
    *field = BigEndian16{0xffff};  // zero would mean "no checksum" (RFC 768)
  }
}

std::optional<CutTcp> stay_large(const rte_mbuf* packet, const FrameHeaders& headers,
                                 std::uint16_t mtu) {
  if (headers.protocol != ip_protocol::kTcp || packet->pkt_len != headers.l3_end) {
    return std::nullopt;
  }
  const auto& tcp = header_in<TcpHeader>(packet, headers.l4_offset);
  const std::uint32_t header_length = headers.l4_offset + (tcp.data_offset >> 4) * 4U;
  const std::uint32_t segment = packet->tso_segsz;
  if (segment == 0 || header_length > packet->data_len || header_length > packet->pkt_len ||
      header_length - headers.l3_offset + segment > mtu ||
      (tcp.flags & kCongestionWindowReduced) != 0) {
    return std::nullopt;
  }
  const CutTcp cut{header_length, segments_of(packet->pkt_len - header_length, segment)};
  return cut.segments <= LargeTcpPacket::kMostSegments ? std::optional{cut} : std::nullopt;
}

void leave_to_driver(rte_mbuf* packet, const FrameHeaders& headers,
                     const std::optional<CutTcp>& cut) {
  const bool is_v6 = headers.kind == FrameHeaders::Kind::kIpv6;
  std::uint64_t flags = is_v6 ? RTE_MBUF_F_TX_IPV6 : RTE_MBUF_F_TX_IPV4;
  flags |=
      headers.protocol == ip_protocol::kTcp ? RTE_MBUF_F_TX_TCP_CKSUM : RTE_MBUF_F_TX_UDP_CKSUM;
  packet->l2_len = headers.l3_offset;
  packet->l3_len = headers.l4_offset - headers.l3_offset;
  if (cut) {
    flags |= RTE_MBUF_F_TX_TCP_SEG;
    packet->l4_len = cut->header_length - headers.l4_offset;
    const auto l4_length = static_cast<std::uint16_t>(headers.l3_end - headers.l4_offset);
    const std::uint64_t sum =
        is_v6 ? ipv6_pseudo_header_sum(header_in<Ipv6Header>(packet, headers.l3_offset),
                                       headers.protocol, l4_length)
              : ipv4_pseudo_header_sum(header_in<Ipv4Header>(packet, headers.l3_offset), l4_length);
    header_in<TcpHeader>(packet, headers.l4_offset).checksum =
        BigEndian16::from_raw(checksum_fold(sum));
  }
  packet->ol_flags = (packet->ol_flags & ~kLeftToDevice) | flags;
}

MoreFrames more_frames(rte_mbuf* const* packets, std::uint16_t count) {
  MoreFrames more;
  for (std::uint16_t i = 0; i < count; ++i) {
    const rte_mbuf* packet = packets[i];
    if (is_cut_by_driver(packet)) [[unlikely]] {
      const bool is_tunneled = (packet->ol_flags & RTE_MBUF_F_TX_TUNNEL_MASK) != 0;
      const std::uint32_t outer_length =
          is_tunneled ? packet->outer_l2_len + packet->outer_l3_len : 0U;
      const std::uint32_t header_length =
          outer_length + packet->l2_len + packet->l3_len + packet->l4_len;
      const std::uint32_t segments =
          segments_of(packet->pkt_len - header_length, packet->tso_segsz);
      more.frames += segments - 1;
      more.bytes += std::uint64_t{segments - 1} * header_length;
    }
  }
  return more;
}

bool keep_pseudo_header_sum(rte_mbuf* packet, rte_mempool* pool) {
  rte_mbuf* rest = rte_pktmbuf_alloc(pool);
  if (rest == nullptr) {
    return false;
  }
  // The IP header stays in front.
  const auto front = static_cast<std::uint16_t>(packet->l2_len + packet->l3_len);
  rte_pktmbuf_attach(rest, packet);
  rest->data_off = static_cast<std::uint16_t>(rest->data_off + front);
  rest->data_len = static_cast<std::uint16_t>(rest->data_len - front);
  rest->next = packet->next;
  packet->next = rest;
  packet->data_len = front;
  ++packet->nb_segs;
  return true;
}

}  // namespace alkaid
