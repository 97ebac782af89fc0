// Corpora of what reads a single frame.
#include "tests/fuzz/make_corpus/corpus.hpp"
#include "tests/support/dhcp_messages.hpp"
#include "tests/support/packet_builder.hpp"

namespace alkaid::fuzz {
namespace {

using test::DhcpClientMessage;
using test::packet;
using test::vxlan_packet;

}  // namespace

void write_parse(const std::filesystem::path& directory) {
  Corpus corpus{directory / "fuzz_parse", {0, 0, 1}};
  corpus.add("arp", packet().ethernet().arp().build());
  corpus.add("ipv4_icmp", packet().ethernet().ipv4().icmp().payload_of_size(8).build());
  corpus.add("ipv4_tcp", packet().ethernet().ipv4().tcp({.options = Bytes(8, 1)}).build());
  corpus.add("ipv4_udp_padded", packet().ethernet().ipv4().udp().padded_to(60).build());
  corpus.add("ipv4_options", packet().ethernet().ipv4({.options = Bytes(40, 1)}).udp().build());
  corpus.add("ipv4_sctp", packet().ethernet().ipv4({.protocol = 132}).payload_of_size(12).build());
  corpus.add("ipv4_first_fragment",
             packet().ethernet().ipv4({.more_fragments = true}).udp({.length = 999}).build());
  corpus.add("ipv4_later_fragment",
             packet().ethernet().ipv4({.fragment_offset = 5}).payload_of_size(8).build());
  corpus.add("ipv4_dhcp",
             packet()
                 .ethernet({.destination = kBroadcastMac})
                 .ipv4({.source = Ipv4Address{}, .destination = Ipv4Address{0xffffffff}})
                 .udp({.source_port = 68, .destination_port = 67})
                 .payload(DhcpClientMessage{}.type(DhcpMessageType::kDiscover).build())
                 .build());
  corpus.add("ipv6_udp", packet().ethernet().ipv6().udp().payload_of_size(4).build());
  corpus.add("ipv6_icmpv6",
             packet().ethernet().ipv6({.next_header = 58}).payload_of_size(8).build());
  corpus.add("ipv6_extensions", packet()
                                    .ethernet()
                                    .ipv6()
                                    .ipv6_extension({.number = ip_protocol::kHopByHop})
                                    .ipv6_extension({.number = ip_protocol::kIpv6Routing})
                                    .ipv6_extension({.number = ip_protocol::kAuthentication})
                                    .ipv6_extension({.more_words = 1})
                                    .tcp()
                                    .build());
  corpus.add("ipv6_first_fragment",
             packet().ethernet().ipv6().ipv6_fragment({.more_fragments = true}).udp().build());
  corpus.add("ipv6_later_fragment",
             packet().ethernet().ipv6().ipv6_fragment({.offset = 7}).payload_of_size(9).build());
  corpus.add("ipv6_atomic_fragment", packet().ethernet().ipv6().ipv6_fragment().udp().build());
  corpus.add("ipv6_nd",
             packet().ethernet().ipv6().icmpv6({.type = 135}).payload_of_size(24).build());
  corpus.add("ipv6_mld", packet()
                             .ethernet()
                             .ipv6({.source = IpAddress{}})
                             .ipv6_extension({.number = ip_protocol::kHopByHop})
                             .icmpv6({.type = 143, .word = 1})
                             .payload_of_size(20)
                             .build());
  corpus.add("ipv6_dhcp", packet()
                              .ethernet()
                              .ipv6()
                              .udp({.source_port = 546, .destination_port = 547})
                              .payload_of_size(8)
                              .build());
  corpus.add("vlan", packet().ethernet().vlan().ipv4().udp().build());
  corpus.add("vxlan_icmp", vxlan_packet({}, {}, 0x123456).ethernet().ipv4().icmp().build());
  corpus.add("vxlan_tcp", vxlan_packet({}, {.options = Bytes(4, 1)}, 1)
                              .ethernet()
                              .ipv4()
                              .tcp()
                              .payload_of_size(4)
                              .build());
  corpus.add("vxlan_arp", vxlan_packet({}, {}, 2).ethernet().arp().build());
  const auto vxlan_over_ipv6 = [](auto below) {
    return below.ipv6()
        .udp({.destination_port = udp_port::kVxlan})
        .vxlan({.vni = 4})
        .ethernet()
        .ipv4()
        .udp()
        .build();
  };
  corpus.add("vxlan_over_ipv6", vxlan_over_ipv6(packet().ethernet()));
  corpus.add("underlay_nd", packet()
                                .ethernet()
                                .ipv6({.hop_limit = 255, .next_header = 58})
                                .payload(Bytes{135, 0, 0, 0})
                                .build());
  Corpus tagged{directory / "fuzz_parse", {0, 0, 3}};
  tagged.add("vxlan_over_ipv6_tagged", vxlan_over_ipv6(packet().ethernet().vlan({.id = 1})));
  tagged.add("arp_tagged", packet().ethernet().vlan({.id = 1}).arp().build());
  corpus.add("vxlan_ipv6", vxlan_packet({}, {}, 3).ethernet().ipv6().udp().build());
}

void write_quick_parse(const std::filesystem::path& directory) {
  constexpr std::uint8_t kAck = test::TcpFields::kAck;
  Corpus corpus{directory / "fuzz_quick_parse", {0, 0, 1}};
  const auto v4 = packet().ethernet().ipv4();
  const auto v6 = packet().ethernet().ipv6();
  corpus.add("ipv4_udp", v4.udp().payload_of_size(18).build());
  corpus.add("ipv4_tcp", v4.tcp({.flags = kAck}).payload_of_size(6).build());
  corpus.add("ipv4_tcp_options", v4.tcp({.flags = kAck, .options = Bytes(12, 1)}).build());
  corpus.add("ipv4_tcp_syn", v4.tcp().build());
  corpus.add("ipv4_padded", v4.udp().padded_to(60).build());
  corpus.add("ipv4_options", packet().ethernet().ipv4({.options = Bytes(4, 1)}).udp().build());
  corpus.add("ipv4_first_fragment",
             packet().ethernet().ipv4({.more_fragments = true}).udp({.length = 999}).build());
  corpus.add("ipv4_tcp_first_fragment",
             packet().ethernet().ipv4({.more_fragments = true}).tcp({.flags = kAck}).build());
  corpus.add("ipv4_echo", v4.icmp().payload_of_size(8).build());
  corpus.add("ipv4_sctp", packet().ethernet().ipv4({.protocol = 132}).payload_of_size(12).build());
  corpus.add("ipv4_loopback",
             packet().ethernet().ipv4({.source = Ipv4Address{0x7f000001}}).udp().build());
  corpus.add("ipv6_udp", v6.udp().payload_of_size(4).build());
  corpus.add("ipv6_tcp", v6.tcp({.flags = kAck}).payload_of_size(6).build());
  corpus.add("ipv6_extension",
             packet().ethernet().ipv6().ipv6_extension({}).tcp({.flags = kAck}).build());
  corpus.add("ipv6_too_big",
             packet().ethernet().ipv6().icmpv6({.type = 2}).payload_of_size(48).build());
  Corpus tunneled{directory / "fuzz_quick_parse", {1, 0, 3}};
  tunneled.add("ipv4_in_two_buffers",
               packet().ethernet().ipv4().udp({.length = 264}).payload_of_size(8).build());
  tunneled.add("ipv6_in_two_buffers",
               packet().ethernet().ipv6().tcp({.flags = kAck}).payload_of_size(8).build());
  Corpus huge{directory / "fuzz_quick_parse", {0xff, 0xe4, 0}};
  huge.add("ipv6_ends_beyond_64k", packet()
                                       .ethernet()
                                       .ipv6({.payload_length = 0xffef})
                                       .udp({.length = 0xffef})
                                       .payload_of_size(50)
                                       .build());
}

void write_nd(const std::filesystem::path& directory) {
  Corpus corpus{directory / "fuzz_nd", {}};
  const auto add = [&corpus](const char* name, Bytes control, const IpAddress& target,
                             const Bytes& options) {
    control.insert(control.end(), 4, 0);
    control.insert(control.end(), target.bytes().begin(), target.bytes().end());
    control.insert(control.end(), options.begin(), options.end());
    corpus.add(name, control);
  };
  const auto target = IpAddress::from_numbers(0x20010db800000000, 1);
  const Bytes source_mac{1, 1, 2, 0, 0, 0, 0, 1};
  add("solicitation", {2, 0}, target, source_mac);
  add("solicitation_with_nonce", {2, 4}, target, {14, 1, 1, 2, 3, 4, 5, 6, 1, 1, 2, 0, 0, 0, 0, 1});
  add("duplicate_probe", {2, 6}, target, {});
  add("advertisement", {3, 0}, target, {2, 1, 2, 0, 0, 0, 0, 1});
  add("option_beyond_the_end", {2, 0}, target, {1, 9, 2, 0, 0, 0, 0, 1});
  add("option_of_no_length", {2, 0}, target, {1, 0, 2, 0, 0, 0, 0, 1});
  add("target_group", {2, 0}, IpAddress::from_numbers(0xff02000000000000, 1), source_mac);
  add("beyond_the_first_buffer", {2, 8}, target, source_mac);
  add("redirect", {4, 0}, target, source_mac);
  corpus.add("router_solicitation", {0, 0, 0, 0, 0, 0, 1, 1, 2, 0, 0, 0, 0, 1});
}

void write_source_guard(const std::filesystem::path& directory) {
  constexpr MacAddress kMac = MacAddress::from_number(0x020000000001);
  constexpr Ipv4Address kAddress{0x0a000001};
  const IpAddress address_v6 = IpAddress::from_numbers(0x20010db800000000, 1);
  const auto ethernet = packet().ethernet({.source = kMac});
  Corpus corpus{directory / "fuzz_source_guard", {1}};
  corpus.add("ipv4", ethernet.ipv4({.source = kAddress}).udp().build());
  corpus.add("ipv4_dhcp_server",
             ethernet.ipv4({.source = kAddress}).udp({.source_port = 67}).build());
  corpus.add("ipv4_dhcp_client",
             ethernet.ipv4({.source = {}, .destination = Ipv4Address{0xffffffff}})
                 .udp({.source_port = 68, .destination_port = 67})
                 .payload(DhcpClientMessage{}.type(DhcpMessageType::kDiscover).build())
                 .build());
  corpus.add("arp", ethernet.arp({.sender_mac = kMac, .sender_ip = kAddress}).build());
  corpus.add("ipv6", ethernet.ipv6({.source = address_v6}).udp().build());
  corpus.add("ipv6_dhcp_server",
             ethernet.ipv6({.source = address_v6}).udp({.source_port = 547}).build());
  for (const std::uint8_t type : {133, 134, 135, 136, 137}) {
    Bytes body(address_v6.bytes().begin(), address_v6.bytes().end());
    const Bytes option{static_cast<std::uint8_t>(type == 136 ? 2 : 1), 1, 2, 0, 0, 0, 0, 1};
    body.insert(body.end(), option.begin(), option.end());
    corpus.add("nd_" + std::to_string(type), ethernet.ipv6({.source = address_v6, .hop_limit = 255})
                                                 .icmpv6({.type = type, .word = 0})
                                                 .payload(body)
                                                 .build());
  }
}

}  // namespace alkaid::fuzz
