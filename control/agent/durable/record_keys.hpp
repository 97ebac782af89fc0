// Keys of the records in the database. See docs/design/durable-state.md.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "control/common/net/ip_address.hpp"
#include "control/common/net/mac_address.hpp"

namespace alkaid::agent::durable {

// A key's first byte. Records are read in this order: what others lie in comes first.
enum class RecordType : char {
  kHeader = '!',
  kCompleteness = '#',
  kPlace = 'A',
  kVpc = 'B',
  kGateway = 'C',
  kSubnet = 'D',
  kPort = 'E',
  kNeighbor = 'F',
  kNeighborGroups = 'G',
  kClaims = 'H',
  kDhcp = 'I',
  kRouter = 'J',
  kRouterSubnet = 'K',
  kRoutingRule = 'L',
  kGroup = 'M',
  kGroupRule = 'N',
  kGroupMember = 'O',
  kStation = 'P',
  kSlice = 'Q',
  kSliceItem = 'R',
  kLearnt = 'S',
};

class RecordKey {
 public:
  static constexpr std::size_t kMostBytes = 21;

  // Of the only record of its type.
  explicit RecordKey(RecordType type) { append(static_cast<std::uint8_t>(type)); }

  // The type, the place's number, and what is in it: IPv4 addresses have 4 bytes here.
  RecordKey(RecordType type, std::uint32_t place);
  RecordKey(RecordType type, std::uint32_t place, const IpAddress& address);
  RecordKey(RecordType type, std::uint32_t place, const MacAddress& mac);

  // The type and 128 bits of hash of the ids, which may be of any length; the value repeats them.
  static RecordKey of_ids(RecordType type, std::string_view ids);

  [[nodiscard]] std::string_view bytes() const { return {bytes_.data(), size_}; }

 private:
  void append(std::uint8_t byte) { bytes_[size_++] = static_cast<char>(byte); }
  void append_big_endian(std::uint64_t number, unsigned count);

  std::array<char, kMostBytes> bytes_{};
  std::uint8_t size_ = 0;
};

// The opposite of the constructors: false if the key has another form.
bool parse_key(std::string_view key, std::uint32_t& place);
bool parse_key(std::string_view key, std::uint32_t& place, IpAddress& address);
bool parse_key(std::string_view key, std::uint32_t& place, MacAddress& mac);

}  // namespace alkaid::agent::durable
