// Certificates that are replaced while the program runs.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "control/common/tls/tls_material.hpp"

namespace alkaid {

// Keeps the last contents that were good: files that were replaced by bad ones, or of which only
// one was replaced yet, change nothing but the log.
class WatchedTlsFiles {
 public:
  static constexpr std::chrono::milliseconds kInterval{1000};

  // The files are looked at no more often than that.
  explicit WatchedTlsFiles(TlsFiles files, std::chrono::milliseconds interval = kInterval)
      : files_(std::move(files)), interval_(interval) {}

  // The first read. An error text, empty if the files are good. Before newer_than().
  std::string load();

  // What is in force, if it isn't what the caller has; `version` becomes that of what is returned.
  // Start with version 0. Looks at the files. Any thread.
  std::optional<TlsMaterial> newer_than(std::uint64_t& version);

  [[nodiscard]] const TlsFiles& files() const { return files_; }

 private:
  // What tells a replaced file: inode, size, and time of change.
  struct Stamp {
    std::uint64_t inode = 0;
    std::int64_t size = 0;
    std::int64_t seconds = 0;
    std::int64_t nanoseconds = 0;
    bool operator==(const Stamp&) const = default;
  };
  using Stamps = std::array<Stamp, 3>;

  [[nodiscard]] Stamps stamps() const;
  void look();

  const TlsFiles files_;
  const std::chrono::milliseconds interval_;
  std::mutex mutex_;
  Stamps seen_{};
  std::chrono::steady_clock::time_point next_look_;
  TlsMaterial material_;
  std::uint64_t version_ = 0;
};

}  // namespace alkaid
