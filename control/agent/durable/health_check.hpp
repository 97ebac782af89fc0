// Is a state file whole? Asked before it is used: LMDB trusts its pages, so that damaged ones would
// end the process.
#pragma once

#include <string>

namespace alkaid::agent::durable {

// Reads the whole file in a child process. Returns what is wrong, empty if nothing is. Call it
// before there are threads that hold locks for long.
std::string check_file(const std::string& path);

}  // namespace alkaid::agent::durable
