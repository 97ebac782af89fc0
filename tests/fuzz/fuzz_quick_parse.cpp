// Feeds any bytes to the fast path's parser and to the slow path's: what the fast one takes, the
// slow one takes too and finds the same in it. And to what the slow path makes of a packet: what it
// is to connection tracking, and its keys.
//
// Input: two bytes, how much longer than its first buffer the packet is; one byte, bit 0 if the
// IPv4 header checksum shall be made right (no fuzzer finds one by chance), bit 1 if the packet
// came out of a tunnel; then the first buffer.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

#include "dataplane/flow/packet_key.hpp"
#include "dataplane/flow/quick_parse.hpp"
#include "dataplane/flow/trackable.hpp"
#include "dataplane/graph/packet_context.hpp"
#include "dataplane/packet/parse.hpp"
#include "tests/fuzz/require.hpp"
#include "tests/support/exact_copy.hpp"

namespace alkaid::fuzz {
namespace {

using Bytes = std::span<std::uint8_t>;
constexpr std::uint32_t kZone = 0x654321;

// An mbuf around bytes that are somewhere else, and its private area.
class Packet {
 public:
  Packet(Bytes bytes, std::size_t total) {
    block_.mbuf.buf_addr = bytes.data();
    block_.mbuf.data_len = static_cast<std::uint16_t>(bytes.size());
    block_.mbuf.pkt_len = static_cast<std::uint32_t>(total);
    context_of(mbuf()) = PacketContext{};
    begin_flow(mbuf(), kZone);
  }
  [[nodiscard]] rte_mbuf* mbuf() { return &block_.mbuf; }

