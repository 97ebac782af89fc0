// How many files and sockets this process may have open.
#pragma once

#include <cstddef>

namespace alkaid {

// Raises the limit to what the system allows without asking for more (RLIMIT_NOFILE's soft to its
// hard limit). Returns the limit in force.
std::size_t raise_file_limit();

}  // namespace alkaid
