// Changes of records on their way to the database.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "control/agent/durable/checksum.hpp"

namespace alkaid::agent::durable {

// Keys have up to 255 bytes. For one thread at a time.
class Batch {
 public:
  struct Operation {
    std::string_view key;
    std::string_view value;
    bool is_erase = false;
  };

  // The record is what `write` appends to the string; the value is that and its checksum.
  template <class Write>
  void put(std::string_view key, const Write& write) {
    Entry entry{bytes_.size(), 0, static_cast<std::uint8_t>(key.size()), false};
    bytes_.append(key);
    write(bytes_);
    const std::size_t start = entry.offset + key.size();
    const Checksum checksum = checksum_of(key, std::string_view{bytes_}.substr(start));
    bytes_.append(checksum.data(), checksum.size());
    entry.value_size = static_cast<std::uint32_t>(bytes_.size() - start);
    entries_.push_back(entry);
    if (bytes_.size() > compact_above_) {
      compact();
    }
  }
  void erase(std::string_view key) {
    entries_.push_back({bytes_.size(), 0, static_cast<std::uint8_t>(key.size()), true});
    bytes_.append(key);
    if (bytes_.size() > compact_above_) {
      compact();
    }
  }

  // The database is to hold what this batch puts, its own header and nothing else.
  void set_whole() { is_whole_ = true; }
  [[nodiscard]] bool is_whole() const { return is_whole_; }

  [[nodiscard]] std::size_t size() const { return entries_.size(); }
  [[nodiscard]] bool empty() const { return entries_.empty() && !is_whole_; }
  [[nodiscard]] Operation operator[](std::size_t index) const {
    const Entry& entry = entries_[index];
    const std::string_view bytes{bytes_};
    return {bytes.substr(entry.offset, entry.key_size),
            bytes.substr(entry.offset + entry.key_size, entry.value_size), entry.is_erase};
  }

  // By key, of several operations on one key only the last.
  [[nodiscard]] std::vector<Operation> sorted() const;

 private:
  struct Entry {
    std::uint64_t offset;
    std::uint32_t value_size;
    std::uint8_t key_size;
    bool is_erase;
  };

  // Bytes of records that are written again and again within one batch would add up without bound.
  static constexpr std::size_t kCompactAbove = std::size_t{64} << 20;

  // Keeps the last operation of every key only.
  void compact();

  std::string bytes_;
  std::vector<Entry> entries_;
  std::size_t compact_above_ = kCompactAbove;
  bool is_whole_ = false;
};

}  // namespace alkaid::agent::durable
