#include "control/agent/durable/migration.hpp"

#include "control/agent/durable/record_keys.hpp"

namespace alkaid::agent::durable {

// What differs between the formats 1 and 2 is what a batch puts behind each record.
int migrate(Environment& old, std::uint32_t format, Batch& records) {
  if (format != 1) {
    return MDB_INCOMPATIBLE;
  }
  return old.read([&records](std::string_view key, std::string_view value) {
    if (key != RecordKey{RecordType::kHeader}.bytes()) {
      records.put(key, [value](std::string& out) { out += value; });
    }
    return true;
  });
}

}  // namespace alkaid::agent::durable
