// Domain names as DHCP and router advertisements carry them (RFC 1035, 3.1): labels with their
// lengths in front, a zero at the end. Any thread; the encoders into vectors allocate.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace alkaid {

// Whether `name` can be encoded: 1 to 63 letters, digits, '-' or '_' per label, at most 255 bytes
// encoded. A dot at the end is allowed.
[[nodiscard]] bool is_domain_name(std::string_view name);

// Appends the encoded name. is_domain_name(name) must hold.
void append_domain_name(std::string_view name, std::vector<std::uint8_t>& output);

inline constexpr std::size_t kLongestDomainName = 255;  // encoded

// Writes the encoded name and returns its length; 0 if is_domain_name(name) doesn't hold or it
// doesn't fit. No allocation: workers may call it.
std::size_t encode_domain_name(std::string_view name, std::span<std::uint8_t> output) noexcept;

// Names one behind the other, uncompressed (RFC 3646, 4; RFC 8106, 5.2). Empty ones are left out.
[[nodiscard]] std::vector<std::uint8_t> encode_domain_names(std::span<const std::string> names);

// A search list (RFC 3397) with names compressed against those before them (RFC 1035, 4.1.4).
[[nodiscard]] std::vector<std::uint8_t> encode_search_list(std::span<const std::string> names);

}  // namespace alkaid
