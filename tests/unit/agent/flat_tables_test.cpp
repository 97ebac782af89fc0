#include "control/agent/flat_tables.hpp"

#include <array>
#include <bit>
#include <unordered_set>

#include <gtest/gtest.h>

namespace alkaid::agent {
namespace {

IpAddress address(std::uint64_t first, std::uint64_t second) {
  return IpAddress{std::bit_cast<std::array<std::uint8_t, 16>>(std::array{first, second})};
}

// One multiplication with known constants makes a zero of a whole prefix, or of a whole column of
// prefixes.
TEST(AddressHash, NoSubnetIsOneBucket) {
  constexpr std::uint64_t kAddresses = 10'000;
  for (const std::uint64_t constant : {std::uint64_t{0x9e3779b97f4a7c15}, std::uint64_t{0},
                                       std::uint64_t{0xd6e8feb86659fd93}, ~std::uint64_t{0}}) {
    std::unordered_set<std::size_t> of_first;
    std::unordered_set<std::size_t> of_second;
    for (std::uint64_t i = 0; i < kAddresses; ++i) {
      of_first.insert(AddressHash{}(address(constant, i)));
      of_second.insert(
          AddressHash{}(NeighborKey{address(i << 40, constant), Vni::from_trusted(7)}));
    }
    EXPECT_GT(of_first.size(), kAddresses - 3) << std::hex << constant;
    EXPECT_GT(of_second.size(), kAddresses - 3) << std::hex << constant;
  }
}

}  // namespace
}  // namespace alkaid::agent
