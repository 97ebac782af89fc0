// Feeds packets that guests leave to be cut into segments: whatever is taken falls into at most
// LargeTcpPacket::kMostSegments whole, right packets that carry its payload, each byte once, and no
// buffer is lost.
//
// Input: two bytes, payload of a segment (the lower byte first); one byte, size of the packet's
// buffers in steps of eight bytes; one byte, units of 256 bytes that follow the frame; then the
// frame. IPv4 header checksums are made right.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <rte_mbuf.h>

#include "dataplane/packet/checksum.hpp"
#include "dataplane/packet/mbuf_checksum.hpp"
#include "dataplane/vhost/large_tcp_packet.hpp"
#include "tests/fuzz/exact_packet.hpp"
#include "tests/fuzz/require.hpp"

namespace alkaid::fuzz {
namespace {

using Bytes = std::vector<std::uint8_t>;

constexpr std::size_t kMostPieces = 64;
constexpr std::uint8_t kFin = 0x01;
constexpr std::uint8_t kPush = 0x08;
constexpr std::uint8_t kCongestionWindowReduced = 0x80;

// One packet with everything that is needed to compare it.
struct View {
  explicit View(const rte_mbuf* packet) : bytes(packet->pkt_len) {
    const void* data = rte_pktmbuf_read(packet, 0, packet->pkt_len, bytes.data());
    ALKAID_REQUIRE(data != nullptr);
    const auto* first = static_cast<const std::uint8_t*>(data);
    if (first != bytes.data()) {
      std::copy_n(first, bytes.size(), bytes.begin());
    }
    const std::span in_first_buffer{rte_pktmbuf_mtod(packet, const std::uint8_t*),
                                    packet->data_len};
    ALKAID_REQUIRE(parse_frame(in_first_buffer, packet->pkt_len, headers) == DropReason::kNone);
    ALKAID_REQUIRE(headers.protocol == ip_protocol::kTcp && !headers.is_fragment);
  }

  template <class Header>
  [[nodiscard]] const Header& at(std::size_t offset) const {
    return *reinterpret_cast<const Header*>(bytes.data() + offset);
  }
  [[nodiscard]] const TcpHeader& tcp() const { return at<TcpHeader>(headers.l4_offset); }
  [[nodiscard]] bool is_ipv4() const { return headers.kind == FrameHeaders::Kind::kIpv4; }
  [[nodiscard]] std::span<const std::uint8_t> payload() const {
    const std::size_t begin = headers.l4_offset + (tcp().data_offset >> 4) * std::size_t{4};
    return std::span{bytes}.subspan(begin, headers.l3_end - begin);
  }
  [[nodiscard]] bool has_right_checksum() const {
    const auto length = static_cast<std::uint16_t>(headers.l3_end - headers.l4_offset);
    const std::uint64_t sum =
        is_ipv4()
            ? ipv4_pseudo_header_sum(at<Ipv4Header>(headers.l3_offset), length)
            : ipv6_pseudo_header_sum(at<Ipv6Header>(headers.l3_offset), headers.protocol, length);
    return checksum_fold(checksum_add(sum, bytes.data() + headers.l4_offset, length)) == 0xffff;
  }

  Bytes bytes;
  FrameHeaders headers;
};

void check_flags(const View& whole, const View& part, bool is_first, bool is_last) {
  std::uint8_t expected = whole.tcp().flags;
  if (!is_first) {
    expected &= static_cast<std::uint8_t>(~kCongestionWindowReduced);
  }
  if (!is_last) {
    expected &= static_cast<std::uint8_t>(~(kFin | kPush));
  }
  ALKAID_REQUIRE(part.tcp().flags == expected);
}

void check_segments(const LargeTcpPacket& large, const rte_mbuf* packet, std::size_t size) {
  const View whole{packet};
  ALKAID_REQUIRE(large.segments() >= 1 && large.segments() <= LargeTcpPacket::kMostSegments);
  Bytes payload;
  for (std::uint32_t i = 0; i < large.segments(); ++i) {
    rte_mbuf* segment = large.segment(i, pool());
    ALKAID_REQUIRE(segment != nullptr);
    rte_mbuf_sanity_check(segment, 1);
    const View part{segment};
    ALKAID_REQUIRE(part.bytes.size() == part.headers.l3_end);
    ALKAID_REQUIRE(part.headers.kind == whole.headers.kind);
    ALKAID_REQUIRE(part.headers.l4_offset == whole.headers.l4_offset);
    ALKAID_REQUIRE(part.has_right_checksum());
    ALKAID_REQUIRE(part.payload().size() <= size);
    ALKAID_REQUIRE(part.tcp().sequence.host() ==
                   static_cast<std::uint32_t>(whole.tcp().sequence.host() + payload.size()));
    check_flags(whole, part, i == 0, i + 1 == large.segments());
    payload.insert(payload.end(), part.payload().begin(), part.payload().end());
    rte_pktmbuf_free(segment);
  }
  ALKAID_REQUIRE(std::ranges::equal(payload, whole.payload()));
}

void repair_ipv4_checksum(Bytes& frame) {
  if (frame.size() >= sizeof(EthernetHeader) + sizeof(Ipv4Header)) {
    auto& ip = *reinterpret_cast<Ipv4Header*>(frame.data() + sizeof(EthernetHeader));
    if (ip.version() == 4 && ip.header_length() >= sizeof(Ipv4Header) &&
        sizeof(EthernetHeader) + ip.header_length() <= frame.size()) {
      ipv4_checksum_set(ip);
    }
  }
}

}  // namespace
}  // namespace alkaid::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace alkaid;
  constexpr std::size_t kControl = 4;
  if (size <= kControl) {
    return 0;
  }
  const auto payload = static_cast<std::uint16_t>(data[0] | data[1] << 8);
  fuzz::Bytes bytes(data + kControl, data + size);
  fuzz::repair_ipv4_checksum(bytes);
  for (std::size_t i = 0; i < data[3] * std::size_t{256}; ++i) {
    bytes.push_back(static_cast<std::uint8_t>(i * 13 + i / 256));
  }
  if (bytes.size() > UINT16_MAX) {
    return 0;
  }
  const std::size_t piece =
      std::max<std::size_t>((data[2] + 1) * std::size_t{8}, bytes.size() / fuzz::kMostPieces + 1);
  {
    const fuzz::ExactPacket packet{bytes, piece};
    const unsigned before = rte_mempool_in_use_count(fuzz::pool());
    if (const auto large = LargeTcpPacket::parse(packet.mbuf(), payload)) {
      fuzz::check_segments(*large, packet.mbuf(), payload);
    }
    ALKAID_REQUIRE(rte_mempool_in_use_count(fuzz::pool()) == before);
  }
  ALKAID_REQUIRE(rte_mempool_in_use_count(fuzz::pool()) == 0);
  return 0;
}
