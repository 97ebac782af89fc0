#include "dataplane/dhcp/dhcp_message.hpp"

#include <bitset>
#include <cstring>

namespace alkaid {
namespace {

using Bytes = std::span<const std::uint8_t>;

constexpr std::uint8_t kMostHops = 16;

// What the walk over the options has found besides what the request keeps.
struct OptionState {
  std::optional<std::uint8_t> message_type;
  std::optional<std::uint8_t> overload;
  std::bitset<256> requested;
};

// Options that are allowed once have one length; a second one is as malformed as a wrong length.
bool take_number(Bytes value, std::optional<std::uint8_t>& number) {
  if (value.size() != 1 || number) {
    return false;
  }
  number = value[0];
  return true;
}

bool take_number(Bytes value, std::optional<std::uint16_t>& number) {
  if (value.size() != 2 || number) {
    return false;
  }
  number = static_cast<std::uint16_t>(value[0] << 8 | value[1]);
  return true;
}

bool take_address(Bytes value, std::optional<Ipv4Address>& address) {
  if (value.size() != sizeof(Ipv4Address) || address) {
    return false;
  }
  address.emplace();
  std::memcpy(&*address, value.data(), sizeof(Ipv4Address));
  return true;
}

// A list longer than 255 bytes comes as several options that continue each other (RFC 3396).
bool take_parameter_request_list(Bytes value, DhcpRequest& request, OptionState& state) {
  request.has_parameter_request_list = true;
  for (const std::uint8_t code : value) {
    if (code != dhcp_option::kPad && code != dhcp_option::kEnd && !state.requested.test(code)) {
      state.requested.set(code);
      request.parameters[request.parameter_count++] = code;
    }
  }
  return !value.empty();
}

// Opaque bytes that go back as they came; an empty value is as wrong as a second one.
bool take_bytes(Bytes value, std::array<std::uint8_t, 255>& bytes, std::uint8_t& length) {
  if (value.empty() || length != 0) {
    return false;
  }
  std::memcpy(bytes.data(), value.data(), value.size());
  length = static_cast<std::uint8_t>(value.size());
  return true;
}

bool take_option(std::uint8_t code, Bytes value, DhcpRequest& request, OptionState& state) {
  switch (code) {
    case dhcp_option::kMessageType:
      return take_number(value, state.message_type);
    case dhcp_option::kOverload:
      return take_number(value, state.overload) && *state.overload >= 1 && *state.overload <= 3;
    case dhcp_option::kRequestedAddress:
      return take_address(value, request.requested_ip);
    case dhcp_option::kServerIdentifier:
      return take_address(value, request.server_identifier);
    case dhcp_option::kMaximumMessageSize:
      return take_number(value, request.maximum_message_size);
    case dhcp_option::kParameterRequestList:
      return take_parameter_request_list(value, request, state);
    case dhcp_option::kClientIdentifier:
      return take_bytes(value, request.client_identifier, request.client_identifier_length);
    case dhcp_option::kRelayAgentInformation:
      return take_bytes(value, request.relay_information, request.relay_information_length);
    default:
      return true;
  }
}

// Walks the options of one field up to its end option or its end. False if malformed.
bool take_options(Bytes field, DhcpRequest& request, OptionState& state) {
  std::size_t position = 0;
  while (position < field.size()) {
    const std::uint8_t code = field[position++];
    if (code == dhcp_option::kPad) {
      continue;
    }
    if (code == dhcp_option::kEnd) {
      return true;
    }
    if (position == field.size()) {
      return false;
    }
    const std::size_t length = field[position++];
    if (length > field.size() - position) {
      return false;
    }
    if (!take_option(code, field.subspan(position, length), request, state)) {
      return false;
    }
    position += length;
  }
  return true;
}

bool take_header(const DhcpHeader& header, DhcpRequest& request) {
  if (header.operation != DhcpHeader::kBootRequest ||
      header.hardware_type != DhcpHeader::kEthernet ||
      header.hardware_length != sizeof(MacAddress) || header.hops > kMostHops ||
      header.cookie.host() != DhcpHeader::kMagicCookie) {
    return false;
  }
  request.transaction = header.transaction;
  request.flags = header.flags;
  request.client_ip = header.client_ip;
  request.relay_ip = header.relay_ip;
  request.client_hardware_address = header.client_hardware_address;
  std::memcpy(&request.client_mac, header.client_hardware_address.data(), sizeof(MacAddress));
  // Replies go to these addresses, so they must be such that a reply can go there.
  return (request.client_ip.is_zero() || request.client_ip.is_host_address()) &&
         (request.relay_ip.is_zero() || request.relay_ip.is_host_address()) &&
         request.client_mac.is_unicast();
}

constexpr bool is_client_type(DhcpMessageType type) {
  return type == DhcpMessageType::kDiscover || type == DhcpMessageType::kRequest ||
         type == DhcpMessageType::kDecline || type == DhcpMessageType::kRelease ||
         type == DhcpMessageType::kInform;
}

}  // namespace

DropReason parse_dhcp_request(std::span<const std::uint8_t> payload,
                              DhcpRequest& request) noexcept {
  request = DhcpRequest{};
  if (payload.size() < sizeof(DhcpHeader)) {
    return DropReason::dhcp_malformed;
  }
  const auto& header = *reinterpret_cast<const DhcpHeader*>(payload.data());
  OptionState state;
  if (!take_header(header, request) ||
      !take_options(payload.subspan(sizeof(DhcpHeader)), request, state)) {
    return DropReason::dhcp_malformed;
  }
  // RFC 2131, 4.1: first the options field, then file, then sname.
  const std::uint8_t overload = state.overload.value_or(0);
  if ((overload & 1) != 0 && !take_options(header.boot_file, request, state)) {
    return DropReason::dhcp_malformed;
  }
  if ((overload & 2) != 0 && !take_options(header.server_name, request, state)) {
    return DropReason::dhcp_malformed;
  }
  if (!state.message_type) {
    return DropReason::dhcp_bootp;
  }
  request.type = static_cast<DhcpMessageType>(*state.message_type);
  return is_client_type(request.type) ? DropReason::kNone : DropReason::dhcp_message_type;
}

}  // namespace alkaid
