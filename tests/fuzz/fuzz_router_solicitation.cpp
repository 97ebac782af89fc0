// Feeds any bytes to the check of router solicitations: it stays within them.
//
// Input: hop limit; one byte that chooses the source address; whether the checksum is made right;
// then ICMPv6.
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "dataplane/packet/checksum.hpp"
#include "dataplane/packet/link_local.hpp"
#include "dataplane/router_advertisement/router_advertisement.hpp"
#include "tests/fuzz/require.hpp"
#include "tests/support/exact_copy.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace alkaid;
  constexpr std::size_t kControlBytes = 3;
  if (size < kControlBytes) {
    return 0;
  }
  Ipv6Header ip{};
  ip.hop_limit = data[0];
  if (data[1] != 0) {
    ip.source = link_local_address(MacAddress::from_number(data[1])).bytes();
  }
  ip.destination = kAllRouters.bytes();
  test::ExactCopy message{{data + kControlBytes, size - kControlBytes}};
  if (data[2] != 0 && message.size() >= 4) {
    const BigEndian16 none;
    std::memcpy(&message.bytes()[2], &none, sizeof(none));
    const BigEndian16 checksum = checksum_finish(
        checksum_add(ipv6_pseudo_header_sum(ip, ip_protocol::kIcmpv6,
                                            static_cast<std::uint32_t>(message.size())),
                     message.bytes().data(), message.size()));
    std::memcpy(&message.bytes()[2], &checksum, sizeof(checksum));
  }
  const DropReason reason = check_router_solicitation(ip, message.bytes());
  ALKAID_REQUIRE(reason == DropReason::kNone ||
                 reason == DropReason::router_solicitation_malformed);
  ALKAID_REQUIRE(reason != DropReason::kNone || (data[0] == 255 && message.bytes()[0] == 133));
  return 0;
}
