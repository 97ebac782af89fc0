#include "tests/unit/durable/recorded_disk.hpp"

#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include <algorithm>
#include <cstdarg>
#include <filesystem>
#include <fstream>
#include <iterator>

#include <fcntl.h>
#include <unistd.h>

namespace alkaid::agent::test {

RecordedDisk& recorded_disk() {
  static RecordedDisk disk;
  return disk;
}

void RecordedDisk::start(const std::string& directory) {
  files_.clear();
  first_bytes_.clear();
  first_names_.clear();
  steps_.clear();
  for (const auto& entry : std::filesystem::directory_iterator{directory}) {
    struct stat found {};
    ::stat(entry.path().c_str(), &found);
    std::ifstream in{entry.path(), std::ios::binary};
    files_[found.st_ino] = first_bytes_.size();
    first_names_[entry.path().filename()] = first_bytes_.size();
    first_bytes_.emplace_back(std::istreambuf_iterator<char>{in}, std::istreambuf_iterator<char>{});
  }
  struct stat found {};
  ::stat(directory.c_str(), &found);
  directory_inode_ = found.st_ino;
  directory_ = directory;
}

void RecordedDisk::stop() {
  directory_.clear();
}

std::string RecordedDisk::name_of(std::string_view path) const {
  const std::filesystem::path whole{path};
  return whole.parent_path() == directory_ ? whole.filename().string() : std::string{};
}

void RecordedDisk::opened(std::string_view path, int descriptor, bool is_new) {
  const std::string name = name_of(path);
  struct stat found {};
  if (name.empty() || !is_new || ::fstat(descriptor, &found) != 0) {
    return;
  }
  const std::size_t file = first_bytes_.size();
  files_[found.st_ino] = file;
  first_bytes_.emplace_back();
  steps_.push_back({.kind = Kind::kName, .file = file, .name = name});
}

void RecordedDisk::written(int descriptor, std::uint64_t offset, std::string_view bytes) {
  struct stat found {};
  if (::fstat(descriptor, &found) != 0 || !files_.contains(found.st_ino)) {
    return;
  }
  const bool is_certain = (::fcntl(descriptor, F_GETFL) & O_DSYNC) != 0;
  steps_.push_back({.kind = Kind::kWrite,
                    .file = files_.at(found.st_ino),
                    .offset = offset,
                    .bytes = std::string{bytes},
                    .is_certain = is_certain});
}

void RecordedDisk::synced(int descriptor) {
  struct stat found {};
  if (::fstat(descriptor, &found) != 0) {
    return;
  }
  if (found.st_ino == directory_inode_ && S_ISDIR(found.st_mode)) {
    steps_.push_back({.kind = Kind::kSyncNames});
  } else if (files_.contains(found.st_ino)) {
    steps_.push_back({.kind = Kind::kSync, .file = files_.at(found.st_ino)});
  }
}

void RecordedDisk::renamed(std::string_view from, std::string_view to) {
  if (!name_of(from).empty()) {
    steps_.push_back({.kind = Kind::kRename, .name = name_of(from), .new_name = name_of(to)});
  }
}

bool RecordedDisk::has(Kind kind, std::size_t file, std::size_t from, std::size_t to) const {
  for (std::size_t i = from; i < std::min(to, steps_.size()); ++i) {
    if (steps_[i].kind == kind && steps_[i].file == file) {
      return true;
    }
  }
  return false;
}

bool RecordedDisk::is_certain(std::size_t index, std::size_t power_lost) const {
  const Step& step = steps_[index];
  switch (step.kind) {
    case Kind::kWrite:
      return index < power_lost &&
             (step.is_certain || has(Kind::kSync, step.file, index, power_lost));
    case Kind::kName:
    case Kind::kRename:
      return has(Kind::kSyncNames, 0, index, power_lost);
    case Kind::kSync:
    case Kind::kSyncNames:
      return true;
  }
  return true;
}

bool RecordedDisk::is_uncertain(std::size_t step) const {
  for (std::size_t i = 0; i <= step && i < steps_.size(); ++i) {
    if (!is_certain(i, step)) {
      return true;
    }
  }
  return false;
}

void RecordedDisk::leave(std::size_t step, Luck luck, std::mt19937& chance,
                         const std::string& directory) const {
  std::vector<std::string> files = first_bytes_;
  Names names = first_names_;
  // Of this image: how many of ten uncertain sectors there are.
  const auto odds = std::uniform_int_distribution<int>{1, 9}(chance);
  const auto is_there = [&] {
    return luck == Luck::kEverything ||
           (luck == Luck::kChance && std::uniform_int_distribution<int>{0, 9}(chance) < odds);
  };
  bool names_go_on = true;
  for (std::size_t i = 0; i <= step && i < steps_.size(); ++i) {
    const Step& done = steps_[i];
    const bool is_sure = is_certain(i, step);
    if (done.kind == Kind::kWrite) {
      std::string& bytes = files[done.file];
      for (std::size_t from = 0; from < done.bytes.size();) {
        // Up to the end of the sector.
        const std::size_t size =
            std::min(kSector - (done.offset + from) % kSector, done.bytes.size() - from);
        if (is_sure || is_there()) {
          bytes.resize(std::max<std::size_t>(bytes.size(), done.offset + from + size));
          bytes.replace(done.offset + from, size, done.bytes, from, size);
        }
        from += size;
      }
    } else if (done.kind == Kind::kName || done.kind == Kind::kRename) {
      names_go_on = names_go_on && (is_sure || is_there());
      if (!names_go_on) {
        continue;
      }
      if (done.kind == Kind::kName) {
        names[done.name] = done.file;
      } else {
        names[done.new_name] = names.at(done.name);
        names.erase(done.name);
      }
    }
  }
  for (const auto& [name, file] : names) {
    std::ofstream out{std::filesystem::path{directory} / name, std::ios::binary};
    out.write(files[file].data(), static_cast<std::streamsize>(files[file].size()));
  }
}

namespace {

int open_file(const char* path, int flags, mode_t mode) {
  const bool is_recording = recorded_disk().is_recording();
  struct stat found {};
  const bool is_new = is_recording && (flags & O_CREAT) != 0 && ::stat(path, &found) != 0;
  const int descriptor = static_cast<int>(::syscall(SYS_openat, AT_FDCWD, path, flags, mode));
  if (is_recording && descriptor >= 0) {
    recorded_disk().opened(path, descriptor, is_new);
  }
  return descriptor;
}

ssize_t write_at(int descriptor, const void* bytes, size_t size, off_t offset) {
  const auto done = static_cast<ssize_t>(::syscall(SYS_pwrite64, descriptor, bytes, size, offset));
  if (done > 0 && recorded_disk().is_recording()) {
    recorded_disk().written(descriptor, static_cast<std::uint64_t>(offset),
                            {static_cast<const char*>(bytes), static_cast<std::size_t>(done)});
  }
  return done;
}

// Nobody's power is lost here: the real disk need not be waited for.
int sync_file(int descriptor) {
  if (recorded_disk().is_recording()) {
    recorded_disk().synced(descriptor);
  }
  return 0;
}

}  // namespace
}  // namespace alkaid::agent::test

