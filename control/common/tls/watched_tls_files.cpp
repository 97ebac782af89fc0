#include "control/common/tls/watched_tls_files.hpp"

#include <sys/stat.h>

#include <utility>

#include <spdlog/spdlog.h>

namespace alkaid {

std::string WatchedTlsFiles::load() {
  const std::lock_guard lock{mutex_};
  std::string error;
  seen_ = stamps();
  auto material = read_tls_material(files_, error);
  if (!material) {
    return error;
  }
  material_ = std::move(*material);
  version_ = 1;
  next_look_ = std::chrono::steady_clock::now() + interval_;
  return {};
}

std::optional<TlsMaterial> WatchedTlsFiles::newer_than(std::uint64_t& version) {
  const std::lock_guard lock{mutex_};
  if (const auto now = std::chrono::steady_clock::now(); now >= next_look_) {
    next_look_ = now + interval_;
    look();
  }
  if (version == version_) {
    return std::nullopt;
  }
  version = version_;
  return material_;
}

WatchedTlsFiles::Stamps WatchedTlsFiles::stamps() const {
  Stamps stamps;
  std::size_t i = 0;
  for (const std::string* path : {&files_.certificate, &files_.key, &files_.authorities}) {
    struct stat status {};
    if (!path->empty() && ::stat(path->c_str(), &status) == 0) {
      stamps[i] = {status.st_ino, status.st_size, status.st_ctim.tv_sec, status.st_ctim.tv_nsec};
    }
    ++i;
  }
  return stamps;
}

void WatchedTlsFiles::look() {
  // Before the read: what is written meanwhile is seen the next time.
  const Stamps now = stamps();
  if (now == seen_) {
    return;
  }
  seen_ = now;
  std::string error;
  auto material = read_tls_material(files_, error);
  if (!material) {
    spdlog::warn("TLS goes on with the former certificates: {}", error);
    return;
  }
  material_ = std::move(*material);
  ++version_;
  spdlog::info("TLS certificates were reloaded from {}",
               files_.certificate.empty() ? files_.authorities : files_.certificate);
}

}  // namespace alkaid
