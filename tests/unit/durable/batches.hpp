// Batches of plain records, for tests of the file.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "control/agent/durable/batch.hpp"
#include "control/agent/durable/database.hpp"
#include "tests/unit/durable/kept_agent.hpp"

namespace alkaid::agent::test {

inline durable::Batch batch_of(const Records& puts, const std::vector<std::string>& erased = {}) {
  durable::Batch batch;
  for (const auto& [key, value] : puts) {
    batch.put(key, [&value = value](std::string& out) { out += value; });
  }
  for (const std::string& key : erased) {
    batch.erase(key);
  }
  return batch;
}

inline std::string write(durable::Database& database, durable::Batch batch) {
  std::vector<durable::Batch> batches;
  batches.push_back(std::move(batch));
  return database.write(batches);
}

}  // namespace alkaid::agent::test
