// Feeds any bytes to the DHCPv6 responder and checks that its answers stay within bounds and can be
// read by a strict reader.
//
// Input: two bytes that choose the segment and the client; then the UDP payload.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "dataplane/dhcpv6/dhcpv6_responder.hpp"
#include "tests/fuzz/require.hpp"
#include "tests/support/dhcpv6_messages.hpp"
#include "tests/support/exact_copy.hpp"

namespace alkaid::fuzz {
namespace {

using Outcome = Dhcpv6Response::Outcome;

constexpr std::size_t kControlBytes = 2;
constexpr std::uint8_t kUnwritten = 0xa5;

SegmentConfig segment(std::uint8_t control) {
  SegmentConfig config;
  config.prefixes = {*IpPrefix::parse("2001:db8:1::/64")};
  config.gateways = {{*IpAddress::parse("2001:db8:1::1"), MacAddress::from_number(0x020000010001)}};
  config.dhcp_enabled = true;
  config.ipv6_address_mode = static_cast<Ipv6AddressMode>((control & 3) % 3);
  config.dns_servers.assign(control >> 4, *IpAddress::parse("2001:db8::53"));
  config.domain_name = (control & 4) != 0 ? "example.com" : "";
  if ((control & 8) != 0) {
    config.dhcpv6_options = {{59, std::string(1000, 'u')}, {56, std::string(100, 'n')}};
  }
  return config;
}

Dhcpv6Client client(std::uint8_t control) {
  Dhcpv6Client result{.has_binding = (control & 1) == 0, .used_unicast = (control & 4) != 0};
  if ((control & 2) == 0) {
    result.address = *IpAddress::parse("2001:db8:1::b");
  }
  result.host_name = (control & 8) != 0 ? "web-1" : "a..b";
  return result;
}

void check_reply(const Dhcpv6Request& request, const Dhcpv6Response& response,
                 std::span<const std::uint8_t> output) {
  ALKAID_REQUIRE(response.reply_length <= kDhcpv6ReplyLimit);
  const auto rest = output.subspan(response.reply_length);
  ALKAID_REQUIRE(
      std::all_of(rest.begin(), rest.end(), [](std::uint8_t byte) { return byte == kUnwritten; }));
  std::string error;
  const auto reply = test::read_dhcpv6_reply(output.first(response.reply_length), error);
  if (!reply) {
    failed(error.c_str(), __FILE__, __LINE__);
  }
  ALKAID_REQUIRE(reply->type == response.reply);
  ALKAID_REQUIRE(reply->find(dhcpv6_option::kServerIdentifier) != nullptr);
  ALKAID_REQUIRE((reply->find(dhcpv6_option::kClientIdentifier) != nullptr) ==
                 !request.client_identifier.empty());
  ALKAID_REQUIRE(reply->associations.size() <= request.association_count);
  const bool is_advertise = response.reply == Dhcpv6MessageType::kAdvertise;
  ALKAID_REQUIRE(!is_advertise || request.type == Dhcpv6MessageType::kSolicit);
}

}  // namespace
}  // namespace alkaid::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace alkaid;
  using namespace alkaid::fuzz;
  if (size < kControlBytes) {
    return 0;
  }
  test::ExactCopy payload{{data + kControlBytes, size - kControlBytes}};
  Dhcpv6Request request;
  const DropReason reason = parse_dhcpv6_request(payload.bytes(), request);
  ALKAID_REQUIRE(reason == DropReason::kNone || reason == DropReason::dhcpv6_malformed ||
                 reason == DropReason::dhcpv6_message_type || reason == DropReason::dhcpv6_relayed);
  if (reason != DropReason::kNone) {
    return 0;
  }
  ALKAID_REQUIRE(request.association_count <= Dhcpv6Request::kMostAssociations);
  test::ExactCopy output{std::vector<std::uint8_t>(kDhcpv6ReplyLimit + 16, kUnwritten)};
  const Dhcpv6Response response = respond_dhcpv6(request, make_dhcpv6_settings(segment(data[0])),
                                                 client(data[1]), output.bytes());
  ALKAID_REQUIRE((response.reply_length == 0) == (response.outcome != Outcome::kReply));
  ALKAID_REQUIRE((response.reason == DropReason::kNone) == (response.outcome != Outcome::kDrop));
  if (response.outcome == Outcome::kReply) {
    check_reply(request, response, output.bytes());
  }
  return 0;
}
