// Where an agent listens, as users write it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace alkaid::goalstate {

inline constexpr std::string_view kDefaultAgentPort = "50001";

// "10.0.0.1", "10.0.0.1:50001", "host.example:50001", "2001:db8::1" or "[2001:db8::1]:50001" as
// gRPC's "HOST:PORT"; port 50001 if there is none. nullopt if it is none of these.
std::optional<std::string> parse_agent_address(std::string_view text);

}  // namespace alkaid::goalstate
