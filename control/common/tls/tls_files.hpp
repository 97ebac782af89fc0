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

// Checks an option that names a file: one that is given and empty, as by a variable that isn't set,
// must not pass for one that isn't given. An error text, or empty.
[[nodiscard]] inline std::string require_file_name(const std::string& name) {
  return name.empty() ? "names no file" : "";
}

}  // namespace alkaid
