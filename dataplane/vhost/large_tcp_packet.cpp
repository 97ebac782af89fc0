#include "dataplane/vhost/large_tcp_packet.hpp"

#include <algorithm>
#include <cstring>
#include <span>

#include "dataplane/packet/checksum.hpp"
#include "dataplane/packet/headers.hpp"
#include "dataplane/packet/mbuf_checksum.hpp"

namespace alkaid {
namespace {

constexpr std::uint8_t kFin = 0x01;
constexpr std::uint8_t kPush = 0x08;
constexpr std::uint8_t kCongestionWindowReduced = 0x80;

template <class Header>
Header& header_in(rte_mbuf* packet, std::size_t offset) {
  return *rte_pktmbuf_mtod_offset(packet, Header*, offset);
}

// Copies the headers and as much of the payload as one buffer holds; the rest hangs on it.
rte_mbuf* copy_piece(const rte_mbuf* packet, std::uint32_t header_length, std::uint32_t offset,
                     std::uint32_t length, rte_mempool* pool) {
  rte_mbuf* piece = rte_pktmbuf_alloc(pool);
  if (piece == nullptr || rte_pktmbuf_tailroom(piece) < header_length) {
    rte_pktmbuf_free(piece);
    return nullptr;
  }
  const std::uint32_t here =
      std::min<std::uint32_t>(length, rte_pktmbuf_tailroom(piece) - header_length);
  char* data = rte_pktmbuf_append(piece, static_cast<std::uint16_t>(header_length + here));
  std::memcpy(data, rte_pktmbuf_mtod(packet, const char*), header_length);
  const void* payload = rte_pktmbuf_read(packet, offset, here, data + header_length);
  if (payload != data + header_length && here > 0) {
    std::memcpy(data + header_length, payload, here);
  }
  if (here < length) {
    rte_mbuf* rest = rte_pktmbuf_copy(packet, pool, offset + here, length - here);
    if (rest == nullptr || rte_pktmbuf_chain(piece, rest) != 0) {
      rte_pktmbuf_free(rest);
      rte_pktmbuf_free(piece);
      return nullptr;
    }
  }
  return piece;
}

}  // namespace

std::optional<LargeTcpPacket> LargeTcpPacket::parse(const rte_mbuf* packet, std::uint16_t payload) {
  LargeTcpPacket large;
  large.packet_ = packet;
  FrameHeaders& headers = large.headers_;
  const std::span bytes{rte_pktmbuf_mtod(packet, const std::uint8_t*), packet->data_len};
  if (payload == 0 || parse_frame(bytes, packet->pkt_len, headers) != DropReason::kNone ||
      headers.kind == FrameHeaders::Kind::kArp || headers.is_fragment ||
      headers.protocol != ip_protocol::kTcp || headers.l4_offset == 0) {
    return std::nullopt;
  }
  const auto& tcp = *rte_pktmbuf_mtod_offset(packet, const TcpHeader*, headers.l4_offset);
  const unsigned tcp_length = (tcp.data_offset >> 4) * 4U;
  large.header_end_ = headers.l4_offset + tcp_length;
  large.payload_end_ = headers.l3_end;
  large.payload_size_ = payload;
  if (tcp_length < sizeof(TcpHeader) || large.header_end_ > bytes.size() ||
      large.header_end_ > large.payload_end_ || large.segments() > kMostSegments) {
    return std::nullopt;
  }
  return large;
}

rte_mbuf* LargeTcpPacket::segment(std::uint32_t number, rte_mempool* pool) const {
  const std::uint32_t done = number * payload_size_;
  const std::uint32_t offset = header_end_ + done;
  const std::uint32_t length = std::min(payload_size_, payload_end_ - offset);
  rte_mbuf* piece = copy_piece(packet_, header_end_, offset, length, pool);
  if (piece == nullptr) {
    return nullptr;
  }
  const auto l4_length = static_cast<std::uint16_t>(header_end_ - headers_.l4_offset + length);
  std::uint64_t sum = 0;
  if (headers_.kind == FrameHeaders::Kind::kIpv4) {
    auto& ip = header_in<Ipv4Header>(piece, headers_.l3_offset);
    ip.total_length = BigEndian16{
        static_cast<std::uint16_t>(headers_.l4_offset - headers_.l3_offset + l4_length)};
    ip.identification = BigEndian16{static_cast<std::uint16_t>(ip.identification.host() + number)};
    ip.checksum = BigEndian16{0};
    ip.checksum = checksum_finish(checksum_add_header(0, &ip, ip.header_length()));
    sum = ipv4_pseudo_header_sum(ip, l4_length);
  } else {
    auto& ip = header_in<Ipv6Header>(piece, headers_.l3_offset);
    ip.payload_length = BigEndian16{static_cast<std::uint16_t>(
        headers_.l4_offset - headers_.l3_offset - sizeof(Ipv6Header) + l4_length)};
    sum = ipv6_pseudo_header_sum(ip, headers_.protocol, l4_length);
  }
  auto& tcp = header_in<TcpHeader>(piece, headers_.l4_offset);
  tcp.sequence = BigEndian32{tcp.sequence.host() + done};
  if (number > 0) {
    tcp.flags &= static_cast<std::uint8_t>(~kCongestionWindowReduced);
  }
  if (number + 1 < segments()) {
    tcp.flags &= static_cast<std::uint8_t>(~(kFin | kPush));
  }
  tcp.checksum = BigEndian16{0};
  tcp.checksum = checksum_finish(checksum_add_packet(sum, piece, headers_.l4_offset, l4_length));
  return piece;
}

}  // namespace alkaid