// In place of the C library's, under the names of both sizes of offsets.
extern "C" {

int recorded_open(const char* path, int flags, ...) __asm__("open");
int recorded_open64(const char* path, int flags, ...) __asm__("open64");
ssize_t recorded_pwrite(int descriptor, const void* bytes, size_t size,
                        off_t offset) __asm__("pwrite");
ssize_t recorded_pwrite64(int descriptor, const void* bytes, size_t size,
                          off_t offset) __asm__("pwrite64");
ssize_t recorded_writev(int descriptor, const iovec* parts, int count) __asm__("writev");
int recorded_fdatasync(int descriptor) __asm__("fdatasync");
int recorded_fsync(int descriptor) __asm__("fsync");
int recorded_rename(const char* from, const char* to) __asm__("rename");

int recorded_open(const char* path, int flags, ...) {
  std::va_list arguments;
  va_start(arguments, flags);
  const auto mode = (flags & O_CREAT) != 0 ? va_arg(arguments, mode_t) : mode_t{0};
  va_end(arguments);
  return alkaid::agent::test::open_file(path, flags, mode);
}

int recorded_open64(const char* path, int flags, ...) {
  std::va_list arguments;
  va_start(arguments, flags);
  const auto mode = (flags & O_CREAT) != 0 ? va_arg(arguments, mode_t) : mode_t{0};
  va_end(arguments);
  return alkaid::agent::test::open_file(path, flags, mode);
}

ssize_t recorded_pwrite(int descriptor, const void* bytes, size_t size, off_t offset) {
  return alkaid::agent::test::write_at(descriptor, bytes, size, offset);
}

ssize_t recorded_pwrite64(int descriptor, const void* bytes, size_t size, off_t offset) {
  return alkaid::agent::test::write_at(descriptor, bytes, size, offset);
}

ssize_t recorded_writev(int descriptor, const iovec* parts, int count) {
  auto& disk = alkaid::agent::test::recorded_disk();
  const off_t offset = disk.is_recording() ? ::lseek(descriptor, 0, SEEK_CUR) : 0;
  const auto done = static_cast<ssize_t>(::syscall(SYS_writev, descriptor, parts, count));
  if (done > 0 && disk.is_recording()) {
    std::string bytes;
    for (int i = 0; i < count; ++i) {
      bytes.append(static_cast<const char*>(parts[i].iov_base), parts[i].iov_len);
    }
    bytes.resize(static_cast<std::size_t>(done));
    disk.written(descriptor, static_cast<std::uint64_t>(offset), bytes);
  }
  return done;
}

int recorded_fdatasync(int descriptor) {
  return alkaid::agent::test::sync_file(descriptor);
}

int recorded_fsync(int descriptor) {
  return alkaid::agent::test::sync_file(descriptor);
}

int recorded_rename(const char* from, const char* to) {
  const auto done = static_cast<int>(::syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0));
  auto& disk = alkaid::agent::test::recorded_disk();
  if (done == 0 && disk.is_recording()) {
    disk.renamed(from, to);
  }
  return done;
}
}
