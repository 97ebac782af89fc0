// Structured logs to stderr (and so to the journal under systemd).
#pragma once

#include <string>
#include <string_view>

namespace alkaid {

// Installs the process's logger: "2026-01-31T12:00:00.123Z info alkaid-agent: text". Call once,
// early, from main. level: trace, debug, info, warning, error, critical, off; false if it is none
// of them.
bool set_up_logging(std::string_view program, std::string_view level);

// Text from outside made fit for a log line or a table: unprintable bytes as \xNN, cut to
// `longest` bytes with "..." behind.
std::string printable(std::string_view text, std::size_t longest = 128);

}  // namespace alkaid
