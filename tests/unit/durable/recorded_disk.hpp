// What is written to a directory, in its order, and what of it a loss of power may leave there.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace alkaid::agent::test {

// A program that links recorded_disk.cpp has its functions in place of the C library's open,
// pwrite, writev, fdatasync, fsync and rename, also for libraries. For one thread.
//
// The model, as far as POSIX and drives promise something: a write is on the disk once fdatasync or
// fsync of its file has returned, or the write itself through a descriptor with O_DSYNC. Until then
// any of its sectors may be there. Names that are created or replaced are on the disk once fsync of
// the directory has returned; until then the first few of them may be there.
class RecordedDisk {
 public:
  enum class Luck { kNothing, kEverything, kChance };  // of what is not certain to be there

  // What stands in the directory is on the disk.
  void start(const std::string& directory);
  void stop();

  // So far.
  [[nodiscard]] std::size_t steps() const { return steps_.size(); }
  // Whether power that is lost in the middle of this step, behind all before it, leaves a choice.
  [[nodiscard]] bool is_uncertain(std::size_t step) const;
  // Creates the files that are left then.
  void leave(std::size_t step, Luck luck, std::mt19937& chance, const std::string& directory) const;

  // The functions above, of any file.
  void opened(std::string_view path, int descriptor, bool is_new);
  void written(int descriptor, std::uint64_t offset, std::string_view bytes);
  void synced(int descriptor);
  void renamed(std::string_view from, std::string_view to);
  [[nodiscard]] bool is_recording() const { return !directory_.empty(); }

 private:
  static constexpr std::size_t kSector = 512;

  enum class Kind { kWrite, kSync, kName, kRename, kSyncNames };
  struct Step {
    Kind kind;
    std::size_t file = 0;      // but of kRename, kSyncNames
    std::uint64_t offset = 0;  // kWrite
    std::string bytes;         // kWrite
    bool is_certain = false;   // kWrite: when it returns
    std::string name;          // kName; kRename: the old one
    std::string new_name;      // kRename
  };
  using Names = std::map<std::string, std::size_t>;

  // The name within the directory; empty: it is elsewhere.
  [[nodiscard]] std::string name_of(std::string_view path) const;
  // Whether a step of this kind, and of this file, is complete between both.
  [[nodiscard]] bool has(Kind kind, std::size_t file, std::size_t from, std::size_t to) const;
  [[nodiscard]] bool is_certain(std::size_t index, std::size_t power_lost) const;

  std::string directory_;  // empty: nothing is recorded
  ino_t directory_inode_ = 0;
  std::map<ino_t, std::size_t> files_;
  std::vector<std::string> first_bytes_;  // of every file
  Names first_names_;
  std::vector<Step> steps_;
};

RecordedDisk& recorded_disk();

}  // namespace alkaid::agent::test
