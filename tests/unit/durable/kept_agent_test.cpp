// Agents that come and go, and what each knows of the one before.
#include "tests/unit/durable/kept_agent.hpp"

#include <sys/resource.h>

#include <chrono>
#include <csignal>
#include <random>
#include <thread>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "control/agent/agent.hpp"

namespace alkaid::agent::test {
namespace {

using ::testing::Contains;
using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

std::vector<std::string> event_kinds(EventLog& events) {
  std::vector<std::string> kinds;
  std::uint64_t number = 0;
  std::uint64_t lost = 0;
  v1::Event event;
  while (events.next(number, event, lost)) {
    kinds.push_back(event.kind());
  }
  return kinds;
}

TEST(KeptAgent, TheNextOneKnowsAllAndWritesNothing) {
  const Directory directory;
  FakeDataplane tables;
  Records told;
  {
    KeptAgent agent{directory.path(), tables};
    ASSERT_EQ(agent.error(), "");
    EXPECT_THAT(agent.push(whole_network()), Each(Status::kSuccess));
    told = records_of(agent.wanted());
  }
  EXPECT_EQ(records_in(directory.path()), told);
  const std::string before = tables.dump();
  const auto calls = tables.apply_calls;
  KeptAgent next{directory.path(), tables};
  ASSERT_EQ(next.error(), "");
  EXPECT_EQ(records_of(next.wanted()), told);
  EXPECT_EQ(tables.apply_calls, calls);
  EXPECT_TRUE(next.reconciler().is_complete());
  EXPECT_EQ(next.reconciler().programmed().unclaimed(), 0U);
  EXPECT_THAT(next.push(whole_network()), Each(Status::kSuccess));
  EXPECT_EQ(tables.apply_calls, calls);
  EXPECT_EQ(tables.dump(), before);
}

TEST(KeptAgent, AnEmptyDataPlaneIsFilledAtOnce) {
  const Directory directory;
  FakeDataplane tables;
  KeptAgent{directory.path(), tables}.push(whole_network());
  FakeDataplane empty;
  empty.instance = 2;
  const KeptAgent next{directory.path(), empty};
  EXPECT_EQ(empty.dump(), tables.dump());
}

schema::GoalState sliced_network(schema::Slice::Operation operation, std::uint64_t version) {
  auto message = whole_network();
  message.mutable_slice()->set_name("all");
  message.mutable_slice()->set_operation(operation);
  message.mutable_slice()->set_version(version);
  return message;
}

TEST(KeptAgent, SlicesOutliveIt) {
  const Directory directory;
  FakeDataplane tables;
  Records told;
  SliceReport before;
  {
    KeptAgent agent{directory.path(), tables};
    agent.push(message_of(green()));  // said without a slice too
    EXPECT_THAT(agent.push(sliced_network(schema::Slice::REPLACE, 41)), Each(Status::kSuccess));
    auto other =
        message_of(neighbor("far-green", "green", "10.0.1.12", "02:00:00:00:01:12", "172.16.0.2"));
    other.mutable_slice()->set_name("other");
    agent.push(other);
    before = agent.wanted().slices().report("all");
    told = records_of(agent.wanted());
  }
  EXPECT_EQ(records_in(directory.path()), told);
  const auto calls = tables.apply_calls;
  KeptAgent next{directory.path(), tables};
  ASSERT_EQ(next.error(), "");
  EXPECT_EQ(tables.apply_calls, calls);
  EXPECT_EQ(records_of(next.wanted()), told);
  const SliceReport after = next.wanted().slices().report("all");
  EXPECT_EQ(after.version, 41U);
  EXPECT_EQ(after.digest, before.digest);
  EXPECT_EQ(after.resources, 8U);
  EXPECT_EQ(next.wanted().slices().report("other").resources, 1U);

  // A delta on it, and then all of it goes but for what others have.
  auto delta = message_of(neighbor("new", "green", "10.0.1.40", "02:00:00:00:01:40", "172.16.0.2"));
  delta.mutable_slice()->set_name("all");
  delta.mutable_slice()->set_base_version(41);
  delta.mutable_slice()->set_base_digest(before.digest);
  EXPECT_THAT(next.push(delta), Each(Status::kSuccess));
  EXPECT_TRUE(tables.has_neighbor(101, "10.0.1.40"));
  schema::GoalState drop;
  drop.mutable_slice()->set_name("all");
  drop.mutable_slice()->set_operation(schema::Slice::DROP);
  next.push(drop);
  EXPECT_EQ(tables.neighbors.size(), 1U);
  EXPECT_TRUE(tables.has_neighbor(101, "10.0.1.12"));
  EXPECT_TRUE(tables.ports.empty());
  EXPECT_EQ(tables.segments.size(), 1U);
  told = records_of(next.wanted());
  next.release();
  EXPECT_EQ(records_in(directory.path()), told);
}

TEST(KeptAgent, WhatWasDeletedMeanwhileGoes) {
  const Directory directory;
  FakeDataplane tables;
  KeptAgent{directory.path(), tables}.push(whole_network());
  {
    KeptAgent blind{directory.path(), tables, false};
    blind.push(message_of(neighbor("far-green", "green", "10.0.1.12", "02:00:00:00:01:12",
                                   "172.16.0.2", schema::DELETE)));
    blind.push(
        message_of(port("port-green", "green", "10.0.1.11", "02:00:00:00:01:11", schema::DELETE)));
  }
  EXPECT_FALSE(tables.ports.empty());
  const KeptAgent next{directory.path(), tables};
  EXPECT_TRUE(tables.ports.empty());
  EXPECT_FALSE(tables.has_neighbor(101, "10.0.1.12"));
  EXPECT_TRUE(tables.has_neighbor(102, "10.0.2.12"));
}

TEST(KeptAgent, WhatNobodyNamedGoesOnceAllIsKnown) {
  const Directory directory;
  FakeDataplane tables;
  KeptAgent{directory.path(), tables}.push(whole_network());
  api::Segment stale;
  stale.set_vni(777);
  tables.segments[777] = stale;
  const KeptAgent next{directory.path(), tables};
  EXPECT_FALSE(tables.segments.contains(777));
}

// The first agent with a state directory beside a data plane that is in use.
TEST(KeptAgent, WhatNobodyNamedStaysUntilAllIsKnown) {
  const Directory directory;
  FakeDataplane tables;
  {
    const Directory elsewhere;
    KeptAgent{elsewhere.path(), tables}.push(whole_network());
  }
  const std::string before = tables.dump();
  for (int start = 0; start < 2; ++start) {
    KeptAgent agent{directory.path(), tables};
    EXPECT_FALSE(agent.reconciler().is_complete());
    EXPECT_EQ(tables.dump(), before);
    agent.push(message_of(green()));
  }
  EXPECT_EQ(tables.dump(), before);
  {
    KeptAgent agent{directory.path(), tables};
    agent.push(whole_network());
    EXPECT_TRUE(agent.reconciler().is_complete());
  }
  EXPECT_TRUE(KeptAgent(directory.path(), tables).reconciler().is_complete());
}

// Any goal states in any order: the file says what the agent knows, and the next agent knows it.
TEST(KeptAgent, TheFileFollowsEveryChange) {
  std::mt19937 random{11};
  const Directory directory;
  FakeDataplane tables;
  const auto pick = [&random](auto... choices) {
    const std::array all{choices...};
    return all[random() % all.size()];
  };
  for (int life = 0; life < 8; ++life) {
    KeptAgent agent{directory.path(), tables, life % 3 != 2};
    ASSERT_EQ(agent.error(), "");
    for (int step = 0; step < 60; ++step) {
      const auto operation = random() % 3 == 0 ? schema::DELETE : schema::UPDATE;
      const std::string number = fmt::format("{}", random() % 4);
      const auto update = pick(schema::DELTA, schema::FULL);
      schema::GoalState message;
      switch (random() % 8) {
        case 0: {
          auto state = random() % 2 == 0 ? green() : red();
          state.set_operation_type(operation);
          *message.add_subnet_states() = state;
          break;
        }
        case 1: {
          auto state = vpc_with_gateways({"gateway-" + number});
          state.set_operation_type(operation);
          *message.add_vpc_states() = state;
          break;
        }
        case 2: {
          auto state = port("port-" + number, pick("green", "red"), "10.0.1." + number,
                            "02:00:00:00:00:0" + number, operation);
          state.mutable_configuration()->set_device_id("device");
          if (random() % 2 == 0) {
            state.mutable_configuration()->add_security_group_ids()->set_id("group-" + number);
          }
          *message.add_port_states() = state;
          break;
        }
        case 3: {
          auto state = neighbor("neighbor-" + number, pick("green", "red", "unknown"),
                                "10.0.2." + number, "02:00:00:00:01:0" + number, "172.16.0.2",
                                operation, random() % 4 == 0 ? 300 : 0);
          schema::NeighborConfiguration::AllowAddressPair pair;
          pair.set_ip_address(fmt::format("10.0.2.10{}", random() % 3));
          if (random() % 2 == 0) {
            state.mutable_configuration()->add_field_11(pair.SerializeAsString());
          }
          if (random() % 2 == 0) {
            state.mutable_configuration()->add_security_group_ids("group-" + number);
          }
          *message.add_neighbor_states() = state;
          break;
        }
        case 4:
          *message.add_dhcp_states() = dhcp(pick("green", "red"), "10.0.1." + number,
                                            "02:00:00:00:00:0" + number, operation);
          break;
        case 5: {
          auto state = router_with({rule("rule-" + number, "0.0.0.0/0", "10.0.1.9")}, update);
          state.set_operation_type(operation);
          *message.add_router_states() = state;
          break;
        }
        case 6: {
          auto state = group("group-" + number, {allow("rule-" + number, 22)}, update);
          state.mutable_configuration()->add_member_ips("10.9.0." + number);
          state.set_operation_type(operation);
          *message.add_security_group_states() = state;
          break;
        }
        default: {
          auto state = gateway("gateway-" + number, schema::TGW, {});
          state.set_operation_type(operation);
          *message.add_gateway_states() = state;
          break;
        }
      }
      agent.push(message);
    }
    const Records told = records_of(agent.wanted());
    agent.release();
    ASSERT_EQ(records_in(directory.path()), told) << "life " << life;
    const KeptAgent next{directory.path(), tables};
    ASSERT_EQ(next.error(), "");
    ASSERT_EQ(records_of(next.wanted()), told) << "life " << life;
  }
}

// A file of every kind of record, as the first version with a state directory wrote it, and as the
// last version before slices made of that.
class FormerFormat : public ::testing::TestWithParam<int> {};

TEST_P(FormerFormat, IsTakenOver) {
  const Directory directory;
  std::filesystem::copy_file(fmt::format(ALKAID_TEST_DATA "/state-format-{}.mdb", GetParam()),
                             directory.file());
  FakeDataplane tables;
  Records told;
  {
    const KeptAgent agent{directory.path(), tables};
    ASSERT_EQ(agent.error(), "");
    const DesiredStore& wanted = agent.wanted();
    EXPECT_EQ(wanted.count(ResourceType::kVpc), 1U);
    EXPECT_EQ(wanted.count(ResourceType::kSubnet), 4U);
    EXPECT_EQ(wanted.count(ResourceType::kPort), 2U);
    EXPECT_EQ(wanted.count(ResourceType::kNeighbor), GetParam() == 1 ? 4U : 5U);
    EXPECT_EQ(wanted.count(ResourceType::kDhcp), 2U);
    EXPECT_EQ(wanted.count(ResourceType::kRouter), 1U);
    EXPECT_EQ(wanted.count(ResourceType::kGateway), 1U);
    EXPECT_EQ(wanted.count(ResourceType::kSecurityGroup), 1U);
    EXPECT_TRUE(wanted.knows_rule("demo-router", "green", "default"));
    EXPECT_EQ(wanted.find_security_group("web")->rules.size(), 2U);
    EXPECT_TRUE(tables.has_neighbor(1001, "10.1.0.12"));
    EXPECT_TRUE(tables.has_neighbor(1001, "10.1.0.99"));  // an address pair
    EXPECT_EQ(tables.has_neighbor(1001, "10.1.0.72"), GetParam() == 2);
    told = records_of(wanted);
  }
  std::string types;
  for (const auto& [key, value] : told) {
    types += types.ends_with(key.front()) ? "" : key.substr(0, 1);
  }
  EXPECT_EQ(types, "ABCDEFGHIJKLMNOP");
  // Now it is of the present format.
  EXPECT_EQ(records_in(directory.path()), told);
}

INSTANTIATE_TEST_SUITE_P(KeptAgent, FormerFormat, ::testing::Values(1, 2));

// With slices.
TEST(KeptAgent, TheThirdFormatIsTakenOver) {
  const Directory directory;
  std::filesystem::copy_file(ALKAID_TEST_DATA "/state-format-3.mdb", directory.file());
  FakeDataplane tables;
  Records told;
  {
    const KeptAgent agent{directory.path(), tables};
    ASSERT_EQ(agent.error(), "");
    const DesiredStore& wanted = agent.wanted();
    EXPECT_EQ(wanted.count(ResourceType::kPort), 2U);
    EXPECT_EQ(wanted.count(ResourceType::kNeighbor), 6U);
    EXPECT_TRUE(wanted.knows_rule("demo-router", "green", "default"));
    EXPECT_TRUE(tables.has_neighbor(1001, "10.1.0.12"));
    EXPECT_TRUE(tables.has_neighbor(1001, "10.1.0.71"));  // of the slice
    const SliceReport slice = wanted.slices().report("churn");
    EXPECT_EQ(slice.version, 1U);
    EXPECT_EQ(slice.resources, 2U);
    EXPECT_EQ(slice.digest, "caca7441eb7fa93c4ec213eb5fdeb3bd");
    told = records_of(wanted);
  }
  std::string types;
  for (const auto& [key, value] : told) {
    types += types.ends_with(key.front()) ? "" : key.substr(0, 1);
  }
  EXPECT_EQ(types, "ABCDEFGHIJKLMNOPQR");
  EXPECT_EQ(records_in(directory.path()), told);
}

// What the present format is in files that stand on hosts: with what was learnt.
TEST(KeptAgent, TheFourthFormatIsRead) {
  const Directory directory;
  std::filesystem::copy_file(ALKAID_TEST_DATA "/state-format-4.mdb", directory.file());
  const Records stored = records_in(directory.path());
  FakeDataplane tables;
  KeptAgent agent{directory.path(), tables};
  ASSERT_EQ(agent.error(), "");
  EXPECT_TRUE(tables.has_neighbor(1001, "10.1.0.12"));
  const auto learnt = agent.reconciler().learnt_neighbors();
  ASSERT_EQ(learnt.size(), 1U);
  EXPECT_EQ(learnt[0].key,
            (NeighborKey{IpAddress::parse("10.1.0.12").value(), Vni::from_trusted(1001)}));
  EXPECT_THAT(learnt[0].ports, UnorderedElementsAre("green-1", "red-1"));
  EXPECT_EQ(records_of(agent.wanted()), stored);
}

// What was asked for is no pushed neighbor to the next agent.
TEST(KeptAgent, WhatWasLearntOutlivesIt) {
  const Directory directory;
  FakeDataplane tables;
  const auto key = [](const std::string& address) {
    return NeighborKey{IpAddress::parse(address).value(), Vni::from_trusted(101)};
  };
  const auto far = [](const std::string& address) {
    return message_of(neighbor(address, "green", address, "02:00:00:00:02:01", "172.16.0.2"));
  };
  const auto known = [](const KeptAgent& agent, const std::string& address) {
    return agent.wanted().find_subnet("green")->neighbors.contains(
        IpAddress::parse(address).value());
  };
  const auto is_learnt = [&key](const KeptAgent& agent, const std::string& address) {
    return agent.wanted().learnt().entries().contains(key(address));
  };
  {
    KeptAgent agent{directory.path(), tables};
    agent.push(whole_network());
    for (const auto* const address : {"10.0.1.31", "10.0.1.32", "10.0.1.33"}) {
      agent.push(far(address));
      agent.reconciler().learn_neighbors({{key(address), {"port-green"}}});
    }
    agent.reconciler().learn_neighbors({{key("10.0.1.31"), {"gone"}}});
    agent.push(far("10.0.1.31"));  // the manager's second answer
    agent.reconciler().forget_neighbors({key("10.0.1.33")});
    agent.keeper().submit();
    EXPECT_TRUE(known(agent, "10.0.1.31"));
    EXPECT_FALSE(known(agent, "10.0.1.33"));
  }
  {
    KeptAgent next{directory.path(), tables};
    ASSERT_EQ(next.error(), "");
    EXPECT_TRUE(is_learnt(next, "10.0.1.31") && is_learnt(next, "10.0.1.32"));
    EXPECT_FALSE(is_learnt(next, "10.0.1.33"));
    next.push(far("10.0.1.32"));  // now it is somebody's
    next.reconciler().forget_neighbors({key("10.0.1.32")});
    EXPECT_TRUE(known(next, "10.0.1.32"));
    const auto learnt = next.reconciler().learnt_neighbors();
    ASSERT_EQ(learnt.size(), 1U);
    EXPECT_EQ(learnt[0].key, key("10.0.1.31"));
    EXPECT_THAT(learnt[0].ports, UnorderedElementsAre("port-green"));
    // As after a disk that was full.
    next.keeper().submit_whole(next.wanted(), true);
  }
  KeptAgent last{directory.path(), tables};
  EXPECT_TRUE(is_learnt(last, "10.0.1.31"));
  EXPECT_EQ(last.wanted().learnt().entries().size(), 1U);
  last.reconciler().forget_neighbors({key("10.0.1.31")});
  EXPECT_FALSE(known(last, "10.0.1.31"));
}

// Each record costs what the first one did: else this would take minutes.
TEST(KeptAgent, AGroupOfManyIsRestored) {
  constexpr std::uint32_t kMembers = 200000;
  durable::Recorder recorder;
  recorder.put_group("many", {true, "vpc", "many"});
  for (std::uint32_t i = 0; i < kMembers; ++i) {
    recorder.put_group_member("many", IpAddress{Ipv4Address{0x0a000000 + i}});
  }
  const durable::Batch batch = recorder.take();
  DirtyKeys dirty;
  DesiredStore store{dirty, {}};
  durable::Loader loader{store};
  for (std::size_t i = 0; i < batch.size(); ++i) {
    ASSERT_EQ(loader.take(batch[i].key, *durable::checked_record(batch[i].key, batch[i].value)),
              "");
  }
  EXPECT_EQ(store.find_security_group("many")->listed_members.size(), kMembers);
  EXPECT_EQ(store.find_security_group("many")->members.size(), kMembers);
}

TEST(KeptAgent, AStartCanBeGivenUp) {
  const Directory directory;
  FakeDataplane tables;
  KeptAgent{directory.path(), tables}.push(whole_network());
  AgentConfig config;
  config.instance = Instance::make("test", directory.path()).value();
  config.channel.address = "127.0.0.1";
  config.channel.port = 0;
  config.state_directory = directory.path();
  EXPECT_THAT(Agent{config}.start([] { return true; }), HasSubstr("given up"));
  Agent agent{config};
  EXPECT_EQ(agent.start([] { return false; }), "");
}

TEST(KeptAgent, AFullDiskIsToldAndPasses) {
  ::signal(SIGXFSZ, SIG_IGN);
  const Directory directory;
  FakeDataplane tables;
  Records told;
  {
    KeptAgent agent{directory.path(), tables};
    agent.push(whole_network());
    rlimit former{};
    ::getrlimit(RLIMIT_FSIZE, &former);
    const rlimit now{0, former.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &now);
    const auto more =
        message_of(neighbor("new", "green", "10.0.1.200", "02:00:00:00:02:00", "172.16.0.2"));
    EXPECT_THAT(agent.push(more), Each(Status::kFailure));
    EXPECT_TRUE(tables.has_neighbor(101, "10.0.1.200"));  // in effect all the same
    // Nor is it acknowledged when it is said again.
    EXPECT_THAT(agent.push(more), Each(Status::kFailure));
    EXPECT_NE(agent.keeper().problem(), "");
    EXPECT_THAT(event_kinds(agent.events()), Contains("state_not_stored"));
    ::setrlimit(RLIMIT_FSIZE, &former);
    for (int i = 0; i < 6000 && !agent.keeper().problem().empty(); ++i) {
      agent.serve_keeper();
      std::this_thread::sleep_for(std::chrono::milliseconds{10});
    }
    EXPECT_EQ(agent.keeper().problem(), "");
    EXPECT_THAT(event_kinds(agent.events()), Contains("state_stored"));
    EXPECT_THAT(agent.push(more), Each(Status::kSuccess));
    told = records_of(agent.wanted());
  }
  EXPECT_EQ(records_in(directory.path()), told);
}

}  // namespace
}  // namespace alkaid::agent::test
