// DHCPv6 client messages for tests, well-formed or not, and a strict reader of a server's replies.
//
//   Dhcpv6ClientMessage{Dhcpv6MessageType::kSolicit}.client().ia_na(1).build()
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "dataplane/dhcpv6/dhcpv6_message.hpp"
#include "dataplane/dhcpv6/dhcpv6_settings.hpp"

namespace alkaid::test {

using Octets6 = std::vector<std::uint8_t>;

inline void append_dhcpv6_option(Octets6& bytes, std::uint16_t code, const Octets6& value) {
  for (const std::size_t number : {std::size_t{code}, value.size()}) {
    bytes.push_back(static_cast<std::uint8_t>(number >> 8));
    bytes.push_back(static_cast<std::uint8_t>(number));
  }
  bytes.insert(bytes.end(), value.begin(), value.end());
}

inline void append_number32(Octets6& bytes, std::uint32_t number) {
  for (int shift = 24; shift >= 0; shift -= 8) {
    bytes.push_back(static_cast<std::uint8_t>(number >> shift));
  }
}

class Dhcpv6ClientMessage {
 public:
  explicit Dhcpv6ClientMessage(Dhcpv6MessageType type)
      : bytes_{static_cast<std::uint8_t>(type), 0x12, 0x34, 0x56} {}

  Dhcpv6ClientMessage& option(std::uint16_t code, const Octets6& value) {
    append_dhcpv6_option(bytes_, code, value);
    return *this;
  }
  Dhcpv6ClientMessage& client() { return option(1, {0, 1, 0, 1, 9, 9, 9, 9, 2, 0, 0, 0, 0, 1}); }
  Dhcpv6ClientMessage& server(const MacAddress& mac) {
    Octets6 duid{0, 3, 0, 1};
    duid.insert(duid.end(), mac.bytes().begin(), mac.bytes().end());
    return option(2, duid);
  }
  Dhcpv6ClientMessage& asks_for(std::initializer_list<std::uint16_t> codes) {
    Octets6 value;
    for (const std::uint16_t code : codes) {
      value.push_back(static_cast<std::uint8_t>(code >> 8));
      value.push_back(static_cast<std::uint8_t>(code));
    }
    return option(6, value);
  }
  Dhcpv6ClientMessage& ia_na(std::uint32_t id, const std::vector<IpAddress>& addresses = {}) {
    return association(3, id, addresses);
  }
  // code: 3 (IA_NA), 4 (IA_TA) or 25 (IA_PD).
  Dhcpv6ClientMessage& association(std::uint16_t code, std::uint32_t id,
                                   const std::vector<IpAddress>& addresses = {}) {
    Octets6 value;
    append_number32(value, id);
    if (code != 4) {
      value.resize(value.size() + 8);
    }
    for (const IpAddress& address : addresses) {
      Octets6 inner(address.bytes().begin(), address.bytes().end());
      inner.resize(24);
      append_dhcpv6_option(value, 5, inner);
    }
    return option(code, value);
  }
  Dhcpv6ClientMessage& raw(std::initializer_list<std::uint8_t> bytes) {
    bytes_.insert(bytes_.end(), bytes);
    return *this;
  }

  [[nodiscard]] Octets6 build() const { return bytes_; }

 private:
  Octets6 bytes_;
};

struct Dhcpv6ReplyAddress {
  IpAddress address;
  std::uint32_t preferred = 0;
  std::uint32_t valid = 0;
};

struct Dhcpv6ReplyAssociation {
  std::uint16_t code = 0;
  std::uint32_t id = 0;
  std::uint32_t renew = 0;
  std::uint32_t rebind = 0;
  std::vector<Dhcpv6ReplyAddress> addresses;
  std::optional<std::uint16_t> status;
};

struct Dhcpv6Reply {
  Dhcpv6MessageType type = Dhcpv6MessageType::kNone;
  std::uint32_t transaction = 0;
  std::vector<std::pair<std::uint16_t, Octets6>> options;  // but associations
  std::vector<Dhcpv6ReplyAssociation> associations;

