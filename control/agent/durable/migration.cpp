#include "control/agent/durable/migration.hpp"

#include <optional>

#include "control/agent/durable/checksum.hpp"
#include "control/agent/durable/record_keys.hpp"

namespace alkaid::agent::durable {

// The formats 1 and 2 differ in what a batch puts behind each record; 3 and 4 add records.
int migrate(Environment& old, std::uint32_t format, Batch& records) {
  if (format < 1 || format > 3) {
    return MDB_INCOMPATIBLE;
  }
  bool is_intact = true;
  const int error = old.read([&](std::string_view key, std::string_view value) {
    if (key == RecordKey{RecordType::kHeader}.bytes()) {
      return true;
    }
    const auto record = format == 1 ? std::optional{value} : checked_record(key, value);
    is_intact = record.has_value();
    if (is_intact) {
      records.put(key, [&record](std::string& out) { out += *record; });
    }
    return is_intact;
  });
  return is_intact ? error : MDB_CORRUPTED;
}

}  // namespace alkaid::agent::durable
