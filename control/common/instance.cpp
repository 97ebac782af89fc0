#include "control/common/instance.hpp"

#include <sys/file.h>
#include <sys/stat.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

namespace alkaid {

std::optional<Instance> Instance::make(std::string_view name, std::string_view run_directory) {
  const bool valid = !name.empty() && name.size() <= 64 && name.front() != '.' &&
                     std::all_of(name.begin(), name.end(), [](unsigned char c) {
                       return std::isalnum(c) != 0 || c == '_' || c == '-' || c == '.';
                     });
  if (!valid) {
    return std::nullopt;
  }
  Instance instance;
  instance.name = name;
  instance.run_directory =
      run_directory.empty() ? fmt::format("/run/alkaid/{}", name) : std::string{run_directory};
  return instance;
}

std::string create_run_directory(const Instance& instance) {
  std::error_code error;
  const bool created = std::filesystem::create_directories(instance.run_directory, error);
  if (error) {
    return fmt::format("can't create the run directory {}: {} (choose another with --run-dir)",
                       instance.run_directory, error.message());
  }
  if (created) {
    ::chmod(instance.run_directory.c_str(), 0750);
  }
  return {};
}

std::optional<InstanceLock> InstanceLock::acquire(const Instance& instance,
                                                  std::string_view program, std::string& error) {
  const std::string path = fmt::format("{}/{}.lock", instance.run_directory, program);
  InstanceLock lock{::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0640)};
  if (lock.descriptor_ < 0) {
    error = fmt::format("can't open {}: {}", path, std::strerror(errno));
    return std::nullopt;
  }
  if (::flock(lock.descriptor_, LOCK_EX | LOCK_NB) != 0) {
    char holder[32] = {};
    const ssize_t length = ::pread(lock.descriptor_, holder, sizeof(holder) - 1, 0);
    const std::string_view process{holder, length > 0 ? static_cast<std::size_t>(length) : 0};
    error = fmt::format(
        "instance '{}' already has a running {} (process {}); stop it, or choose another name with "
        "--instance",
        instance.name, program, process.substr(0, process.find('\n')));
    return std::nullopt;
  }
  const std::string process = fmt::format("{}\n", ::getpid());
  if (::ftruncate(lock.descriptor_, 0) != 0 ||
      ::pwrite(lock.descriptor_, process.data(), process.size(), 0) < 0) {
    error = fmt::format("can't write {}: {}", path, std::strerror(errno));
    return std::nullopt;
  }
  return lock;
}

InstanceLock::InstanceLock(InstanceLock&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)) {}

InstanceLock& InstanceLock::operator=(InstanceLock&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  return *this;
}

InstanceLock::~InstanceLock() {
  if (descriptor_ >= 0) {
    ::close(descriptor_);
  }
}

}  // namespace alkaid
