// What router advertisements say (RFC 4861, 4.2; RFC 8106) and which solicitations are refused.
#include "dataplane/router_advertisement/router_advertisement.hpp"

#include <map>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "dataplane/packet/checksum.hpp"
#include "dataplane/packet/link_local.hpp"
#include "tests/support/exact_copy.hpp"

namespace alkaid::test {
namespace {

using Octets = std::vector<std::uint8_t>;

constexpr MacAddress kGatewayMac = MacAddress::from_number(0x020000010001);

SegmentConfig segment() {
  SegmentConfig config;
  config.prefixes = {*IpPrefix::parse("10.1.0.0/24"), *IpPrefix::parse("2001:db8:1::/64"),
                     *IpPrefix::parse("2001:db8:2:3::/80")};
  config.gateways = {{*IpAddress::parse("2001:db8:1::1"), kGatewayMac}};
  config.dns_servers = {*IpAddress::parse("8.8.8.8"), *IpAddress::parse("2001:db8::53")};
  config.domain_search = {"a.example"};
  return config;
}

// The ICMPv6 message of the advertisement's frame.
Octets message_of(const SegmentConfig& config, std::uint16_t mtu = 1450) {
  ExactCopy output{Octets(kLargestRouterAdvertisementFrame, 0xa5)};
  const auto advertisement = make_router_advertisement(config);
  const std::size_t length =
      write_router_advertisement(advertisement, mtu, all_nodes(), output.bytes());
  EXPECT_GT(length, 54U);
  const auto frame = output.bytes().first(length);
  const auto& ip = *reinterpret_cast<const Ipv6Header*>(&frame[14]);
  EXPECT_EQ(ip.payload_length.host(), length - 54);
  EXPECT_EQ(ip.hop_limit, 255);
  EXPECT_EQ(IpAddress{ip.source}, advertisement.source);
  const Octets message(frame.begin() + 54, frame.end());
  EXPECT_EQ(checksum_fold(checksum_add(
                ipv6_pseudo_header_sum(ip, 58, static_cast<std::uint32_t>(message.size())),
                message.data(), message.size())),
            0xffff);
  return message;
}

std::multimap<int, Octets> options_of(const Octets& message) {
  std::multimap<int, Octets> options;
  std::size_t at = 16;
  while (at + 2 <= message.size() && message[at + 1] != 0) {
    const std::size_t length = message[at + 1] * std::size_t{8};
    EXPECT_LE(at + length, message.size());
    const auto start = message.begin() + static_cast<std::ptrdiff_t>(at);
    options.emplace(message[at], Octets(start, start + static_cast<std::ptrdiff_t>(length)));
    at += length;
  }
  EXPECT_EQ(at, message.size());
  return options;
}

TEST(RouterAdvertisement, SaysWhatTheSegmentHas) {
  const Octets message = message_of(segment());
  EXPECT_EQ(message[0], 134);
  EXPECT_EQ(message[4], 64) << "hop limit";
  EXPECT_EQ(message[5], 0xc0) << "M and O";
  EXPECT_EQ(message[6] << 8 | message[7], 1800) << "router lifetime";
  const auto options = options_of(message);
  EXPECT_EQ(options.find(1)->second, (Octets{1, 1, 2, 0, 0, 1, 0, 1}));
  EXPECT_EQ(options.find(5)->second, (Octets{5, 1, 0, 0, 0, 0, 1450 >> 8, 1450 & 0xff}));
  ASSERT_EQ(options.count(3), 2U);
  const Octets prefix = options.find(3)->second;
  EXPECT_EQ(prefix[2], 64);
  EXPECT_EQ(prefix[3], 0x80) << "on-link; addresses come from DHCPv6";
  EXPECT_EQ(Octets(prefix.begin() + 16, prefix.end()),
            (Octets{0x20, 1, 0xd, 0xb8, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}));
  const Octets dns = options.find(25)->second;
  EXPECT_EQ(dns.size(), 24U) << "the IPv6 server only";
  EXPECT_EQ(dns.back(), 0x53);
  EXPECT_EQ(options.find(31)->second, (Octets{31,  3,   0,   0,   0,   0,   7, 8, 1, 'a', 7, 'e',
                                              'x', 'a', 'm', 'p', 'l', 'e', 0, 0, 0, 0,   0, 0}));
}

TEST(RouterAdvertisement, FlagsFollowTheAddressMode) {
  struct Row {
    Ipv6AddressMode mode;
    int flags;
    int prefix_flags;
  };
  for (const Row& row : {Row{Ipv6AddressMode::kDhcpv6Stateful, 0xc0, 0x80},
                         Row{Ipv6AddressMode::kDhcpv6Stateless, 0x40, 0xc0},
                         Row{Ipv6AddressMode::kSlaac, 0, 0xc0}}) {
    auto config = segment();
    config.ipv6_address_mode = row.mode;
    const Octets message = message_of(config);
    EXPECT_EQ(message[5], row.flags);
    const auto options = options_of(message);
    const auto [first, last] = options.equal_range(3);
    EXPECT_EQ(first->second[3], row.prefix_flags);
    EXPECT_EQ(std::next(first)->second[3], 0x80) << "SLAAC wants 64 bits of prefix";
  }
}

TEST(RouterAdvertisement, WithoutGatewayNobodyIsADefaultRouter) {
  auto config = segment();
  config.gateways.clear();
  const Octets message = message_of(config);
  EXPECT_EQ(message[6] << 8 | message[7], 0);
  EXPECT_EQ(make_router_advertisement(config).source.to_string(), "fe80::fc16:11ff:feff:ffff");
}

TEST(RouterAdvertisement, NothingIsSaidWithoutIpv6) {
  auto config = segment();
  config.prefixes = {*IpPrefix::parse("10.1.0.0/24")};
  EXPECT_TRUE(make_router_advertisement(config).is_empty());
}

TEST(RouterAdvertisement, AnMtuThatIpv6CannotHaveIsNotTold) {
  EXPECT_EQ(options_of(message_of(segment(), 1279)).count(5), 0U);
  EXPECT_EQ(options_of(message_of(segment(), 1280)).count(5), 1U);
}

TEST(RouterAdvertisement, FitsIntoOnePacketWhateverTheSegmentHas) {
  auto config = segment();
  config.prefixes.assign(100, *IpPrefix::parse("2001:db8:1::/64"));
  config.dns_servers.assign(50, *IpAddress::parse("2001:db8::53"));
  config.domain_search.assign(40, std::string(60, 'a') + ".example");
  EXPECT_LE(message_of(config).size(), 1240U);
  config.prefixes.resize(1);
  const auto options = options_of(message_of(config));
  EXPECT_EQ(options.count(25), 1U);
  EXPECT_EQ(options.count(31), 1U);
}

TEST(RouterAdvertisement, ASmallBufferIsRefused) {
  Octets output(kLargestRouterAdvertisementFrame - 1);
  EXPECT_EQ(
      write_router_advertisement(make_router_advertisement(segment()), 1450, all_nodes(), output),
      0U);
}

struct Solicitation {
  Octets message{133, 0, 0, 0, 0, 0, 0, 0, 1, 1, 2, 0, 0, 1, 0, 0xb};
  std::uint8_t hop_limit = 255;
  IpAddress source = link_local_address(kGatewayMac);
  bool wrong_checksum = false;