 private:
  struct alignas(RTE_CACHE_LINE_SIZE) Block {
    rte_mbuf mbuf{};
    std::uint8_t context[kPacketContextSize] = {};
  } block_;
};

void repair_ipv4_checksum(Bytes frame) {
  constexpr std::size_t kFixedEnd = sizeof(EthernetHeader) + sizeof(Ipv4Header);
  if (frame.size() >= kFixedEnd) {
    auto& ip = *reinterpret_cast<Ipv4Header*>(frame.data() + sizeof(EthernetHeader));
    if (ip.header_length() == sizeof(Ipv4Header)) {
      ipv4_checksum_set(ip);
    }
  }
}

void check_trackable(const Trackable& trackable, const FrameHeaders& headers) {
  const bool is_icmp =
      headers.protocol == ip_protocol::kIcmp || headers.protocol == ip_protocol::kIcmpv6;
  ALKAID_REQUIRE(trackable.packet.protocol == headers.protocol);
  ALKAID_REQUIRE(trackable.packet.tcp_flags == 0 || headers.protocol == ip_protocol::kTcp);
  if (trackable.may_be_fast) {
    ALKAID_REQUIRE(trackable.kind == Trackable::Kind::kConnection && !headers.is_fragment);
    ALKAID_REQUIRE(headers.protocol == ip_protocol::kTcp || headers.protocol == ip_protocol::kUdp);
  }
  if (trackable.kind == Trackable::Kind::kConnection) {
    ALKAID_REQUIRE(is_icmp ||
                   trackable.ports == raw_ports(headers.source_port, headers.destination_port));
    // Later fragments open nothing.
    ALKAID_REQUIRE(!trackable.may_open || headers.l4_offset != 0 || !headers.is_fragment);
  } else {
    ALKAID_REQUIRE(is_icmp && headers.l4_offset != 0 && trackable.ports == 0);
  }
}

// The key of a packet that the slow parser took.
template <class Key>
Key check_key(Packet& packet, const PacketContext& context, const Trackable& trackable) {
  const Key key = key_of<Key>(packet.mbuf(), context, trackable.ports);
  ALKAID_REQUIRE(zone_of(key.scope) == kZone);
  ALKAID_REQUIRE(side_of(key.scope) == (context.from_wire ? Side::kUnderlay : Side::kGuest));
  ALKAID_REQUIRE(protocol_of(key.scope) == context.headers.protocol);
  ALKAID_REQUIRE(key.ports == trackable.ports);
  const Key reply =
      key.reversed(reply_scope(nullptr, kZone, context.headers.kind, context.headers.protocol));
  ALKAID_REQUIRE(reply.source() == key.destination() && reply.destination() == key.source());
  ALKAID_REQUIRE(source_port_of(reply.ports) == destination_port_of(key.ports));
  ALKAID_REQUIRE(reply.reversed(key.scope) == key);
  ALKAID_REQUIRE(reply.reversed(key.scope).hash() == key.hash());
  return key;
}

// What both parsers found in one packet.
template <class Key>
void check_same(const Key& quick, const Key& slow, const FrameHeaders& headers,
                const Trackable& trackable) {
  Key scoped = quick;
  scoped.scope = flow_scope(zone_of(slow.scope), side_of(slow.scope), protocol_of(quick.scope));
  ALKAID_REQUIRE(scoped == slow);
  ALKAID_REQUIRE(!headers.is_fragment && headers.l4_offset > headers.l3_offset);
  ALKAID_REQUIRE(trackable.kind == Trackable::Kind::kConnection && trackable.may_open);
  if (trackable.packet.protocol == ip_protocol::kTcp) {
    constexpr std::uint8_t kChanging = tcp_flag::kFin | tcp_flag::kSyn | tcp_flag::kRst;
    ALKAID_REQUIRE((trackable.packet.tcp_flags & kChanging) == 0);
    ALKAID_REQUIRE((trackable.packet.tcp_flags & tcp_flag::kAck) != 0);
  } else {
    ALKAID_REQUIRE(trackable.packet.protocol == ip_protocol::kUdp);
  }
}

// kind: of the frame's type.
template <class Key>
void check(Bytes bytes, std::size_t total, bool from_wire, FrameHeaders::Kind kind) {
  Key quick;
  const bool is_taken = quick_parse(FrameBytes{bytes.data(), bytes.size(), total}, quick);
  Packet packet(bytes, total);
  PacketContext& context = context_of(packet.mbuf());
  const DropReason reason = parse_frame(bytes, total, context.headers);
  if (reason != DropReason::kNone) {
    // Sources that nobody may have never made a connection, so no key of theirs is found.
    ALKAID_REQUIRE(!is_taken || reason == DropReason::source_ip_invalid ||
                   reason == DropReason::destination_ip_invalid ||
                   reason == DropReason::source_mac_invalid);
    return;
  }
  ALKAID_REQUIRE(context.headers.kind == kind);
  context.from_wire = from_wire;
  const Trackable trackable = trackable_of(packet.mbuf(), context.headers);
  check_trackable(trackable, context.headers);
  const Key slow = check_key<Key>(packet, context, trackable);
  if (is_taken) {
    check_same(quick, slow, context.headers, trackable);
  }
}

}  // namespace
}  // namespace alkaid::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace alkaid;
  constexpr std::size_t kControlBytes = 3;
  constexpr std::size_t kMostBytes = 16384;  // of a buffer
  if (size < kControlBytes + sizeof(EthernetHeader)) {
    return 0;
  }
  const std::size_t rest_of_packet = static_cast<std::size_t>(data[0]) << 8 | data[1];
  const bool from_wire = (data[2] & 2) != 0;
  test::ExactCopy buffer{{data + kControlBytes, std::min(size - kControlBytes, kMostBytes)}};
  const std::size_t total = buffer.size() + rest_of_packet;
  const std::span<std::uint8_t> bytes = buffer.bytes();
  switch (reinterpret_cast<const EthernetHeader*>(bytes.data())->type.host()) {
    case ether_type::kIpv4:
      if ((data[2] & 1) != 0) {
        fuzz::repair_ipv4_checksum(bytes);
      }
      fuzz::check<FlowKeyV4>(bytes, total, from_wire, FrameHeaders::Kind::kIpv4);
      break;
    case ether_type::kIpv6:
      fuzz::check<FlowKeyV6>(bytes, total, from_wire, FrameHeaders::Kind::kIpv6);
      break;
    default:
      break;  // neither parser makes a flow of it
  }
  return 0;
}
