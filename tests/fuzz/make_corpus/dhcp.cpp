// Corpora of DHCP, DHCPv6, router solicitations and options in tenants' words.
#include <cstdint>
#include <string>

#include "tests/fuzz/make_corpus/corpus.hpp"
#include "tests/support/dhcp_messages.hpp"
#include "tests/support/dhcpv6_messages.hpp"

namespace alkaid::fuzz {
namespace {

using test::DhcpClientFields;
using test::DhcpClientMessage;

}  // namespace

void write_dhcp(const std::filesystem::path& directory) {
  constexpr Ipv4Address kAddress{0x0a000005};
  constexpr Ipv4Address kGateway{0x0a000001};
  const auto message = [](DhcpMessageType type, DhcpClientFields fields = {}) {
    DhcpClientMessage result{fields};
    result.type(type);
    return result;
  };
  Corpus corpus{directory / "fuzz_dhcp", {2, 4, 0x40 | 24, 60}};
  corpus.add(
      "discover",
      message(DhcpMessageType::kDiscover).option(55, {1, 3, 6, 12, 26, 28, 51, 58, 59}).build());
  corpus.add("discover_broadcast", message(DhcpMessageType::kDiscover, {.flags = 0x8000}).build());
  corpus.add("discover_relayed",
             message(DhcpMessageType::kDiscover, {.hops = 1, .relay_ip = kGateway}).build());
  corpus.add("discover_long", message(DhcpMessageType::kDiscover)
                                  .option(57, {0x05, 0xdc})
                                  .option(61, Bytes(255, 7))
                                  .build());
  corpus.add("selecting",
             message(DhcpMessageType::kRequest).option(50, kAddress).option(54, kGateway).build());
  corpus.add("init_reboot", message(DhcpMessageType::kRequest).option(50, kGateway).build());
  corpus.add("renewing", message(DhcpMessageType::kRequest, {.client_ip = kAddress})
                             .option(61, {1, 2, 0, 0, 0, 0, 1})
                             .build());
  corpus.add("inform", message(DhcpMessageType::kInform, {.client_ip = kAddress}).build());
  corpus.add(
      "release",
      message(DhcpMessageType::kRelease, {.client_ip = kAddress}).option(54, kGateway).build());
  corpus.add("decline", message(DhcpMessageType::kDecline).option(50, kAddress).build());
  corpus.add("overload", message(DhcpMessageType::kRequest)
                             .option(52, {3})
                             .in_boot_file(Bytes{50, 4, 10, 0, 0, 5, 255})
                             .in_server_name(Bytes{54, 4, 10, 0, 0, 1, 255})
                             .build());
  corpus.add("option_past_the_end",
             message(DhcpMessageType::kDiscover).raw({12, 200, 'x'}).without_end().build());
}

void write_dhcpv6(const std::filesystem::path& directory) {
  using Type = Dhcpv6MessageType;
  const MacAddress server = MacAddress::from_number(0x020000010001);
  const IpAddress own = *IpAddress::parse("2001:db8:1::b");
  const IpAddress other = *IpAddress::parse("2001:db8:9::b");
  const auto message = [](Type type) { return test::Dhcpv6ClientMessage{type}.client(); };
  Corpus corpus{directory / "fuzz_dhcpv6", {0x2c, 0x08}};
  corpus.add("solicit", message(Type::kSolicit)
                            .asks_for({23, 24, 32, 39, 56, 59})
                            .option(39, {1, 0})
                            .ia_na(1)
                            .build());
  corpus.add("rapid_commit", message(Type::kSolicit)
                                 .option(14, {})
                                 .association(4, 1)
                                 .ia_na(2, {other})
                                 .association(25, 3)
                                 .build());
  corpus.add("request", message(Type::kRequest).server(server).ia_na(1, {own}).build());
  corpus.add("renew", message(Type::kRenew).server(server).ia_na(1, {other, own}).ia_na(2).build());
  corpus.add("rebind", message(Type::kRebind).ia_na(1, {other}).build());
  corpus.add("confirm", message(Type::kConfirm).ia_na(1, {own}).build());
  corpus.add("release", message(Type::kRelease).server(server).ia_na(1, {own}).build());
  corpus.add("decline", message(Type::kDecline).server(server).ia_na(1, {other}).build());
  corpus.add("information_request",
             test::Dhcpv6ClientMessage{Type::kInformationRequest}.asks_for({23, 32}).build());
  corpus.add("relay_forward", Bytes(34, 12));
  corpus.add("option_past_the_end", message(Type::kSolicit).raw({0, 3, 0, 99, 0}).build());
}

void write_router_solicitation(const std::filesystem::path& directory) {
  Corpus corpus{directory / "fuzz_router_solicitation", {255, 1, 1}};
  corpus.add("plain", Bytes{133, 0, 0, 0, 0, 0, 0, 0});
  corpus.add("source_link_layer_address", Bytes{133, 0, 0, 0, 0, 0, 0, 0, 1, 1, 2, 0, 0, 0, 0, 1});
  corpus.add("option_without_length", Bytes{133, 0, 0, 0, 0, 0, 0, 0, 1, 0});
  corpus.add("nonce", Bytes{133, 0, 0, 0, 0, 0, 0, 0, 14, 1, 1, 2, 3, 4, 5, 6});
  corpus.add("two_options",
             Bytes{133, 0, 0, 0, 0, 0, 0, 0, 14, 1, 1, 2, 3, 4, 5, 6, 1, 1, 2, 0, 0, 0, 0, 1});
  corpus.add("unknown_option",
             Bytes{133, 0, 0, 0, 0, 0, 0, 0, 99, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0});
  corpus.add("option_past_the_end", Bytes{133, 0, 0, 0, 0, 0, 0, 0, 1, 2, 2, 0, 0, 0, 0, 1});
  corpus.add("code", Bytes{133, 1, 0, 0, 0, 0, 0, 0});
  corpus.add("reserved", Bytes{133, 0, 0, 0, 255, 255, 255, 255});
  corpus.add("advertisement", Bytes{134, 0, 0, 0, 64, 0, 7, 8, 0, 0, 0, 0, 0, 0, 0, 0});
}

void write_dhcp_option_value(const std::filesystem::path& directory) {
  Corpus corpus{directory / "fuzz_dhcp_option_value", {}};
  const auto add = [&corpus](const std::string& name, std::uint8_t type, std::uint8_t v6,
                             const std::string& text) {
    Bytes input{type, v6};
    input.insert(input.end(), text.begin(), text.end());
    corpus.add(name, input);
  };
  add("address", 0, 0, "192.0.2.1");
  add("address_v6", 0, 1, "[2001:db8::1]");
  add("addresses", 1, 0, "192.0.2.1, 192.0.2.2");
  add("address_pairs", 2, 0, "10.9.0.1,10.0.0.1");
  add("text", 3, 0, "pxelinux.0");
  add("number", 6, 0, "4294967295");
  add("signed", 7, 0, "-3600");
  add("switch", 8, 0, "off");
  add("domains", 9, 1, "example.org,a.b.example.");
  add("routes", 10, 0, "0.0.0.0/0,10.0.0.1,10.27.129.7/23,10.0.0.2");
  add("time_servers", 11, 1, "2001:db8::1,2001:db8::2");
  add("hex", 12, 0, "0xdeadBEEF");
  add("colons", 12, 0, "06:01:08");
}

}  // namespace alkaid::fuzz
