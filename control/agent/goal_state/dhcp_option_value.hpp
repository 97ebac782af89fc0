// Values of DHCP options as text, the way dnsmasq and Neutron write them, and as bytes on the wire.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace alkaid::agent {

enum class DhcpValueType : std::uint8_t {
  kAddress,       // 192.0.2.1
  kAddresses,     // 192.0.2.1,192.0.2.2
  kAddressPairs,  // 192.0.2.1,255.255.255.0: an even number
  kText,
  kNumber8,
  kNumber16,
  kNumber32,
  kSigned32,
  kSwitch,       // on or off
  kDomains,      // example.org,example.com; RFC 1035, 3.1, not compressed
  kRoutes,       // 10.9.0.0/16,192.0.2.1,...: RFC 3442
  kTimeServers,  // 2001:db8::1,2001:db8::2: RFC 5908, 4.1
  kFree,         // text, or bytes as 0x0a0b or 0a:0b
};

// What a value of this type looks like, for messages: "must be ...".
std::string_view describe(DhcpValueType type, bool v6);

// The bytes that stand for the text; none if it is no value of the type. v6: addresses are IPv6.
std::optional<std::string> encode_dhcp_value(DhcpValueType type, bool v6, std::string_view text);

// The parts between commas or blanks, without the empty ones.
std::vector<std::string_view> split_list(std::string_view text);

// Labels of 1 to 63 letters, digits, hyphens and underscores, 253 characters in all; a dot may end
// it.
bool is_domain_name(std::string_view name);

// A number, decimal and without anything around it.
std::optional<std::uint64_t> parse_number(std::string_view text);

}  // namespace alkaid::agent
