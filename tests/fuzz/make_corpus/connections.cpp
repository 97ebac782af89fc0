// Corpora of what follows connections and datagrams over several packets.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <utility>

#include "tests/fuzz/make_corpus/corpus.hpp"
#include "tests/support/packet_builder.hpp"

namespace alkaid::fuzz {
namespace {

using test::packet;

// Packets as "o" or "r" for the direction and flags, as fuzz_connection_state takes them.
Bytes life(std::initializer_list<std::pair<char, std::uint8_t>> packets) {
  Bytes bytes;
  for (const auto& [direction, flags] : packets) {
    bytes.push_back(flags);
    bytes.push_back(direction == 'r' ? 1 : 0);
  }
  return bytes;
}

}  // namespace

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
  Corpus answers{directory / "fuzz_connection_state", {4}};
  answers.add("picked_up_by_an_answer", life({{'r', kAck}, {'r', kAck}, {'o', kAck}, {'o', kFin}}));
  answers.add("answer_to_nobody",
              life({{'r', kAck}, {'o', kRst}, {'r', kSynAck}, {'r', kSyn}, {'o', kSyn}}));
  Corpus udp{directory / "fuzz_connection_state", {1}};
  udp.add("udp", life({{'o', 0}, {'o', 0}, {'r', 0}, {'o', 0}}));
  udp.add("udp_has_no_flags", life({{'o', kSyn}, {'r', kRst | kSynAck}}));
}

namespace {

// A segment as fuzz_tcp_window takes it. length: of the data, in 7 bytes; and the window scale of a
// SYN that has one.
struct Numbered {
  char direction = 'o';
  std::uint8_t flags = 0;
  std::uint32_t sequence = 0;
  std::uint32_t acknowledgment = 0;
  std::uint16_t window = 1000;
  std::uint8_t length = 0;
  bool has_scale = false;
};

Bytes segments_of(std::initializer_list<Numbered> all) {
  Bytes bytes;
  const auto put = [&bytes](std::uint32_t number, unsigned size) {
    for (unsigned i = 0; i < size; ++i) {
      bytes.push_back(static_cast<std::uint8_t>(number >> (8 * i)));
    }
  };
  for (const Numbered& one : all) {
    put((one.direction == 'r' ? 1 : 0) | (one.has_scale ? 2 : 0), 1);
    put(one.flags, 1);
    put(one.sequence, 4);
    put(one.acknowledgment, 4);
    put(one.window, 2);
    put(one.length, 1);
  }
  return bytes;
}

}  // namespace

