// Feeds bursts of TCP segments to what puts them together for a guest: whatever comes out, cut
// again as the guest's kernel would, is what went in, byte for byte; a connection's packets keep
// their order; nothing is merged for a driver that doesn't take it, no segment whose
// header differs or whose checksum is wrong (the cut would show it), and no buffer is lost.
//
// Input: one byte, what the driver takes (1: large IPv4, 2: large IPv6); one byte, size of buffers
// in steps of eight bytes; one byte, length of the header; a header, from Ethernet to TCP's
// options; then six bytes for each segment (Record). Lengths and checksums are made right, as the
// record says. What no parser lets pass is left out.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <span>
#include <string>
#include <vector>

#include <rte_mbuf.h>

#include "dataplane/packet/checksum.hpp"
#include "dataplane/packet/headers.hpp"
#include "dataplane/packet/parse.hpp"
#include "dataplane/vhost/large_tcp_packet.hpp"
#include "dataplane/vhost/left_to_device.hpp"
#include "dataplane/vhost/segment_merger.hpp"
#include "tests/fuzz/exact_packet.hpp"
#include "tests/fuzz/require.hpp"

namespace alkaid::fuzz {
namespace {

using Bytes = std::vector<std::uint8_t>;

constexpr std::size_t kMostSegments = 64;
constexpr std::size_t kMostPieces = 4;
constexpr std::size_t kL3 = sizeof(EthernetHeader);

struct Record {
  enum Flag : std::uint8_t {
    kConnection = 0x03,  // one of four, by the source port
    kPush = 0x04,
    kSameIdentification = 0x08,  // as the connection's last one; else it counts on
    kWrongChecksum = 0x10,
    kLengthsAsTheyAre = 0x20,
    kOtherIdentification = 0x40,
    kPureHeader = 0x80,  // no payload
  };
  std::uint8_t flags = 0;
  std::uint8_t payload = 0;  // 448 bytes and four times that
  std::int8_t gap = 0;       // between what came before and this, in sequence numbers
  std::uint8_t more = 0;     // bytes of payload
  std::uint8_t changed = 0;  // offset in the header of a byte
  std::uint8_t change = 0;   // that is xored with this
};
static_assert(sizeof(Record) == 6);

template <class Header>
Header* header_at(Bytes& frame, std::size_t offset) {
  return offset + sizeof(Header) <= frame.size() ? reinterpret_cast<Header*>(frame.data() + offset)
                                                 : nullptr;
}

bool is_type(Bytes& frame, std::uint16_t type) {
  const auto* ethernet = header_at<EthernetHeader>(frame, 0);
  return ethernet != nullptr && ethernet->type == BigEndian16{type};
}
Ipv4Header* ipv4_of(Bytes& frame) {
  return is_type(frame, ether_type::kIpv4) ? header_at<Ipv4Header>(frame, kL3) : nullptr;
}
Ipv6Header* ipv6_of(Bytes& frame) {
  return is_type(frame, ether_type::kIpv6) ? header_at<Ipv6Header>(frame, kL3) : nullptr;
}
// Where TCP's header would be, behind IP's without anything between them.
std::size_t tcp_offset(Bytes& frame) {
  const Ipv4Header* ip = ipv4_of(frame);
  return kL3 + (ip != nullptr ? ip->header_length() : sizeof(Ipv6Header));
}

void set_lengths(Bytes& frame) {
  const auto length = static_cast<std::uint16_t>(frame.size() - kL3);
  if (Ipv4Header* ip = ipv4_of(frame)) {
    ip->total_length = BigEndian16{length};
  } else if (Ipv6Header* ip6 = ipv6_of(frame)) {
    ip6->payload_length = BigEndian16{static_cast<std::uint16_t>(length - sizeof(Ipv6Header))};
  }
}

void set_checksums(Bytes& frame) {
  const std::size_t offset = tcp_offset(frame);
  auto* tcp = header_at<TcpHeader>(frame, offset);
  const auto length = static_cast<std::uint16_t>(frame.size() - offset);
  std::uint64_t sum = 0;
  if (Ipv4Header* ip = ipv4_of(frame)) {
    if (kL3 + ip->header_length() <= frame.size() && ip->header_length() >= sizeof(Ipv4Header)) {
      ipv4_checksum_set(*ip);
    }
    sum = ipv4_pseudo_header_sum(*ip, length);
  } else if (const Ipv6Header* ip6 = ipv6_of(frame)) {
    sum = ipv6_pseudo_header_sum(*ip6, ip_protocol::kTcp, length);
  }
  if (tcp != nullptr && offset < frame.size()) {
    tcp->checksum = {};
    tcp->checksum = checksum_finish(checksum_add(sum, frame.data() + offset, length));
  }
}

// Makes a connection's segments one after the other.
class Sender {
 public:
  explicit Sender(std::span<const std::uint8_t> header) : header_(header.begin(), header.end()) {}

