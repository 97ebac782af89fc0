#include "dataplane/router_advertisement/router_advertisement.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <string>

#include "dataplane/packet/checksum.hpp"
#include "dataplane/packet/domain_name.hpp"
#include "dataplane/packet/link_local.hpp"

namespace alkaid {
namespace {

using Bytes = std::span<const std::uint8_t>;

constexpr std::uint8_t kHopLimit = 255;  // RFC 4861, 4.1 and 4.2
constexpr std::uint8_t kAdvertisedHopLimit = 64;
constexpr std::uint16_t kRouterLifetime = 1800;       // RFC 4861, 6.2.1: 3 * MaxRtrAdvInterval
constexpr std::uint32_t kValidLifetime = 2592000;     // RFC 4861, 6.2.1: 30 days
constexpr std::uint32_t kPreferredLifetime = 604800;  // 7 days
constexpr std::uint32_t kDnsLifetime = 1800;          // RFC 8106, 5.1: 3 * MaxRtrAdvInterval
constexpr std::uint16_t kSmallestMtu = 1280;          // RFC 8200, 5
constexpr std::uint8_t kAutonomousPrefixLength = 64;
constexpr std::size_t kLargestMessage = 1280 - sizeof(Ipv6Header);

enum OptionType : std::uint8_t {
  kSourceLinkLayerAddress = 1,
  kPrefixInformation = 3,
  kMtu = 5,
  kRecursiveDnsServer = 25,
  kDnsSearchList = 31,
};

// RFC 4861, 4.2.
struct AdvertisementHeader {
  static constexpr std::uint8_t kManaged = 0x80;      // M: addresses by DHCPv6
  static constexpr std::uint8_t kOtherConfig = 0x40;  // O: other configuration by DHCPv6

  std::uint8_t type = icmpv6_type::kRouterAdvertisement;
  std::uint8_t code = 0;
  BigEndian16 checksum;
  std::uint8_t hop_limit = kAdvertisedHopLimit;
  std::uint8_t flags = 0;
  BigEndian16 router_lifetime;
  BigEndian32 reachable_time;  // unspecified
  BigEndian32 retrans_timer;   // unspecified
};
static_assert(sizeof(AdvertisementHeader) == 16);

// RFC 4861, 4.6.1 to 4.6.4, and RFC 8106, 5; lengths in units of 8 bytes.
struct LinkLayerOption {
  std::uint8_t type = kSourceLinkLayerAddress;
  std::uint8_t length = 1;
  MacAddress mac;
};
static_assert(sizeof(LinkLayerOption) == 8);

struct PrefixOption {
  static constexpr std::uint8_t kOnLink = 0x80;      // L
  static constexpr std::uint8_t kAutonomous = 0x40;  // A

  std::uint8_t type = kPrefixInformation;
  std::uint8_t length = 4;
  std::uint8_t prefix_length = 0;
  std::uint8_t flags = kOnLink;
  BigEndian32 valid_lifetime{kValidLifetime};
  BigEndian32 preferred_lifetime{kPreferredLifetime};
  BigEndian32 reserved;
  std::array<std::uint8_t, 16> prefix{};
};
static_assert(sizeof(PrefixOption) == 32);

struct MtuOption {
  std::uint8_t type = kMtu;
  std::uint8_t length = 1;
  BigEndian16 reserved;
  BigEndian32 mtu;
};
static_assert(sizeof(MtuOption) == 8);

// RDNSS and DNSSL begin alike.
struct DnsOption {
  std::uint8_t type = kRecursiveDnsServer;
  std::uint8_t length = 1;
  BigEndian16 reserved;
  BigEndian32 lifetime{kDnsLifetime};
};
static_assert(sizeof(DnsOption) == 8);

struct FrameHead {
  EthernetHeader ethernet;
  Ipv6Header ip;
};
static_assert(sizeof(FrameHead) == 54);

class MessageBuilder {
 public:
  template <class Object>
  void put(const Object& object, Bytes more = {}) {
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(&object);
    const std::size_t length = (sizeof(object) + more.size() + 7) / 8 * 8;
    // The MTU option must still fit.
    if (message_.size() + length + sizeof(MtuOption) > kLargestMessage) {
      return;
    }
    const std::size_t end = message_.size() + length;
    message_.insert(message_.end(), bytes, bytes + sizeof(object));
    message_.insert(message_.end(), more.begin(), more.end());
    message_.resize(end);  // zeros to the next 8 bytes
  }
  std::vector<std::uint8_t> take() { return std::move(message_); }

