// Feeds any bytes to the DHCP responder and checks that its answers stay within bounds, can be read
// by a strict reader and go where RFC 2131 sends them.
//
// Input: four bytes that choose the binding and the output buffer; then the UDP payload.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "dataplane/dhcp/dhcp_responder.hpp"
#include "tests/fuzz/require.hpp"
#include "tests/support/dhcp_messages.hpp"
#include "tests/support/exact_copy.hpp"

namespace alkaid::fuzz {
namespace {

using Outcome = DhcpResponse::Outcome;
using Type = DhcpMessageType;

constexpr std::size_t kControlBytes = 4;
constexpr Ipv4Address kAddress{0x0a000005};
constexpr std::uint8_t kUnwritten = 0xa5;

bool is_client_type(Type type) {
  return type == Type::kDiscover || type == Type::kRequest || type == Type::kDecline ||
         type == Type::kRelease || type == Type::kInform;
}

void check_request(const DhcpRequest& request) {
  ALKAID_REQUIRE(is_client_type(request.type));
  ALKAID_REQUIRE(request.client_mac.is_unicast());
  ALKAID_REQUIRE(request.client_ip.is_zero() || request.client_ip.is_host_address());
  ALKAID_REQUIRE(request.relay_ip.is_zero() || request.relay_ip.is_host_address());
  ALKAID_REQUIRE(request.parameter_count <= request.parameters.size());
}

void check_reply(const DhcpRequest& request, const DhcpBindingFacts& binding,
                 const DhcpResponse& response, std::span<const std::uint8_t> output) {
  ALKAID_REQUIRE(response.reply_length >= kDhcpSmallestReply);
  ALKAID_REQUIRE(response.reply_length <= output.size());
  const std::size_t accepted = std::max<std::size_t>(576, request.maximum_message_size.value_or(0));
  const std::size_t relayed_bytes =
      request.relay_information_length == 0 ? 0 : 2U + request.relay_information_length;
  ALKAID_REQUIRE(response.reply_length + 28 <= accepted + relayed_bytes);
  const auto rest = output.subspan(response.reply_length);
  ALKAID_REQUIRE(
      std::all_of(rest.begin(), rest.end(), [](std::uint8_t byte) { return byte == kUnwritten; }));

  std::string error;
  const auto reply = test::read_dhcp_reply(output.first(response.reply_length), error);
  if (!reply) {
    failed(error.c_str(), __FILE__, __LINE__);
  }
  ALKAID_REQUIRE(reply->type() == response.reply);
  ALKAID_REQUIRE(reply->header.transaction == request.transaction);
  ALKAID_REQUIRE(reply->header.client_hardware_address == request.client_hardware_address);
  ALKAID_REQUIRE(reply->number(dhcp_option::kServerIdentifier) ==
                 binding.options.server_identifier().host());
  const bool is_offer = response.reply == Type::kOffer;
  ALKAID_REQUIRE(is_offer == (request.type == Type::kDiscover));
  const bool leased = is_offer || (response.reply == Type::kAck && request.type == Type::kRequest);
  ALKAID_REQUIRE(leased == (reply->find(dhcp_option::kLeaseTime) != nullptr));
  ALKAID_REQUIRE(reply->header.your_ip == (leased ? binding.address : Ipv4Address{}));
  const auto* identifier = reply->find(dhcp_option::kClientIdentifier);
  ALKAID_REQUIRE((identifier != nullptr ? identifier->size() : 0) ==
                 request.client_identifier_length);
  const auto* information = reply->find(dhcp_option::kRelayAgentInformation);
  ALKAID_REQUIRE((information != nullptr ? information->size() : 0) ==
                 request.relay_information_length);

  const bool relayed = !request.relay_ip.is_zero();
  ALKAID_REQUIRE(response.destination_port == (relayed ? 67 : 68));
  ALKAID_REQUIRE(!relayed || response.destination_ip == request.relay_ip);
  ALKAID_REQUIRE(relayed || response.reply != Type::kNak || response.destination_broadcast_mac);
  ALKAID_REQUIRE(response.destination_broadcast_mac == response.destination_ip.is_broadcast());
}

}  // namespace
}  // namespace alkaid::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace alkaid;
  using namespace alkaid::fuzz;
  if (size < kControlBytes) {
    return 0;
  }
  const std::array<std::uint8_t, kControlBytes> control = {data[0], data[1], data[2], data[3]};
  test::ExactCopy payload{{data + kControlBytes, size - kControlBytes}};

  DhcpRequest request;
  const DropReason reason = parse_dhcp_request(payload.bytes(), request);
  ALKAID_REQUIRE(reason == DropReason::kNone || reason == DropReason::dhcp_malformed ||
                 reason == DropReason::dhcp_message_type || reason == DropReason::dhcp_bootp);
  if (reason != DropReason::kNone) {
    return 0;
  }
  check_request(request);

  SegmentConfig subnet;
  subnet.prefixes = {{IpAddress{kAddress}, static_cast<std::uint8_t>((control[2] & 0x3f) % 33)}};
  subnet.dns_servers.assign(control[0], IpAddress{Ipv4Address{0x08080808}});
  if ((control[2] & 0x40) != 0) {
    subnet.gateways = {{IpAddress{Ipv4Address{0x0a000001}}, MacAddress::from_number(1)}};
  }
  subnet.lease_seconds = (control[2] & 0x80) != 0 ? kDhcpInfiniteLease : control[3];
  subnet.domain_search.assign(control[3] % 4U, "one.example.org");
  subnet.dhcpv4_options = {{200, std::string(control[0] * 4U, 'o')}};
  ALKAID_REQUIRE(!check_dhcp_options(subnet));
  const DhcpOptions options{subnet};
  const std::string host_name(control[1] * 2U, 'h');
  const DhcpBindingFacts binding{
      .address = kAddress,
      .options = options,
      .mtu = static_cast<std::uint16_t>(control[1] * 257),
      .host_name = host_name,
  };
  const std::size_t room = kDhcpSmallestOutput + control[3] * 4U;
  test::ExactCopy output{std::vector<std::uint8_t>(room, kUnwritten)};
  const DhcpResponse response = respond_dhcp(request, binding, output.bytes());
  ALKAID_REQUIRE(response.request == request.type);
  switch (response.outcome) {
    case Outcome::kReply:
      check_reply(request, binding, response, output.bytes());
      break;
    case Outcome::kConsumed:
      ALKAID_REQUIRE(request.type == Type::kRelease || request.type == Type::kDecline);
      break;
    case Outcome::kDrop:
      ALKAID_REQUIRE(response.reason == DropReason::dhcp_other_server ||
                     response.reason == DropReason::dhcp_malformed);
      break;
  }
  ALKAID_REQUIRE((response.reply_length == 0) == (response.outcome != Outcome::kReply));
  return 0;
}
