// Where a program's certificates are.
#pragma once

#include <string>

namespace alkaid {

// Paths of PEM files; empty: none.
struct TlsFiles {
  std::string certificate;  // ours, and the intermediate ones behind it
  std::string key;          // of our certificate
  std::string authorities;  // that sign our peers' certificates

  [[nodiscard]] bool any() const {
    return !certificate.empty() || !key.empty() || !authorities.empty();
  }
};

}  // namespace alkaid
