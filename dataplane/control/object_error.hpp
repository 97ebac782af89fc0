// How the programmer says what is wrong with an object.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "dataplane/control/programmer.hpp"

namespace alkaid {

inline constexpr std::uint32_t kSmallestMtu = 576;  // RFC 791: every IPv4 host takes this much
inline constexpr std::uint32_t kLargestMtu = 65535;

inline ObjectError invalid(std::string field, std::string message) {
  return {ObjectErrorCode::kInvalid, std::move(field), std::move(message)};
}

inline ObjectError full(const char* table) {
  return {ObjectErrorCode::kTableFull, {}, fmt::format("the table of {} is full", table)};
}

inline bool is_bad_mtu(std::uint32_t mtu) {
  return mtu != 0 && (mtu < kSmallestMtu || mtu > kLargestMtu);
}

inline ObjectError bad_mtu(std::uint32_t mtu) {
  return invalid("mtu",
                 fmt::format("{} is not in {}..{} (0: automatic)", mtu, kSmallestMtu, kLargestMtu));
}

}  // namespace alkaid
