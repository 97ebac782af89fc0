// What a path of a Unix socket may be where others' names, such as ports' ids, are part of it.
#pragma once

#include <cstddef>
#include <string_view>

namespace alkaid {

// Characters (unix(7): sun_path, without the zero behind it).
inline constexpr std::size_t kLongestSocketPath = 107;

// Absolute, of printable characters without blanks and ',', and no step of it is empty or leads
// elsewhere ("." and ".."). Any thread.
bool is_socket_path(std::string_view path);

}  // namespace alkaid
