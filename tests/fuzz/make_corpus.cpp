// Writes the seed corpora of the fuzz targets: make_corpus DIRECTORY. The files in
// tests/fuzz/corpus are its output; run it again when an input format changes.
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <iostream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/dhcp_messages.hpp"
#include "tests/support/dhcpv6_messages.hpp"
#include "tests/support/packet_builder.hpp"

namespace alkaid::fuzz {
namespace {

using test::Bytes;
using test::DhcpClientFields;
using test::DhcpClientMessage;
using test::packet;
using test::vxlan_packet;

class Corpus {
 public:
  Corpus(const std::filesystem::path& directory, Bytes prefix)
      : directory_(directory), prefix_(std::move(prefix)) {
    std::filesystem::create_directories(directory_);
  }

  void add(const std::string& name, const Bytes& input) {
    std::ofstream file{directory_ / name, std::ios::binary};
    for (const Bytes* part : {static_cast<const Bytes*>(&prefix_), &input}) {
      file.write(reinterpret_cast<const char*>(part->data()),
                 static_cast<std::streamsize>(part->size()));
    }
    if (!file) {
      throw std::runtime_error{"can't write " + (directory_ / name).string()};
    }
  }

 private:
  std::filesystem::path directory_;
  Bytes prefix_;
};

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

// Packets as "o" or "r" for the direction and flags, as fuzz_connection_state takes them.
Bytes life(std::initializer_list<std::pair<char, std::uint8_t>> packets) {
  Bytes bytes;
  for (const auto& [direction, flags] : packets) {
    bytes.push_back(flags);
    bytes.push_back(direction == 'r' ? 1 : 0);
  }
  return bytes;
}

void write_connection_state(const std::filesystem::path& directory) {
  constexpr std::uint8_t kSyn = 0x02;
  constexpr std::uint8_t kSynAck = 0x12;
  constexpr std::uint8_t kAck = 0x10;
  constexpr std::uint8_t kFin = 0x11;
  constexpr std::uint8_t kRst = 0x04;
  Corpus tcp{directory / "fuzz_connection_state", {0}};
  tcp.add("handshake", life({{'o', kSyn}, {'r', kSynAck}, {'o', kAck}, {'r', kAck}}));
  tcp.add("close", life({{'o', kSyn},
                         {'r', kSynAck},
                         {'o', kAck},
                         {'o', kFin},
                         {'r', kAck},
                         {'r', kFin},
                         {'o', kAck},
                         {'o', kSyn}}));
  tcp.add("close_by_responder",
          life({{'o', kSyn}, {'r', kSynAck}, {'o', kAck}, {'r', kFin}, {'o', kFin}, {'r', kAck}}));
  tcp.add("reset", life({{'o', kSyn}, {'r', kSynAck}, {'o', kAck}, {'r', kRst}, {'o', kAck}}));
  tcp.add("reset_twice",
          life({{'o', kSyn}, {'r', kSynAck}, {'o', kAck}, {'o', kRst}, {'r', kRst}, {'r', kSyn}}));
  tcp.add("refused", life({{'o', kSyn}, {'r', kRst | kAck}, {'o', kAck}, {'o', kSyn}}));
  tcp.add("simultaneous", life({{'o', kSyn}, {'r', kSyn}, {'r', kSynAck}, {'o', kSynAck}}));
  tcp.add("impossible", life({{'o', kSyn}, {'r', 0x3f}, {'o', 0}, {'o', 0x03}, {'r', 0x06}}));
  Corpus picked_up{directory / "fuzz_connection_state", {2}};
  picked_up.add("picked_up", life({{'o', kAck}, {'r', kAck}, {'o', kFin}}));
  picked_up.add("picked_up_fin", life({{'o', kFin}, {'r', kAck}, {'r', kFin}, {'o', kAck}}));
  Corpus udp{directory / "fuzz_connection_state", {1}};
  udp.add("udp", life({{'o', 0}, {'o', 0}, {'r', 0}, {'o', 0}}));
}

// A segment as fuzz_tcp_window takes it.
Bytes numbered(char direction, std::uint8_t flags, std::uint8_t sequence,
               std::uint8_t acknowledgment) {
  return {static_cast<std::uint8_t>((direction == 'r' ? 1 : 0) | 2),
          flags,
          sequence,
          0xff,
          0xff,
          0xff,
          acknowledgment,
          0,
          0,
          0,
          0xe8,
          3,
          0};
}

void write_tcp_window(const std::filesystem::path& directory) {
  constexpr std::uint8_t kSyn = 0x02;
  constexpr std::uint8_t kAck = 0x10;
  constexpr std::uint8_t kRst = 0x04;
  Corpus frames{directory / "fuzz_tcp_window", {0}};
  frames.add("syn", packet().ethernet().ipv4().tcp({.options = {2, 4, 5, 180, 3, 3, 7}}).build());
  frames.add("cut_option", packet().ethernet().ipv6().tcp({.options = {1, 1, 3, 3}}).build());
  frames.add("data", packet().ethernet().ipv4().tcp({.flags = kAck}).payload_of_size(40).build());
  Corpus segments{directory / "fuzz_tcp_window", {1}};
  const auto join = [](std::initializer_list<Bytes> parts) {
    Bytes bytes;
    for (const Bytes& part : parts) {
      bytes.insert(bytes.end(), part.begin(), part.end());
    }
    return bytes;
  };
  const Bytes syn = numbered('o', kSyn, 0, 0);
  const Bytes syn_ack = numbered('r', kSyn | kAck, 0, 0);
  segments.add("handshake", join({syn, syn_ack, numbered('o', kAck, 0, 0)}));
  segments.add("reset", join({syn, syn_ack, numbered('r', kRst, 1, 0), numbered('o', kRst, 0, 0)}));
  segments.add("anew", join({syn, syn_ack, numbered('o', kSyn, 9, 0), syn_ack}));
  segments.add("picked_up", join({numbered('o', kAck, 3, 4), numbered('r', kAck, 200, 4)}));
}

// The packet behind its Ethernet header, as an error quotes it.
Bytes quoted(std::uint8_t type, const Bytes& frame) {
  Bytes bytes{type, 1, 0, 0, 0, 0, 0, 0};
  bytes.insert(bytes.end(), frame.begin() + sizeof(EthernetHeader), frame.end());
  return bytes;
}

void write_embedded_tuple(const std::filesystem::path& directory) {
  Corpus v4{directory / "fuzz_embedded_tuple", {0}};
  v4.add("udp", quoted(3, packet().ethernet().ipv4().udp().payload_of_size(8).build()));
  v4.add("tcp", quoted(11, packet().ethernet().ipv4().tcp().build()));
  v4.add("echo", quoted(12, packet().ethernet().ipv4().icmp().build()));
  v4.add("options", quoted(3, packet().ethernet().ipv4({.options = Bytes(40, 1)}).udp().build()));
  v4.add("later_fragment",
         quoted(3, packet().ethernet().ipv4({.fragment_offset = 3}).payload_of_size(8).build()));
  v4.add("gre", quoted(4, packet().ethernet().ipv4({.protocol = 47}).payload_of_size(8).build()));
  v4.add("no_error", quoted(8, packet().ethernet().ipv4().udp().build()));
  Corpus v6{directory / "fuzz_embedded_tuple", {1}};
  v6.add("udp_v6", quoted(1, packet().ethernet().ipv6().udp().build()));
  v6.add("echo_v6", quoted(3, packet().ethernet().ipv6().icmpv6().build()));
  v6.add("extensions_v6", quoted(2, packet()
                                        .ethernet()
                                        .ipv6()
                                        .ipv6_extension({.number = ip_protocol::kHopByHop})
                                        .ipv6_extension({.number = ip_protocol::kAuthentication})
                                        .ipv6_fragment({.more_fragments = true})
                                        .tcp()
                                        .build()));
  v6.add(
      "later_fragment_v6",
      quoted(4,
             packet().ethernet().ipv6().ipv6_fragment({.offset = 7}).payload_of_size(9).build()));
}

// Frames behind their lengths, as fuzz_fragment takes them.
Bytes frames(std::initializer_list<Bytes> list) {
  Bytes bytes;
  for (const Bytes& frame : list) {
    bytes.push_back(static_cast<std::uint8_t>(frame.size()));
    bytes.insert(bytes.end(), frame.begin(), frame.end());
  }
  return bytes;
}

void write_fragment(const std::filesystem::path& directory) {
  Corpus corpus{directory / "fuzz_fragment", {}};
  const auto v4 = [](std::uint16_t offset, bool more) {
    return packet().ethernet().ipv4(
        {.more_fragments = more, .fragment_offset = offset, .protocol = 17});
  };
  const auto v6 = [](std::uint16_t offset, bool more) {
    return packet()
        .ethernet()
        .ipv6()
        .ipv6_extension({.number = ip_protocol::kHopByHop})
        .ipv6_fragment({.offset = offset, .more_fragments = more, .next_header = 17});
  };
  const Bytes first = v4(0, true).udp({.length = 40}).payload_of_size(8).build();
  const Bytes middle = v4(2, true).payload_of_size(16).build();
  const Bytes last = v4(4, false).payload_of_size(8).build();
  const Bytes first_v6 = v6(0, true).udp({.length = 24}).payload_of_size(8).build();
  const Bytes last_v6 = v6(2, false).payload_of_size(8).build();
  corpus.add("in_order", frames({first, middle, last}));
  corpus.add("last_first", frames({last, middle, first}));
  corpus.add("incomplete", frames({middle, last}));
  corpus.add("copies", frames({first, first, last, last}));
  corpus.add("overlapping", frames({first, v4(1, true).payload_of_size(16).build(), last}));
  corpus.add("beyond_the_end", frames({last, first, v4(5, true).payload_of_size(8).build()}));
  corpus.add("odd", frames({first, v4(2, true).payload_of_size(9).build()}));
  corpus.add("two_datagrams", frames({last, last_v6, first, first_v6}));
  corpus.add("in_order_v6", frames({first_v6, last_v6}));
  corpus.add("last_first_v6", frames({last_v6, first_v6}));
  corpus.add(
      "icmp",
      frames(
          {packet().ethernet().ipv4({.more_fragments = true}).icmp().payload_of_size(8).build()}));
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

void write_dhcp(const std::filesystem::path& directory) {
  constexpr Ipv4Address kAddress{0x0a000005};
  constexpr Ipv4Address kGateway{0x0a000001};
  const auto message = [](DhcpMessageType type, DhcpClientFields fields = {}) {
    DhcpClientMessage result{fields};
    result.type(type);
    return result;
  };
  Corpus corpus{directory / "fuzz_dhcp", {2, 4, 0x40 | 24, 60}};
  corpus.add(
      "discover",
      message(DhcpMessageType::kDiscover).option(55, {1, 3, 6, 12, 26, 28, 51, 58, 59}).build());
  corpus.add("discover_broadcast", message(DhcpMessageType::kDiscover, {.flags = 0x8000}).build());
  corpus.add("discover_relayed",
             message(DhcpMessageType::kDiscover, {.hops = 1, .relay_ip = kGateway}).build());
  corpus.add("discover_long", message(DhcpMessageType::kDiscover)
                                  .option(57, {0x05, 0xdc})
                                  .option(61, Bytes(255, 7))
                                  .build());
  corpus.add("selecting",
             message(DhcpMessageType::kRequest).option(50, kAddress).option(54, kGateway).build());
  corpus.add("init_reboot", message(DhcpMessageType::kRequest).option(50, kGateway).build());
  corpus.add("renewing", message(DhcpMessageType::kRequest, {.client_ip = kAddress})
                             .option(61, {1, 2, 0, 0, 0, 0, 1})
                             .build());
  corpus.add("inform", message(DhcpMessageType::kInform, {.client_ip = kAddress}).build());
  corpus.add(
      "release",
      message(DhcpMessageType::kRelease, {.client_ip = kAddress}).option(54, kGateway).build());
  corpus.add("decline", message(DhcpMessageType::kDecline).option(50, kAddress).build());
  corpus.add("overload", message(DhcpMessageType::kRequest)
                             .option(52, {3})
                             .in_boot_file(Bytes{50, 4, 10, 0, 0, 5, 255})
                             .in_server_name(Bytes{54, 4, 10, 0, 0, 1, 255})
                             .build());
  corpus.add("option_past_the_end",
             message(DhcpMessageType::kDiscover).raw({12, 200, 'x'}).without_end().build());
}

void write_dhcpv6(const std::filesystem::path& directory) {
  using Type = Dhcpv6MessageType;
  const MacAddress server = MacAddress::from_number(0x020000010001);
  const IpAddress own = *IpAddress::parse("2001:db8:1::b");
  const IpAddress other = *IpAddress::parse("2001:db8:9::b");
  const auto message = [](Type type) { return test::Dhcpv6ClientMessage{type}.client(); };
  Corpus corpus{directory / "fuzz_dhcpv6", {0x2c, 0x08}};
  corpus.add("solicit", message(Type::kSolicit)
                            .asks_for({23, 24, 32, 39, 56, 59})
                            .option(39, {1, 0})
                            .ia_na(1)
                            .build());
  corpus.add("rapid_commit", message(Type::kSolicit)
                                 .option(14, {})
                                 .association(4, 1)
                                 .ia_na(2, {other})
                                 .association(25, 3)
                                 .build());
  corpus.add("request", message(Type::kRequest).server(server).ia_na(1, {own}).build());
  corpus.add("renew", message(Type::kRenew).server(server).ia_na(1, {other, own}).ia_na(2).build());
  corpus.add("rebind", message(Type::kRebind).ia_na(1, {other}).build());
  corpus.add("confirm", message(Type::kConfirm).ia_na(1, {own}).build());
  corpus.add("release", message(Type::kRelease).server(server).ia_na(1, {own}).build());
  corpus.add("decline", message(Type::kDecline).server(server).ia_na(1, {other}).build());
  corpus.add("information_request",
             test::Dhcpv6ClientMessage{Type::kInformationRequest}.asks_for({23, 32}).build());
  corpus.add("relay_forward", Bytes(34, 12));
  corpus.add("option_past_the_end", message(Type::kSolicit).raw({0, 3, 0, 99, 0}).build());
}

void write_router_solicitation(const std::filesystem::path& directory) {
  Corpus corpus{directory / "fuzz_router_solicitation", {255, 1, 1}};
  corpus.add("plain", Bytes{133, 0, 0, 0, 0, 0, 0, 0});
  corpus.add("source_link_layer_address", Bytes{133, 0, 0, 0, 0, 0, 0, 0, 1, 1, 2, 0, 0, 0, 0, 1});
  corpus.add("option_without_length", Bytes{133, 0, 0, 0, 0, 0, 0, 0, 1, 0});
  corpus.add("nonce", Bytes{133, 0, 0, 0, 0, 0, 0, 0, 14, 1, 1, 2, 3, 4, 5, 6});
  corpus.add("two_options",
             Bytes{133, 0, 0, 0, 0, 0, 0, 0, 14, 1, 1, 2, 3, 4, 5, 6, 1, 1, 2, 0, 0, 0, 0, 1});
  corpus.add("unknown_option",
             Bytes{133, 0, 0, 0, 0, 0, 0, 0, 99, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0});
  corpus.add("option_past_the_end", Bytes{133, 0, 0, 0, 0, 0, 0, 0, 1, 2, 2, 0, 0, 0, 0, 1});
  corpus.add("code", Bytes{133, 1, 0, 0, 0, 0, 0, 0});
  corpus.add("reserved", Bytes{133, 0, 0, 0, 255, 255, 255, 255});
  corpus.add("advertisement", Bytes{134, 0, 0, 0, 64, 0, 7, 8, 0, 0, 0, 0, 0, 0, 0, 0});
}

void write_dhcp_option_value(const std::filesystem::path& directory) {
  Corpus corpus{directory / "fuzz_dhcp_option_value", {}};
  const auto add = [&corpus](const std::string& name, std::uint8_t type, std::uint8_t v6,
                             const std::string& text) {
    Bytes input{type, v6};
    input.insert(input.end(), text.begin(), text.end());
    corpus.add(name, input);
  };
  add("address", 0, 0, "192.0.2.1");
  add("address_v6", 0, 1, "[2001:db8::1]");
  add("addresses", 1, 0, "192.0.2.1, 192.0.2.2");
  add("address_pairs", 2, 0, "10.9.0.1,10.0.0.1");
  add("text", 3, 0, "pxelinux.0");
  add("number", 6, 0, "4294967295");
  add("signed", 7, 0, "-3600");
  add("switch", 8, 0, "off");
  add("domains", 9, 1, "example.org,a.b.example.");
  add("routes", 10, 0, "0.0.0.0/0,10.0.0.1,10.27.129.7/23,10.0.0.2");
  add("time_servers", 11, 1, "2001:db8::1,2001:db8::2");
  add("hex", 12, 0, "0xdeadBEEF");
  add("colons", 12, 0, "06:01:08");
}

// One field of a protobuf message.
Bytes number_field(std::uint8_t field, std::uint8_t value) {
  return {static_cast<std::uint8_t>(field << 3), value};
}

Bytes bytes_field(std::uint8_t field, const Bytes& value) {
  Bytes bytes{static_cast<std::uint8_t>(field << 3 | 2)};
  std::size_t size = value.size();
  for (; size >= 0x80; size >>= 7) {
    bytes.push_back(static_cast<std::uint8_t>(size | 0x80));
  }
  bytes.push_back(static_cast<std::uint8_t>(size));
  bytes.insert(bytes.end(), value.begin(), value.end());
  return bytes;
}

Bytes text_field(std::uint8_t field, const std::string& text) {
  return bytes_field(field, Bytes{text.begin(), text.end()});
}

Bytes joined(std::initializer_list<Bytes> parts) {
  Bytes bytes;
  for (const Bytes& part : parts) {
    bytes.insert(bytes.end(), part.begin(), part.end());
  }
  return bytes;
}

Bytes neighbor_fixed_ip(const std::string& address) {
  return joined({text_field(2, "green"), text_field(3, address)});
}

Bytes neighbor_state(const Bytes& configuration) {
  return joined({number_field(1, 1), bytes_field(2, configuration)});
}

// The fields of NeighborConfiguration that are the same in both layouts.
Bytes neighbor_head() {
  return joined({number_field(1, 7), text_field(2, "request"), text_field(3, "n1"),
                 number_field(4, 1), text_field(5, "vpc"), text_field(6, "name"),
                 text_field(7, "02:00:00:00:00:09")});
}

// With the fields from 8 on.
Bytes neighbor(std::initializer_list<Bytes> fields) {
  return neighbor_state(joined({neighbor_head(), joined(fields)}));
}

void write_usual_neighbor(const std::filesystem::path& directory) {
  Corpus corpus{directory / "fuzz_usual_neighbor", {}};
  const Bytes host = text_field(9, "172.16.0.2");
  const Bytes fixed_ip = bytes_field(10, neighbor_fixed_ip("10.0.1.9"));
  corpus.add("master", neighbor({text_field(8, "0a:00:00:00:00:02"), host, fixed_ip}));
  corpus.add("released", neighbor({text_field(8, "172.16.0.2"),
                                   bytes_field(9, neighbor_fixed_ip("10.0.1.9"))}));
  corpus.add("v6", neighbor({text_field(9, "2001:db8::2"),
                             bytes_field(10, neighbor_fixed_ip("2001:db8:1::9"))}));
  corpus.add("two_addresses", neighbor({host, fixed_ip, fixed_ip}));
  corpus.add("address_pair", neighbor({host, fixed_ip, text_field(11, "pair")}));
  corpus.add(
      "vni",
      neighbor({host, bytes_field(10, joined({number_field(1, 2), neighbor_fixed_ip("10.0.1.9"),
                                              text_field(4, "group"), number_field(5, 99)}))}));
  corpus.add("no_subnet", neighbor({host, bytes_field(10, text_field(3, "10.0.1.9"))}));
  corpus.add("no_fixed_ip", neighbor({host}));
  corpus.add("multicast_host", neighbor({text_field(9, "224.0.0.1"), fixed_ip}));
  corpus.add("leading_zero", neighbor({text_field(9, "172.16.00.2"), fixed_ip}));
  corpus.add("not_in_order", neighbor({fixed_ip, host}));
  corpus.add("deleted", joined({number_field(1, 3), bytes_field(2, neighbor_head())}));
  const Bytes whole = bytes_field(2, joined({neighbor_head(), host, fixed_ip}));
  corpus.add("tag_of_six_bytes", joined({{0x88, 0x80, 0x80, 0x80, 0x80, 0x00, 0x01}, whole}));
  corpus.add("number_of_ten_bytes",
             joined({{0x08, 0x81, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00}, whole}));
  corpus.add("cut_off", Bytes{0x12, 0x7f, 0x1a});
}

void write_message_parts(const std::filesystem::path& directory) {
  constexpr std::uint8_t kSliceSize = 6;
  Corpus corpus{directory / "fuzz_message_parts", {kSliceSize}};
  const Bytes one = bytes_field(5, neighbor({text_field(9, "172.16.0.2")}));
  const Bytes subnet = bytes_field(2, text_field(3, "green"));
  corpus.add("neighbors", joined({one, one}));
  corpus.add("neighbors_between", joined({subnet, one, subnet, one, one, subnet}));
  corpus.add("nothing_else", joined({subnet, subnet}));
  corpus.add("empty_neighbors", joined({bytes_field(5, {}), bytes_field(5, {})}));
  corpus.add("neighbor_that_is_a_number", joined({number_field(5, 1), one}));
  corpus.add("fixed_width",
             joined({{0x09, 1, 2, 3, 4, 5, 6, 7, 8}, one, {0x15, 1, 2, 3, 4}, subnet}));
  corpus.add("group", joined({one, {0x1b, 0x1c}}));
  corpus.add("field_zero", joined({one, {0x02, 0x00}}));
  corpus.add("past_the_end", joined({one, {0x2a, 0xff, 0xff, 0x03, 0x01}}));
  corpus.add("length_of_ten_bytes",
             joined({one, {0x2a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01}}));
  corpus.add("endless_number", joined({{0x08}, Bytes(12, 0xff)}));
}

}  // namespace
}  // namespace alkaid::fuzz

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: make_corpus DIRECTORY\n";
    return 2;
  }
  try {
    alkaid::fuzz::write_parse(argv[1]);
    alkaid::fuzz::write_quick_parse(argv[1]);
    alkaid::fuzz::write_nd(argv[1]);
    alkaid::fuzz::write_dhcp(argv[1]);
    alkaid::fuzz::write_dhcpv6(argv[1]);
    alkaid::fuzz::write_router_solicitation(argv[1]);
    alkaid::fuzz::write_source_guard(argv[1]);
    alkaid::fuzz::write_connection_state(argv[1]);
    alkaid::fuzz::write_tcp_window(argv[1]);
    alkaid::fuzz::write_embedded_tuple(argv[1]);
    alkaid::fuzz::write_fragment(argv[1]);
    alkaid::fuzz::write_dhcp_option_value(argv[1]);
    alkaid::fuzz::write_usual_neighbor(argv[1]);
    alkaid::fuzz::write_message_parts(argv[1]);
  } catch (const std::exception& error) {
    std::cerr << "make_corpus: " << error.what() << '\n';
    return 1;
  }
  return 0;
}