 private:
  std::vector<std::uint8_t> message_;
};

std::uint8_t flags_of(Ipv6AddressMode mode) {
  switch (mode) {
    case Ipv6AddressMode::kDhcpv6Stateful:
      return AdvertisementHeader::kManaged | AdvertisementHeader::kOtherConfig;
    case Ipv6AddressMode::kDhcpv6Stateless:
      return AdvertisementHeader::kOtherConfig;
    case Ipv6AddressMode::kSlaac:
      break;
  }
  return 0;
}

// As many as fit into an option's one byte of length and into the message.
constexpr std::size_t kMostDnsServers = 8;
constexpr std::size_t kLongestSearchList = 512;

void put_dns(const SegmentConfig& config, MessageBuilder& message) {
  std::vector<std::uint8_t> servers;
  for (const IpAddress& server : config.dns_servers) {
    if (!server.is_v4() && servers.size() < kMostDnsServers * sizeof(IpAddress)) {
      servers.insert(servers.end(), server.bytes().begin(), server.bytes().end());
    }
  }
  if (!servers.empty()) {
    DnsOption option;
    option.length = static_cast<std::uint8_t>((sizeof(option) + servers.size()) / 8);
    message.put(option, servers);
  }
  std::vector<std::string> names = config.domain_search;
  if (names.empty()) {
    names.push_back(config.domain_name);
  }
  std::vector<std::uint8_t> search = encode_domain_names(names);
  while (search.size() > kLongestSearchList) {
    names.pop_back();
    search = encode_domain_names(names);
  }
  if (!search.empty()) {
    DnsOption option;
    option.type = kDnsSearchList;
    option.length = static_cast<std::uint8_t>((sizeof(option) + search.size() + 7) / 8);
    message.put(option, search);
  }
}

bool options_are_well_formed(Bytes options, bool may_have_source) {
  while (!options.empty()) {
    const std::size_t length = options.size() < 2 ? 0 : options[1] * std::size_t{8};
    if (length == 0 || length > options.size() ||
        (options[0] == kSourceLinkLayerAddress && !may_have_source)) {
      return false;
    }
    options = options.subspan(length);
  }
  return true;
}

}  // namespace

RouterAdvertisement make_router_advertisement(const SegmentConfig& config) {
  RouterAdvertisement advertisement;
  advertisement.source_mac = kServerMacWithoutIpv6Gateway;
  bool has_gateway = false;
  for (const GatewayConfig& gateway : config.gateways) {
    if (!gateway.address.is_v4()) {
      has_gateway = true;
      advertisement.source_mac = gateway.mac;
    }
  }
  advertisement.source = link_local_address(advertisement.source_mac);

  AdvertisementHeader header;
  header.flags = flags_of(config.ipv6_address_mode);
  header.router_lifetime = BigEndian16{has_gateway ? kRouterLifetime : std::uint16_t{0}};
  MessageBuilder message;
  message.put(header);
  message.put(LinkLayerOption{.mac = advertisement.source_mac});
  bool has_prefix = false;
  for (const IpPrefix& prefix : config.prefixes) {
    if (prefix.address.is_v4()) {
      continue;
    }
    has_prefix = true;
    PrefixOption option;
    option.prefix_length = prefix.length;
    if (prefix.length == kAutonomousPrefixLength &&
        config.ipv6_address_mode != Ipv6AddressMode::kDhcpv6Stateful) {
      option.flags |= PrefixOption::kAutonomous;
    }
    option.prefix = prefix.masked().address.bytes();
    message.put(option);
  }
  if (has_prefix) {
    put_dns(config, message);
    advertisement.message = message.take();
  }
  return advertisement;
}

RouterAdvertisementTarget all_nodes() {
  return {multicast_mac(kAllNodes), kAllNodes};
}

std::size_t write_router_advertisement(const RouterAdvertisement& advertisement, std::uint16_t mtu,
                                       const RouterAdvertisementTarget& target,
                                       std::span<std::uint8_t> output) noexcept {
  if (output.size() < kLargestRouterAdvertisementFrame) {
    return 0;
  }
  const bool tells_mtu = mtu >= kSmallestMtu;
  const std::size_t length = advertisement.message.size() + (tells_mtu ? sizeof(MtuOption) : 0);
  auto& head = *reinterpret_cast<FrameHead*>(output.data());
  head.ethernet = {target.mac, advertisement.source_mac, BigEndian16{ether_type::kIpv6}};
  head.ip = Ipv6Header{};
  head.ip.version_class_label = BigEndian32{6U << 28};
  head.ip.payload_length = BigEndian16{static_cast<std::uint16_t>(length)};
  head.ip.next_header = ip_protocol::kIcmpv6;
  head.ip.hop_limit = kHopLimit;
  head.ip.source = advertisement.source.bytes();
  head.ip.destination = target.address.bytes();
  std::uint8_t* message = output.data() + sizeof(head);
  std::memcpy(message, advertisement.message.data(), advertisement.message.size());
  if (tells_mtu) {
    const MtuOption option{.mtu = BigEndian32{mtu}};
    std::memcpy(message + advertisement.message.size(), &option, sizeof(option));
  }
  reinterpret_cast<AdvertisementHeader*>(message)->checksum = checksum_finish(checksum_add(
      ipv6_pseudo_header_sum(head.ip, ip_protocol::kIcmpv6, static_cast<std::uint32_t>(length)),
      message, length));
  return sizeof(head) + length;
}

DropReason check_router_solicitation(const Ipv6Header& ip,
                                     std::span<const std::uint8_t> message) noexcept {
  constexpr std::size_t kFixedSize = 8;  // type, code, checksum, reserved
  const bool is_well_formed =
      message.size() >= kFixedSize && message[0] == icmpv6_type::kRouterSolicitation &&
      message[1] == 0 && ip.hop_limit == kHopLimit &&
      options_are_well_formed(message.subspan(kFixedSize), !IpAddress{ip.source}.is_unset()) &&
      checksum_fold(checksum_add(ipv6_pseudo_header_sum(ip, ip_protocol::kIcmpv6,
                                                        static_cast<std::uint32_t>(message.size())),
                                 message.data(), message.size())) == 0xffff;
  return is_well_formed ? DropReason::kNone : DropReason::router_solicitation_malformed;
}

}  // namespace alkaid
