// Reads and checks the fields of one resource; the first one that is wrong becomes the refusal.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "control/agent/goal_state/refusal.hpp"
#include "control/common/net/ip_address.hpp"
#include "control/common/net/mac_address.hpp"
#include "control/common/net/vni.hpp"

namespace alkaid::agent {

// Every read returns a default value if the field is wrong, so that a decoder reads straight
// through and asks at the end whether anything was refused. For one thread.
class FieldReader {
 public:
  // Not empty.
  std::string_view required(std::string_view field, std::string_view text);
  // Of no more than kLongestId bytes.
  std::string_view id(std::string_view field, std::string_view text);

  // The MAC of one station, in any of the spellings that Alcor's clients use.
  MacAddress mac(std::string_view field, std::string_view text);
  // Same; empty and all-zero mean none (the zero MAC).
  MacAddress optional_mac(std::string_view field, std::string_view text);

  // The address of one station.
  IpAddress address(std::string_view field, std::string_view text);
  // Same; empty, "0.0.0.0" and "::" mean none (the unset address).
  IpAddress optional_address(std::string_view field, std::string_view text);
  // Same as optional_address, but of one family.
  IpAddress optional_address_of_family(std::string_view field, std::string_view text, bool v4);

  // A prefix, its host bits cleared; with_length: an address without "/length" is refused.
  IpPrefix prefix(std::string_view field, std::string_view text, bool with_length);

  // A list of not more entries than any client needs. False if it was refused.
  bool list(std::string_view field, int entries);

  // The ids of security groups, sorted and without repetitions.
  std::vector<std::string> group_ids(std::string_view field, std::vector<std::string> ids);

  // A VNI or 0 for none.
  Vni vni(std::string_view field, std::uint64_t number);

  // A TCP or UDP port, or 0 for none.
  std::uint16_t port(std::string_view field, std::uint32_t number);

  void refuse(std::string_view field, std::string_view value, std::string_view message);

  [[nodiscard]] bool refused() const { return refusal_.has_value(); }
  [[nodiscard]] const Refusal& refusal() const { return *refusal_; }
  void clear() { refusal_.reset(); }

 private:
  std::optional<Refusal> refusal_;
};

// Of ports and security groups and their rules: the data plane's limit.
inline constexpr std::size_t kLongestId = 255;

// Can be the address of one station on a network.
bool is_station_address(const IpAddress& address);

}  // namespace alkaid::agent
