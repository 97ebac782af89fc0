#include "dataplane/vhost/segment_merger.hpp"

#include <array>
#include <cstddef>
#include <cstring>
#include <optional>

#include "dataplane/conntrack/connection_state.hpp"
#include "dataplane/packet/checksum.hpp"
#include "dataplane/packet/headers.hpp"
#include "dataplane/packet/mbuf_checksum.hpp"
#include "dataplane/vhost/large_tcp_packet.hpp"
#include "dataplane/vhost/left_to_device.hpp"

namespace alkaid {
namespace {

constexpr std::uint16_t kL3 = sizeof(EthernetHeader);
// Connections of one burst that are put together side by side.
constexpr std::size_t kMostOpen = 8;

template <class Header>
Header& at(const rte_mbuf* packet, std::size_t offset) {
  return *rte_pktmbuf_mtod_offset(packet, Header*, offset);
}

// A packet that may be one of several, with what a comparison needs.
struct Segment {
  rte_mbuf* packet = nullptr;
  bool is_v6 = false;
  std::uint16_t l4_offset = 0;
  std::uint16_t header_length = 0;  // of the frame
  std::uint16_t payload = 0;        // bytes

  [[nodiscard]] const TcpHeader& tcp() const { return at<TcpHeader>(packet, l4_offset); }
  [[nodiscard]] const Ipv4Header& ipv4() const { return at<Ipv4Header>(packet, kL3); }
  [[nodiscard]] const Ipv6Header& ipv6() const { return at<Ipv6Header>(packet, kL3); }
  [[nodiscard]] FrameHeaders headers() const {
    FrameHeaders headers;
    headers.kind = is_v6 ? FrameHeaders::Kind::kIpv6 : FrameHeaders::Kind::kIpv4;
    headers.protocol = ip_protocol::kTcp;
    headers.l3_offset = kL3;
    headers.l4_offset = l4_offset;
    headers.l3_end = static_cast<std::uint16_t>(packet->pkt_len);
    return headers;
  }
};

// nullopt: it is no segment that could be merged. Its checksums are not looked at.
std::optional<Segment> segment_of(rte_mbuf* packet) {
  if (packet->pkt_len < kLeastMerged || packet->pkt_len > UINT16_MAX || is_left_to_driver(packet) ||
      packet->data_len < kL3 + sizeof(Ipv6Header) + sizeof(TcpHeader)) {
    return std::nullopt;
  }
  Segment segment{.packet = packet};
  const BigEndian16 type = at<EthernetHeader>(packet, 0).type;
  if (type == BigEndian16{ether_type::kIpv4}) {
    const Ipv4Header& ip = segment.ipv4();
    if (ip.version_ihl != 0x45 || ip.protocol != ip_protocol::kTcp ||
        (ip.flags_offset.raw() & ~BigEndian16{Ipv4Header::kDontFragment}.raw()) != 0 ||
        ip.total_length.host() != packet->pkt_len - kL3) {
      return std::nullopt;
    }
    segment.l4_offset = kL3 + sizeof(Ipv4Header);
  } else if (type == BigEndian16{ether_type::kIpv6}) {
    const Ipv6Header& ip = segment.ipv6();
    if (ip.next_header != ip_protocol::kTcp ||
        ip.payload_length.host() != packet->pkt_len - kL3 - sizeof(Ipv6Header)) {
      return std::nullopt;
    }
    segment.is_v6 = true;
    segment.l4_offset = kL3 + sizeof(Ipv6Header);
  } else {
    return std::nullopt;
  }
  const TcpHeader& tcp = segment.tcp();
  const unsigned tcp_length = (tcp.data_offset >> 4) * 4U;
  segment.header_length = static_cast<std::uint16_t>(segment.l4_offset + tcp_length);
  if (tcp_length < sizeof(TcpHeader) || segment.header_length >= packet->data_len ||
      (tcp.flags & ~tcp_flag::kPsh) != tcp_flag::kAck || (tcp.data_offset & 0xf) != 0) {
    return std::nullopt;
  }
  segment.payload = static_cast<std::uint16_t>(packet->pkt_len - segment.header_length);
  return segment;
}

// A large packet that begins with `first` and grows.
struct Open {
  Segment first;
  rte_mbuf* last_buffer = nullptr;
  std::uint32_t next_sequence = 0;
  std::uint32_t segments = 1;
  bool is_first_right = false;  // its checksum was looked at
  bool counts = false;          // identifications count; known from the second on
};

bool has_right_checksum(const Segment& segment) {
  const auto length = static_cast<std::uint16_t>(segment.packet->pkt_len - segment.l4_offset);
  const std::uint64_t pseudo =
      segment.is_v6 ? ipv6_pseudo_header_sum(segment.ipv6(), ip_protocol::kTcp, length)
                    : ipv4_pseudo_header_sum(segment.ipv4(), length);
  return (segment.is_v6 || ipv4_checksum_ok(segment.ipv4())) &&
         checksum_fold(checksum_add_packet(pseudo, segment.packet, segment.l4_offset, length)) ==
             0xffff;
}

bool equal(const rte_mbuf* a, const rte_mbuf* b, std::size_t offset, std::size_t length) {
  return std::memcmp(rte_pktmbuf_mtod_offset(a, const char*, offset),
                     rte_pktmbuf_mtod_offset(b, const char*, offset), length) == 0;
}

// Whether the packet, whatever it is, has the addresses of this connection; one whose first buffer
// doesn't tell may have.
bool is_between_same(const Open& open, const rte_mbuf* packet) {
  const std::size_t offset =
      open.first.is_v6 ? kL3 + offsetof(Ipv6Header, source) : kL3 + offsetof(Ipv4Header, source);
  const std::size_t length = open.first.is_v6 ? 32 : 8;
  return packet->data_len < offset + length ||
         (at<EthernetHeader>(packet, 0).type == at<EthernetHeader>(open.first.packet, 0).type &&
          equal(open.first.packet, packet, offset, length));
}

bool is_same_connection(const Segment& a, const Segment& b) {
  constexpr std::size_t kPorts = 4;
  return a.is_v6 == b.is_v6 && equal(a.packet, b.packet, a.l4_offset, kPorts);
}

// Identifications of IPv4: those of what is cut count, those of what is never cut may stay.
bool continues_identification(const Open& open, const Segment& next, bool& counts) {
  if (next.is_v6) {
    return true;
  }
  const auto ahead = static_cast<std::uint16_t>(next.ipv4().identification.host() -
                                                open.first.ipv4().identification.host());
  counts = ahead == static_cast<std::uint16_t>(open.segments);
  return (counts ||
          (ahead == 0 && (next.ipv4().flags_offset.host() & Ipv4Header::kDontFragment) != 0)) &&
         (open.segments == 1 || counts == open.counts);
}

// Between packets of the same two addresses and ports.
bool continues(const Open& open, const Segment& next) {
  // The urgent pointer, which stays though nothing is urgent, and the options behind it.
  constexpr std::size_t kUrgent = offsetof(TcpHeader, urgent);
  const Segment& first = open.first;
  const TcpHeader& a = first.tcp();
  const TcpHeader& b = next.tcp();
  const bool has_same_ip =
      first.is_v6 ? equal(first.packet, next.packet, kL3, 4) &&
                        first.ipv6().hop_limit == next.ipv6().hop_limit
                  : first.ipv4().tos == next.ipv4().tos && first.ipv4().ttl == next.ipv4().ttl &&
                        first.ipv4().flags_offset.raw() == next.ipv4().flags_offset.raw();
  return has_same_ip && equal(first.packet, next.packet, 0, kL3) &&
         b.sequence.host() == open.next_sequence &&
         a.acknowledgment.raw() == b.acknowledgment.raw() && a.data_offset == b.data_offset &&
         a.window.raw() == b.window.raw() &&
         equal(first.packet, next.packet, first.l4_offset + kUrgent,
               first.header_length - first.l4_offset - kUrgent) &&
         next.payload <= first.payload && open.segments < LargeTcpPacket::kMostSegments &&
         first.packet->pkt_len + next.payload <= UINT16_MAX;
}

void append(Open& open, const Segment& next, bool counts) {
  rte_mbuf* head = open.first.packet;
  rte_mbuf* tail = next.packet;
  auto& tcp = at<TcpHeader>(head, open.first.l4_offset);
  tcp.flags |= next.tcp().flags & tcp_flag::kPsh;
  rte_mbuf* last = rte_pktmbuf_lastseg(tail);
  rte_pktmbuf_adj(tail, next.header_length);
  open.last_buffer->next = tail;
  open.last_buffer = last;
  head->nb_segs = static_cast<std::uint16_t>(head->nb_segs + tail->nb_segs);
  head->pkt_len += next.payload;
  open.next_sequence += next.payload;
  open.counts = counts;
  ++open.segments;
}

// The header of what has been put together.
void finish(const Open& open) {
  if (open.segments == 1) {
    return;
  }
  rte_mbuf* head = open.first.packet;
  const auto length = static_cast<std::uint16_t>(head->pkt_len - kL3);
  if (open.first.is_v6) {
    at<Ipv6Header>(head, kL3).payload_length =
        BigEndian16{static_cast<std::uint16_t>(length - sizeof(Ipv6Header))};
  } else {
    auto& ip = at<Ipv4Header>(head, kL3);
    ip.total_length = BigEndian16{length};
    ipv4_checksum_set(ip);
  }
  head->tso_segsz = open.first.payload;
  leave_to_driver(head, open.first.headers(), CutTcp{open.first.header_length, open.segments});
}

// The large packets of one burst that may still grow.
class OpenPackets {
 public:
  ~OpenPackets() {
    while (count_ > 0) {
      close(count_ - 1);
    }
  }
  OpenPackets() = default;
  OpenPackets(const OpenPackets&) = delete;
  OpenPackets& operator=(const OpenPackets&) = delete;

