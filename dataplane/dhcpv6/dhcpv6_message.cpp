#include "dataplane/dhcpv6/dhcpv6_message.hpp"

#include <algorithm>
#include <cstring>

namespace alkaid {
namespace {

using Bytes = std::span<const std::uint8_t>;
using Type = Dhcpv6MessageType;

constexpr std::size_t kMessageHeaderSize = 4;  // type and transaction
// RFC 8415, 11.1: a type of two bytes and 1 to 128 bytes.
constexpr std::size_t kShortestDuid = 3;
constexpr std::size_t kLongestDuid = 130;

constexpr std::size_t kIaAddressSize = 24;  // address and two lifetimes
constexpr std::size_t kIaPrefixSize = 25;   // two lifetimes, length, prefix

// Options are well-formed if none runs past the end.
bool are_well_formed(Bytes options) {
  Dhcpv6OptionReader reader{options};
  Dhcpv6Option option;
  while (reader.next(option)) {
  }
  return !reader.malformed();
}

// Of an association: addresses and prefixes with options of their own inside.
bool are_association_options(Bytes options) {
  Dhcpv6OptionReader reader{options};
  Dhcpv6Option option;
  while (reader.next(option)) {
    std::size_t fixed = 0;
    if (option.code == dhcpv6_option::kIaAddress) {
      fixed = kIaAddressSize;
    } else if (option.code == dhcpv6_option::kIaPrefix) {
      fixed = kIaPrefixSize;
    } else {
      continue;
    }
    if (option.value.size() < fixed || !are_well_formed(option.value.subspan(fixed))) {
      return false;
    }
  }
  return !reader.malformed();
}

bool take_association(const Dhcpv6Option& option, Dhcpv6Request& request) {
  // IAID; and T1 and T2, which IA_TA doesn't have.
  const std::size_t fixed = option.code == dhcpv6_option::kIaTemporary ? 4 : 12;
  if (option.value.size() < fixed ||
      request.association_count == Dhcpv6Request::kMostAssociations) {
    return false;
  }
  Dhcpv6Association& association = request.associations[request.association_count++];
  association.code = option.code;
  std::memcpy(&association.id, option.value.data(), sizeof(association.id));
  association.options = option.value.subspan(fixed);
  return are_association_options(association.options);
}

bool take_identifier(Bytes value, Bytes& identifier) {
  if (value.size() < kShortestDuid || value.size() > kLongestDuid || !identifier.empty()) {
    return false;
  }
  identifier = value;
  return true;
}

bool take_option(const Dhcpv6Option& option, Dhcpv6Request& request) {
  switch (option.code) {
    case dhcpv6_option::kClientIdentifier:
      return take_identifier(option.value, request.client_identifier);
    case dhcpv6_option::kServerIdentifier:
      return take_identifier(option.value, request.server_identifier);
    case dhcpv6_option::kIaNonTemporary:
    case dhcpv6_option::kIaTemporary:
    case dhcpv6_option::kIaPrefixes:
      return take_association(option, request);
    case dhcpv6_option::kOptionRequest:
      if (option.value.size() % 2 != 0 || request.has_option_request) {
        return false;
      }
      request.has_option_request = true;
      request.option_request = option.value;
      return true;
    case dhcpv6_option::kElapsedTime:
      return option.value.size() == 2;
    case dhcpv6_option::kRapidCommit:
      if (!option.value.empty() || request.rapid_commit) {
        return false;
      }
      request.rapid_commit = true;
      return true;
    case dhcpv6_option::kClientFqdn:
      if (option.value.empty() || request.fqdn_flags) {
        return false;
      }
      request.fqdn_flags = option.value[0];
      return true;
    default:
      return true;
  }
}

// RFC 8415, 16.2 to 16.12.
bool has_right_identifiers(const Dhcpv6Request& request) {
  const bool has_client = !request.client_identifier.empty();
  const bool has_server = !request.server_identifier.empty();
  switch (request.type) {
    case Type::kSolicit:
    case Type::kConfirm:
    case Type::kRebind:
      return has_client && !has_server;
    case Type::kRequest:
    case Type::kRenew:
    case Type::kRelease:
    case Type::kDecline:
      return has_client && has_server;
    default:
      // Both may be there; but an association would want an address.
      return request.association_count == 0;
  }
}

DropReason check_type(Type type) {
  switch (type) {
    case Type::kSolicit:
    case Type::kRequest:
    case Type::kConfirm:
    case Type::kRenew:
    case Type::kRebind:
    case Type::kRelease:
    case Type::kDecline:
    case Type::kInformationRequest:
      return DropReason::kNone;
    case Type::kRelayForward:
    case Type::kRelayReply:
      return DropReason::dhcpv6_relayed;
    default:
      return DropReason::dhcpv6_message_type;
  }
}

}  // namespace

bool Dhcpv6OptionReader::next(Dhcpv6Option& option) {
  if (rest_.empty()) {
    return false;
  }
  if (rest_.size() < sizeof(Dhcpv6OptionHeader)) {
    malformed_ = true;
    return false;
  }
  const auto& header = *reinterpret_cast<const Dhcpv6OptionHeader*>(rest_.data());
  rest_ = rest_.subspan(sizeof(header));
  const std::size_t length = header.length.host();
  if (length > rest_.size()) {
    malformed_ = true;
    return false;
  }
  option.code = header.code.host();
  option.value = rest_.first(length);
  rest_ = rest_.subspan(length);
  return true;
}

std::optional<IpAddress> ia_address(const Dhcpv6Option& option) {
  if (option.code != dhcpv6_option::kIaAddress || option.value.size() < kIaAddressSize) {
    return std::nullopt;
  }
  std::array<std::uint8_t, 16> bytes;
  std::copy_n(option.value.begin(), bytes.size(), bytes.begin());
  return IpAddress{bytes};
}

DropReason parse_dhcpv6_request(std::span<const std::uint8_t> payload,
                                Dhcpv6Request& request) noexcept {
  request = Dhcpv6Request{};
  if (payload.size() < kMessageHeaderSize) {
    return DropReason::dhcpv6_malformed;
  }
  request.type = static_cast<Type>(payload[0]);
  if (const DropReason reason = check_type(request.type); reason != DropReason::kNone) {
    return reason;
  }
  std::copy_n(payload.begin() + 1, request.transaction.size(), request.transaction.begin());
  Dhcpv6OptionReader reader{payload.subspan(kMessageHeaderSize)};
  Dhcpv6Option option;
  while (reader.next(option)) {
    if (!take_option(option, request)) {
      return DropReason::dhcpv6_malformed;
    }
  }
  return reader.malformed() || !has_right_identifiers(request) ? DropReason::dhcpv6_malformed
                                                               : DropReason::kNone;
}

}  // namespace alkaid
