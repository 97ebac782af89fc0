// LMDB, as far as it is needed here: one file, one process, one table.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include <lmdb.h>

#include "control/agent/durable/batch.hpp"

namespace alkaid::agent::durable {

// What an error number of LMDB or of the system means for whoever has to help.
std::string describe_error(int error, const std::string& path);

// An open file. The process must hold the lock of its directory; for one thread at a time.
class Environment {
 public:
  enum class Mode { kRead, kWrite };

  // nullptr: `error` is a number of LMDB or the system. kWrite creates the file.
  static std::unique_ptr<Environment> open(const std::string& path, Mode mode, int& error);

  // In the order of keys, until `take` returns false. Returns the error.
  int read(const std::function<bool(std::string_view, std::string_view)>& take);
  // Of one record; unchanged if there is none.
  int read_one(std::string_view key, std::string& value);

  // Together with the next write(), which comes behind it: all of both or nothing. On an error
  // there is nothing.
  int write_ahead(const std::vector<Batch>& batches);
  // All of it or nothing, in order; on the disk when it returns without error.
  int write(const std::vector<Batch>& batches);

  // Goes through everything that LMDB goes through to read and to find free pages. What is damaged
  // may end the process.
  int walk();

 private:
  struct Close {
    void operator()(MDB_env* environment) const { mdb_env_close(environment); }
  };
  struct Abort {
    void operator()(MDB_txn* transaction) const { mdb_txn_abort(transaction); }
  };
  struct CloseCursor {
    void operator()(MDB_cursor* cursor) const { mdb_cursor_close(cursor); }
  };
  using Transaction = std::unique_ptr<MDB_txn, Abort>;
  using Cursor = std::unique_ptr<MDB_cursor, CloseCursor>;

  explicit Environment(MDB_env* environment) : environment_(environment) {}
  int begin(unsigned flags, Transaction& transaction) const;
  int apply_all(const std::vector<Batch>& batches, Transaction& transaction) const;
  int apply(MDB_txn* transaction, const Batch& batch) const;
  int apply_whole(MDB_txn* transaction, const Batch& batch) const;
  int open_cursor(MDB_txn* transaction, MDB_dbi table, Cursor& cursor) const;

  std::unique_ptr<MDB_env, Close> environment_;
  MDB_dbi table_ = 0;
  Transaction ahead_;  // of write_ahead()
};

}  // namespace alkaid::agent::durable
