// What is said of resources that are refused or fail.
#include <algorithm>
#include <memory>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/agent/agent_host.hpp"

namespace alkaid::agent::test {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(ProblemReport, FailureOfAPortGoesWithItsSubnet) {
  FakeDataplane tables;
  tables.refused_ports.insert("p");
  Host host{tables};
  host.push(green());
  host.push(port("p", "green", "10.0.1.5", "02:00:00:00:00:05"));
  EXPECT_FALSE(host.report().in_sync());
  auto gone = green();
  gone.set_operation_type(schema::DELETE);
  host.push(gone);
  EXPECT_TRUE(host.report().in_sync());
}

TEST(ProblemReport, EventsHoldIdsInPrintableForm) {
  FakeDataplane tables;
  Host host{tables};
  host.push(green());
  const auto attach = PortAttach::parse("null:", *std::make_unique<std::string>());
  GoalStateTask task;
  schema::GoalState message;
  *message.add_port_states() = port("p\n1", "green", "10.0.1.5", "02:00:00:00:00:05");
  task.decoded = decode(message, {*attach, {}});
  host.reconciler.merge(task);
  host.reconciler.flush();
  std::uint64_t number = 0;
  std::uint64_t lost = 0;
  v1::Event event;
  bool attached = false;
  while (host.events.next(number, event, lost)) {
    attached = attached || event.kind() == "port_attached";
    EXPECT_EQ(event.message().find('\n'), std::string::npos) << event.message();
    EXPECT_EQ(event.resource().resource_id().find('\n'), std::string::npos);
  }
  EXPECT_TRUE(attached);
}

TEST(ProblemReport, WhatTheDataplaneRefusesIsInvalid) {
  FakeDataplane tables;
  tables.refused_ports.insert("p");
  Host host{tables};
  host.push(green());
  EXPECT_THAT(host.push(port("p", "green", "10.0.1.5", "02:00:00:00:00:05")),
              ElementsAre(Status::kInvalidArgument));
  EXPECT_THAT(host.event_kinds(), Contains("resource_refused"));
  ASSERT_EQ(host.report().refused_size(), 1);
  EXPECT_EQ(host.report().refused(0).field(), "attachment");
  EXPECT_THAT(host.report().refused(0).message(), HasSubstr("refused by the test"));
  EXPECT_THAT(host.push(port("q", "green", "10.0.1.6", "02:00:00:00:00:06")),
              ElementsAre(Status::kSuccess));
}

TEST(ProblemReport, FloodOfRefusalsIsCounted) {
  FakeDataplane tables;
  Host host{tables};
  schema::GoalState message;
  for (int i = 0; i < 1500; ++i) {
    message.add_vpc_states()->mutable_configuration()->set_cidr(fmt::format("{}", i));
  }
  host.push(message);
  const auto kinds = host.event_kinds();
  EXPECT_EQ(std::count(kinds.begin(), kinds.end(), "resource_refused"), 32);
  EXPECT_EQ(std::count(kinds.begin(), kinds.end(), "resources_refused"), 1);
  EXPECT_EQ(host.report().refused_size(), 256);
}

TEST(ProblemReport, FailuresAreToldAmongManyThatWait) {
  FakeDataplane tables;
  tables.refused_ports.insert("p");
  Host host{tables};
  host.push(green());
  schema::GoalState message;
  for (int i = 0; i < 100; ++i) {
    *message.add_port_states() =
        port(fmt::format("waits-{}", i), "red", "10.0.2.5", "02:00:00:00:00:05");
  }
  *message.add_port_states() = port("p", "green", "10.0.1.5", "02:00:00:00:00:05");
  host.push(message);
  const auto kinds = host.event_kinds();
  EXPECT_EQ(std::count(kinds.begin(), kinds.end(), "resource_pending"), 32);
  EXPECT_THAT(kinds, Contains("resource_refused"));
}

TEST(ProblemReport, RefusedResourceDoesNotStopTheOthers) {
  FakeDataplane tables;
  Host host{tables};
  auto message = whole_network();
  *message.add_port_states() = port("bad", "green", "10.0.1.13", "zz:00:00:00:00:00");
  const auto statuses = host.push(message);
  EXPECT_EQ(std::count(statuses.begin(), statuses.end(), Status::kInvalidArgument), 1);
  EXPECT_EQ(std::count(statuses.begin(), statuses.end(), Status::kSuccess), 8);
  const auto report = host.report();
  ASSERT_EQ(report.refused_size(), 1);
  EXPECT_EQ(report.refused(0).resource_id(), "bad");
  EXPECT_EQ(report.refused(0).field(), "configuration.mac_address");
  EXPECT_EQ(report.refused(0).value(), "zz:00:00:00:00:00");
  EXPECT_THAT(host.event_kinds(), Contains("resource_refused"));
}

}  // namespace
}  // namespace alkaid::agent::test
