#include "dataplane/packet/mss_clamp.hpp"

#include <algorithm>
#include <cstring>

#include "dataplane/packet/checksum.hpp"
#include "dataplane/packet/headers.hpp"

namespace alkaid {
namespace {

constexpr std::uint8_t kSyn = 0x02;
constexpr std::uint8_t kEndOfOptions = 0;
constexpr std::uint8_t kNoOperation = 1;
constexpr std::uint8_t kMaximumSegmentSize = 2;
constexpr std::size_t kMssOptionLength = 4;

// Where the MSS lies in `options`; 0: nowhere, or the options are malformed before it.
std::size_t find_mss(std::span<const std::uint8_t> options) {
  std::size_t position = 0;
  while (position < options.size() && options[position] != kEndOfOptions) {
    if (options[position] == kNoOperation) {
      ++position;
      continue;
    }
    const std::size_t rest = options.size() - position;
    if (rest < 2 || options[position + 1] < 2 || options[position + 1] > rest) {
      return 0;
    }
    if (options[position] == kMaximumSegmentSize) {
      return options[position + 1] == kMssOptionLength ? position + 2 : 0;
    }
    position += options[position + 1];
  }
  return 0;
}

// A 16-bit word at an odd offset counts in the checksum with its bytes swapped.
BigEndian16 as_summed(BigEndian16 word, std::size_t offset) {
  return offset % 2 == 0
             ? word
             : BigEndian16{static_cast<std::uint16_t>(word.host() << 8 | word.host() >> 8)};
}

}  // namespace

void clamp_mss(std::span<std::uint8_t> frame, const FrameHeaders& headers, std::uint16_t mtu) {
  if (headers.protocol != ip_protocol::kTcp || headers.l4_offset == 0) {
    return;
  }
  auto& tcp = *reinterpret_cast<TcpHeader*>(frame.data() + headers.l4_offset);
  if ((tcp.flags & kSyn) == 0) {
    return;
  }
  // The parser has checked that the header lies inside the packet, not that of the frame's bytes.
  const std::size_t options_offset = headers.l4_offset + sizeof(TcpHeader);
  const std::size_t end = std::min<std::size_t>(
      {headers.l4_offset + (tcp.data_offset >> 4U) * std::size_t{4}, headers.l3_end, frame.size()});
  if (end <= options_offset) {
    return;
  }
  const auto options = frame.subspan(options_offset, end - options_offset);
  const std::size_t offset = find_mss(options);
  if (offset == 0) {
    return;
  }
  const std::size_t ip_header =
      headers.kind == FrameHeaders::Kind::kIpv6 ? sizeof(Ipv6Header) : sizeof(Ipv4Header);
  const std::size_t overhead = ip_header + sizeof(TcpHeader);
  const auto largest = static_cast<std::uint16_t>(mtu > overhead ? mtu - overhead : 0);
  BigEndian16 announced;
  std::memcpy(&announced, options.data() + offset, sizeof(announced));
  if (announced.host() <= largest || largest == 0) {
    return;
  }
  const BigEndian16 lowered{largest};
  std::memcpy(options.data() + offset, &lowered, sizeof(lowered));
  tcp.checksum =
      checksum_update(tcp.checksum, as_summed(announced, offset), as_summed(lowered, offset));
}

}  // namespace alkaid