  Bytes next(const Record& record) {
    State& state = states_[record.flags & Record::kConnection];
    Bytes frame = header_;
    const std::size_t offset = tcp_offset(frame);
    const auto sequence = static_cast<std::uint32_t>(state.sequence + record.gap);
    if (auto* tcp = header_at<TcpHeader>(frame, offset)) {
      tcp->sequence = BigEndian32{static_cast<std::uint32_t>(tcp->sequence.host() + sequence)};
      tcp->source_port = BigEndian16{static_cast<std::uint16_t>(
          tcp->source_port.host() ^ (record.flags & Record::kConnection))};
      tcp->flags ^= (record.flags & Record::kPush) != 0 ? 0x08 : 0;
    }
    state.identification = static_cast<std::uint16_t>(
        state.identification + ((record.flags & Record::kSameIdentification) != 0 ? 0 : 1) +
        ((record.flags & Record::kOtherIdentification) != 0 ? record.gap : 0));
    if (Ipv4Header* ip = ipv4_of(frame)) {
      ip->identification =
          BigEndian16{static_cast<std::uint16_t>(ip->identification.host() + state.identification)};
    }
    if (record.changed < frame.size()) {
      frame[record.changed] ^= record.change;
    }
    const std::size_t payload = (record.flags & Record::kPureHeader) != 0
                                    ? 0
                                    : 448 + record.payload * std::size_t{4} + record.more;
    for (std::size_t i = 0; i < payload; ++i) {
      frame.push_back(static_cast<std::uint8_t>(i * 7 + made_));
    }
    state.sequence = sequence + static_cast<std::uint32_t>(payload);
    ++made_;
    if ((record.flags & Record::kLengthsAsTheyAre) == 0) {
      set_lengths(frame);
    }
    set_checksums(frame);
    if ((record.flags & Record::kWrongChecksum) != 0 && !frame.empty()) {
      frame.back() ^= 0x55;
    }
    return frame;
  }

 private:
  struct State {
    std::uint32_t sequence = 0;
    std::uint16_t identification = 0;
  };

