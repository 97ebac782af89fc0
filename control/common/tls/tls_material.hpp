// The contents of TlsFiles, checked.
#pragma once

#include <optional>
#include <string>

#include "control/common/tls/tls_files.hpp"

namespace alkaid {

// PEM text; empty where there is no file.
struct TlsMaterial {
  std::string certificate;
  std::string key;
  std::string authorities;
};

// Reads the files. None, with an error that names the file, if one can't be read, holds no
// certificate or key, is larger than 1 MiB, or if key and certificate are not a pair or only one of
// them is given. Any thread.
std::optional<TlsMaterial> read_tls_material(const TlsFiles& files, std::string& error);

}  // namespace alkaid
