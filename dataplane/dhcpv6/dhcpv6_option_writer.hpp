// Writes DHCPv6 options into a buffer of fixed size; what doesn't fit is left out whole.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>

#include "dataplane/dhcpv6/dhcpv6_message.hpp"

namespace alkaid {

class Dhcpv6OptionWriter {
 public:
  explicit Dhcpv6OptionWriter(std::span<std::uint8_t> output) : output_(output) {}

  [[nodiscard]] std::size_t size() const { return position_; }

  // False if it doesn't fit.
  bool put(std::uint16_t code, std::span<const std::uint8_t> value) {
    if (!fits(value.size())) {
      return false;
    }
    put_header(code, value.size());
    put_bytes(value);
    return true;
  }
  template <class Value>
  bool put_object(std::uint16_t code, const Value& value) {
    return put(code, {reinterpret_cast<const std::uint8_t*>(&value), sizeof(value)});
  }
  bool put_text(std::uint16_t code, std::string_view text) {
    return put(code, {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
  }
  bool put_status(Dhcpv6Status status, std::string_view text) {
    const BigEndian16 number{static_cast<std::uint16_t>(status)};
    if (!fits(sizeof(number) + text.size())) {
      return false;
    }
    put_header(dhcpv6_option::kStatusCode, sizeof(number) + text.size());
    put_bytes({reinterpret_cast<const std::uint8_t*>(&number), sizeof(number)});
    put_bytes({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
    return true;
  }

  // An option that others lie in: begin() writes its fixed part, what is put until end() is inside.
  // nullopt: doesn't fit; then there is nothing to end.
  template <class Fixed>
  [[nodiscard]] std::optional<std::size_t> begin(std::uint16_t code, const Fixed& fixed) {
    const std::size_t start = position_;
    return put_object(code, fixed) ? std::optional{start} : std::nullopt;
  }
  void end(std::size_t start) {
    const std::size_t length = position_ - start - sizeof(Dhcpv6OptionHeader);
    const BigEndian16 big_endian{static_cast<std::uint16_t>(length)};
    std::memcpy(&output_[start + offsetof(Dhcpv6OptionHeader, length)], &big_endian,
                sizeof(big_endian));
  }

 private:
  [[nodiscard]] bool fits(std::size_t length) const {
    return sizeof(Dhcpv6OptionHeader) + length <= output_.size() - position_;
  }
  void put_header(std::uint16_t code, std::size_t length) {
    const Dhcpv6OptionHeader header{BigEndian16{code},
                                    BigEndian16{static_cast<std::uint16_t>(length)}};
    put_bytes({reinterpret_cast<const std::uint8_t*>(&header), sizeof(header)});
  }
  void put_bytes(std::span<const std::uint8_t> bytes) {
    if (!bytes.empty()) {
      std::memcpy(&output_[position_], bytes.data(), bytes.size());
      position_ += bytes.size();
    }
  }

  std::span<std::uint8_t> output_;
  std::size_t position_ = 0;
};

}  // namespace alkaid
