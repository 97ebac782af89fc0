#include "control/agent/durable/database.hpp"

#include <sys/file.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <malloc.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include "control/agent/durable/archive.hpp"
#include "control/agent/durable/checksum.hpp"
#include "control/agent/durable/health_check.hpp"
#include "control/agent/durable/migration.hpp"
#include "control/agent/durable/record_keys.hpp"

namespace alkaid::agent::durable {
namespace {

constexpr std::string_view kMagic = "desired state of alkaid-agent";
// From so many operations on LMDB is opened anew: it would keep the pages of the largest
// transaction for ever.
constexpr std::size_t kLargeWrite = 65536;

struct Header {
  std::string magic;
  std::uint32_t format = 0;
  std::string software;
};

std::string start_over_hint(std::string_view path) {
  return fmt::format(
      "The data plane goes on with what it has. To start without this state, move it away (mv {} "
      "{}.old) and push the goal states again; --no-state keeps none",
      path, path);
}

void put_header(Batch& batch) {
  batch.put(RecordKey{RecordType::kHeader}.bytes(), [](std::string& out) {
    Writer{out}(kMagic, Database::kFormat, std::string_view{ALKAID_VERSION});
  });
}

void sync_directory(int directory) {
  ::fsync(directory);
}

}  // namespace

Database::~Database() {
  environment_.reset();
  ::close(lock_);
}

std::string Database::damaged(std::string_view detail) const {
  return fmt::format("the desired state in {} is damaged: {}. {}", path_, detail,
                     start_over_hint(path_));
}

std::unique_ptr<Database> Database::open(const std::string& directory, std::string& error) {
  std::error_code failed;
  const bool is_new = std::filesystem::create_directories(directory, failed);
  if (failed) {
    error = fmt::format(
        "can't create the state directory {}: {} (choose another with --state-dir; --no-state "
        "keeps "
        "none)",
        directory, failed.message());
    return nullptr;
  }
  if (is_new) {
    ::chmod(directory.c_str(), 0700);
  }
  const int lock = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (lock < 0) {
    error = fmt::format("can't open the state directory {}: {}", directory, std::strerror(errno));
    return nullptr;
  }
  std::unique_ptr<Database> database{new Database{directory + "/state.mdb", lock}};
  if (::flock(lock, LOCK_EX | LOCK_NB) != 0) {
    error = fmt::format(
        "another agent uses the state directory {}: stop it, or choose another with --state-dir",
        directory);
    return nullptr;
  }
  if (!std::filesystem::exists(database->path_, failed)) {
    error = database->create({});
  }
  if (error.empty()) {
    error = database->open_file();
  }
  return error.empty() ? std::move(database) : nullptr;
}

// Under another name first: a file that stands there is whole.
std::string Database::create(Batch records) {
  const std::string unfinished = path_ + ".new";
  std::error_code ignored;
  std::filesystem::remove(unfinished, ignored);
  int error = 0;
  auto environment = Environment::open(unfinished, Environment::Mode::kWrite, error);
  if (environment) {
    put_header(records);
    std::vector<Batch> batches;
    batches.push_back(std::move(records));
    error = environment->write(batches);
  }
  environment.reset();
  if (error == 0 && ::rename(unfinished.c_str(), path_.c_str()) != 0) {
    error = errno;
  }
  if (error != 0) {
    std::filesystem::remove(unfinished, ignored);
    return fmt::format(
        "can't create the desired state: {} (choose another place with --state-dir; "
        "--no-state keeps none)",
        describe_error(error, path_));
  }
  sync_directory(lock_);
  return {};
}

std::string Database::open_file() {
  const int accessible = ::open(path_.c_str(), O_RDWR | O_CLOEXEC);
  if (accessible < 0) {
    return fmt::format("can't open the desired state {}: {}", path_, std::strerror(errno));
  }
  ::close(accessible);
  if (const std::string wrong = check_file(path_); !wrong.empty()) {
    return damaged(wrong);
  }
  int error = 0;
  environment_ = Environment::open(path_, Environment::Mode::kWrite, error);
  std::string bytes;
  if (environment_) {
    error = environment_->read_one(RecordKey{RecordType::kHeader}.bytes(), bytes);
  }
  if (error != 0) {
    return damaged(mdb_strerror(error));
  }
  Header header;
  Reader reader{bytes};
  reader(header.magic, header.format, header.software);
  if (!reader.ok() || header.magic != kMagic) {
    return damaged("it doesn't say that it is one");
  }
  if (header.format > kFormat) {
    return fmt::format(
        "the desired state in {} was written by a newer alkaid-agent ({}): its format is {}, this "
        "one reads up to {}. Start the newer one. {}",
        path_, header.software, header.format, kFormat, start_over_hint(path_));
  }
  return header.format < kFormat ? migrate_file(header.format) : std::string{};
}

// The old file stands until the new one is whole.
std::string Database::migrate_file(std::uint32_t format) {
  Batch records;
  if (const int error = migrate(*environment_, format, records); error != 0) {
    return damaged(mdb_strerror(error));
  }
  environment_.reset();
  if (std::string wrong = create(std::move(records)); !wrong.empty()) {
    return wrong;
  }
  spdlog::info("{} was of format {} and is of format {} now", path_, format, kFormat);
  int error = 0;
  environment_ = Environment::open(path_, Environment::Mode::kWrite, error);
  return error == 0 ? std::string{} : describe_error(error, path_);
}

std::string Database::read(
    const std::function<std::string(std::string_view, std::string_view)>& take) {
  std::string wrong;
  const int error = environment_->read([&](std::string_view key, std::string_view value) {
    const auto record = checked_record(key, value);
    if (!record) {
      wrong = fmt::format("a record of type '{}' has another checksum than its own", key.front());
    } else if (key != RecordKey{RecordType::kHeader}.bytes()) {
      wrong = take(key, *record);
    }
    return wrong.empty();
  });
  if (error != 0) {
    wrong = mdb_strerror(error);
  }
  return wrong.empty() ? wrong : damaged(wrong);
}

std::string Database::reopen() {
  if (environment_) {
    return {};
  }
  std::error_code failed;
  if (!std::filesystem::exists(path_, failed)) {
    const std::string wrong = create({});
    return wrong.empty() ? fmt::format("{} is gone: all of it is written anew", path_) : wrong;
  }
  int error = 0;
  environment_ = Environment::open(path_, Environment::Mode::kWrite, error);
  return error == 0 ? std::string{} : describe_error(error, path_);
}

void Database::close() {
  environment_.reset();  // it is opened by the next write
  operations_ahead_ = 0;
  ::malloc_trim(0);
}

std::string Database::write_ahead(const std::vector<Batch>& batches) {
  if (std::string wrong = reopen(); !wrong.empty()) {
    return wrong;
  }
  if (const int error = environment_->write_ahead(batches); error != 0) {
    close();
    return describe_error(error, path_);
  }
  for (const Batch& batch : batches) {
    operations_ahead_ += batch.size();
  }
  return {};
}

std::string Database::write(const std::vector<Batch>& batches) {
  if (std::string wrong = reopen(); !wrong.empty()) {
    return wrong;
  }
  const int error = environment_->write(batches);
  std::size_t operations = std::exchange(operations_ahead_, 0);
  for (const Batch& batch : batches) {
    operations += batch.size();
  }
  if (error != 0 || operations >= kLargeWrite) {
    close();
  }
  return error == 0 ? std::string{} : describe_error(error, path_);
}

}  // namespace alkaid::agent::durable
