// Behind every record: a file system gives back what it was given, but not always.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <xxhash.h>

namespace alkaid::agent::durable {

using Checksum = std::array<char, 4>;

inline Checksum checksum_of(std::string_view key, std::string_view record) {
  const std::uint64_t hash =
      XXH3_64bits_withSeed(record.data(), record.size(), XXH3_64bits(key.data(), key.size()));
  Checksum bytes;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    bytes[i] = static_cast<char>(hash >> (8 * i));
  }
  return bytes;
}

// The record without its checksum; none: they don't fit each other.
inline std::optional<std::string_view> checked_record(std::string_view key,
                                                      std::string_view value) {
  if (value.size() < sizeof(Checksum)) {
    return std::nullopt;
  }
  const std::string_view record = value.substr(0, value.size() - sizeof(Checksum));
  const Checksum expected = checksum_of(key, record);
  return value.substr(record.size()) == std::string_view{expected.data(), expected.size()}
             ? std::optional{record}
             : std::nullopt;
}

}  // namespace alkaid::agent::durable
