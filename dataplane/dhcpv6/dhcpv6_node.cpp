#include "dataplane/dhcpv6/dhcpv6_node.hpp"

#include <array>
#include <cstring>
#include <span>

#include "dataplane/dhcpv6/dhcpv6_message.hpp"
#include "dataplane/dhcpv6/dhcpv6_responder.hpp"
#include "dataplane/packet/checksum.hpp"
#include "dataplane/packet/link_local.hpp"
#include "dataplane/tables/segment_table.hpp"
#include "dataplane/worker/worker.hpp"

namespace alkaid {
namespace {

// All_DHCP_Relay_Agents_and_Servers (RFC 8415, 7.1).
constexpr IpAddress kAllServers = IpAddress::from_numbers(0xff02000000000000ULL, 0x10002ULL);
constexpr std::uint8_t kReplyHopLimit = 64;

// Ethernet, IPv6 and UDP in front of a reply.
struct ReplyHeaders {
  EthernetHeader ethernet;
  Ipv6Header ip;
  UdpHeader udp;
};
static_assert(sizeof(ReplyHeaders) == 62);

void count(std::array<Counter, Dhcpv6Counters::kTypes>& counters, Dhcpv6MessageType type) {
  const auto index = static_cast<std::size_t>(type);
  if (index < counters.size()) {
    counters[index].add(1);
  }
}

// The message, if it is whole, in one buffer, from a link-local address and has the checksum that
// IPv6 demands (RFC 8200, 8.1).
std::span<const std::uint8_t> payload_of(rte_mbuf* packet, const FrameHeaders& headers) {
  const auto frame = bytes_of(packet);
  const auto& ip = header_at<Ipv6Header>(packet, headers.l3_offset);
  const auto& udp = header_at<UdpHeader>(packet, headers.l4_offset);
  const std::uint16_t length = udp.length.host();
  if (headers.l4_offset + std::size_t{length} > frame.size() ||
      !is_link_local(IpAddress{ip.source}) || udp.checksum.raw() == 0) {
    return {};
  }
  const std::uint64_t sum =
      checksum_add(ipv6_pseudo_header_sum(ip, ip_protocol::kUdp, length), &udp, length);
  return checksum_fold(sum) == 0xffff
             ? frame.subspan(headers.l4_offset + sizeof(UdpHeader), length - sizeof(UdpHeader))
             : std::span<const std::uint8_t>{};
}

// Turns the request's buffer into the reply's frame. False if the buffer is too small.
bool write_reply(rte_mbuf* packet, const FrameHeaders& request, const Dhcpv6Settings& settings,
                 std::span<const std::uint8_t> message) {
  const MacAddress guest_mac = header_at<EthernetHeader>(packet, 0).source;
  const auto guest_address = header_at<Ipv6Header>(packet, request.l3_offset).source;
  const std::size_t length = sizeof(ReplyHeaders) + message.size();
  if (packet->nb_segs != 1 || length > packet->data_len + rte_pktmbuf_tailroom(packet)) {
    return false;
  }
  packet->data_len = static_cast<std::uint16_t>(length);
  packet->pkt_len = packet->data_len;
  auto& headers = header_at<ReplyHeaders>(packet, 0);
  const auto udp_length = static_cast<std::uint16_t>(sizeof(UdpHeader) + message.size());
  headers.ethernet = {guest_mac, settings.server.mac, BigEndian16{ether_type::kIpv6}};
  headers.ip = Ipv6Header{};
  headers.ip.version_class_label = BigEndian32{6U << 28};
  headers.ip.payload_length = BigEndian16{udp_length};
  headers.ip.next_header = ip_protocol::kUdp;
  headers.ip.hop_limit = kReplyHopLimit;
  headers.ip.source = settings.server_address.bytes();
  headers.ip.destination = guest_address;
  headers.udp.source_port = BigEndian16{udp_port::kDhcpv6Server};
  headers.udp.destination_port = BigEndian16{udp_port::kDhcpv6Client};
  headers.udp.length = BigEndian16{udp_length};
  headers.udp.checksum = BigEndian16{};
  std::memcpy(&header_at<std::uint8_t>(packet, sizeof(ReplyHeaders)), message.data(),
              message.size());
  headers.udp.checksum = checksum_finish(checksum_add(
      ipv6_pseudo_header_sum(headers.ip, ip_protocol::kUdp, udp_length), &headers.udp, udp_length));
  if (headers.udp.checksum.raw() == 0) {
    headers.udp.checksum = BigEndian16{0xffff};  // zero is no checksum (RFC 768)
  }
  return true;
}

}  // namespace

bool is_for_our_dhcpv6_server(const Ipv6Header& ip, const Segment& segment) {
  return ip.destination == kAllServers.bytes() ||
         ip.destination == segment.dhcpv6.server_address.bytes();
}

Verdict Dhcpv6Node::decide(Worker& worker, rte_mbuf* packet, PacketContext& context) {
  const Segment& segment = *context.segment;
  const FrameHeaders& headers = context.headers;
  Dhcpv6Request request;
  const auto payload = payload_of(packet, headers);
  const DropReason malformed = parse_dhcpv6_request(payload, request);
  if (malformed != DropReason::kNone) {
    return drop(malformed);
  }
  count(worker.own_dhcpv6_counters().received, request.type);
  // The identity is the ingress port and the frame's source, never the DUID that the client claims.
  const Port& port = *context.ingress;
  const DhcpBindingConfig* binding =
      header_at<EthernetHeader>(packet, 0).source == port.mac
          ? worker.tables().dhcp_bindings.find({segment.config.vni, port.mac})
          : nullptr;
  const auto& ip = header_at<Ipv6Header>(packet, headers.l3_offset);
  Dhcpv6Client client{.used_unicast = ip.destination != kAllServers.bytes()};
  if (binding != nullptr) {
    client.has_binding = true;
    client.address = binding->ipv6;
    client.host_name = binding->host_name;
  }
  std::array<std::uint8_t, kDhcpv6ReplyLimit> message;
  const Dhcpv6Response response = respond_dhcpv6(request, segment.dhcpv6, client, message);
  switch (response.outcome) {
    case Dhcpv6Response::Outcome::kConsumed:
      return Next::to<NodeId::kConsume>();
    case Dhcpv6Response::Outcome::kDrop:
      return drop(response.reason);
    case Dhcpv6Response::Outcome::kReply:
      break;
  }
  if (!write_reply(packet, headers, segment.dhcpv6,
                   std::span<const std::uint8_t>{message}.first(response.reply_length))) {
    return drop(DropReason::no_buffer);
  }
  count(worker.own_dhcpv6_counters().sent, response.reply);
  context.egress = port.index;
  return Next::to<NodeId::kPortTx>();
}

std::uint16_t Dhcpv6Node::process(rte_graph* graph, rte_node* node, void** packets,
                                  std::uint16_t count) {
  return process_burst<Dhcpv6Node>(graph, node, packets, count);
}

}  // namespace alkaid