void write_tcp_window(const std::filesystem::path& directory) {
  constexpr std::uint8_t kSyn = 0x02;
  constexpr std::uint8_t kAck = 0x10;
  constexpr std::uint8_t kRst = 0x04;
  constexpr std::uint8_t kFin = 0x01;
  constexpr std::uint8_t kSynAck = kSyn | kAck;
  // Maximum segment size, selective acknowledgments, times and the largest window scale.
  Bytes full_options{2, 4, 5, 180, 4, 2, 8, 10, 0, 0, 0, 0, 0, 0, 0, 0, 1, 3, 3, 14};
  full_options.resize(40);
  Corpus frames{directory / "fuzz_tcp_window", {0}};
  frames.add("syn", packet().ethernet().ipv4().tcp({.options = {2, 4, 5, 180, 3, 3, 7}}).build());
  frames.add("cut_option", packet().ethernet().ipv6().tcp({.options = {1, 1, 3, 3}}).build());
  frames.add("data", packet().ethernet().ipv4().tcp({.flags = kAck}).payload_of_size(40).build());
  frames.add("syn_full_options", packet().ethernet().ipv4().tcp({.options = full_options}).build());
  Corpus segments{directory / "fuzz_tcp_window", {1}};
  // The numbers begin where they are about to wrap.
  constexpr std::uint32_t kFirst = 0xffffff00;
  const Numbered syn{'o', kSyn, kFirst, 0, 1000, 0, true};
  const Numbered syn_ack{'r', kSynAck, kFirst, 0, 1000, 0, true};
  segments.add("handshake", segments_of({syn, syn_ack, {'o', kAck, kFirst, 0}}));
  segments.add("reset",
               segments_of({syn, syn_ack, {'r', kRst, kFirst + 1, 0}, {'o', kRst, kFirst, 0}}));
  segments.add("anew",
               segments_of({syn, syn_ack, {'o', kSyn, kFirst + 9, 0, 1000, 0, true}, syn_ack}));
  segments.add("picked_up",
               segments_of({{'o', kAck, kFirst + 3, 4}, {'r', kAck, kFirst + 200, 4}}));
  segments.add("closes", segments_of({{'o', kSyn, 5, 0, 1000, 7, true},
                                      {'r', kSynAck, 9, 6, 1000, 7, true},
                                      {'o', kAck, 6, 10},
                                      {'o', kFin | kAck, 6, 10},
                                      {'r', kAck, 10, 7},
                                      {'r', kFin | kAck, 10, 7},
                                      {'o', kAck, 7, 11}}));
  const Numbered first{'o', kSyn, 1, 0, 1000, 7, true};
  const Numbered second{'r', kSynAck, 1, 2, 1000, 7, true};
  segments.add("out_of_window", segments_of({first,
                                             second,
                                             {'o', kAck, 2, 2},
                                             {'o', kAck, 0x80000000, 2, 1000, 3},
                                             {'r', kAck, 2, 0x40000000},
                                             {'r', kRst, 0x7fffffff, 0, 0},
                                             {'r', kRst | kAck, 2, 2, 0}}));
  segments.add("zero_window", segments_of({first,
                                           second,
                                           {'o', kAck, 2, 2},
                                           {'r', kAck, 2, 2, 0},
                                           {'o', kAck, 1, 2},  // a probe
                                           {'r', kAck, 2, 2, 0},
                                           {'r', kAck, 2, 2, 65535},
                                           {'o', kAck, 2, 2, 1000, 200}}));
  segments.add("simultaneous_open", segments_of({{'o', kSyn, 100, 0, 500},
                                                 {'r', kSyn, 900, 0, 500},
                                                 {'o', kSynAck, 100, 901, 500},
                                                 {'r', kSynAck, 900, 101, 500},
                                                 {'o', kAck, 101, 901, 500, 1}}));
  segments.add("wraps", segments_of({{'o', kSyn, 0xfffffff0, 0, 1000, 7, true},
                                     {'r', kSynAck, 0xfffffffa, 0xfffffff1, 1000, 7, true},
                                     {'o', kAck, 0xfffffff1, 0xfffffffb},
                                     {'o', kAck, 0xfffffff1, 0xfffffffb, 1000, 20},
                                     {'r', kAck, 0xfffffffb, 125, 1000, 20},
                                     {'o', kAck, 125, 135, 1000, 20}}));
}

namespace {

// The packet behind its Ethernet header, as an error quotes it.
Bytes quoted(std::uint8_t type, const Bytes& frame) {
  constexpr std::size_t kErrorHeader = 8;
  Bytes bytes(frame.begin() + (sizeof(EthernetHeader) - kErrorHeader), frame.end());
  std::fill_n(bytes.begin(), kErrorHeader, std::uint8_t{0});
  bytes[0] = type;
  bytes[1] = 1;
  return bytes;
}

}  // namespace

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

namespace {

// Frames behind their lengths, as fuzz_fragment takes them.
Bytes frames(std::initializer_list<Bytes> list) {
  Bytes bytes;
  for (const Bytes& frame : list) {
    bytes.push_back(static_cast<std::uint8_t>(frame.size()));
    bytes.insert(bytes.end(), frame.begin(), frame.end());
  }
  return bytes;
}

}  // namespace

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

namespace {

// A step as fuzz_connector takes it. Hosts 0 and 1 are the first tenant's, 2 and 3 the second's, 4
// and 6 their peers behind the tunnel, 5 and 7 the same in the first tenant's other subnet.
struct Step {
  std::uint8_t kind = 0;
  bool ipv6 = false;
  unsigned worker = 0;
  unsigned source = 0;
  unsigned destination = 1;
  unsigned protocol = 0;  // TCP, UDP, ICMP, another one
  unsigned source_port = 5;
  unsigned destination_port = 0;
  std::uint8_t flags = 0x02;
  std::uint8_t more = 0;

