#include "control/goalstate/report.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace alkaid::goalstate {
namespace {

using alcor::schema::OperationStatus;
using ::testing::HasSubstr;
using ::testing::Not;

void add(Reply& reply, const std::string& id, OperationStatus status) {
  auto* added = reply.reply.add_operation_statuses();
  added->set_resource_id(id);
  added->set_resource_type(alcor::schema::PORT);
  added->set_operation_type(alcor::schema::CREATE);
  added->set_operation_status(status);
  added->set_state_elapse_time(1234);
  added->set_dataplane_programming_time(56);
}

TEST(Report, SuccessAndPendingAreGood) {
  std::vector<Reply> replies(1);
  add(replies[0], "port-1", alcor::schema::SUCCESS);
  add(replies[0], "port-2", alcor::schema::PENDING);
  EXPECT_TRUE(count(replies).all_good());
  EXPECT_EQ(count(replies).pending, 1U);
  const std::string text = to_text(replies, 100);
  EXPECT_THAT(text, HasSubstr("PORT      port-1  CREATE     SUCCESS  1234             56\n"));
  EXPECT_THAT(text, HasSubstr("2 resources: 1 SUCCESS, 1 PENDING; "));
  EXPECT_THAT(text, Not(HasSubstr("refused")));
}

TEST(Report, AnythingElseIsNot) {
  for (const int status : {1, 2, 4, 77, -1}) {
    std::vector<Reply> replies(2);
    add(replies[1], "port-1", static_cast<OperationStatus>(status));
    EXPECT_FALSE(count(replies).all_good()) << status;
  }
}

TEST(Report, LongListsOfSuccessesAreCutAndOthersNever) {
  std::vector<Reply> replies(1);
  for (int i = 0; i < 5; ++i) {
    add(replies[0], "good-" + std::to_string(i), alcor::schema::SUCCESS);
    add(replies[0], "bad-" + std::to_string(i), alcor::schema::INVALID_ARG);
  }
  const std::string text = to_text(replies, 2);
  EXPECT_THAT(text, AllOf(HasSubstr("good-1"), Not(HasSubstr("good-2")), HasSubstr("bad-4"),
                          HasSubstr("... and 3 more with SUCCESS")));
}

TEST(Report, SummedUpResourcesCountAsMany) {
  std::vector<Reply> replies(1);
  add(replies[0], "70000 resources", alcor::schema::SUCCESS);
  add(replies[0], "12 resources", alcor::schema::INVALID_ARG);
  add(replies[0], "my resources", alcor::schema::SUCCESS);
  EXPECT_EQ(count(replies).success, 70001U);
  EXPECT_EQ(count(replies).invalid_arg, 12U);
}

TEST(Report, IdsCannotWriteToTheTerminal) {
  std::vector<Reply> replies(1);
  add(replies[0], "\x1b[2J", alcor::schema::SUCCESS);
  EXPECT_THAT(to_text(replies, 1), AllOf(HasSubstr("\\x1b[2J"), Not(HasSubstr("\x1b"))));
}

TEST(Report, JsonHoldsRepliesAndSummary) {
  std::vector<Reply> replies(1);
  replies[0].file = "host-1.json";
  add(replies[0], "port-1", alcor::schema::FAILURE);
  const auto document = nlohmann::json::parse(to_json(replies));
  EXPECT_EQ(document["summary"]["failure"], 1);
  EXPECT_EQ(document["replies"][0]["file"], "host-1.json");
  const auto& status = document["replies"][0]["operation_statuses"][0];
  EXPECT_EQ(status["resource_id"], "port-1");
  EXPECT_EQ(status["operation_status"], "FAILURE");
  EXPECT_EQ(status["state_elapse_time"], 1234);
}

}  // namespace
}  // namespace alkaid::goalstate
