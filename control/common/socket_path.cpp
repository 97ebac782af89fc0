#include "control/common/socket_path.hpp"

#include <sys/un.h>

#include <algorithm>

namespace alkaid {

static_assert(kLongestSocketPath == sizeof(sockaddr_un::sun_path) - 1);

bool is_socket_path(std::string_view path) {
  if (!path.starts_with('/') || path.ends_with('/') || path.size() > kLongestSocketPath ||
      !std::all_of(path.begin(), path.end(),
                   [](char c) { return c > ' ' && c < '\x7f' && c != ','; })) {
    return false;
  }
  for (std::size_t start = 0; start < path.size();) {
    const auto end = std::min(path.find('/', start + 1), path.size());
    const auto step = path.substr(start + 1, end - start - 1);
    if (step.empty() || step == "." || step == "..") {
      return false;
    }
    start = end;
  }
  return true;
}

}  // namespace alkaid
