// show slices: what each slice has, and who has it too.
#include "control/agent/server/slices_report.hpp"

#include <gtest/gtest.h>

#include "tests/unit/agent/sliced_host.hpp"

namespace alkaid::agent::test {
namespace {

v1::GetSlicesResponse report_of(SlicedHost& host, const std::string& name = "") {
  v1::GetSlicesRequest request;
  request.set_name(name);
  return report_slices(host.reconciler.wanted().slices(), request);
}

TEST(SlicesReport, CountsByTypeAndHolder) {
  FakeDataplane tables;
  SlicedHost host{tables};
  EXPECT_EQ(report_of(host).slices_size(), 0);
  auto mixed = replaced("one", {11, 12, 13});
  mixed.add_security_group_states()->mutable_configuration()->set_id("web");
  host.push(mixed);
  host.push(replaced("two", {12, 13, 21}));
  host.push(far(13));  // says no slice

  const auto all = report_of(host);
  ASSERT_EQ(all.slices_size(), 2);
  const auto& one = all.slices(0);
  EXPECT_EQ(one.name(), "one");
  EXPECT_EQ(one.version(), 1U);
  EXPECT_EQ(one.digest(), host.slice("one").digest);
  EXPECT_EQ(one.resources(), 4U);
  ASSERT_EQ(one.kinds_size(), 2);
  EXPECT_EQ(one.kinds(0).type(), "NEIGHBOR");
  EXPECT_EQ(one.kinds(0).resources(), 3U);
  EXPECT_EQ(one.kinds(1).type(), "SECURITYGROUP");
  EXPECT_EQ(one.kinds(1).resources(), 1U);
  ASSERT_EQ(one.holders_size(), 2);
  EXPECT_EQ(one.holders(0).slice(), "two");
  EXPECT_EQ(one.holders(0).resources(), 2U);
  EXPECT_EQ(one.holders(1).slice(), "");
  EXPECT_EQ(one.holders(1).resources(), 1U);
  EXPECT_EQ(one.more_holders(), 0U);

  const auto two = report_of(host, "two");
  ASSERT_EQ(two.slices_size(), 1);
  EXPECT_EQ(two.slices(0).resources(), 3U);
  EXPECT_EQ(two.slices(0).holders(0).slice(), "one");
  EXPECT_EQ(report_of(host, "three").slices_size(), 0);
}

TEST(SlicesReport, FollowsWhatGoes) {
  FakeDataplane tables;
  SlicedHost host{tables};
  host.push(replaced("one", {11, 12}));
  host.push(replaced("two", {12}));
  host.push(replaced("one", {11}));
  const auto before = report_of(host);
  EXPECT_EQ(before.slices(0).kinds(0).resources(), 1U);
  EXPECT_EQ(before.slices(0).holders_size(), 0);
  EXPECT_EQ(before.slices(1).holders_size(), 0);
  host.push(replaced("two", {}));
  host.push(in_slice("one", schema::Slice::DROP));
  const auto after = report_of(host);
  ASSERT_EQ(after.slices_size(), 1);
  EXPECT_EQ(after.slices(0).resources(), 0U);
  EXPECT_EQ(after.slices(0).kinds_size(), 0);
}

TEST(SlicesReport, OtherHoldersAreBounded) {
  FakeDataplane tables;
  SlicedHost host{tables};
  std::vector<int> numbers;
  for (int i = 1; i <= 80; ++i) {
    numbers.push_back(i);
  }
  host.push(replaced("all", numbers));
  for (const int number : numbers) {
    host.push(replaced(fmt::format("of-{:02}", number), {number}));
  }
  const auto all = report_of(host, "all");
  EXPECT_EQ(all.slices(0).holders_size(), 64);
  EXPECT_EQ(all.slices(0).holders(0).slice(), "of-01");
  EXPECT_EQ(all.slices(0).more_holders(), 16U);
}

}  // namespace
}  // namespace alkaid::agent::test
