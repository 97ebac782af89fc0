#include "dataplane/icmp/gateway_node.hpp"

#include <utility>

#include "dataplane/bridge/forward.hpp"
#include "dataplane/icmp/icmp_error_node.hpp"
#include "dataplane/packet/checksum.hpp"
#include "dataplane/worker/worker.hpp"

namespace alkaid {
namespace {

constexpr std::uint8_t kGatewayTtl = 64;

// What IPv4 and IPv6 pings differ in.
struct EchoV4 {
  using Header = Ipv4Header;
  static constexpr std::uint8_t kProtocol = ip_protocol::kIcmp;
  static constexpr std::uint8_t kRequest = IcmpEchoHeader::kEchoRequest;
  static constexpr std::uint8_t kReply = IcmpEchoHeader::kEchoReply;

  static std::uint64_t pseudo_header_sum(const Header& /*ip*/, std::uint32_t /*length*/) {
    return 0;
  }
  static bool may_be_reflected(const Header& /*ip*/) { return true; }
  static void finish(Header& ip) {
    ip.ttl = kGatewayTtl;
    ipv4_checksum_set(ip);
  }
};

struct EchoV6 {
  using Header = Ipv6Header;
  static constexpr std::uint8_t kProtocol = ip_protocol::kIcmpv6;
  static constexpr std::uint8_t kRequest = icmpv6_type::kEchoRequest;
  static constexpr std::uint8_t kReply = icmpv6_type::kEchoReply;

  static std::uint64_t pseudo_header_sum(const Header& ip, std::uint32_t length) {
    return ipv6_pseudo_header_sum(ip, kProtocol, length);
  }
  // Options and routes of the request are none of the reply's.
  static bool may_be_reflected(const Header& ip) {
    return ip.next_header == kProtocol || ip.next_header == ip_protocol::kIpv6Fragment;
  }
  static void finish(Header& ip) { ip.hop_limit = kGatewayTtl; }
};

// Turns an echo request into the reply, in place. A fragment of one becomes the fragment of the
// reply, so that a ping of any size is answered without putting it together: the sum of the
// addresses doesn't change when they change places, and the type is in the first fragment.
template <class Echo>
DropReason turn_into_reply(rte_mbuf* packet, const FrameHeaders& headers) {
  auto& ip = header_at<typename Echo::Header>(packet, headers.l3_offset);
  if (headers.protocol != Echo::kProtocol || !Echo::may_be_reflected(ip)) {
    return DropReason::gateway_unsupported;
  }
  if (headers.l4_offset != 0) {
    auto& icmp = header_at<IcmpEchoHeader>(packet, headers.l4_offset);
    if (icmp.type != Echo::kRequest || icmp.code != 0) {
      return DropReason::gateway_unsupported;
    }
    // The sum of what isn't all here is for the guest to check.
    const bool is_all_here = !headers.is_fragment && headers.l3_end <= packet->data_len;
    const std::uint32_t length = headers.l3_end - headers.l4_offset;
    if (is_all_here &&
        checksum_fold(checksum_add(Echo::pseudo_header_sum(ip, length), &icmp, length)) != 0xffff) {
      return DropReason::icmp_malformed;
    }
    const BigEndian16 type_before{static_cast<std::uint16_t>(Echo::kRequest << 8)};
    const BigEndian16 type_after{static_cast<std::uint16_t>(Echo::kReply << 8)};
    icmp.type = Echo::kReply;
    icmp.checksum = checksum_update(icmp.checksum, type_before, type_after);
  }
  const auto asker = ip.source;
  ip.source = ip.destination;
  ip.destination = asker;
  Echo::finish(ip);
  return DropReason::kNone;
}

}  // namespace

Verdict GatewayNode::decide(Worker& worker, rte_mbuf* packet, PacketContext& context) {
  const FrameHeaders& headers = context.headers;
  const DropReason refused = headers.kind == FrameHeaders::Kind::kIpv4
                                 ? turn_into_reply<EchoV4>(packet, headers)
                                 : turn_into_reply<EchoV6>(packet, headers);
  if (refused != DropReason::kNone) {
    return reject<Next>(context, refused);
  }
  auto& ethernet = header_at<EthernetHeader>(packet, 0);
  std::swap(ethernet.source, ethernet.destination);
  if (context.from_wire) {
    return answer_station<Next>(worker.tables().neighbors, ethernet.destination, context);
  }
  context.egress = context.ingress->index;
  return Next::to<NodeId::kPortTx>();
}

std::uint16_t GatewayNode::process(rte_graph* graph, rte_node* node, void** packets,
                                   std::uint16_t count) {
  return process_burst<GatewayNode>(graph, node, packets, count);
}

}  // namespace alkaid
