#include "control/agent/durable/environment.hpp"

#include <sys/statvfs.h>

#include <cerrno>
#include <cstdint>

#include <fmt/format.h>

#include "control/agent/durable/record_keys.hpp"

namespace alkaid::agent::durable {
namespace {

// Address space, not memory and not disk: what the file can grow to.
constexpr std::size_t kMostFileBytes = std::size_t{16} << 30;
constexpr mdb_mode_t kOwnerOnly = 0600;
// From so many operations on a batch is sorted: neighbors in the file are written one after the
// other.
constexpr std::size_t kManyOperations = 256;

MDB_val bytes_of(std::string_view text) {
  return {text.size(), const_cast<char*>(text.data())};  // LMDB only reads it
}

std::string_view text_of(const MDB_val& bytes) {
  return {static_cast<const char*>(bytes.mv_data), bytes.mv_size};
}

bool has_room(const std::string& path) {
  constexpr std::uint64_t kLittle = 1U << 20;
  struct statvfs room {};
  return ::statvfs(path.c_str(), &room) != 0 ||
         static_cast<std::uint64_t>(room.f_bavail) * room.f_frsize >= kLittle;
}

int apply_one(MDB_cursor* cursor, MDB_txn* transaction, MDB_dbi table,
              const Batch::Operation& operation) {
  MDB_val key = bytes_of(operation.key);
  if (operation.is_erase) {
    const int error = mdb_del(transaction, table, &key, nullptr);
    return error == MDB_NOTFOUND ? 0 : error;
  }
  MDB_val value = bytes_of(operation.value);
  return mdb_cursor_put(cursor, &key, &value, 0);
}

}  // namespace

std::string describe_error(int error, const std::string& path) {
  // LMDB's error for what was written in part only, which is how a disk becomes full.
  if (error == EIO && !has_room(path)) {
    error = ENOSPC;
  }
  switch (error) {
    case ENOSPC:
    case EDQUOT:
      return fmt::format("no room is left on the disk of {}: make room there", path);
    case EFBIG:
      return fmt::format("{} may not grow further: raise the process's file size limit", path);
    case MDB_MAP_FULL:
      return fmt::format("{} has reached its limit of {} GiB", path, kMostFileBytes >> 30);
    default:
      return fmt::format("{}: {}", path, mdb_strerror(error));
  }
}

std::unique_ptr<Environment> Environment::open(const std::string& path, Mode mode, int& error) {
  MDB_env* created = nullptr;
  error = mdb_env_create(&created);
  if (error != 0) {
    return nullptr;
  }
  std::unique_ptr<Environment> environment{new Environment{created}};
  error = mdb_env_set_mapsize(created, kMostFileBytes);
  if (error == 0) {
    // No lock file: the directory's lock keeps other processes away.
    const unsigned flags = MDB_NOSUBDIR | MDB_NOLOCK | (mode == Mode::kRead ? MDB_RDONLY : 0U);
    error = mdb_env_open(created, path.c_str(), flags, kOwnerOnly);
  }
  Transaction transaction;
  if (error == 0) {
    error = environment->begin(MDB_RDONLY, transaction);
  }
  if (error == 0) {
    error = mdb_dbi_open(transaction.get(), nullptr, 0, &environment->table_);
  }
  if (error == 0) {
    error = mdb_txn_commit(transaction.release());
  }
  return error == 0 ? std::move(environment) : nullptr;
}

int Environment::begin(unsigned flags, Transaction& transaction) const {
  MDB_txn* begun = nullptr;
  const int error = mdb_txn_begin(environment_.get(), nullptr, flags, &begun);
  transaction.reset(begun);
  return error;
}

int Environment::open_cursor(MDB_txn* transaction, MDB_dbi table, Cursor& cursor) const {
  MDB_cursor* opened = nullptr;
  const int error = mdb_cursor_open(transaction, table, &opened);
  cursor.reset(opened);
  return error;
}

int Environment::read(const std::function<bool(std::string_view, std::string_view)>& take) {
  Transaction transaction;
  if (const int error = begin(MDB_RDONLY, transaction); error != 0) {
    return error;
  }
  Cursor cursor;
  if (const int error = open_cursor(transaction.get(), table_, cursor); error != 0) {
    return error;
  }
  MDB_val key;
  MDB_val value;
  int error = mdb_cursor_get(cursor.get(), &key, &value, MDB_FIRST);
  while (error == 0 && take(text_of(key), text_of(value))) {
    error = mdb_cursor_get(cursor.get(), &key, &value, MDB_NEXT);
  }
  return error == MDB_NOTFOUND ? 0 : error;
}

int Environment::read_one(std::string_view key, std::string& value) {
  Transaction transaction;
  if (const int error = begin(MDB_RDONLY, transaction); error != 0) {
    return error;
  }
  MDB_val wanted = bytes_of(key);
  MDB_val found;
  const int error = mdb_get(transaction.get(), table_, &wanted, &found);
  if (error == 0) {
    value = text_of(found);
  }
  return error == MDB_NOTFOUND ? 0 : error;
}

int Environment::apply(MDB_txn* transaction, const Batch& batch) const {
  Cursor cursor;
  if (const int error = open_cursor(transaction, table_, cursor); error != 0) {
    return error;
  }
  int error = 0;
  if (batch.size() >= kManyOperations) {
    for (const Batch::Operation& operation : batch.sorted()) {
      error = error != 0 ? error : apply_one(cursor.get(), transaction, table_, operation);
    }
  } else {
    for (std::size_t i = 0; i < batch.size() && error == 0; ++i) {
      error = apply_one(cursor.get(), transaction, table_, batch[i]);
    }
  }
  return error;
}

// Only what differs is written.
int Environment::apply_whole(MDB_txn* transaction, const Batch& batch) const {
  Cursor cursor;
  if (const int error = open_cursor(transaction, table_, cursor); error != 0) {
    return error;
  }
  const auto wanted = batch.sorted();
  std::vector<Batch::Operation> puts;
  std::vector<std::string> gone;
  auto next = wanted.begin();
  MDB_val key;
  MDB_val value;
  int error = mdb_cursor_get(cursor.get(), &key, &value, MDB_FIRST);
  for (; error == 0; error = mdb_cursor_get(cursor.get(), &key, &value, MDB_NEXT)) {
    for (; next != wanted.end() && next->key < text_of(key); ++next) {
      puts.push_back(*next);
    }
    if (next == wanted.end() || next->key != text_of(key)) {
      if (text_of(key) != RecordKey{RecordType::kHeader}.bytes()) {
        gone.emplace_back(text_of(key));
      }
      continue;
    }
    if (next->value != text_of(value)) {
      puts.push_back(*next);
    }
    ++next;
  }
  if (error != MDB_NOTFOUND) {
    return error;
  }
  puts.insert(puts.end(), next, wanted.end());
  error = 0;
  for (const std::string& key_gone : gone) {
    error = error != 0 ? error : apply_one(cursor.get(), transaction, table_, {key_gone, {}, true});
  }
  for (const Batch::Operation& put : puts) {
    error = error != 0 ? error : apply_one(cursor.get(), transaction, table_, put);
  }
  return error;
}

int Environment::apply_all(const std::vector<Batch>& batches, Transaction& transaction) const {
  if (!transaction) {
    if (const int error = begin(0, transaction); error != 0) {
      return error;
    }
  }
  for (const Batch& batch : batches) {
    const int error =
        batch.is_whole() ? apply_whole(transaction.get(), batch) : apply(transaction.get(), batch);
    if (error != 0) {
      return error;
    }
  }
  return 0;
}

int Environment::write_ahead(const std::vector<Batch>& batches) {
  const int error = apply_all(batches, ahead_);
  if (error != 0) {
    ahead_.reset();
  }
  return error;
}

int Environment::write(const std::vector<Batch>& batches) {
  Transaction transaction = std::move(ahead_);
  const int error = apply_all(batches, transaction);
  return error != 0 ? error : mdb_txn_commit(transaction.release());
}

int Environment::walk() {
  constexpr MDB_dbi kFreePages = 0;
  MDB_envinfo info;
  if (const int error = mdb_env_info(environment_.get(), &info); error != 0) {
    return error;
  }
  Transaction transaction;
  if (const int error = begin(MDB_RDONLY, transaction); error != 0) {
    return error;
  }
  unsigned sum = 0;
  for (const MDB_dbi table : {table_, kFreePages}) {
    MDB_stat statistics;
    Cursor cursor;
    int error = mdb_stat(transaction.get(), table, &statistics);
    error = error != 0 ? error : open_cursor(transaction.get(), table, cursor);
    std::size_t entries = 0;
    MDB_val key;
    MDB_val value;
    while (error == 0 && entries <= statistics.ms_entries) {
      error = mdb_cursor_get(cursor.get(), &key, &value, MDB_NEXT);
      if (error != 0) {
        break;
      }
      ++entries;
      for (const MDB_val& bytes : {key, value}) {
        for (const char byte : text_of(bytes)) {
          sum += static_cast<unsigned char>(byte);
        }
      }
      // A list of page numbers with its length before it, the highest first.
      const auto* pages = static_cast<const std::size_t*>(value.mv_data);
      const std::size_t most = value.mv_size / sizeof(*pages);
      if (table == kFreePages && (most == 0 || pages[0] >= most)) {
        return MDB_CORRUPTED;
      }
      for (std::size_t i = 1; table == kFreePages && i <= pages[0]; ++i) {
        if (pages[i] > info.me_last_pgno || (i > 1 && pages[i] >= pages[i - 1])) {
          return MDB_CORRUPTED;
        }
      }
    }
    if (error != MDB_NOTFOUND || entries != statistics.ms_entries) {
      return error == 0 || error == MDB_NOTFOUND ? MDB_CORRUPTED : error;
    }
  }
  // The bytes were read, though nobody needs their sum.
  volatile unsigned unused = sum;
  static_cast<void>(unused);
  return 0;
}

}  // namespace alkaid::agent::durable
