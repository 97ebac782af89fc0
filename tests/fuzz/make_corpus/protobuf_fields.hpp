// Encoded protobuf messages, made by hand so that damaged ones can be.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>

#include "tests/fuzz/make_corpus/corpus.hpp"

namespace alkaid::fuzz {

// One field of a protobuf message, whose number and tag take one byte.
inline Bytes number_field(std::uint8_t field, std::uint8_t value) {
  return {static_cast<std::uint8_t>(field << 3), value};
}

inline Bytes bytes_field(std::uint8_t field, const Bytes& value) {
  Bytes bytes{static_cast<std::uint8_t>(field << 3 | 2)};
  std::size_t size = value.size();
  for (; size >= 0x80; size >>= 7) {
    bytes.push_back(static_cast<std::uint8_t>(size | 0x80));
  }
  bytes.push_back(static_cast<std::uint8_t>(size));
  bytes.insert(bytes.end(), value.begin(), value.end());
  return bytes;
}

inline Bytes text_field(std::uint8_t field, const std::string& text) {
  return bytes_field(field, Bytes{text.begin(), text.end()});
}

inline Bytes joined(std::initializer_list<Bytes> parts) {
  Bytes bytes;
  for (const Bytes& part : parts) {
    bytes.insert(bytes.end(), part.begin(), part.end());
  }
  return bytes;
}

}  // namespace alkaid::fuzz
