#include "dataplane/dhcp/dhcp_node.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <span>

#include "dataplane/dhcp/dhcp_message.hpp"
#include "dataplane/dhcp/dhcp_responder.hpp"
#include "dataplane/packet/checksum.hpp"
#include "dataplane/tables/segment_table.hpp"
#include "dataplane/worker/worker.hpp"

namespace alkaid {
namespace {

constexpr std::uint8_t kReplyTtl = 64;
// IP, UDP and message: no larger than Ethernet's usual packet.
constexpr std::size_t kLargestReply = 1500;
constexpr std::size_t kIpAndUdp = sizeof(Ipv4Header) + sizeof(UdpHeader);
static_assert(kLargestReply >= kDhcpSmallestOutput + kIpAndUdp);

// Ethernet, IPv4 and UDP in front of a reply.
struct ReplyHeaders {
  EthernetHeader ethernet;
  Ipv4Header ip;
  UdpHeader udp;
};
static_assert(sizeof(ReplyHeaders) == 42);

// In a subnet without gateway; any locally administered address will do, nobody routes by it.
constexpr MacAddress kServerMacWithoutGateway = MacAddress::from_number(0xfe1611ffffffULL);

// The client's address, or nullptr. The identity is the ingress port and the hardware address,
// never what option 61 claims. A guest that relays for stations behind it (RFC 1542) is believed
// their hardware addresses as far as its subnet has bindings for them: answers leave by the port
// that asked, and answering changes nothing.
const DhcpBindingConfig* find_binding(Worker& worker, const Port& port, const FrameHeaders& headers,
                                      const DhcpRequest& request) {
  const bool relayed =
      !request.relay_ip.is_zero() && headers.source_port == BigEndian16{udp_port::kDhcpServer};
  if (request.client_mac != port.mac && !relayed) {
    return nullptr;
  }
  const DhcpBindingConfig* binding =
      worker.tables().dhcp_bindings.find({port.vni, request.client_mac});
  return binding != nullptr && binding->ipv4.is_v4() ? binding : nullptr;
}

// True if the sender left the checksum out or it is right. The UDP header and the payload are in
// the first segment.
bool checksum_ok(rte_mbuf* packet, const FrameHeaders& headers) {
  const auto& ip = header_at<Ipv4Header>(packet, headers.l3_offset);
  const auto& udp = header_at<UdpHeader>(packet, headers.l4_offset);
  const std::uint16_t length = udp.length.host();
  return udp.checksum.raw() == 0 ||
         checksum_fold(checksum_add(ipv4_pseudo_header_sum(ip, length), &udp, length)) == 0xffff;
}

void count(std::array<Counter, DhcpCounters::kTypes>& counters, DhcpMessageType type) {
  const auto index = static_cast<std::size_t>(type);
  if (index < counters.size()) {
    counters[index].add(1);
  }
}

// Turns the request's buffer into the reply's frame. False if the buffer is too small.
bool write_reply(rte_mbuf* packet, const Segment& segment, const DhcpRequest& request,
                 const DhcpResponse& response, std::span<const std::uint8_t> message) {
  const MacAddress guest_mac = header_at<EthernetHeader>(packet, 0).source;
  const std::size_t length = sizeof(ReplyHeaders) + message.size();
  if (packet->nb_segs != 1 || length > packet->data_len + rte_pktmbuf_tailroom(packet)) {
    return false;
  }
  packet->data_len = static_cast<std::uint16_t>(length);
  packet->pkt_len = packet->data_len;
  auto& headers = header_at<ReplyHeaders>(packet, 0);
  MacAddress destination = request.relay_ip.is_zero() ? request.client_mac : guest_mac;
  if (response.destination_broadcast_mac) {
    destination = kBroadcastMac;
  }
  headers.ethernet.destination = destination;
  headers.ethernet.source =
      segment.gateway_v4_mac.is_zero() ? kServerMacWithoutGateway : segment.gateway_v4_mac;
  headers.ethernet.type = BigEndian16{ether_type::kIpv4};
  headers.ip = Ipv4Header{};
  headers.ip.version_ihl = 0x45;
  headers.ip.total_length =
      BigEndian16{static_cast<std::uint16_t>(length - sizeof(EthernetHeader))};
  headers.ip.ttl = kReplyTtl;
  headers.ip.protocol = ip_protocol::kUdp;
  headers.ip.source = response.source_ip;
  headers.ip.destination = response.destination_ip;
  ipv4_checksum_set(headers.ip);
  const auto udp_length = static_cast<std::uint16_t>(sizeof(UdpHeader) + message.size());
  headers.udp.source_port = BigEndian16{udp_port::kDhcpServer};
  headers.udp.destination_port = BigEndian16{response.destination_port};
  headers.udp.length = BigEndian16{udp_length};
  headers.udp.checksum = BigEndian16{};
  std::memcpy(&header_at<std::uint8_t>(packet, sizeof(ReplyHeaders)), message.data(),
              message.size());
  headers.udp.checksum = checksum_finish(
      checksum_add(ipv4_pseudo_header_sum(headers.ip, udp_length), &headers.udp, udp_length));
  if (headers.udp.checksum.raw() == 0) {
    headers.udp.checksum = BigEndian16{0xffff};  // zero would mean "no checksum" (RFC 768)
  }
  return true;
}

}  // namespace

Verdict DhcpNode::decide(Worker& worker, rte_mbuf* packet, PacketContext& context) {
  const Segment& segment = *context.segment;
  const FrameHeaders& headers = context.headers;
  if (!segment.config.dhcp_enabled) {
    // A tenant's own server may hear what is broadcast.
    const bool is_replicated = segment.config.broadcast == BroadcastMode::kReplicate &&
                               header_at<EthernetHeader>(packet, 0).destination.is_multicast();
    return is_replicated ? Next::to<NodeId::kBridge>() : drop(DropReason::dhcp_disabled);
  }
  const auto& udp = header_at<UdpHeader>(packet, headers.l4_offset);
  const auto frame = bytes_of(packet);
  const std::size_t end = headers.l4_offset + udp.length.host();
  if (end > frame.size()) {
    return drop(DropReason::dhcp_malformed);
  }
  if (!checksum_ok(packet, headers)) {
    return drop(DropReason::dhcp_checksum);
  }
  const std::size_t start = headers.l4_offset + sizeof(UdpHeader);
  DhcpRequest request;
  const DropReason malformed = parse_dhcp_request(frame.subspan(start, end - start), request);
  if (malformed != DropReason::kNone) {
    return drop(malformed);
  }
  count(worker.own_dhcp_counters().received, request.type);
  const Port& port = *context.ingress;
  const DhcpBindingConfig* binding = find_binding(worker, port, headers, request);
  if (binding == nullptr) {
    return drop(DropReason::dhcp_no_binding);
  }
  const DhcpBindingFacts facts{.address = binding->ipv4.v4(),
                               .options = segment.dhcpv4,
                               .mtu = port.mtu,
                               .host_name = binding->host_name};
  std::array<std::uint8_t, kLargestReply - kIpAndUdp> message;
  const std::size_t room =
      std::clamp<std::size_t>(port.mtu, kDhcpSmallestOutput + kIpAndUdp, kLargestReply) - kIpAndUdp;
  const DhcpResponse response = respond_dhcp(request, facts, std::span{message}.first(room));
  switch (response.outcome) {
    case DhcpResponse::Outcome::kConsumed:
      return Next::to<NodeId::kConsume>();
    case DhcpResponse::Outcome::kDrop:
      return drop(response.reason);
    case DhcpResponse::Outcome::kReply:
      break;
  }
  if (!write_reply(packet, segment, request, response,
                   std::span<const std::uint8_t>{message}.first(response.reply_length))) {
    return drop(DropReason::no_buffer);
  }
  count(worker.own_dhcp_counters().sent, response.reply);
  context.egress = port.index;
  return Next::to<NodeId::kPortTx>();
}

std::uint16_t DhcpNode::process(rte_graph* graph, rte_node* node, void** packets,
                                std::uint16_t count) {
  return process_burst<DhcpNode>(graph, node, packets, count);
}

}  // namespace alkaid