  [[nodiscard]] const Octets6* find(std::uint16_t code) const {
    const auto found = std::find_if(options.begin(), options.end(),
                                    [code](const auto& option) { return option.first == code; });
    return found == options.end() ? nullptr : &found->second;
  }
  [[nodiscard]] std::vector<std::uint16_t> codes() const {
    std::vector<std::uint16_t> result;
    for (const auto& option : options) {
      result.push_back(option.first);
    }
    return result;
  }
  // Of the message as a whole.
  [[nodiscard]] std::optional<std::uint16_t> status() const {
    const auto* value = find(13);
    return value != nullptr && value->size() >= 2
               ? std::optional{static_cast<std::uint16_t>((*value)[0] << 8 | (*value)[1])}
               : std::nullopt;
  }
};

inline std::uint32_t number_at(const Octets6& bytes, std::size_t at, std::size_t size) {
  std::uint32_t number = 0;
  for (std::size_t i = 0; i < size; ++i) {
    number = number << 8 | bytes.at(at + i);
  }
  return number;
}

// Options one behind the other; nullopt unless they end where the bytes do.
inline std::optional<std::vector<std::pair<std::uint16_t, Octets6>>> split_dhcpv6_options(
    const Octets6& bytes) {
  std::vector<std::pair<std::uint16_t, Octets6>> options;
  std::size_t at = 0;
  while (at < bytes.size()) {
    if (bytes.size() - at < 4) {
      return std::nullopt;
    }
    const std::size_t length = number_at(bytes, at + 2, 2);
    if (length > bytes.size() - at - 4) {
      return std::nullopt;
    }
    const auto value = bytes.begin() + static_cast<std::ptrdiff_t>(at + 4);
    options.emplace_back(static_cast<std::uint16_t>(number_at(bytes, at, 2)),
                         Octets6(value, value + static_cast<std::ptrdiff_t>(length)));
    at += 4 + length;
  }
  return options;
}

inline std::optional<Dhcpv6ReplyAssociation> read_dhcpv6_association(std::uint16_t code,
                                                                     const Octets6& value) {
  const std::size_t fixed = code == 4 ? 4 : 12;
  if (value.size() < fixed) {
    return std::nullopt;
  }
  Dhcpv6ReplyAssociation association{.code = code, .id = number_at(value, 0, 4)};
  if (code != 4) {
    association.renew = number_at(value, 4, 4);
    association.rebind = number_at(value, 8, 4);
  }
  const auto inner = split_dhcpv6_options(
      Octets6(value.begin() + static_cast<std::ptrdiff_t>(fixed), value.end()));
  if (!inner) {
    return std::nullopt;
  }
  for (const auto& [inner_code, bytes] : *inner) {
    if (inner_code == 5 && bytes.size() == 24) {
      std::array<std::uint8_t, 16> address{};
      std::copy_n(bytes.begin(), 16, address.begin());
      association.addresses.push_back(
          {IpAddress{address}, number_at(bytes, 16, 4), number_at(bytes, 20, 4)});
    } else if (inner_code == 13 && bytes.size() >= 2 && !association.status) {
      association.status = static_cast<std::uint16_t>(number_at(bytes, 0, 2));
    } else {
      return std::nullopt;
    }
  }
  return association;
}

// nullopt and a text in `error` unless the bytes are a well-formed ADVERTISE or REPLY: no option
// twice but associations, none past the end.
inline std::optional<Dhcpv6Reply> read_dhcpv6_reply(std::span<const std::uint8_t> bytes,
                                                    std::string& error) {
  if (bytes.size() < 4 || (bytes[0] != 2 && bytes[0] != 7)) {
    error = "neither ADVERTISE nor REPLY";
    return std::nullopt;
  }
  Dhcpv6Reply reply;
  reply.type = static_cast<Dhcpv6MessageType>(bytes[0]);
  reply.transaction = static_cast<std::uint32_t>(bytes[1] << 16 | bytes[2] << 8 | bytes[3]);
  const auto options = split_dhcpv6_options(Octets6(bytes.begin() + 4, bytes.end()));
  if (!options) {
    error = "an option runs past the end";
    return std::nullopt;
  }
  for (const auto& [code, value] : *options) {
    if (code == 3 || code == 4 || code == 25) {
      const auto association = read_dhcpv6_association(code, value);
      if (!association) {
        error = "association " + std::to_string(code) + " is malformed";
        return std::nullopt;
      }
      reply.associations.push_back(*association);
    } else if (reply.find(code) != nullptr) {
      error = "option " + std::to_string(code) + " twice";
      return std::nullopt;
    } else {
      reply.options.emplace_back(code, value);
    }
  }
  return reply;
}

}  // namespace alkaid::test
