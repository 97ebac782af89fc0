// Feeds any ICMP message to the reader of what errors quote.
//
// Input: one byte, odd for ICMPv6; then the message from its type on.
#include <cstddef>
#include <cstdint>
#include <vector>

#include "dataplane/conntrack/embedded_tuple.hpp"
#include "tests/fuzz/require.hpp"
#include "tests/support/exact_copy.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace alkaid;
  if (size < 1 + sizeof(IcmpEchoHeader) || size > 2000) {
    return 0;
  }
  const bool is_v6 = (data[0] & 1) != 0;
  const std::size_t l4 = sizeof(EthernetHeader) + (is_v6 ? sizeof(Ipv6Header) : sizeof(Ipv4Header));
  std::vector<std::uint8_t> bytes(l4);
  bytes.insert(bytes.end(), data + 1, data + size);
  FrameHeaders headers;
  headers.kind = is_v6 ? FrameHeaders::Kind::kIpv6 : FrameHeaders::Kind::kIpv4;
  headers.protocol = is_v6 ? ip_protocol::kIcmpv6 : ip_protocol::kIcmp;
  headers.l3_offset = sizeof(EthernetHeader);
  headers.l4_offset = static_cast<std::uint16_t>(l4);
  headers.l3_end = static_cast<std::uint16_t>(bytes.size());
  test::ExactCopy frame{bytes};
  const auto tuple = embedded_tuple(frame.bytes(), headers);
  if (tuple) {
    ALKAID_REQUIRE(is_icmp_error(frame.bytes(), headers));
    ALKAID_REQUIRE(tuple->is_v6 == is_v6);
    const auto quoted = frame.bytes().subspan(l4 + sizeof(IcmpEchoHeader));
    if (is_v6) {
      const auto& ip = *reinterpret_cast<const Ipv6Header*>(quoted.data());
      ALKAID_REQUIRE(tuple->source == IpAddress{ip.source});
      ALKAID_REQUIRE(tuple->destination == IpAddress{ip.destination});
    } else {
      const auto& ip = *reinterpret_cast<const Ipv4Header*>(quoted.data());
      ALKAID_REQUIRE(tuple->source == IpAddress{ip.source} && tuple->protocol == ip.protocol);
    }
  }
  return 0;
}
