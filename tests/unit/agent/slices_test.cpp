// Named parts of a host's goal state: replaced, changed and dropped as a whole, by several senders.
#include <algorithm>
#include <map>
#include <random>
#include <set>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/agent/sliced_host.hpp"

namespace alkaid::agent::test {
namespace {

using ::testing::Contains;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(Slices, DisjointOnesCompose) {
  FakeDataplane tables;
  SlicedHost host{tables};
  EXPECT_THAT(host.push(replaced("one", {11, 12})), Each(Status::kSuccess));
  EXPECT_THAT(host.push(replaced("other", {21, 22})), Each(Status::kSuccess));
  EXPECT_EQ(tables.neighbors.size(), 4U);
  host.push(replaced("one", {12, 13}));
  EXPECT_FALSE(host.has(11));
  EXPECT_TRUE(host.has(12) && host.has(13) && host.has(21) && host.has(22));
  host.push(in_slice("other", schema::Slice::DROP));
  EXPECT_EQ(tables.neighbors.size(), 2U);
  EXPECT_TRUE(host.has(12) && host.has(13));
  EXPECT_EQ(host.slice("other").version, 0U);
  EXPECT_TRUE(host.report().in_sync());
}

// What a message comes between the parts of: it says 13 and 14 after them, its address 12 before.
TEST(Slices, AReplaceKnowsWhatItSaidWhateverComesBetweenItsParts) {
  FakeDataplane tables;
  SlicedHost host{tables};
  host.push(replaced("one", {11, 12, 13}));
  const auto decoded = [&host](const schema::GoalState& message) {
    std::string error;
    static const auto attach = PortAttach::parse("null:", error);
    return decode(message, {*attach, host.reconciler.own_addresses()});
  };
  const auto part_of = [](const std::vector<int>& numbers) {
    auto message = std::make_shared<schema::GoalState>();
    add(*message, numbers);
    return message;
  };
  const auto first = part_of({12});
  const auto second = part_of({13, 14});
  auto head = in_slice("one", schema::Slice::REPLACE);
  GoalStateTask large;
  large.decoded = decoded(head);
  host.reconciler.merge(large);
  host.reconciler.merge_part(large, {first, decoded(*first)});
  std::vector<schema::GoalState> between(2);
  between[0] = in_slice("other", schema::Slice::DELTA);
  add(between[0], {12, 14, 21});  // said by the large one already, to be said by it, and its own
  add(between[1], {13, 22});      // of no slice
  for (const schema::GoalState& message : between) {
    GoalStateTask small;
    small.decoded = decoded(message);
    host.reconciler.merge_between(small);
  }
  host.reconciler.merge_part(large, {second, decoded(*second)});
  host.reconciler.end_merge(large);
  host.reconciler.flush();
  EXPECT_EQ(host.slice("one").resources, 3U) << "12, 13 and 14";
  EXPECT_EQ(host.slice("one").version, 2U);
  EXPECT_EQ(host.slice("other").resources, 3U);
  EXPECT_FALSE(host.has(11));
  for (const int number : {12, 13, 14, 21, 22}) {
    EXPECT_TRUE(host.has(number)) << number;
  }
  host.push(in_slice("other", schema::Slice::DROP));
  host.push(replaced("one", {14}));
  EXPECT_TRUE(host.has(13)) << "said by a message of no slice";
  EXPECT_TRUE(host.has(14) && host.has(22));
  EXPECT_FALSE(host.has(12) || host.has(21));
}

TEST(Slices, ReplacingWritesOnlyDifferences) {
  FakeDataplane tables;
  SlicedHost host{tables};
  host.push(replaced("one", {11, 12, 13, 14}));
  auto operations = tables.operations;
  host.push(replaced("one", {14, 13, 12, 11}));
  EXPECT_EQ(tables.operations, operations);
  host.push(replaced("one", {12, 13, 14, 15}));
  EXPECT_EQ(tables.operations, operations + 2);  // 15 comes, 11 goes
  EXPECT_FALSE(host.has(11));
  EXPECT_TRUE(host.has(15));
}

TEST(Slices, WhatSeveralHaveGoesWithTheLast) {
  FakeDataplane tables;
  SlicedHost host{tables};
  host.push(replaced("one", {11, 12}));
  host.push(replaced("other", {12, 13}));
  host.push(replaced("one", {}));
  EXPECT_FALSE(host.has(11));
  EXPECT_TRUE(host.has(12));
  auto message = in_slice("other", schema::Slice::DELTA);
  *message.add_neighbor_states() = far(12, "172.16.0.2", schema::DELETE);
  EXPECT_THAT(host.push(message), Each(Status::kSuccess));
  EXPECT_FALSE(host.has(12));
  EXPECT_TRUE(host.has(13));
}

TEST(Slices, ADeleteTakesOnlyWhatTheSliceHas) {
  FakeDataplane tables;
  SlicedHost host{tables};
  host.push(replaced("one", {11}));
  auto message = in_slice("other", schema::Slice::DELTA);
  *message.add_neighbor_states() = far(11, "172.16.0.2", schema::DELETE);
  host.push(message);
  EXPECT_TRUE(host.has(11));
}

TEST(Slices, MessagesWithoutSliceAreOneMoreHolder) {
  FakeDataplane tables;
  SlicedHost host{tables};
  host.push(far(11));  // before there are slices
  host.push(replaced("one", {11, 12}));
  host.push(far(12));  // after
  host.push(in_slice("one", schema::Slice::DROP));
  EXPECT_TRUE(host.has(11) && host.has(12));
  host.push(replaced("one", {11, 12}));
  host.push(far(11, "172.16.0.2", schema::DELETE));
  EXPECT_TRUE(host.has(11));
  host.push(in_slice("one", schema::Slice::DROP));
  EXPECT_FALSE(host.has(11));
  EXPECT_TRUE(host.has(12));
  host.push(far(12, "172.16.0.2", schema::DELETE));
  EXPECT_FALSE(host.has(12));
}

TEST(Slices, NothingIsKeptWithoutThem) {
  FakeDataplane tables;
  Host host{tables};
  host.push(whole_network());
  EXPECT_FALSE(host.reconciler.wanted().slices().is_used());
  EXPECT_EQ(host.reconciler.wanted().slices().items(), 0U);
  EXPECT_THAT(host.slices, IsEmpty());
}

TEST(Slices, AWholeNetworkGoesWithItsSlice) {
  FakeDataplane tables;
  Host host{tables};
  auto message = whole_network();
  *message.mutable_port_states(0) = with_groups(message.port_states(0), {"web"});
  *message.add_security_group_states() = group("web", {allow("rule", 80)});
  *message.add_gateway_states() = gateway("gateway", schema::NGW, "172.16.0.9");
  message.mutable_neighbor_states(0)->mutable_configuration()->add_field_11([] {
    schema::NeighborConfiguration::AllowAddressPair pair;
    pair.set_ip_address("10.0.1.99");
    return pair.SerializeAsString();
  }());
  message.mutable_slice()->set_name("all");
  message.mutable_slice()->set_operation(schema::Slice::REPLACE);
  EXPECT_THAT(host.push(message), Each(Status::kSuccess));
  EXPECT_TRUE(tables.has_neighbor(101, "10.0.1.99"));
  EXPECT_EQ(host.slices.front().resources, 10U);
  host.push(in_slice("all", schema::Slice::DROP));
  FakeDataplane empty;
  EXPECT_EQ(tables.dump(), empty.dump());
  const DesiredStore& store = host.reconciler.wanted();
  EXPECT_TRUE(store.subnets().empty() && store.vpcs().empty() && store.ports().empty() &&
              store.routers().empty() && store.gateways().empty() &&
              store.security_groups().empty());
  EXPECT_EQ(store.slices().items(), 0U);
}

TEST(Slices, ADeltaNeedsItsBase) {
  FakeDataplane tables;
  SlicedHost host{tables};
  auto first = replaced("one", {11});
  first.mutable_slice()->set_version(7);
  host.push(first);
  EXPECT_EQ(host.slices.front().version, 7U);
  const std::string digest = host.slices.front().digest;

  auto delta = in_slice("one", schema::Slice::DELTA, 8);
  add(delta, {12});
  delta.mutable_slice()->set_base_version(6);
  EXPECT_THAT(host.push(delta), ElementsAre(Status::kOutOfOrder));
  EXPECT_THAT(host.refusal(), HasSubstr("send the full slice"));
  delta.mutable_slice()->set_base_version(7);
  delta.mutable_slice()->set_base_digest("00");
  EXPECT_THAT(host.push(delta), ElementsAre(Status::kOutOfOrder));
  EXPECT_THAT(host.refusal(), HasSubstr("send the full slice"));
  EXPECT_FALSE(host.has(12));
  EXPECT_EQ(host.slice("one").digest, digest);
  EXPECT_THAT(host.event_kinds(), Contains("slice_refused"));

  delta.mutable_slice()->set_base_digest(digest);
  EXPECT_THAT(host.push(delta), ElementsAre(Status::kSuccess));
  EXPECT_EQ(host.refusal(), "");
  EXPECT_TRUE(host.has(11) && host.has(12));
  EXPECT_EQ(host.slice("one").version, 8U);

  EXPECT_THAT(host.push(delta), ElementsAre(Status::kOutOfOrder));  // once is enough
  auto unknown = in_slice("other", schema::Slice::DELTA);
  unknown.mutable_slice()->set_base_version(3);
  host.push(unknown);
  EXPECT_THAT(host.refusal(), HasSubstr("send the full slice"));
  EXPECT_EQ(host.slice("other").version, 0U);
}

TEST(Slices, VersionsDontGoBack) {
  FakeDataplane tables;
  SlicedHost host{tables};
  auto message = replaced("one", {11});
  message.mutable_slice()->set_version(7);
  host.push(message);
  EXPECT_THAT(host.push(message), ElementsAre(Status::kSuccess));  // its reply was lost
  message.mutable_slice()->set_version(6);
  EXPECT_THAT(host.push(message), ElementsAre(Status::kOutOfOrder));
  EXPECT_THAT(host.refusal(), HasSubstr("at version 7 already"));
  message.mutable_slice()->set_version(0);
  host.push(message);
  EXPECT_EQ(host.slice("one").version, 8U);
}

TEST(Slices, TheDigestIsThatOfTheContent) {
  FakeDataplane tables;
  FakeDataplane others;
  SlicedHost host{tables};
  SlicedHost other{others};
  host.push(replaced("one", {11, 12, 13}));
  other.push(replaced("one", {14}));
  for (const int number : {13, 12, 11}) {
    auto delta = in_slice("one", schema::Slice::DELTA);
    add(delta, {number});
    other.push(delta);
  }
  EXPECT_NE(host.slice("one").digest, other.slice("one").digest);
  auto delta = in_slice("one", schema::Slice::DELTA);
  *delta.add_neighbor_states() = far(14, "172.16.0.2", schema::DELETE);
  other.push(delta);
  EXPECT_EQ(host.slice("one").digest, other.slice("one").digest);
  EXPECT_EQ(host.slice("one").resources, 3U);
  EXPECT_NE(host.slice("one").digest, std::string(32, '0'));
  // Whoever changes a resource changes it for all that have it.
  host.push(replaced("two", {11}, "172.16.0.3"));
  EXPECT_NE(host.slice("one").digest, other.slice("one").digest);
  other.push(far(11, "172.16.0.3"));
  EXPECT_EQ(host.slice("one").digest, other.slice("one").digest);
}

TEST(Slices, PartsOfARouterOrAGroupCountForTheDigest) {
  FakeDataplane tables;
  SlicedHost host{tables};
  const auto push_group = [&](const std::vector<SecurityRule>& rules) {
    auto message = in_slice("one", schema::Slice::DELTA);
    *message.add_security_group_states() = group("web", rules);
    host.push(message);
    return host.slice("one").digest;
  };
  const auto push_router = [&](const std::vector<RoutingRule>& rules) {
    auto message = in_slice("one", schema::Slice::DELTA);
    *message.add_router_states() = router_with(rules);
    host.push(message);
    return host.slice("one").digest;
  };
  const std::string one_rule = push_group({allow("a", 80)});
  const std::string two_rules = push_group({allow("b", 81)});
  EXPECT_NE(one_rule, two_rules);
  EXPECT_EQ(push_group({without(allow("b", 81))}), one_rule);
  const std::string one_route = push_router({rule("a", "10.9.0.0/16", "10.0.1.12")});
  EXPECT_NE(push_router({rule("b", "10.8.0.0/16", "10.0.1.12")}), one_route);
  EXPECT_EQ(push_router({without(rule("b", "10.8.0.0/16", ""))}), one_route);
}

TEST(Slices, ARefusedResourceKeepsTheVersionAndTakesNothingOut) {
  FakeDataplane tables;
  SlicedHost host{tables};
  host.push(replaced("one", {11, 12}));
  auto message = replaced("one", {13});
  *message.add_neighbor_states() = neighbor("bad", "green", "no address", "02:00:00:00:00:09", "");
  EXPECT_THAT(host.push(message), ElementsAre(Status::kSuccess, Status::kInvalidArgument));
  EXPECT_THAT(host.refusal(), HasSubstr("were refused"));
  EXPECT_EQ(host.slice("one").version, 1U);
  EXPECT_TRUE(host.has(11) && host.has(12) && host.has(13));
}

TEST(Slices, WhatIsForOtherHostsIsNoPartOfThem) {
  FakeDataplane tables;
  SlicedHost host{tables};
  ASSERT_FALSE(host.reconciler.own_addresses().empty());
  const std::string own = host.reconciler.own_addresses().front().to_string();
  schema::GoalStateV2 message;
  message.mutable_slice()->set_name("subnet");
  message.mutable_slice()->set_operation(schema::Slice::REPLACE);
  for (const int number : {11, 12, 13}) {
    const std::string key = fmt::format("far-{}", number);
    (*message.mutable_neighbor_states())[key] = far(number);
    auto& listed =
        *(*message.mutable_host_resources())[number == 12 ? own : "192.0.2.9"].add_resources();
    listed.set_type(schema::NEIGHBOR);
    listed.set_id(key);
  }
  EXPECT_THAT(host.push(message), ElementsAre(Status::kSuccess));
  EXPECT_EQ(host.slices.front().resources, 1U);
  EXPECT_EQ(host.slices.front().version, 1U);
  EXPECT_TRUE(host.has(12));
  EXPECT_EQ(tables.neighbors.size(), 1U);
}

TEST(Slices, AskingChangesNothing) {
  FakeDataplane tables;
  SlicedHost host{tables};
  host.push(replaced("one", {11}));
  host.push(replaced("two", {12}));
  host.push(in_slice("one", schema::Slice::ASK));
  ASSERT_EQ(host.slices.size(), 1U);
  EXPECT_EQ(host.slices.front().digest, host.slice("one").digest);
  EXPECT_EQ(host.slices.front().version, 1U);
  host.push(in_slice("", schema::Slice::ASK));
  EXPECT_EQ(host.slices.size(), 2U);
  host.push(in_slice("none", schema::Slice::ASK));
  EXPECT_EQ(host.slices.front().version, 0U);
  EXPECT_EQ(host.refusal(), "");
}

TEST(Slices, NonsenseIsRefused) {
  FakeDataplane tables;
  SlicedHost host{tables};
  EXPECT_THAT(host.push(replaced("", {11})), ElementsAre(Status::kOutOfOrder));
  EXPECT_THAT(host.refusal(), HasSubstr("slice.name is missing"));
  host.push(replaced(std::string(300, 'x'), {11}));
  EXPECT_THAT(host.refusal(), HasSubstr("300 bytes"));
  auto odd = replaced("one", {11});
  odd.mutable_slice()->set_operation(static_cast<schema::Slice::Operation>(9));
  host.push(odd);
  EXPECT_THAT(host.refusal(), HasSubstr("slice.operation"));
  odd.mutable_slice()->set_operation(schema::Slice::DROP);
  host.push(odd);
  EXPECT_THAT(host.refusal(), HasSubstr("no resources"));
  EXPECT_TRUE(tables.neighbors.empty());
  for (std::size_t i = 0; i < Slices::kMostSlices; ++i) {
    host.push(replaced(fmt::format("slice-{}", i), {}));
  }
  EXPECT_EQ(host.refusal(), "");
  host.push(replaced("one more", {11}));
  EXPECT_THAT(host.refusal(), HasSubstr("drop one"));
}

TEST(Slices, WhatASliceHasIsNotForgottenForWantOfUse) {
  FakeDataplane tables;
  SlicedHost host{tables};
  host.push(replaced("one", {11}));
  host.push(far(12));
  const Vni vni = Vni::from_trusted(101);
  const NeighborKey sliced{IpAddress::parse("10.0.1.11").value(), vni};
  const NeighborKey nameless{IpAddress::parse("10.0.1.12").value(), vni};
  host.reconciler.learn_neighbors({{sliced, {"one"}}, {nameless, {"one"}}});
  host.reconciler.forget_neighbors({sliced, nameless});
  EXPECT_TRUE(host.has(11));
  EXPECT_FALSE(host.has(12));
}

TEST(Slices, APortsVlanIsFreeWhenItsSliceGoes) {
  FakeDataplane tables;
  SlicedHost host{tables};
  host.port_attach = "vlan:trunk0/{vlan:5-5}";
  const auto with_port = [](const std::string& slice, const std::string& id) {
    auto message = in_slice(slice, schema::Slice::REPLACE);
    *message.add_port_states() = port(id, "green", "10.0.1.11", "02:00:00:00:01:11");
    return message;
  };
  host.push(with_port("one", "a"));
  EXPECT_EQ(tables.ports.at("a").attachment(), "vlan:trunk0/5");
  EXPECT_THAT(host.push(with_port("other", "b")), ElementsAre(Status::kFailure));
  EXPECT_THAT(host.refusal(), HasSubstr("were refused"));
  EXPECT_EQ(host.slice("other").resources, 0U);
  host.push(in_slice("one", schema::Slice::DROP));
  EXPECT_THAT(host.push(with_port("other", "b")), ElementsAre(Status::kSuccess));
  EXPECT_EQ(tables.ports.at("b").attachment(), "vlan:trunk0/5");
  // Where a port attaches is the host's choice, so the digest doesn't say it.
  FakeDataplane others;
  SlicedHost other{others};
  other.push(with_port("other", "b"));
  EXPECT_EQ(other.slice("other").digest, host.slice("other").digest);
}

// Any sequence of operations leaves what the senders' own books say, and digests that a host has
// that got the same content at once.
TEST(Slices, AnySequenceComesToWhatTheSendersSay) {
  for (unsigned seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937 random{seed};
    FakeDataplane tables;
    SlicedHost host{tables};
    std::map<std::string, std::set<int>> books;  // "" is the messages without slice
    for (int step = 0; step < 60; ++step) {
      const std::string name = std::array{"", "a", "b", "c"}.at(random() % 4);
      const bool is_replaced = !name.empty() && random() % 3 == 0;
      if (!name.empty() && random() % 8 == 0) {
        host.push(in_slice(name, schema::Slice::DROP));
        books.erase(name);
        continue;
      }
      schema::GoalState message;
      if (!name.empty()) {
        message = in_slice(name, is_replaced ? schema::Slice::REPLACE : schema::Slice::DELTA);
      }
      std::set<int>& book = books[name];
      if (is_replaced) {
        book.clear();
      }
      for (int i = 0; i < 6; ++i) {
        const int number = 10 + static_cast<int>(random() % 12);
        const bool is_deleted = random() % 3 == 0;
        *message.add_neighbor_states() =
            far(number, "172.16.0.2", is_deleted ? schema::DELETE : schema::CREATE);
        is_deleted ? static_cast<void>(book.erase(number)) : static_cast<void>(book.insert(number));
      }
      host.push(message);
    }
    std::set<int> all;
    FakeDataplane fresh_tables;
    SlicedHost fresh{fresh_tables};
    for (const auto& [name, book] : books) {
      all.insert(book.begin(), book.end());
      if (!name.empty()) {
        fresh.push(replaced(name, {book.begin(), book.end()}));
        EXPECT_EQ(host.slice(name).digest, fresh.slice(name).digest);
        EXPECT_EQ(host.slice(name).resources, book.size());
      }
    }
    for (int number = 10; number < 22; ++number) {
      EXPECT_EQ(host.has(number), all.contains(number)) << number;
    }
  }
}

}  // namespace
}  // namespace alkaid::agent::test
