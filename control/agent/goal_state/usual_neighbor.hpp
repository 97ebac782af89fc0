// Neighbor states as clients send them by the million, read straight from their bytes.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "control/agent/goal_state/resources.hpp"

namespace alkaid::agent {

// A NeighborState in its usual form: to be set, every field at most once and in order, valid, one
// fixed IP in a named subnet, no address pairs, no groups, ASCII text. What it says is what
// protobuf and ResourceDecoder make of the same bytes.
struct UsualNeighbor {
  std::string_view id;  // as all text here, a view into the bytes
  std::uint8_t operation = 0;
  std::uint32_t revision = 0;
  MacAddress mac;
  IpAddress host;
  NeighborAddress address;
};

// Both published layouts. None: another form, or malformed: that is for protobuf to find out.
std::optional<UsualNeighbor> read_usual_neighbor(std::string_view state);

// ASCII is UTF-8, which protobuf wants of text.
bool is_ascii(std::string_view text);

}  // namespace alkaid::agent
