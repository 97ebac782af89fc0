// The corpus of what cuts TCP packets into segments.
#include <cstdint>

#include "tests/fuzz/make_corpus/corpus.hpp"
#include "tests/support/packet_builder.hpp"

namespace alkaid::fuzz {
namespace {

using test::packet;
using test::TcpFields;

// Control bytes: payload of a segment, size of buffers in steps of eight bytes, units of 256 bytes
// that follow the frame (fuzz_large_tcp_packet.cpp).
Bytes control(std::uint16_t payload, std::uint8_t buffers, std::uint8_t units = 0) {
  return {static_cast<std::uint8_t>(payload), static_cast<std::uint8_t>(payload >> 8), buffers,
          units};
}

}  // namespace

void write_large_tcp_packet(const std::filesystem::path& directory) {
  constexpr std::uint8_t kAll = 0xff;  // FIN, PSH and CWR are not every segment's
  const auto in = [&](const Bytes& prefix) {
    return Corpus{directory / "fuzz_large_tcp_packet", prefix};
  };
  const auto v4 = packet().ethernet().ipv4({.identification = 0xffff});
  const auto v6 = packet().ethernet().ipv6();
  in(control(16, 255)).add("ipv4", v4.tcp().payload_of_size(100).build());
  in(control(7, 255))
      .add("ipv4_all_flags",
           v4.tcp({.sequence = 0xfffffff0, .flags = kAll}).payload_of_size(50).build());
  in(control(9, 8)).add("ipv4_in_buffers", v4.tcp().payload_of_size(90).build());
  in(control(16, 2)).add("ipv4_headers_in_two_buffers", v4.tcp().payload_of_size(90).build());
  in(control(20, 255))
      .add("ipv4_options", packet()
                               .ethernet()
                               .ipv4({.options = Bytes(40, 1)})
                               .tcp({.options = Bytes(40, 1)})
                               .payload_of_size(30)
                               .build());
  in(control(1448, 255, 40))
      .add("ipv4_large", packet().ethernet().ipv4({.total_length = 20 + 20 + 10000}).tcp().build());
  in(control(100, 255, 49))
      .add("ipv4_most_segments",
           packet().ethernet().ipv4({.total_length = 20 + 20 + 12544}).tcp().build());
  in(control(100, 255))
      .add("ipv4_padded", v4.tcp({.flags = TcpFields::kAck}).padded_to(90).build());
  in(control(16, 255))
      .add("ipv4_fragment",
           packet().ethernet().ipv4({.more_fragments = true}).tcp().payload_of_size(80).build());
  in(control(16, 255)).add("udp", v4.udp().payload_of_size(80).build());
  in(control(5000, 255, 60))
      .add("ipv6_large_segments",
           packet().ethernet().ipv6({.payload_length = 20 + 15000}).tcp().build());
  in(control(11, 20)).add("ipv6", v6.tcp({.flags = kAll}).payload_of_size(64).build());
  in(control(30, 255))
      .add("ipv6_extensions", packet()
                                  .ethernet()
                                  .ipv6()
                                  .ipv6_extension({.number = ip_protocol::kHopByHop})
                                  .ipv6_extension({.more_words = 1})
                                  .tcp()
                                  .payload_of_size(70)
                                  .build());
  in(control(0, 255)).add("no_segment_size", v6.tcp().payload_of_size(20).build());
  in(control(16, 255)).add("header_length_beyond_the_end", v6.tcp({.data_offset = 15}).build());
}

}  // namespace alkaid::fuzz