  // True: it is part of an earlier packet now.
  bool take(const Segment& segment) {
    for (std::size_t i = 0; i < count_; ++i) {
      if (!is_between_same(open_[i], segment.packet) ||
          !is_same_connection(open_[i].first, segment)) {
        continue;
      }
      if (join(open_[i], segment)) {
        const Segment& first = open_[i].first;
        grown_ += open_[i].segments == 2 ? 1 : 0;
        if (segment.payload < first.payload || (first.tcp().flags & tcp_flag::kPsh) != 0) {
          close(i);
        }
        return true;
      }
      close(i);
      break;
    }
    begin(segment);
    return false;
  }

  // How many have become large.
  [[nodiscard]] std::uint64_t grown() const { return grown_; }

  // A packet that is no segment to be merged: what comes behind it must not overtake it.
  void pass(const rte_mbuf* packet) {
    for (std::size_t i = count_; i-- > 0;) {
      if (is_between_same(open_[i], packet)) {
        close(i);
      }
    }
  }

 private:
  static bool join(Open& open, const Segment& next) {
    bool counts = false;
    if (!continues(open, next) || !continues_identification(open, next, counts)) {
      return false;
    }
    if (!open.is_first_right) {
      if (!has_right_checksum(open.first)) {
        return false;
      }
      open.is_first_right = true;
    }
    if (!has_right_checksum(next)) {
      return false;
    }
    append(open, next, counts);
    return true;
  }

