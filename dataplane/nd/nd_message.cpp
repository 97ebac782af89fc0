#include "dataplane/nd/nd_message.hpp"

#include "dataplane/packet/checksum.hpp"

namespace alkaid {
namespace {

constexpr std::uint8_t kNdHopLimit = 255;
constexpr std::size_t kOptionUnit = 8;

template <class Header>
const Header& header_at(std::span<const std::uint8_t> bytes, std::size_t offset) {
  return *reinterpret_cast<const Header*>(bytes.data() + offset);
}

bool is_multicast(const IpAddress& address) {
  return address.bytes()[0] == 0xff;
}

// The solicited-node group (RFC 4291, 2.7.1) of whatever address.
bool is_solicited_node_group(const IpAddress& address) {
  return address.high() == 0xff02000000000000ULL && (address.low() >> 24) == 0x1ffULL;
}

// Where the options begin; 0: they are not read.
std::size_t fixed_length(std::uint8_t type) {
  switch (type) {
    case icmpv6_type::kRouterSolicitation:
      return 8;
    case icmpv6_type::kNeighborSolicitation:
    case icmpv6_type::kNeighborAdvertisement:
      return sizeof(NdNeighborHeader);
    default:
      return 0;
  }
}

// False: an option is empty, ends beyond the message, or is a link address of another length than
// Ethernet's.
bool read_options(std::span<const std::uint8_t> options, NdMessage& message) {
  const std::uint8_t wanted = message.type == icmpv6_type::kNeighborAdvertisement
                                  ? nd_option::kTargetLinkAddress
                                  : nd_option::kSourceLinkAddress;
  while (!options.empty()) {
    if (options.size() < 2) {
      return false;
    }
    const std::size_t length = options[1] * kOptionUnit;
    if (length == 0 || length > options.size()) {
      return false;
    }
    if (options[0] == wanted) {
      if (length != sizeof(NdLinkAddressOption)) {
        return false;
      }
      message.link_mac = header_at<NdLinkAddressOption>(options, 0).mac;
      if (!message.link_mac->is_unicast()) {
        return false;
      }
    }
    options = options.subspan(length);
  }
  return true;
}

bool addresses_ok(const NdMessage& message, const IpAddress& destination) {
  if (message.type == icmpv6_type::kRouterSolicitation) {
    return !message.source.is_unset() || !message.link_mac;
  }
  if (is_multicast(message.target) || message.target.is_unset() || message.target.is_v4()) {
    return false;
  }
  if (message.type == icmpv6_type::kNeighborAdvertisement) {
    return !is_multicast(destination) || (message.flags & NdNeighborHeader::kSolicited) == 0;
  }
  return !message.source.is_unset() || (!message.link_mac && is_solicited_node_group(destination));
}

}  // namespace

std::optional<NdMessage> read_nd_message(std::span<const std::uint8_t> frame,
                                         const FrameHeaders& headers) {
  if (headers.l3_end > frame.size()) {
    return std::nullopt;
  }
  const auto& ip = header_at<Ipv6Header>(frame, headers.l3_offset);
  const auto bytes = frame.subspan(headers.l4_offset, headers.l3_end - headers.l4_offset);
  const auto& icmp = header_at<IcmpEchoHeader>(bytes, 0);  // parse_frame has seen this much
  const std::uint64_t sum =
      ipv6_pseudo_header_sum(ip, ip_protocol::kIcmpv6, static_cast<std::uint32_t>(bytes.size()));
  if (ip.hop_limit != kNdHopLimit || icmp.code != 0 ||
      checksum_fold(checksum_add(sum, bytes.data(), bytes.size())) != 0xffff) {
    return std::nullopt;
  }
  NdMessage message{.type = icmp.type, .source = IpAddress{ip.source}};
  const std::size_t fixed = fixed_length(message.type);
  if (fixed == 0) {
    return message;
  }
  if (bytes.size() < fixed) {
    return std::nullopt;
  }
  if (fixed == sizeof(NdNeighborHeader)) {
    const auto& header = header_at<NdNeighborHeader>(bytes, 0);
    message.target = IpAddress{header.target};
    message.flags = header.flags.host();
  }
  if (!read_options(bytes.subspan(fixed), message) ||
      !addresses_ok(message, IpAddress{ip.destination})) {
    return std::nullopt;
  }
  return message;
}

void write_neighbor_advertisement(std::span<std::uint8_t, kNeighborAdvertisementSize> frame,
                                  const NeighborAdvertisement& advertisement) {
  constexpr std::size_t kLength = sizeof(NdNeighborHeader) + sizeof(NdLinkAddressOption);
  constexpr std::size_t kL4 = sizeof(EthernetHeader) + sizeof(Ipv6Header);
  auto& ethernet = *reinterpret_cast<EthernetHeader*>(frame.data());
  ethernet = {advertisement.link_destination, advertisement.mac, BigEndian16{ether_type::kIpv6}};
  auto& ip = *reinterpret_cast<Ipv6Header*>(frame.data() + sizeof(EthernetHeader));
  ip = {BigEndian32{6U << 28}, BigEndian16{kLength},         ip_protocol::kIcmpv6,
        kNdHopLimit,           advertisement.target.bytes(), advertisement.destination.bytes()};
  auto& icmp = *reinterpret_cast<NdNeighborHeader*>(frame.data() + kL4);
  icmp = {icmpv6_type::kNeighborAdvertisement,
          0,
          {},
          BigEndian32{advertisement.flags},
          advertisement.target.bytes()};
  auto& option =
      *reinterpret_cast<NdLinkAddressOption*>(frame.data() + kL4 + sizeof(NdNeighborHeader));
  option = {nd_option::kTargetLinkAddress, 1, advertisement.mac};
  const std::uint64_t sum = ipv6_pseudo_header_sum(ip, ip_protocol::kIcmpv6, kLength);
  icmp.checksum = checksum_finish(checksum_add(sum, &icmp, kLength));
}

}  // namespace alkaid