  [[nodiscard]] Bytes bytes() const {
    return {
        kind,
        static_cast<std::uint8_t>(worker | unsigned{ipv6} << 1 | source << 2 | destination << 5),
        static_cast<std::uint8_t>(protocol | source_port << 2 | destination_port << 5), flags,
        more};
  }
};
Bytes steps(std::initializer_list<Step> list) {
  Bytes bytes;
  for (const Step& step : list) {
    const Bytes one = step.bytes();
    bytes.insert(bytes.end(), one.begin(), one.end());
  }
  return bytes;
}

}  // namespace

void write_connector(const std::filesystem::path& directory) {
  constexpr std::uint8_t kSynAck = 0x12;
  constexpr std::uint8_t kAck = 0x10;
  constexpr std::uint8_t kError = 6;
  constexpr std::uint8_t kFragment = 7;
  constexpr std::uint8_t kFlood = 8;
  constexpr std::uint8_t kHold = 9;
  constexpr std::uint8_t kRelease = 10;
  constexpr std::uint8_t kTime = 11;
  constexpr std::uint8_t kRule = 12;
  constexpr std::uint8_t kMember = 13;
  constexpr std::uint8_t kPort = 14;
  constexpr std::uint8_t kFlush = 15;
  const Step syn{};
  const Step syn_ack{
      .source = 1, .destination = 0, .source_port = 0, .destination_port = 5, .flags = kSynAck};
  const Step ack{.flags = kAck};
  const Step to_wire{.destination = 4, .protocol = 1};
  const Step from_wire{
      .source = 4, .destination = 0, .protocol = 1, .source_port = 0, .destination_port = 5};
  const Step no_rules_out{.kind = kRule, .flags = 0x60};
  const Step host_moves_here{.kind = kPort, .source = 4, .flags = 0x05};
  Corpus one{directory / "fuzz_connector", {0}};
  one.add("handshake", steps({syn, syn_ack, ack}));
  one.add("rule_removed", steps({syn, syn_ack, ack, no_rules_out, ack, syn_ack}));
  one.add("wire", steps({to_wire, from_wire, {.kind = kPort, .flags = 0}, from_wire}));
  one.add("tenants", steps({syn, {.source = 2, .destination = 3}, syn_ack}));
  one.add("routed", steps({{.destination = 5}, {.destination = 7}}));
  one.add("error", steps({to_wire, {.kind = kError, .destination = 4, .protocol = 1, .more = 40}}));
  one.add("echo_v6",
          steps({{.ipv6 = true, .protocol = 2, .flags = 0},
                 {.ipv6 = true, .source = 1, .destination = 0, .protocol = 2, .flags = 1}}));
  one.add("idle", steps({syn, {.kind = kTime, .more = 20}, ack}));
  one.add("members", steps({{.kind = kRule, .flags = 0x18},
                            no_rules_out,
                            {.kind = kMember, .source = 1, .flags = 1},
                            syn,
                            {.kind = kMember, .source = 1, .flags = 1},
                            syn}));
  one.add("moved", steps({to_wire, from_wire, host_moves_here, from_wire, to_wire}));
  one.add("flushed", steps({syn, to_wire, {.kind = kFlush, .flags = 9}, ack}));
  one.add("full",
          steps({syn, syn_ack, ack, to_wire, from_wire, {.kind = kFlood, .more = 0xff}, ack}));
  Corpus with_windows{directory / "fuzz_connector", {1}};
  with_windows.add("windows", steps({syn, syn_ack, ack, {.flags = 0x14, .more = 9}, ack}));
  Corpus with_quota{directory / "fuzz_connector", {2}};
  with_quota.add("quota", steps({{.kind = kFlood, .more = 1}, syn, to_wire}));
  Corpus two{directory / "fuzz_connector", {0x10}};
  two.add("held", steps({{.kind = kHold},
                         {.kind = kHold, .worker = 1},
                         no_rules_out,
                         {.kind = kRelease, .worker = 1},
                         {.kind = kRelease},
                         syn}));
  two.add("fragments",
          steps({{.kind = kFragment, .worker = 1, .destination = 4, .protocol = 1, .more = 1},
                 {.kind = kFragment, .destination = 4, .protocol = 1, .more = 0},
                 {.kind = kFragment, .worker = 1, .destination = 4, .protocol = 1, .more = 2}}));
}

}  // namespace alkaid::fuzz
