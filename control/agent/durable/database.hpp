// The desired state on the disk: DIRECTORY/state.mdb. See docs/design/durable-state.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "control/agent/durable/batch.hpp"
#include "control/agent/durable/environment.hpp"

namespace alkaid::agent::durable {

// For one thread at a time.
class Database {
 public:
  // Of the records' form. A change needs a step in migrate().
  static constexpr std::uint32_t kFormat = 4;

  // Creates directory and file if they aren't there. nullptr: `error` says what is wrong and what
  // can be done.
  static std::unique_ptr<Database> open(const std::string& directory, std::string& error);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  // Every record without its checksum, in the order of keys. `take` returns what is wrong with it,
  // which ends the reading. Returns an error text, empty if all were taken.
  std::string read(
      const std::function<std::string(std::string_view key, std::string_view value)>& take);

  // Part of what the next write() writes, before the rest of it is known. Returns an error text;
  // then nothing of it will be written.
  std::string write_ahead(const std::vector<Batch>& batches);
  // All of it or nothing. On the disk when it returns; the error text is empty then.
  std::string write(const std::vector<Batch>& batches);

  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  Database(std::string path, int lock) : path_(std::move(path)), lock_(lock) {}
  // Replaces the file: header, and what else is given.
  std::string create(Batch records);
  std::string migrate_file(std::uint32_t format);
  std::string open_file();
  // After write() has closed it. Returns an error text.
  std::string reopen();
  void close();
  [[nodiscard]] std::string damaged(std::string_view detail) const;

  const std::string path_;
  const int lock_;  // of the directory
  std::unique_ptr<Environment> environment_;
  std::size_t operations_ahead_ = 0;  // of write_ahead()
};

}  // namespace alkaid::agent::durable
