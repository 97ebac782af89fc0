#include "dataplane/vxlan/fragment_node.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <span>

#include "dataplane/packet/checksum.hpp"
#include "dataplane/underlay/tunnel.hpp"
#include "dataplane/worker/worker.hpp"

namespace alkaid {
namespace {

// 64 KiB in the smallest fragments that IPv4's least MTU (RFC 791) leaves.
constexpr std::size_t kMostFragments = 128;
// Fragments begin at multiples of this many bytes.
constexpr std::size_t kFragmentUnit = 8;

// RFC 8200, 4.5.
struct Ipv6FragmentHeader {
  static constexpr std::uint16_t kMoreFragments = 1;

  std::uint8_t next_header;
  std::uint8_t reserved;
  BigEndian16 offset_flags;  // the offset, a multiple of 8, in its own place
  BigEndian32 identification;
};
static_assert(sizeof(Ipv6FragmentHeader) == 8);

// Where the parts of a packet are.
struct Layout {
  std::size_t l3_offset;
  std::size_t header_size;       // of IP
  std::size_t extension_size;    // that each fragment gets between IP header and payload
  std::size_t payload_size;      // behind the IP header
  std::size_t fragment_payload;  // of all fragments but the last
};

Layout layout_of(rte_mbuf* packet, const PacketContext& context, std::uint16_t mtu,
                 std::size_t buffer_size) {
  Layout layout{};
  layout.l3_offset = context.headers.l3_offset;
  layout.header_size = context.tunnel->is_v6 ? sizeof(Ipv6Header) : sizeof(Ipv4Header);
  layout.extension_size = context.tunnel->is_v6 ? sizeof(Ipv6FragmentHeader) : 0;
  layout.payload_size = packet->pkt_len - layout.l3_offset - layout.header_size;
  const std::size_t largest = std::min<std::size_t>(mtu, buffer_size - layout.l3_offset);
  layout.fragment_payload =
      (largest - layout.header_size - layout.extension_size) / kFragmentUnit * kFragmentUnit;
  return layout;
}

void finish_ipv4(char* header, std::size_t offset, std::size_t payload, bool is_last,
                 std::uint32_t identification) {
  auto& ip = *reinterpret_cast<Ipv4Header*>(header);
  ip.total_length = BigEndian16{static_cast<std::uint16_t>(sizeof(Ipv4Header) + payload)};
  ip.identification = BigEndian16{static_cast<std::uint16_t>(identification)};
  ip.flags_offset = BigEndian16{static_cast<std::uint16_t>(
      offset / kFragmentUnit | (is_last ? 0U : Ipv4Header::kMoreFragments))};
  ipv4_checksum_set(ip);
}

void finish_ipv6(char* header, std::size_t offset, std::size_t payload, bool is_last,
                 std::uint32_t identification) {
  auto& ip = *reinterpret_cast<Ipv6Header*>(header);
  auto& fragment = *reinterpret_cast<Ipv6FragmentHeader*>(header + sizeof(Ipv6Header));
  fragment.next_header = ip.next_header;
  fragment.reserved = 0;
  fragment.offset_flags = BigEndian16{
      static_cast<std::uint16_t>(offset | (is_last ? 0U : Ipv6FragmentHeader::kMoreFragments))};
  fragment.identification = BigEndian32{identification};
  ip.next_header = ip_protocol::kIpv6Fragment;
  ip.payload_length = BigEndian16{static_cast<std::uint16_t>(sizeof(Ipv6FragmentHeader) + payload)};
}

// Copies a piece of a packet, however many buffers it has.
void copy_bytes(rte_mbuf* packet, std::size_t offset, std::size_t size, char* to) {
  const void* from = rte_pktmbuf_read(packet, static_cast<std::uint32_t>(offset),
                                      static_cast<std::uint32_t>(size), to);
  if (from != to) {
    std::memcpy(to, from, size);
  }
}

// Returns how many fragments were made; 0 if buffers ran out.
std::size_t make_fragments(Worker& worker, rte_mbuf* packet, std::uint16_t mtu,
                           std::span<rte_mbuf*> fragments) {
  const PacketContext& context = context_of(packet);
  const std::size_t buffer_size =
      rte_pktmbuf_data_room_size(worker.pool()) - std::size_t{RTE_PKTMBUF_HEADROOM};
  const Layout layout = layout_of(packet, context, mtu, buffer_size);
  const std::size_t count =
      (layout.payload_size + layout.fragment_payload - 1) / layout.fragment_payload;
  if (count > fragments.size() ||
      rte_pktmbuf_alloc_bulk(worker.pool(), fragments.data(), static_cast<unsigned>(count)) != 0) {
    return 0;
  }
  const std::uint32_t identification = worker.next_fragment_identification();
  const std::size_t headers = layout.l3_offset + layout.header_size;
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t offset = i * layout.fragment_payload;
    const std::size_t payload = std::min(layout.fragment_payload, layout.payload_size - offset);
    char* frame = rte_pktmbuf_append(
        fragments[i], static_cast<std::uint16_t>(headers + layout.extension_size + payload));
    copy_bytes(packet, 0, headers, frame);
    copy_bytes(packet, headers + offset, payload, frame + headers + layout.extension_size);
    const auto finish = context.tunnel->is_v6 ? finish_ipv6 : finish_ipv4;
    finish(frame + layout.l3_offset, offset, payload, i + 1 == count, identification);
    context_of(fragments[i]) = context;
  }
  return count;
}

}  // namespace

std::uint16_t FragmentNode::process(rte_graph* graph, rte_node* node, void** packets,
                                    std::uint16_t count) {
  Worker& worker = worker_of(node);
  for (std::uint16_t i = 0; i < count; ++i) {
    auto* packet = static_cast<rte_mbuf*>(packets[i]);
    PacketContext& context = context_of(packet);
    const Port* uplink = worker.ports().find(context.egress);
    std::array<rte_mbuf*, kMostFragments> fragments;
    const std::size_t made =
        uplink != nullptr ? make_fragments(worker, packet, uplink->mtu, fragments) : 0;
    if (made == 0) {
      context.drop_reason =
          uplink != nullptr ? DropReason::no_buffer : DropReason::underlay_unavailable;
      rte_node_enqueue_x1(graph, node, drop(context.drop_reason).edge(), packet);
      continue;
    }
    rte_node_enqueue(graph, node, Next::to<NodeId::kPortTx>().edge(),
                     reinterpret_cast<void**>(fragments.data()), static_cast<std::uint16_t>(made));
    rte_pktmbuf_free(packet);
  }
  return count;
}

}  // namespace alkaid
