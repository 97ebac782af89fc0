// DHCP client messages for tests, well-formed or not, and a strict reader of a server's replies.
//
//   DhcpClientMessage{{.client_ip = x}}.type(DhcpMessageType::kRequest).option(55, {1, 3}).build()
#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "dataplane/dhcp/dhcp_message.hpp"

namespace alkaid::test {

struct DhcpClientFields {
  std::uint8_t operation = DhcpHeader::kBootRequest;
  std::uint8_t hardware_type = DhcpHeader::kEthernet;
  std::uint8_t hardware_length = 6;
  std::uint8_t hops = 0;
  std::uint32_t transaction = 0x3903f326;
  std::uint16_t seconds = 0;
  std::uint16_t flags = 0;
  Ipv4Address client_ip;
  Ipv4Address relay_ip;
  MacAddress client_mac = MacAddress::from_number(0x020000000001);
  std::uint32_t cookie = DhcpHeader::kMagicCookie;
};

class DhcpClientMessage {
 public:
  explicit DhcpClientMessage(DhcpClientFields fields = {}) {
    header_.operation = fields.operation;
    header_.hardware_type = fields.hardware_type;
    header_.hardware_length = fields.hardware_length;
    header_.hops = fields.hops;
    header_.transaction = BigEndian32{fields.transaction};
    header_.seconds = BigEndian16{fields.seconds};
    header_.flags = BigEndian16{fields.flags};
    header_.client_ip = fields.client_ip;
    header_.relay_ip = fields.relay_ip;
    std::memcpy(header_.client_hardware_address.data(), &fields.client_mac, 6);
    header_.cookie = BigEndian32{fields.cookie};
  }

  DhcpClientMessage& type(DhcpMessageType type) {
    return option(dhcp_option::kMessageType, {static_cast<std::uint8_t>(type)});
  }
  DhcpClientMessage& option(std::uint8_t code, const std::vector<std::uint8_t>& value) {
    options_.push_back(code);
    options_.push_back(static_cast<std::uint8_t>(value.size()));
    options_.insert(options_.end(), value.begin(), value.end());
    return *this;
  }
  template <std::same_as<Ipv4Address> Address>  // so that braces mean bytes
  DhcpClientMessage& option(std::uint8_t code, Address address) {
    std::vector<std::uint8_t> value(4);
    std::memcpy(value.data(), &address, 4);
    return option(code, value);
  }
  // Bytes in the options field as they are: pads, broken options.
  DhcpClientMessage& raw(std::initializer_list<std::uint8_t> bytes) {
    options_.insert(options_.end(), bytes);
    return *this;
  }
  // Options in the sname and file fields (mind option 52).
  DhcpClientMessage& in_server_name(std::span<const std::uint8_t> bytes) {
    std::copy(bytes.begin(), bytes.end(), header_.server_name.begin());
    return *this;
  }
  DhcpClientMessage& in_boot_file(std::span<const std::uint8_t> bytes) {
    std::copy(bytes.begin(), bytes.end(), header_.boot_file.begin());
    return *this;
  }
  DhcpClientMessage& without_end() {
    has_end_ = false;
    return *this;
  }

  [[nodiscard]] std::vector<std::uint8_t> build() const {
    std::vector<std::uint8_t> bytes(sizeof(header_) + options_.size() + (has_end_ ? 1 : 0),
                                    dhcp_option::kEnd);
    std::memcpy(bytes.data(), &header_, sizeof(header_));
    std::copy(options_.begin(), options_.end(), bytes.begin() + sizeof(header_));
    return bytes;
  }

 private:
  DhcpHeader header_;
  std::vector<std::uint8_t> options_;
  bool has_end_ = true;
};

// A reply's fixed part and its options, in order.
struct DhcpReply {
  DhcpHeader header;
  std::vector<std::pair<std::uint8_t, std::vector<std::uint8_t>>> options;

  [[nodiscard]] std::vector<std::uint8_t> codes() const {
    std::vector<std::uint8_t> result;
    for (const auto& option : options) {
      result.push_back(option.first);
    }
    return result;
  }
  [[nodiscard]] const std::vector<std::uint8_t>* find(std::uint8_t code) const {
    const auto found = std::find_if(options.begin(), options.end(),
                                    [code](const auto& option) { return option.first == code; });
    return found == options.end() ? nullptr : &found->second;
  }
  // Value of a four-byte option as a number; 0 if it isn't there or isn't four bytes long.
  [[nodiscard]] std::uint32_t number(std::uint8_t code) const {
    const auto* value = find(code);
    std::uint32_t result = 0;
    for (std::size_t i = 0; value != nullptr && value->size() == 4 && i < 4; ++i) {
      result = result << 8 | (*value)[i];
    }
    return result;
  }
  [[nodiscard]] DhcpMessageType type() const {
    const auto* value = find(dhcp_option::kMessageType);
    return value != nullptr && value->size() == 1 ? static_cast<DhcpMessageType>((*value)[0])
                                                  : DhcpMessageType::kNone;
  }
};

// nullopt and a text in `error` unless the bytes are a well-formed BOOTREPLY: no option twice but
// for pieces of one that is longer than 255 bytes (RFC 3396), none past the end, an end option, and
// only zeros behind it.
inline std::optional<DhcpReply> read_dhcp_reply(std::span<const std::uint8_t> bytes,
                                                std::string& error) {
  DhcpReply reply;
  if (bytes.size() < 300) {
    error = "shorter than 300 bytes";
    return std::nullopt;
  }
  std::memcpy(&reply.header, bytes.data(), sizeof(DhcpHeader));
  if (reply.header.operation != 2 || reply.header.hardware_type != 1 ||
      reply.header.hardware_length != 6 || reply.header.cookie.host() != 0x63825363) {
    error = "not a DHCP reply over Ethernet";
    return std::nullopt;
  }
  std::size_t position = sizeof(DhcpHeader);
  while (true) {
    if (position >= bytes.size()) {
      error = "no end option";
      return std::nullopt;
    }
    const std::uint8_t code = bytes[position++];
    if (code == dhcp_option::kEnd) {
      break;
    }
    if (position >= bytes.size() || position + 1 + bytes[position] > bytes.size()) {
      error = "option " + std::to_string(code) + " runs past the end";
      return std::nullopt;
    }
    const bool continues = !reply.options.empty() && reply.options.back().first == code &&
                           reply.options.back().second.size() % 255 == 0;
    if (code == dhcp_option::kPad || (!continues && reply.find(code) != nullptr)) {
      error = "option " + std::to_string(code) + " twice, or padding between options";
      return std::nullopt;
    }
    const std::size_t length = bytes[position++];
    const auto value = bytes.subspan(position, length);
    if (!continues) {
      reply.options.emplace_back(code, std::vector<std::uint8_t>{});
    }
    auto& whole = reply.options.back().second;
    whole.insert(whole.end(), value.begin(), value.end());
    position += length;
  }
  if (std::any_of(bytes.begin() + static_cast<std::ptrdiff_t>(position), bytes.end(),
                  [](std::uint8_t byte) { return byte != 0; })) {
    error = "bytes behind the end option";
    return std::nullopt;
  }
  return reply;
}

}  // namespace alkaid::test
