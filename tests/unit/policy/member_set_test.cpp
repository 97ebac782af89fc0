#include "dataplane/policy/member_set.hpp"

#include <memory>
#include <random>
#include <set>

#include <gtest/gtest.h>

namespace alkaid {
namespace {

TEST(MemberSet, KeepsUpWithASetOfAnyAddresses) {
  std::mt19937_64 random(1);
  auto members = std::make_unique<MemberSet>(1, MemberHashSecrets{3, 5});
  std::set<IpAddress> reference;
  // Few values, so that what was erased comes back; halves that are zero among them.
  const auto any = [&random] {
    return random() % 2 == 0 ? IpAddress{Ipv4Address{static_cast<std::uint32_t>(random() % 1000)}}
                             : IpAddress::from_numbers(random() % 20, random() % 20);
  };
  for (int i = 0; i < 100'000; ++i) {
    const IpAddress address = any();
    ASSERT_EQ(members->contains(address), reference.contains(address));
    if (reference.contains(address)) {
      members->erase(address);
      reference.erase(address);
    } else {
      if (!members->insert(address)) {
        members = members->make_larger();
        ASSERT_TRUE(members->insert(address));
      }
      reference.insert(address);
    }
    ASSERT_EQ(members->size(), reference.size());
  }
  std::set<IpAddress> visited;
  members->for_each([&](const IpAddress& address) { visited.insert(address); });
  EXPECT_EQ(visited, reference);
  // Slots of erased addresses are given up, or it would have grown with every change.
  EXPECT_LT(members->bytes(), 200'000U);
}

}  // namespace
}  // namespace alkaid
