// The bytes of records: numbers in little-endian order, text and lists with their length before
// them.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "control/common/net/ip_address.hpp"
#include "control/common/net/mac_address.hpp"
#include "control/common/net/vni.hpp"

namespace alkaid::agent::durable {

// A record's fields are named once, by a function `fields(archive, record)` beside its type that
// calls the archive with all of them; writing and reading both go by it.
class Writer {
 public:
  explicit Writer(std::string& out) : out_(out) {}

  template <class... Values>
  void operator()(const Values&... values) {
    (write(values), ...);
  }

 private:
  template <class Number>
  void number(Number value) {
    std::array<char, sizeof(Number)> bytes;
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      bytes[i] = static_cast<char>(value >> (8 * i));
    }
    out_.append(bytes.data(), bytes.size());
  }

  void write(std::string_view text) {
    number(static_cast<std::uint32_t>(text.size()));
    out_.append(text);
  }
  void write(const std::string& text) { write(std::string_view{text}); }
  void write(const MacAddress& mac) {
    out_.append(reinterpret_cast<const char*>(mac.bytes().data()), mac.bytes().size());
  }
  void write(const IpAddress& address) {
    out_.append(reinterpret_cast<const char*>(address.bytes().data()), address.bytes().size());
  }
  void write(const Vni& vni) { number(vni.number()); }
  void write(const IpPrefix& prefix) {
    write(prefix.address);
    number(prefix.length);
  }
  template <class Value>
  void write(const std::optional<Value>& value) {
    number(static_cast<std::uint8_t>(value.has_value()));
    if (value) {
      write(*value);
    }
  }
  template <class Value>
  void write(const std::vector<Value>& values) {
    number(static_cast<std::uint32_t>(values.size()));
    for (const Value& value : values) {
      write(value);
    }
  }
  template <class Value>
  void write(const Value& value) {
    if constexpr (std::is_enum_v<Value> || std::is_same_v<Value, bool>) {
      number(static_cast<std::uint8_t>(value));
    } else if constexpr (std::is_integral_v<Value>) {
      number(static_cast<std::make_unsigned_t<Value>>(value));
    } else {
      fields(*this, value);
    }
  }

  std::string& out_;
};

// Never reads beyond the bytes. ok() tells whether everything fitted: after the first thing that
// doesn't, all values are what they were.
class Reader {
 public:
  explicit Reader(std::string_view in) : in_(in) {}

  template <class... Values>
  void operator()(Values&... values) {
    (read(values), ...);
  }

  [[nodiscard]] bool ok() const { return ok_; }
  // Everything was read, and there was no more.
  [[nodiscard]] bool at_end() const { return ok_ && in_.empty(); }

 private:
  std::string_view take(std::size_t size) {
    if (!ok_ || size > in_.size()) {
      ok_ = false;
      return {};
    }
    const std::string_view taken = in_.substr(0, size);
    in_.remove_prefix(size);
    return taken;
  }

  template <class Number>
  Number number() {
    const std::string_view bytes = take(sizeof(Number));
    Number value = 0;
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      value = static_cast<Number>(
          value | static_cast<Number>(static_cast<Number>(static_cast<unsigned char>(bytes[i]))
                                      << (8 * i)));
    }
    return value;
  }

  template <std::size_t size>
  std::array<std::uint8_t, size> array() {
    std::array<std::uint8_t, size> values{};
    const std::string_view bytes = take(size);
    if (!bytes.empty()) {
      std::memcpy(values.data(), bytes.data(), size);
    }
    return values;
  }

  void read(std::string& text) {
    const std::string_view bytes = take(number<std::uint32_t>());
    if (ok_) {
      text = bytes;
    }
  }
  void read(MacAddress& mac) { mac = MacAddress{array<6>()}; }
  void read(IpAddress& address) { address = IpAddress{array<16>()}; }
  void read(Vni& vni) {
    const auto value = number<std::uint32_t>();
    ok_ = ok_ && value <= Vni::kMax;
    vni = ok_ ? Vni::from_trusted(value) : Vni{};
  }
  void read(IpPrefix& prefix) {
    read(prefix.address);
    prefix.length = number<std::uint8_t>();
    ok_ = ok_ && prefix.length <= prefix.max_length();
  }
  template <class Value>
  void read(std::optional<Value>& value) {
    const auto has_value = number<std::uint8_t>();
    ok_ = ok_ && has_value <= 1;
    if (ok_ && has_value == 1) {
      read(value.emplace());
    }
  }
  template <class Value>
  void read(std::vector<Value>& values) {
    const auto count = number<std::uint32_t>();
    // Every element takes at least a byte: a length out of nowhere must not ask for memory.
    ok_ = ok_ && count <= in_.size();
    values.clear();
    for (std::uint32_t i = 0; ok_ && i < count; ++i) {
      read(values.emplace_back());
    }
  }
  template <class Value>
  void read(Value& value) {
    if constexpr (std::is_same_v<Value, bool>) {
      const auto bit = number<std::uint8_t>();
      ok_ = ok_ && bit <= 1;
      value = bit == 1;
    } else if constexpr (std::is_enum_v<Value>) {
      const auto chosen = number<std::uint8_t>();
      ok_ = ok_ && chosen <= static_cast<std::uint8_t>(last_of(Value{}));
      value = ok_ ? static_cast<Value>(chosen) : Value{};
    } else if constexpr (std::is_integral_v<Value>) {
      value = static_cast<Value>(number<std::make_unsigned_t<Value>>());
    } else {
      fields(*this, value);
    }
  }

  std::string_view in_;
  bool ok_ = true;
};

}  // namespace alkaid::agent::durable
