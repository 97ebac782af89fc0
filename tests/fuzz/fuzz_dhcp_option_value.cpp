// Reads any text as the value of a DHCP option: what is accepted has the size that its type says.
//
// Input: one byte, the type; one byte, odd for DHCPv6; then the text.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "control/agent/goal_state/dhcp_option_value.hpp"
#include "tests/fuzz/require.hpp"

namespace alkaid::fuzz {
namespace {

using agent::DhcpValueType;

bool has_size_of(DhcpValueType type, bool v6, std::size_t size) {
  const std::size_t address = v6 ? 16 : 4;
  switch (type) {
    case DhcpValueType::kAddress:
      return size == address;
    case DhcpValueType::kAddresses:
      return size % address == 0;
    case DhcpValueType::kAddressPairs:
      return size % (2 * address) == 0;
    case DhcpValueType::kNumber8:
    case DhcpValueType::kSwitch:
      return size == 1;
    case DhcpValueType::kNumber16:
      return size == 2;
    case DhcpValueType::kNumber32:
    case DhcpValueType::kSigned32:
      return size == 4;
    case DhcpValueType::kTimeServers:
      return size % 20 == 0;
    case DhcpValueType::kText:
    case DhcpValueType::kDomains:
    case DhcpValueType::kRoutes:
    case DhcpValueType::kFree:
      return true;
  }
  return false;
}

// Names end where they should, within the bytes.
void check_domains(std::string_view bytes) {
  while (!bytes.empty()) {
    std::size_t length = static_cast<unsigned char>(bytes.front());
    ALKAID_REQUIRE(length > 0);
    while (length > 0) {
      ALKAID_REQUIRE(length <= 63 && length + 1 < bytes.size());
      bytes.remove_prefix(length + 1);
      length = static_cast<unsigned char>(bytes.front());
    }
    bytes.remove_prefix(1);
  }
}

void check_routes(std::string_view bytes) {
  while (!bytes.empty()) {
    const std::size_t length = static_cast<unsigned char>(bytes.front());
    const std::size_t route = 1 + (length + 7) / 8 + 4;
    ALKAID_REQUIRE(length <= 32 && route <= bytes.size());
    bytes.remove_prefix(route);
  }
}

}  // namespace
}  // namespace alkaid::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace alkaid::fuzz;
  constexpr std::size_t kControlBytes = 2;
  constexpr auto kTypes = static_cast<unsigned>(DhcpValueType::kFree) + 1;
  if (size < kControlBytes) {
    return 0;
  }
  const auto type = static_cast<DhcpValueType>(data[0] % kTypes);
  const bool v6 = data[1] % 2 != 0;
  const std::string text{data + kControlBytes, data + size};
  const auto bytes = alkaid::agent::encode_dhcp_value(type, v6, text);
  ALKAID_REQUIRE(!alkaid::agent::describe(type, v6).empty());
  if (!bytes) {
    return 0;
  }
  ALKAID_REQUIRE(!bytes->empty() && has_size_of(type, v6, bytes->size()));
  if (type == DhcpValueType::kDomains) {
    check_domains(*bytes);
  } else if (type == DhcpValueType::kRoutes) {
    check_routes(*bytes);
  }
  return 0;
}