  Bytes header_;
  std::array<State, 4> states_;
  unsigned made_ = 0;
};

Bytes bytes_of(const rte_mbuf* packet) {
  Bytes bytes;
  for (; packet != nullptr; packet = packet->next) {
    const auto* data = rte_pktmbuf_mtod(packet, const std::uint8_t*);
    bytes.insert(bytes.end(), data, data + packet->data_len);
  }
  return bytes;
}

// Frames by connection, in order. What a cut may change is taken out: identifications of
// packets with DF may count where they stayed (RFC 6864), and zero has two forms in a checksum.
using Conversations = std::map<std::string, std::vector<Bytes>>;
void add(Conversations& conversations, Bytes frame) {
  std::string who;
  if (Ipv4Header* ip = ipv4_of(frame)) {
    who.assign(reinterpret_cast<const char*>(&ip->source), 8);
    if ((ip->flags_offset.host() & Ipv4Header::kDontFragment) != 0) {
      ip->identification = {};
      ip->checksum = {};
    }
  } else if (const Ipv6Header* ip6 = ipv6_of(frame)) {
    who.assign(reinterpret_cast<const char*>(&ip6->source), 32);
  }
  if (auto* tcp = header_at<TcpHeader>(frame, tcp_offset(frame))) {
    who.append(reinterpret_cast<const char*>(tcp), 4);  // the ports
    if (tcp->checksum.raw() == 0xffff) {
      tcp->checksum = {};
    }
  }
  conversations[who].push_back(std::move(frame));
}

void check_buffers(const rte_mbuf* packet) {
  ALKAID_REQUIRE(packet != nullptr);
  std::size_t bytes = 0;
  std::size_t buffers = 0;
  for (const rte_mbuf* buffer = packet; buffer != nullptr; buffer = buffer->next) {
    bytes += buffer->data_len;
    ++buffers;
  }
  ALKAID_REQUIRE(bytes == packet->pkt_len && buffers == packet->nb_segs);
}

// What the guest's kernel makes of a packet.
void add_cut(Conversations& conversations, rte_mbuf* packet, const DriverOffloads& offloads) {
  check_buffers(packet);
  if (!is_left_to_driver(packet)) {
    add(conversations, bytes_of(packet));
    return;
  }
  ALKAID_REQUIRE(is_cut_by_driver(packet) && packet->pkt_len <= UINT16_MAX);
  const bool is_v6 = (packet->ol_flags & RTE_MBUF_F_TX_IPV6) != 0;
  ALKAID_REQUIRE(is_v6 ? offloads.large_v6 : offloads.large_v4);
  const auto large = LargeTcpPacket::parse(packet, packet->tso_segsz);
  ALKAID_REQUIRE(large && large->segments() >= 2);
  ALKAID_REQUIRE(more_frames(&packet, 1).frames + 1 == large->segments());
  for (std::uint32_t i = 0; i < large->segments(); ++i) {
    rte_mbuf* segment = large->segment(i, pool());
    ALKAID_REQUIRE(segment != nullptr);
    add(conversations, bytes_of(segment));
    rte_pktmbuf_free(segment);
  }
}

void check(std::span<const std::uint8_t> records, Sender sender, std::size_t piece,
           const DriverOffloads& offloads) {
  Conversations sent;
  std::deque<ExactPacket> made;
  std::vector<rte_mbuf*> packets;
  for (; records.size() >= sizeof(Record) && packets.size() < kMostSegments;
       records = records.subspan(sizeof(Record))) {
    Record record;
    std::copy_n(records.begin(), sizeof(Record), reinterpret_cast<std::uint8_t*>(&record));
    const Bytes frame = sender.next(record);
    FrameHeaders headers;
    if (parse_frame(frame, frame.size(), headers) != DropReason::kNone) {
      continue;  // dropped before it is sent to anyone
    }
    made.emplace_back(frame, std::max(piece, frame.size() / kMostPieces + 1));
    packets.push_back(made.back().take());
    add(sent, frame);
  }
  const auto [left, merged] =
      merge_segments(packets.data(), static_cast<std::uint16_t>(packets.size()), offloads);
  ALKAID_REQUIRE(merged.segments - merged.packets == packets.size() - left);
  Conversations received;
  for (std::uint16_t i = 0; i < left; ++i) {
    add_cut(received, packets[i], offloads);
    rte_pktmbuf_free(packets[i]);
  }
  ALKAID_REQUIRE(received == sent);
}

}  // namespace
}  // namespace alkaid::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace alkaid;
  constexpr std::size_t kControl = 3;
  if (size < kControl || size < kControl + data[2] || data[2] < sizeof(EthernetHeader)) {
    return 0;
  }
  const DriverOffloads offloads{.checksums = true,
                                .large_v4 = (data[0] & 1) != 0,
                                .large_v6 = (data[0] & 2) != 0,
                                .merges_buffers = true};
  const std::span input{data + kControl, size - kControl};
  fuzz::check(input.subspan(data[2]), fuzz::Sender{input.first(data[2])},
              (data[1] + 1) * std::size_t{8}, offloads);
  ALKAID_REQUIRE(rte_mempool_in_use_count(fuzz::pool()) == 0);
  return 0;
}
