#include "control/agent/durable/record_keys.hpp"

#include <xxhash.h>

namespace alkaid::agent::durable {
namespace {

constexpr std::size_t kPlaceEnd = 1 + 4;

std::uint64_t big_endian(std::string_view bytes) {
  std::uint64_t number = 0;
  for (const char byte : bytes) {
    number = number << 8 | static_cast<unsigned char>(byte);
  }
  return number;
}

}  // namespace

void RecordKey::append_big_endian(std::uint64_t number, unsigned count) {
  for (unsigned i = 0; i < count; ++i) {
    append(static_cast<std::uint8_t>(number >> (8 * (count - 1 - i))));
  }
}

RecordKey::RecordKey(RecordType type, std::uint32_t place) : RecordKey(type) {
  append_big_endian(place, 4);
}

RecordKey::RecordKey(RecordType type, std::uint32_t place, const IpAddress& address)
    : RecordKey(type, place) {
  if (address.is_v4()) {
    append_big_endian(address.v4().host(), 4);
  } else {
    append_big_endian(address.high(), 8);
    append_big_endian(address.low(), 8);
  }
}

RecordKey::RecordKey(RecordType type, std::uint32_t place, const MacAddress& mac)
    : RecordKey(type, place) {
  append_big_endian(mac.number(), 6);
}

RecordKey RecordKey::of_ids(RecordType type, std::string_view ids) {
  const XXH128_hash_t hash = XXH3_128bits(ids.data(), ids.size());
  RecordKey key{type};
  key.append_big_endian(hash.high64, 8);
  key.append_big_endian(hash.low64, 8);
  return key;
}

bool parse_key(std::string_view key, std::uint32_t& place) {
  if (key.size() != kPlaceEnd) {
    return false;
  }
  place = static_cast<std::uint32_t>(big_endian(key.substr(1)));
  return true;
}

bool parse_key(std::string_view key, std::uint32_t& place, IpAddress& address) {
  if (key.size() != kPlaceEnd + 4 && key.size() != kPlaceEnd + 16) {
    return false;
  }
  const std::string_view rest = key.substr(kPlaceEnd);
  address = rest.size() == 4 ? IpAddress{Ipv4Address{static_cast<std::uint32_t>(big_endian(rest))}}
                             : IpAddress::from_numbers(big_endian(rest.substr(0, 8)),
                                                       big_endian(rest.substr(8)));
  return parse_key(key.substr(0, kPlaceEnd), place);
}

bool parse_key(std::string_view key, std::uint32_t& place, MacAddress& mac) {
  if (key.size() != kPlaceEnd + 6) {
    return false;
  }
  mac = MacAddress::from_number(big_endian(key.substr(kPlaceEnd)));
  return parse_key(key.substr(0, kPlaceEnd), place);
}

}  // namespace alkaid::agent::durable
