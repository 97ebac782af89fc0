// How goal states reach the agent.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "control/common/tls/tls_files.hpp"

namespace alkaid::agent {

struct ChannelConfig {
  std::string address = "0.0.0.0";
  std::uint16_t port = 50001;                          // 0: any free one
  std::optional<TlsFiles> tls;                         // none: plaintext
  std::size_t message_bytes = std::size_t{512} << 20;  // larger ones are refused
  unsigned streams = 1000;                             // open calls of one connection
  std::size_t connections = 16384;
  unsigned idle_seconds = 1800;  // without an open call; then a connection is ended. 0: never
};

}  // namespace alkaid::agent
