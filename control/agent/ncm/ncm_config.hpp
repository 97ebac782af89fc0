// How the Network Config Manager is reached.
#pragma once

#include <optional>
#include <string>

#include "control/common/tls/tls_files.hpp"

namespace alkaid::agent {

struct NcmConfig {
  std::string address;          // HOST:PORT; empty: nobody is asked
  std::optional<TlsFiles> tls;  // none: plaintext; without any file: whom the system trusts
  std::string server_name;      // that its certificate must have; empty: the address's host
};

}  // namespace alkaid::agent
