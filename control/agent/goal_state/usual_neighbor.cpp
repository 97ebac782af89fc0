#include "control/agent/goal_state/usual_neighbor.hpp"

#include <array>
#include <cstring>

#include "control/agent/goal_state/field_reader.hpp"
#include "control/agent/goal_state/wire_cursor.hpp"

namespace alkaid::agent {
namespace {

// Field numbers of NeighborConfiguration; those from 8 on differ between the layouts.
enum ConfigurationField : std::uint32_t {
  kRevision = 1,
  kRequestId = 2,
  kId = 3,
  kUpdateType = 4,
  kVpcId = 5,
  kName = 6,
  kMac = 7,
  kField8 = 8,
  kField9 = 9,
  kField10 = 10,
};

constexpr std::uint64_t kLastSetOperation = 2;  // INFO, CREATE, UPDATE

// Calls take(field) for each; false unless every field is taken and comes once, in order.
template <class Take>
bool read_in_order(std::string_view bytes, const Take& take) {
  WireCursor cursor{bytes};
  WireField field;
  std::uint32_t last = 0;
  while (cursor.next(field)) {
    if (field.number <= last || !take(field)) {
      return false;
    }
    last = field.number;
  }
  return !cursor.is_broken();
}

bool take_text(const WireField& field, std::string_view& text) {
  text = field.bytes;
  return field.type == WireField::kBytes && is_ascii(text);
}

// "10.0.0.1", as inet_pton(3) takes it; none is no statement about text that it takes otherwise.
std::optional<Ipv4Address> read_dotted(std::string_view text) {
  constexpr std::size_t kLongest = 15;
  if (text.empty() || text.size() > kLongest) {
    return std::nullopt;
  }
  std::uint32_t address = 0;
  std::uint32_t number = 0;
  unsigned digits = 0;
  unsigned dots = 0;
  for (const char c : text) {
    if (c == '.') {
      if (digits == 0 || ++dots > 3) {
        return std::nullopt;
      }
      address = address << 8 | number;
      number = 0;
      digits = 0;
      continue;
    }
    const auto digit = static_cast<unsigned>(c - '0');
    if (digit > 9 || (digits > 0 && number == 0)) {
      return std::nullopt;
    }
    number = number * 10 + digit;
    ++digits;
    if (number > 255) {
      return std::nullopt;
    }
  }
  if (dots != 3 || digits == 0) {
    return std::nullopt;
  }
  return Ipv4Address{address << 8 | number};
}

std::optional<IpAddress> read_address(std::string_view text) {
  if (const auto v4 = read_dotted(text)) {
    return IpAddress{*v4};
  }
  return IpAddress::parse(text);
}

bool read_station(std::string_view text, IpAddress& address) {
  const auto parsed = read_address(text);
  address = parsed.value_or(IpAddress{});
  return parsed && is_station_address(address);
}

bool read_fixed_ip(std::string_view bytes, NeighborAddress& address) {
  bool has_address = false;
  const bool is_read = read_in_order(bytes, [&](const WireField& field) {
    std::string_view ignored;
    switch (field.number) {
      case 1:  // neighbor_type
        return field.type == WireField::kVarint;
      case 2:
        return take_text(field, address.subnet_id);
      case 3:
        has_address = true;
        return field.type == WireField::kBytes && read_station(field.bytes, address.address);
      case 4:  // arion_group
        return take_text(field, ignored);
      case 5: {
        const auto vni = static_cast<std::uint32_t>(field.value);
        address.vni = Vni::from_trusted(vni <= Vni::kMax ? vni : 0);
        return field.type == WireField::kVarint && field.value <= Vni::kMax;
      }
      default:
        return false;
    }
  });
  return is_read && has_address && !address.subnet_id.empty();
}

struct Encoded {
  std::string_view mac;
  std::array<std::string_view, 3> from_8;  // fields 8, 9 and 10
};

bool read_configuration(std::string_view bytes, UsualNeighbor& neighbor, Encoded& encoded) {
  return read_in_order(bytes, [&](const WireField& field) {
    std::string_view ignored;
    switch (field.number) {
      case kRevision:
        neighbor.revision = static_cast<std::uint32_t>(field.value);
        return field.type == WireField::kVarint;
      case kId:
        return take_text(field, neighbor.id);
      case kUpdateType:
        return field.type == WireField::kVarint;
      case kRequestId:
      case kVpcId:
      case kName:
        return take_text(field, ignored);
      case kMac:
        return take_text(field, encoded.mac);
      case kField8:
      case kField9:
      case kField10:
        encoded.from_8[field.number - kField8] = field.bytes;
        return field.type == WireField::kBytes && !field.bytes.empty();
      default:
        return false;
    }
  });
}

// As detect_neighbor_layout() tells them apart; what is empty here is absent.
bool read_location(const Encoded& encoded, UsualNeighbor& neighbor) {
  const auto& [field_8, field_9, field_10] = encoded.from_8;
  const bool is_released = !field_8.empty() && read_address(field_8).has_value();
  const std::string_view host = is_released ? field_8 : field_9;
  const std::string_view fixed_ip = is_released ? field_9 : field_10;
  const bool has_pairs = is_released && !field_10.empty();
  return !has_pairs && !fixed_ip.empty() && read_station(host, neighbor.host) &&
         read_fixed_ip(fixed_ip, neighbor.address);
}

}  // namespace

bool is_ascii(std::string_view text) {
  constexpr std::uint64_t kHighBits = 0x8080808080808080;
  const char* next = text.data();
  std::size_t left = text.size();
  std::uint64_t seen = 0;
  for (; left >= sizeof(seen); left -= sizeof(seen), next += sizeof(seen)) {
    std::uint64_t word = 0;
    std::memcpy(&word, next, sizeof(word));
    seen |= word;
  }
  for (; left > 0; --left, ++next) {
    seen |= static_cast<std::uint8_t>(*next);
  }
  return (seen & kHighBits) == 0;
}

std::optional<UsualNeighbor> read_usual_neighbor(std::string_view state) {
  UsualNeighbor neighbor;
  Encoded encoded;
  std::string_view configuration;
  const bool is_read = read_in_order(state, [&](const WireField& field) {
    if (field.number == 1) {
      neighbor.operation = static_cast<std::uint8_t>(field.value);
      return field.type == WireField::kVarint && field.value <= kLastSetOperation;
    }
    configuration = field.bytes;
    return field.number == 2 && field.type == WireField::kBytes;
  });
  if (!is_read || !read_configuration(configuration, neighbor, encoded) || neighbor.id.empty() ||
      !read_location(encoded, neighbor)) {
    return std::nullopt;
  }
  const auto mac = MacAddress::parse(encoded.mac);
  if (!mac || !mac->is_unicast()) {
    return std::nullopt;
  }
  neighbor.mac = *mac;
  return neighbor;
}

}  // namespace alkaid::agent
