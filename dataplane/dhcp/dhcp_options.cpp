#include "dataplane/dhcp/dhcp_options.hpp"

#include <algorithm>
#include <array>
#include <bitset>
#include <cstring>

#include <fmt/format.h>

#include "dataplane/packet/domain_name.hpp"

namespace alkaid {
namespace {

using Bytes = std::span<const std::uint8_t>;

// One code and one length byte in front of up to this many bytes.
constexpr std::size_t kLongestPiece = 255;
constexpr std::size_t kNumberSize = sizeof(std::uint32_t);
constexpr std::uint8_t kLargestIpv4Prefix = 32;

// Codes that belong to the exchange itself: the responder alone says what they hold.
constexpr std::array kProtocolOptions = {
    dhcp_option::kPad,
    dhcp_option::kRequestedAddress,
    dhcp_option::kOverload,
    dhcp_option::kMessageType,
    dhcp_option::kServerIdentifier,
    dhcp_option::kParameterRequestList,
    dhcp_option::kMaximumMessageSize,
    dhcp_option::kClientIdentifier,
    dhcp_option::kRelayAgentInformation,
    dhcp_option::kEnd,
};

// Options of RFC 2132 whose value has one length, or is a list of items of one length.
struct ValueLength {
  std::uint8_t code;
  std::uint8_t size;
  bool is_list;
};
constexpr std::array kValueLengths = {
    ValueLength{1, 4, false},  ValueLength{2, 4, false},  ValueLength{3, 4, true},
    ValueLength{4, 4, true},   ValueLength{5, 4, true},   ValueLength{6, 4, true},
    ValueLength{7, 4, true},   ValueLength{8, 4, true},   ValueLength{9, 4, true},
    ValueLength{10, 4, true},  ValueLength{11, 4, true},  ValueLength{13, 2, false},
    ValueLength{16, 4, false}, ValueLength{19, 1, false}, ValueLength{20, 1, false},
    ValueLength{21, 8, true},  ValueLength{22, 2, false}, ValueLength{23, 1, false},
    ValueLength{24, 4, false}, ValueLength{25, 2, true},  ValueLength{26, 2, false},
    ValueLength{27, 1, false}, ValueLength{28, 4, false}, ValueLength{29, 1, false},
    ValueLength{30, 1, false}, ValueLength{31, 1, false}, ValueLength{32, 4, false},
    ValueLength{33, 8, true},  ValueLength{34, 1, false}, ValueLength{35, 4, false},
    ValueLength{36, 1, false}, ValueLength{37, 1, false}, ValueLength{38, 4, false},
    ValueLength{39, 1, false}, ValueLength{41, 4, true},  ValueLength{42, 4, true},
    ValueLength{44, 4, true},  ValueLength{45, 4, true},  ValueLength{46, 1, false},
    ValueLength{48, 4, true},  ValueLength{49, 4, true},  ValueLength{51, 4, false},
    ValueLength{58, 4, false}, ValueLength{59, 4, false}, ValueLength{65, 4, true},
    ValueLength{69, 4, true},  ValueLength{70, 4, true},  ValueLength{71, 4, true},
    ValueLength{72, 4, true},  ValueLength{73, 4, true},  ValueLength{74, 4, true},
    ValueLength{75, 4, true},  ValueLength{76, 4, true},
};

// Options that come first for a client that names none: those without which it can do little.
constexpr std::array kFirstOptions = {
    dhcp_option::kSubnetMask,       dhcp_option::kClasslessRoutes,  dhcp_option::kRouter,
    dhcp_option::kDomainNameServer, dhcp_option::kDomainName,       dhcp_option::kInterfaceMtu,
    dhcp_option::kDomainSearch,     dhcp_option::kBroadcastAddress,
};

Bytes bytes_of(const std::string& text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

template <class Value>
Bytes bytes_of_object(const Value& value) {
  return {reinterpret_cast<const std::uint8_t*>(&value), sizeof(value)};
}

std::size_t encoded_size(std::size_t value_size) {
  const std::size_t pieces =
      std::max<std::size_t>(1, (value_size + kLongestPiece - 1) / kLongestPiece);
  return value_size + 2 * pieces;
}

// RFC 3442: prefix length, as many octets of the destination as it covers, router; repeated.
bool are_classless_routes(Bytes value) {
  while (!value.empty()) {
    const std::size_t length = value[0];
    const std::size_t size = 1 + (length + 7) / 8 + sizeof(Ipv4Address);
    if (length > kLargestIpv4Prefix || size > value.size()) {
      return false;
    }
    value = value.subspan(size);
  }
  return true;
}

std::optional<std::string> check_value(std::uint8_t code, Bytes value) {
  const auto* known = std::find_if(kValueLengths.begin(), kValueLengths.end(),
                                   [code](const ValueLength& entry) { return entry.code == code; });
  if (known != kValueLengths.end()) {
    const bool is_good = known->is_list ? !value.empty() && value.size() % known->size == 0
                                        : value.size() == known->size;
    if (!is_good) {
      return fmt::format("option {} has {} bytes and wants {}{}", code, value.size(),
                         known->is_list ? "a multiple of " : "", known->size);
    }
  }
  if (code == dhcp_option::kClasslessRoutes && (value.empty() || !are_classless_routes(value))) {
    return fmt::format("option {} holds no classless routes (RFC 3442)", code);
  }
  if (code == dhcp_option::kLeaseTime &&
      std::all_of(value.begin(), value.end(), [](std::uint8_t byte) { return byte == 0; })) {
    return fmt::format("option {}: a lease can't last 0 seconds", code);
  }
  return std::nullopt;
}

std::optional<std::string> check_configured(const std::vector<DhcpOptionConfig>& options) {
  std::bitset<256> seen;
  std::size_t total = 0;
  for (const auto& option : options) {
    if (option.code > dhcp_option::kEnd ||
        std::find(kProtocolOptions.begin(), kProtocolOptions.end(), option.code) !=
            kProtocolOptions.end()) {
      return fmt::format("option {} can't be configured", option.code);
    }
    const auto code = static_cast<std::uint8_t>(option.code);
    if (seen.test(code)) {
      return fmt::format("option {} is given twice", code);
    }
    seen.set(code);
    if (option.data.size() > kDhcpLargestOption) {
      return fmt::format("option {} has {} bytes; at most {} fit into a message", code,
                         option.data.size(), kDhcpLargestOption);
    }
    total += encoded_size(option.data.size());
    if (auto error = check_value(code, bytes_of(option.data))) {
      return error;
    }
  }
  if (total > kDhcpLargestOptions) {
    return fmt::format("options of {} bytes together; at most {}", total, kDhcpLargestOptions);
  }
  return std::nullopt;
}

}  // namespace

std::optional<DhcpOptionsError> check_dhcp_options(const SegmentConfig& segment) {
  if (!segment.domain_name.empty() && !is_domain_name(segment.domain_name)) {
    return DhcpOptionsError{"domain_name", "is no domain name"};
  }
  for (std::size_t i = 0; i < segment.domain_search.size(); ++i) {
    if (!is_domain_name(segment.domain_search[i])) {
      return DhcpOptionsError{fmt::format("domain_search[{}]", i), "is no domain name"};
    }
  }
  if (encode_search_list(segment.domain_search).size() > kDhcpLargestOption) {
    return DhcpOptionsError{"domain_search",
                            fmt::format("has more than {} bytes when encoded", kDhcpLargestOption)};
  }
  if (auto error = check_configured(segment.dhcpv4_options)) {
    return DhcpOptionsError{"dhcpv4_options", std::move(*error)};
  }
  return std::nullopt;
}

DhcpOptions::DhcpOptions(const SegmentConfig& segment) {
  if (segment.lease_seconds != 0) {
    lease_ = segment.lease_seconds;
  }
  for (const auto& gateway : segment.gateways) {
    if (gateway.address.is_v4()) {
      server_identifier_ = gateway.address.v4();
    }
  }
  put_configured(segment.dhcpv4_options);
  put_derived(segment);
  const auto rank = [](const Entry& entry) {
    return std::find(kFirstOptions.begin(), kFirstOptions.end(), entry.code) -
           kFirstOptions.begin();
  };
  std::stable_sort(entries_.begin(), entries_.end(),
                   [&](const Entry& a, const Entry& b) { return rank(a) < rank(b); });
}

void DhcpOptions::put(std::uint8_t code, Bytes value) {
  const auto offset = static_cast<std::uint16_t>(bytes_.size());
  do {
    const Bytes piece = value.first(std::min(value.size(), kLongestPiece));
    bytes_.push_back(code);
    bytes_.push_back(static_cast<std::uint8_t>(piece.size()));
    bytes_.insert(bytes_.end(), piece.begin(), piece.end());
    value = value.subspan(piece.size());
  } while (!value.empty());
  entries_.push_back({code, offset, static_cast<std::uint16_t>(bytes_.size() - offset)});
}

void DhcpOptions::put_configured(const std::vector<DhcpOptionConfig>& options) {
  std::optional<std::uint32_t> renewal;
  std::optional<std::uint32_t> rebinding;
  for (const auto& option : options) {
    const auto number = [&option] {
      BigEndian32 value;
      std::memcpy(&value, option.data.data(), kNumberSize);
      return value.host();
    };
    switch (option.code) {
      case dhcp_option::kLeaseTime:
        lease_ = number();
        break;
      case dhcp_option::kRenewalTime:
        renewal = number();
        break;
      case dhcp_option::kRebindingTime:
        rebinding = number();
        break;
      default:
        put(static_cast<std::uint8_t>(option.code), bytes_of(option.data));
        break;
    }
  }
  // RFC 2131, 4.4.5; a lease that never ends is never renewed.
  if (lease_ != kDhcpInfiniteLease) {
    renewal_ = renewal.value_or(lease_ / 2);
    rebinding_ = rebinding.value_or(static_cast<std::uint32_t>(std::uint64_t{lease_} * 7 / 8));
  }
}

void DhcpOptions::put_derived(const SegmentConfig& segment) {
  const auto put_unless_configured = [this](std::uint8_t code, Bytes value) {
    if (find(code).empty()) {
      put(code, value);
    }
  };
  const auto prefix = std::find_if(segment.prefixes.begin(), segment.prefixes.end(),
                                   [](const IpPrefix& each) { return each.address.is_v4(); });
  if (prefix != segment.prefixes.end()) {
    const std::uint32_t mask = ipv4_netmask(prefix->length);
    put_unless_configured(dhcp_option::kSubnetMask, bytes_of_object(BigEndian32{mask}));
    // Networks of one or two addresses have no broadcast address (RFC 3021).
    if (prefix->length <= 30) {
      const BigEndian32 broadcast{prefix->address.v4().host() | ~mask};
      put_unless_configured(dhcp_option::kBroadcastAddress, bytes_of_object(broadcast));
    }
  }
  if (server_identifier_ != kDhcpServerWithoutGateway) {
    put_unless_configured(dhcp_option::kRouter, bytes_of_object(server_identifier_));
  }
  std::vector<std::uint8_t> servers;
  for (const auto& server : segment.dns_servers) {
    if (server.is_v4() && servers.size() + sizeof(Ipv4Address) <= kLongestPiece) {
      const Ipv4Address address = server.v4();
      const Bytes bytes = bytes_of_object(address);
      servers.insert(servers.end(), bytes.begin(), bytes.end());
    }
  }
  if (!servers.empty()) {
    put_unless_configured(dhcp_option::kDomainNameServer, servers);
  }
  if (!segment.domain_name.empty()) {
    put_unless_configured(dhcp_option::kDomainName, bytes_of(segment.domain_name));
  }
  if (!segment.domain_search.empty()) {
    put_unless_configured(dhcp_option::kDomainSearch, encode_search_list(segment.domain_search));
  }
}

}  // namespace alkaid
