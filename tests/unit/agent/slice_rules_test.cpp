// Slices where several senders meet: pairs of neighbors, what isn't known, and how much may be.
#include <set>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/agent/sliced_host.hpp"

namespace alkaid::agent::test {
namespace {

using ::testing::AllOf;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// A neighbor at 10.0.1.`number` that may use 10.0.1.99 too.
schema::NeighborState paired(const std::string& id, int number,
                             schema::OperationType operation = schema::CREATE) {
  auto state = neighbor(id, "green", fmt::format("10.0.1.{}", number), "02:00:00:00:02:01",
                        "172.16.0.2", operation);
  schema::NeighborConfiguration::AllowAddressPair pair;
  pair.set_ip_address("10.0.1.99");
  state.mutable_configuration()->add_field_11(pair.SerializeAsString());
  return state;
}

template <class... States>
schema::GoalState with_neighbors(schema::GoalState message, const States&... states) {
  ((*message.add_neighbor_states() = states), ...);
  return message;
}

std::size_t claimed(const Host& host) {
  return host.reconciler.wanted().find_subnet("green")->pairs.size();
}

TEST(SlicePairs, StayWithANeighborWhoseAddressIsReplaced) {
  FakeDataplane tables;
  SlicedHost host{tables};
  host.push(with_neighbors(replaced("one", {}), paired("N", 11)));
  host.push(with_neighbors(replaced("one", {}), paired("N", 12)));
  EXPECT_FALSE(host.has(11));
  EXPECT_TRUE(host.has(12) && host.has(99));
  host.push(replaced("one", {}));
  EXPECT_TRUE(tables.neighbors.empty());
  EXPECT_EQ(claimed(host), 0U);
}

TEST(SlicePairs, StayWhileAnySliceHasAnAddressOfTheNeighbor) {
  FakeDataplane tables;
  SlicedHost host{tables};
  host.push(with_neighbors(replaced("one", {}), paired("N", 11)));
  host.push(with_neighbors(replaced("two", {}), paired("N", 12)));
  host.push(with_neighbors(replaced("three", {}), paired("N", 13)));
  host.push(in_slice("one", schema::Slice::DROP));
  EXPECT_TRUE(host.has(12) && host.has(13) && host.has(99));
  host.push(with_neighbors(in_slice("two", schema::Slice::DELTA), paired("N", 12, schema::DELETE)));
  EXPECT_FALSE(host.has(12));
  EXPECT_TRUE(host.has(13) && host.has(99));
  host.push(
      with_neighbors(in_slice("three", schema::Slice::DELTA), paired("N", 13, schema::DELETE)));
  EXPECT_TRUE(tables.neighbors.empty());
  EXPECT_EQ(claimed(host), 0U);
}

TEST(SlicePairs, GoWithTheLastAddressThatAnotherNeighborTakesOver) {
  FakeDataplane tables;
  SlicedHost host{tables};
  const auto taker = neighbor("M", "green", "10.0.1.11", "02:00:00:00:02:02", "172.16.0.3");
  for (const bool has_other : {false, true}) {
    host.push(with_neighbors(replaced("one", {}), paired("N", 11)));
    if (has_other) {
      host.push(paired("N", 12));  // without a slice
    }
    host.push(taker);
    EXPECT_EQ(host.has(99), has_other);
  }
  host.push(paired("N", 12, schema::DELETE));
  EXPECT_FALSE(host.has(99));
  host.push(with_neighbors(replaced("one", {}), paired("N", 11)));
  host.push(with_neighbors(replaced("two", {}), taker));
  EXPECT_TRUE(host.has(11));
  EXPECT_FALSE(host.has(99));
  EXPECT_EQ(claimed(host), 0U);
}

TEST(SliceRules, WhatWasAskedForIsForgottenOnceItsSliceLetsGo) {
  FakeDataplane tables;
  SlicedHost host{tables};
  host.push(replaced("one", {11}));
  host.push(far(11));
  const NeighborKey key{IpAddress::parse("10.0.1.11").value(), Vni::from_trusted(101)};
  host.reconciler.learn_neighbors({{key, {"one"}}});
  host.reconciler.forget_neighbors({key});
  EXPECT_TRUE(host.has(11));
  host.push(in_slice("one", schema::Slice::DROP));
  EXPECT_FALSE(host.has(11));
}

TEST(SliceRules, ASliceDoesNotKeepWhatWasAskedForBeyondItself) {
  FakeDataplane tables;
  SlicedHost host{tables};
  const NeighborKey key{IpAddress::parse("10.0.1.11").value(), Vni::from_trusted(101)};
  host.push(far(11));
  host.reconciler.learn_neighbors({{key, {"one"}}});
  host.push(replaced("one", {11}));
  host.push(in_slice("one", schema::Slice::DROP));
  EXPECT_TRUE(host.has(11));
  host.reconciler.forget_neighbors({key});
  EXPECT_FALSE(host.has(11));
}

TEST(SliceRules, ADeleteOfWhatOnlyTheDataPlaneHasIsDone) {
  FakeDataplane tables;
  {
    SlicedHost former{tables};
    former.push(far(11));
    former.push(far(12));
    former.push(dhcp("green", "10.0.1.13", "02:00:00:00:01:13"));
  }
  SlicedHost host{tables};  // knows nothing of them
  auto message = in_slice("one", schema::Slice::DELTA);
  *message.add_neighbor_states() = far(11, "172.16.0.2", schema::DELETE);
  *message.add_dhcp_states() = dhcp("green", "10.0.1.13", "02:00:00:00:01:13", schema::DELETE);
  EXPECT_THAT(host.push(message), Each(Status::kSuccess));
  EXPECT_FALSE(host.has(11));
  EXPECT_TRUE(host.has(12));
  EXPECT_TRUE(tables.bindings.empty());
}

TEST(SliceRules, ARouterThatCantGoStaysTheSlices) {
  FakeDataplane tables;
  Host host{tables, false};
  schema::GoalState deletes;
  for (int i = 0; i < 65536; ++i) {  // as many as may wait for the data plane
    auto& state = *deletes.add_router_states();
    state.set_operation_type(schema::DELETE);
    state.mutable_configuration()->set_id(fmt::format("unknown-{}", i));
  }
  host.push(deletes);
  auto message = in_slice("one", schema::Slice::REPLACE);
  *message.add_router_states() = router();
  host.push(message);
  ASSERT_EQ(host.slices.front().version, 1U);

  auto deleting = in_slice("one", schema::Slice::DELTA);
  *deleting.add_router_states() = router();
  deleting.mutable_router_states(0)->set_operation_type(schema::DELETE);
  EXPECT_THAT(host.push(deleting), ElementsAre(Status::kInvalidArgument));
  EXPECT_EQ(host.slices.front().resources, 1U);
  for (const auto operation : {schema::Slice::REPLACE, schema::Slice::DROP}) {
    host.push(in_slice("one", operation));
    EXPECT_THAT(host.slices.front().problem, HasSubstr("1 routers were not taken out"));
    EXPECT_EQ(host.slices.front().version, 1U);
    EXPECT_EQ(host.slices.front().resources, 1U);
    EXPECT_NE(host.reconciler.wanted().find_router("router"), nullptr);
  }
}

TEST(SliceRules, RefusedMessagesLeaveTheRevisions) {
  FakeDataplane tables;
  Policy policy;
  policy.strict_revisions = true;
  SlicedHost host{tables, policy};
  const auto at = [](std::uint32_t revision, const std::string& vtep) {
    auto state = far(11, vtep);
    state.mutable_configuration()->set_revision_number(revision);
    return state;
  };
  auto refused = in_slice("one", schema::Slice::DELTA);
  refused.mutable_slice()->set_base_version(6);
  EXPECT_THAT(host.push(with_neighbors(refused, at(9, "172.16.0.9"))),
              ElementsAre(Status::kOutOfOrder));
  EXPECT_THAT(host.refusal(), HasSubstr("send the full slice"));
  EXPECT_THAT(host.push(at(7, "172.16.0.7")), ElementsAre(Status::kSuccess));

  // Neighbors that come later are refused with their message.
  std::string error;
  const auto attach = PortAttach::parse(host.port_attach, error);
  const DecodeContext context{*attach, host.reconciler.own_addresses()};
  const auto coming = with_neighbors({}, at(10, "172.16.0.10"));
  GoalStateTask task;
  task.decoded = decode(refused, context);
  task.neighbors_coming = 1;
  host.reconciler.merge(task);
  NeighborPart part;
  part.decoded = decode(coming, context);
  host.reconciler.merge_part(task, std::move(part));
  host.reconciler.end_merge(task);
  host.reconciler.flush();
  ASSERT_EQ(task.decoded.results.size(), 1U);
  EXPECT_EQ(task.decoded.results.front().status, Status::kOutOfOrder);
  EXPECT_THAT(host.push(at(8, "172.16.0.8")), ElementsAre(Status::kSuccess));
}

TEST(SliceRules, AResourceIsOfSixteenSlicesAtMost) {
  FakeDataplane tables;
  SlicedHost host{tables};
  const auto all_of = [](int slice) {
    auto message = replaced(fmt::format("slice-{}", slice), {11});
    *message.add_vpc_states() = vpc();
    return message;
  };
  for (int i = 0; i < 16; ++i) {
    EXPECT_THAT(host.push(all_of(i)), Each(Status::kSuccess));
  }
  EXPECT_THAT(host.push(all_of(16)), ElementsAre(Status::kFailure, Status::kFailure));
  EXPECT_THAT(host.refusal(), AllOf(HasSubstr("2 resources"), HasSubstr("16 other slices")));
  EXPECT_EQ(host.slice("slice-16").resources, 0U);
  EXPECT_THAT(host.push(all_of(3)), Each(Status::kSuccess));
  EXPECT_THAT(host.push(far(11)), Each(Status::kSuccess));  // without a slice
  EXPECT_THAT(host.push(all_of(16)), Each(Status::kFailure));
  host.push(in_slice("slice-5", schema::Slice::DROP));
  EXPECT_THAT(host.push(all_of(16)), Each(Status::kSuccess));
}

TEST(SliceRules, ATooLongNameIsToldCut) {
  FakeDataplane tables;
  SlicedHost host{tables};
  std::string name(254, 'x');
  for (int i = 0; i < 1000; ++i) {
    name += "\u00e4";  // two bytes, of which only the first has room
  }
  host.push(replaced(name, {11}));
  ASSERT_EQ(host.slices.size(), 1U);
  EXPECT_EQ(host.slices.front().name, std::string(254, 'x'));
  EXPECT_THAT(host.refusal(), HasSubstr("2254 bytes"));
  auto delta = in_slice("one", schema::Slice::DELTA);
  delta.mutable_slice()->set_base_digest(std::string(100000, '0'));
  host.push(delta);
  EXPECT_THAT(host.refusal(), HasSubstr("send the full slice"));
  EXPECT_LT(host.refusal().size(), 400U);
  std::string error;
  const auto attach = PortAttach::parse(host.port_attach, error);
  EXPECT_EQ(decode(delta, DecodeContext{*attach, {}}).slice->base_digest.size(),
            SliceChange::kMostDigestBytes);
}

TEST(SliceRules, ARefusedFirstMessageLeavesNoSlice) {
  struct Names : Journal {
    std::set<std::string> names;
    void put_slice(std::string_view name, const SliceRecord&) override { names.emplace(name); }
    void erase_slice(std::string_view name) override { names.erase(std::string{name}); }
  };
  Names kept;
  Slices slices;
  slices.set_journal(kept);
  const SliceChange change{"one", SliceOperation::kReplace, 0, {}, 0};
  slices.begin(change);
  slices.abandon(change);
  EXPECT_THAT(kept.names, IsEmpty());

  FakeDataplane tables;
  SlicedHost host{tables};
  const auto bad = neighbor("bad", "green", "no address", "02:00:00:00:00:09", "");
  host.push(with_neighbors(replaced("one", {}), bad));
  EXPECT_THAT(host.refusal(), AllOf(HasSubstr("1 resources"), HasSubstr("bad")));
  EXPECT_FALSE(host.reconciler.wanted().slices().is_used());
  host.push(with_neighbors(replaced("one", {11}), bad));  // it has something
  EXPECT_EQ(host.slice("one").resources, 1U);
  host.push(replaced("two", {}));
  host.push(with_neighbors(replaced("two", {}), bad));  // it was there
  EXPECT_EQ(host.slice("two").version, 1U);
}

TEST(SliceRules, TheOrderOfGatewaysDoesntCount) {
  FakeDataplane tables;
  FakeDataplane others;
  SlicedHost host{tables};
  SlicedHost other{others};
  const auto push = [](SlicedHost& to, const std::vector<std::string>& gateways) {
    auto message = in_slice("one", schema::Slice::DELTA);
    *message.add_vpc_states() = vpc_with_gateways(gateways);
    to.push(message);
  };
  push(host, {"a", "b"});
  push(other, {"b"});
  EXPECT_NE(host.slice("one").digest, other.slice("one").digest);
  push(other, {"a"});
  EXPECT_EQ(host.slice("one").digest, other.slice("one").digest);
}

TEST(SliceRules, AGetInAReplaceIsRefused) {
  FakeDataplane tables;
  SlicedHost host{tables};
  host.push(replaced("one", {11, 12}));
  const auto get = far(11, "172.16.0.2", schema::GET);
  EXPECT_THAT(host.push(with_neighbors(replaced("one", {12}), get)),
              ElementsAre(Status::kSuccess, Status::kInvalidArgument));
  EXPECT_THAT(host.refusal(), AllOf(HasSubstr("far-11"), HasSubstr("send the resource's state")));
  EXPECT_TRUE(host.has(11) && host.has(12));
  EXPECT_EQ(host.slice("one").version, 1U);
  EXPECT_THAT(host.push(with_neighbors(in_slice("one", schema::Slice::DELTA), get)),
              ElementsAre(Status::kSuccess));
}

}  // namespace
}  // namespace alkaid::agent::test
