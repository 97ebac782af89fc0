#include "dataplane/packet/partial_checksum.hpp"

namespace alkaid {

void complete_partial_checksum(std::span<std::uint8_t> bytes, const FrameHeaders& headers) {
  if (headers.kind == FrameHeaders::Kind::kArp || headers.is_fragment || headers.l4_offset == 0 ||
      headers.l3_end > bytes.size()) {
    return;
  }
  std::uint8_t* l4 = bytes.data() + headers.l4_offset;
  const auto l4_length = static_cast<std::uint16_t>(headers.l3_end - headers.l4_offset);
  BigEndian16* checksum = nullptr;
  if (headers.protocol == ip_protocol::kTcp) {
    checksum = &reinterpret_cast<TcpHeader*>(l4)->checksum;
  } else if (headers.protocol == ip_protocol::kUdp) {
    checksum = &reinterpret_cast<UdpHeader*>(l4)->checksum;
  } else {
    return;
  }
  const std::uint8_t* ip = bytes.data() + headers.l3_offset;
  const std::uint64_t pseudo_header =
      headers.kind == FrameHeaders::Kind::kIpv4
          ? ipv4_pseudo_header_sum(*reinterpret_cast<const Ipv4Header*>(ip), l4_length)
          : ipv6_pseudo_header_sum(*reinterpret_cast<const Ipv6Header*>(ip), headers.protocol,
                                   l4_length);
  if (checksum->raw() != checksum_fold(pseudo_header)) {
    return;
  }
  // The field already contributes the pseudo-header's sum.
  *checksum = checksum_finish(checksum_add(0, l4, l4_length));
  if (headers.protocol == ip_protocol::kUdp && checksum->raw() == 0) {
    *checksum = BigEndian16{0xffff};  // zero would mean "no checksum" (RFC 768)
  }
}

}  // namespace alkaid