  void begin(const Segment& segment) {
    if ((segment.tcp().flags & tcp_flag::kPsh) != 0) {
      return;
    }
    if (count_ == kMostOpen) {
      close(0);
    }
    open_[count_++] = {.first = segment,
                       .last_buffer = rte_pktmbuf_lastseg(segment.packet),
                       .next_sequence = segment.tcp().sequence.host() + segment.payload};
  }

  void close(std::size_t index) {
    finish(open_[index]);
    open_[index] = open_[--count_];
  }

  std::array<Open, kMostOpen> open_;
  std::size_t count_ = 0;
  std::uint64_t grown_ = 0;
};

}  // namespace

MergedBurst merge_segments(rte_mbuf** packets, std::uint16_t count,
                           const DriverOffloads& offloads) {
  std::uint16_t large_enough = 0;
  for (std::uint16_t i = 0; i < count; ++i) {
    large_enough += packets[i]->pkt_len >= kLeastMerged ? 1 : 0;
  }
  MergedBurst burst{.left = count};
  if (large_enough < 2) {
    return burst;
  }
  OpenPackets open;
  std::uint16_t kept = 0;
  for (std::uint16_t i = 0; i < count; ++i) {
    rte_mbuf* packet = packets[i];
    const auto segment = segment_of(packet);
    if (!segment || !(segment->is_v6 ? offloads.large_v6 : offloads.large_v4)) {
      open.pass(packet);
    } else if (open.take(*segment)) {
      continue;
    }
    packets[kept++] = packet;
  }
  burst.left = kept;
  burst.merged.packets = open.grown();
  burst.merged.segments = burst.merged.packets + (count - kept);
  return burst;
}

}  // namespace alkaid
