#include "control/agent/server/reply.hpp"

#include <deque>
#include <string>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "alcor/schema/goalstateprovisioner.pb.h"

namespace alkaid::agent::test {
namespace {

using namespace std::chrono_literals;

alcor::schema::GoalStateOperationReply reply_to(const GoalStateTask& task,
                                                std::chrono::steady_clock::time_point now) {
  alcor::schema::GoalStateOperationReply reply;
  EXPECT_TRUE(reply.ParseFromString(make_reply(task, now)));
  EXPECT_EQ(reply.format_version(), 100U);
  return reply;
}

TEST(Reply, TimesAddUp) {
  GoalStateTask task;
  task.received = std::chrono::steady_clock::time_point{} + 1s;
  task.programming = 300us;
  task.decoded.results.push_back({"a", ResourceType::kPort, 1, Status::kPending});
  const auto reply = reply_to(task, task.received + 1000us);
  ASSERT_EQ(reply.operation_statuses_size(), 1);
  const auto& status = reply.operation_statuses(0);
  EXPECT_EQ(status.resource_id(), "a");
  EXPECT_EQ(status.resource_type(), alcor::schema::PORT);
  EXPECT_EQ(status.operation_type(), alcor::schema::CREATE);
  EXPECT_EQ(status.operation_status(), alcor::schema::PENDING);
  EXPECT_EQ(status.state_elapse_time(), 1000U);
  EXPECT_EQ(status.dataplane_programming_time(), 300U);
  EXPECT_EQ(status.network_configuration_time(), 700U);
  EXPECT_EQ(reply.message_total_operation_time(), 1000U);
}

TEST(Reply, FiftyThousandAreNamedOneMoreIsSummedUp) {
  std::deque<std::string> ids;
  GoalStateTask task;
  for (std::size_t i = 0; i < kMostStatuses; ++i) {
    ids.push_back(fmt::format("0b5c2f4e-1111-2222-3333-{:012}", i));
    task.decoded.results.push_back({ids.back(), ResourceType::kNeighbor, 1, Status::kSuccess});
  }
  auto reply = reply_to(task, task.received);
  EXPECT_EQ(reply.operation_statuses_size(), static_cast<int>(kMostStatuses));
  EXPECT_LT(reply.ByteSizeLong(), std::size_t{4} << 20);

  task.decoded.results.push_back({"broken", ResourceType::kNeighbor, 1, Status::kFailure});
  task.decoded.results.push_back({"p", ResourceType::kPort, 1, Status::kSuccess});
  reply = reply_to(task, task.received);
  ASSERT_EQ(reply.operation_statuses_size(), 3);
  EXPECT_EQ(reply.operation_statuses(0).resource_id(), "broken");
  EXPECT_EQ(reply.operation_statuses(0).operation_status(), alcor::schema::FAILURE);
  EXPECT_EQ(reply.operation_statuses(1).resource_id(), "1 resources");
  EXPECT_EQ(reply.operation_statuses(2).resource_id(), "50000 resources");
  EXPECT_EQ(reply.operation_statuses(2).resource_type(), alcor::schema::NEIGHBOR);
}

TEST(Reply, StaysBelowFourMebibytes) {
  const std::string long_id(200, 'x');
  GoalStateTask task;
  for (int i = 0; i < 1000000; ++i) {
    task.decoded.results.push_back({long_id, ResourceType::kNeighbor, 1, Status::kFailure});
  }
  const auto reply = reply_to(task, task.received);
  EXPECT_LT(reply.ByteSizeLong(), std::size_t{4} << 20);
  EXPECT_GT(reply.operation_statuses_size(), 1000);

  const std::string huge(std::size_t{5} << 20, 'x');
  task.decoded.results.assign(1, {huge, ResourceType::kPort, 1, Status::kInvalidArgument});
  EXPECT_LT(reply_to(task, task.received).ByteSizeLong(), 200U);
}

}  // namespace
}  // namespace alkaid::agent::test