  [[nodiscard]] DropReason check() const {
    Ipv6Header ip{};
    ip.hop_limit = hop_limit;
    ip.source = source.bytes();
    ip.destination = kAllRouters.bytes();
    Octets bytes = message;
    if (bytes.size() >= 4) {
      const auto checksum = checksum_finish(
          checksum_add(ipv6_pseudo_header_sum(ip, 58, static_cast<std::uint32_t>(bytes.size())),
                       bytes.data(), bytes.size()));
      std::memcpy(&bytes[2], &checksum, 2);
      bytes[3] = static_cast<std::uint8_t>(bytes[3] ^ (wrong_checksum ? 1 : 0));
    }
    ExactCopy copy{bytes};
    return check_router_solicitation(ip, copy.bytes());
  }
};

TEST(RouterSolicitation, ChecksOfRfc4861) {
  constexpr auto kBad = DropReason::router_solicitation_malformed;
  EXPECT_EQ(Solicitation{}.check(), DropReason::kNone);
  EXPECT_EQ((Solicitation{.message = Octets{133, 0, 0, 0, 0, 0, 0, 0}, .source = {}}.check()),
            DropReason::kNone);
  EXPECT_EQ((Solicitation{.hop_limit = 254}.check()), kBad);
  EXPECT_EQ((Solicitation{.wrong_checksum = true}.check()), kBad);
  EXPECT_EQ((Solicitation{.message = {133, 1, 0, 0, 0, 0, 0, 0}}.check()), kBad) << "code";
  EXPECT_EQ((Solicitation{.message = {133, 0, 0, 0, 0, 0, 0}}.check()), kBad) << "short";
  EXPECT_EQ((Solicitation{.message = {}}.check()), kBad) << "empty";
  EXPECT_EQ((Solicitation{.message = {133, 0, 0, 0, 0, 0, 0, 0, 1, 0}}.check()), kBad)
      << "an option of no length";
  EXPECT_EQ((Solicitation{.message = {133, 0, 0, 0, 0, 0, 0, 0, 9}}.check()), kBad)
      << "half an option";
  EXPECT_EQ((Solicitation{.message = {133, 0, 0, 0, 0, 0, 0, 0, 9, 2, 0, 0, 0, 0, 0, 0}}.check()),
            kBad)
      << "an option past the end";
  EXPECT_EQ((Solicitation{.source = {}}.check()), kBad) << "a source's MAC without a source";
}

}  // namespace
}  // namespace alkaid::test
