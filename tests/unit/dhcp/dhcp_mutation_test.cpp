// Random damage to good messages: whatever comes out of it, the responder stays within bounds and
// its replies are well-formed. Seeded: a failure repeats.
#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "dataplane/dhcp/dhcp_responder.hpp"
#include "tests/support/dhcp_messages.hpp"
#include "tests/support/exact_copy.hpp"

namespace alkaid::test {
namespace {

using Octets = std::vector<std::uint8_t>;

constexpr Ipv4Address kAddress{0x0a000005};
constexpr Ipv4Address kGateway{0x0a000001};

std::vector<Octets> good_messages() {
  const auto message = [](DhcpMessageType type, DhcpClientFields fields = {}) {
    DhcpClientMessage result{fields};
    result.type(type);
    return result;
  };
  return {
      message(DhcpMessageType::kDiscover)
          .option(55, {1, 3, 6, 12, 15, 26, 28, 58, 59, 119, 121, 200})
          .build(),
      message(DhcpMessageType::kRequest).option(50, kAddress).option(54, kGateway).build(),
      message(DhcpMessageType::kRequest, {.client_ip = kAddress}).option(61, {1, 2, 3}).build(),
      message(DhcpMessageType::kInform, {.client_ip = kAddress}).option(57, {2, 64}).build(),
      message(DhcpMessageType::kRelease, {.client_ip = kAddress}).option(54, kGateway).build(),
      message(DhcpMessageType::kRequest, {.relay_ip = kGateway})
          .option(52, {3})
          .in_boot_file(Octets{50, 4, 10, 0, 0, 9, 255})
          .in_server_name(Octets{61, 2, 0, 1, 255})
          .option(82, {1, 4, 'p', 'o', 'r', 't'})
          .build(),
  };
}

void damage(Octets& bytes, std::mt19937& random) {
  const auto below = [&random](std::size_t limit) {
    return std::uniform_int_distribution<std::size_t>{0, limit - 1}(random);
  };
  for (std::size_t times = 1 + below(2); times > 0 && !bytes.empty(); --times) {
    // Mostly in the options: a message whose header is refused tells little.
    const std::size_t first = below(4) == 0 || bytes.size() <= 240 ? 0 : 240;
    const std::size_t at = first + below(bytes.size() - first);
    const auto value = static_cast<std::uint8_t>(below(256));
    switch (below(5)) {
      case 0:
        bytes[at] = value;
        break;
      case 1:
        bytes[at] = static_cast<std::uint8_t>(bytes[at] ^ 1U << below(8));
        break;
      case 2:
        bytes.insert(bytes.begin() + static_cast<std::ptrdiff_t>(at), 1 + below(8), value);
        break;
      case 3:
        bytes.erase(bytes.begin() + static_cast<std::ptrdiff_t>(at));
        break;
      default:
        bytes.resize(at);
        break;
    }
  }
}

TEST(DhcpMutation, NeverLeavesTheBoundsAndRepliesAreWellFormed) {
  constexpr int kRounds = 200000;
  std::mt19937 random{20131};
  const auto seeds = good_messages();
  SegmentConfig subnet;
  subnet.prefixes = {{IpAddress{Ipv4Address{0x0a000000}}, 24}};
  subnet.gateways = {{IpAddress{kGateway}, MacAddress::from_number(0x020000000101)}};
  subnet.dns_servers.assign(70, IpAddress{kGateway});
  subnet.domain_name = "example.org";
  subnet.domain_search = {"a.example.org", "b.example.org"};
  subnet.dhcpv4_options = {{121, {24, 10, 1, 1, 10, 0, 0, 1}}, {200, std::string(300, 'x')}};
  ASSERT_EQ(check_dhcp_options(subnet), std::nullopt);
  const DhcpOptions options{subnet};
  const DhcpBindingFacts binding{
      .address = kAddress, .options = options, .mtu = 1450, .host_name = "a-host-name"};
  int replies = 0;
  int drops = 0;
  for (int round = 0; round < kRounds; ++round) {
    Octets bytes = seeds[static_cast<std::size_t>(round) % seeds.size()];
    damage(bytes, random);
    ExactCopy payload{bytes};
    DhcpRequest request;
    if (parse_dhcp_request(payload.bytes(), request) != DropReason::kNone) {
      ++drops;
      continue;
    }
    ExactCopy output{Octets(kDhcpSmallestOutput + random() % 500, 0xa5)};
    const DhcpResponse response = respond_dhcp(request, binding, output.bytes());
    if (response.outcome != DhcpResponse::Outcome::kReply) {
      continue;
    }
    ++replies;
    ASSERT_LE(response.reply_length, output.size());
    std::string error;
    const auto reply = read_dhcp_reply(output.bytes().first(response.reply_length), error);
    ASSERT_TRUE(reply) << error << " in round " << round;
    ASSERT_EQ(reply->type(), response.reply);
    ASSERT_FALSE(response.destination_ip.is_zero());
  }
  // The damage must leave enough that is answered and break enough, or nothing was tested.
  EXPECT_GT(replies, kRounds / 10);
  EXPECT_GT(drops, kRounds / 10);
}

}  // namespace
}  // namespace alkaid::test
