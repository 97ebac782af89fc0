// The client against an agent of our own in this process, on a port of the loopback that the kernel
// chooses.
#include "control/goalstate/push_client.hpp"

#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include "alcor/schema/goalstateprovisioner.grpc.pb.h"

namespace alkaid::goalstate {
namespace {

using namespace std::chrono_literals;
using alcor::schema::GoalState;
using alcor::schema::GoalStateOperationReply;
using alcor::schema::GoalStateV2;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Outcome = PushResult::Outcome;

class FakeAgent : public alcor::schema::GoalStateProvisioner::Service {
 public:
  std::vector<std::string> received;    // "stream N: id" and "unary: id", in order of arrival
  int replies_before_end = 1000;        // ends a stream after so many replies
  bool silent = false;                  // reads and never answers
  grpc::Status end = grpc::Status::OK;  // of streams

  grpc::Status PushGoalStatesStream(
      grpc::ServerContext* context,
      grpc::ServerReaderWriter<GoalStateOperationReply, GoalStateV2>* stream) override {
    const int number = ++streams_;
    GoalStateV2 state;
    int replies = 0;
    while (replies < replies_before_end && stream->Read(&state)) {
      const std::string id = state.port_states().begin()->first;
      received.push_back("stream " + std::to_string(number) + ": " + id);
      if (silent) {
        while (!context->IsCancelled()) {
          std::this_thread::sleep_for(5ms);
        }
        return grpc::Status::CANCELLED;
      }
      GoalStateOperationReply reply;
      reply.add_operation_statuses()->set_resource_id(id);
      stream->Write(reply);
      ++replies;
    }
    return end;
  }

  grpc::Status PushNetworkResourceStates(grpc::ServerContext* /*context*/, const GoalState* state,
                                         GoalStateOperationReply* reply) override {
    received.push_back("unary: " + state->port_states(0).configuration().id());
    reply->add_operation_statuses()->set_resource_id(state->port_states(0).configuration().id());
    return grpc::Status::OK;
  }

 private:
  int streams_ = 0;
};

class PushClient : public ::testing::Test {
 protected:
  void SetUp() override {
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
    builder.RegisterService(&agent_);
    server_ = builder.BuildAndStart();
    ASSERT_NE(server_, nullptr);
    address_ = "127.0.0.1:" + std::to_string(port);
  }

  static GoalStateFile v2(const std::string& id) {
    GoalStateV2 state;
    (*state.mutable_port_states())[id];
    return {id + ".json", state};
  }
  static GoalStateFile v1(const std::string& id) {
    GoalState state;
    state.add_port_states()->mutable_configuration()->set_id(id);
    return {id + ".json", state};
  }

  FakeAgent agent_;
  std::unique_ptr<grpc::Server> server_;
  std::string address_;
};

TEST_F(PushClient, SeveralFilesShareOneStreamInOrder) {
  const PushResult result = push({v2("a"), v2("b"), v2("c")}, address_, 10s);
  EXPECT_EQ(result.outcome, Outcome::kAnswered) << result.error;
  EXPECT_THAT(agent_.received, ElementsAre("stream 1: a", "stream 1: b", "stream 1: c"));
  ASSERT_EQ(result.replies.size(), 3U);
  EXPECT_EQ(result.replies[1].file, "b.json");
  EXPECT_EQ(result.replies[1].reply.operation_statuses(0).resource_id(), "b");
}

TEST_F(PushClient, VersionsMixInOrder) {
  const PushResult result = push({v2("a"), v1("b"), v2("c")}, address_, 10s);
  EXPECT_EQ(result.outcome, Outcome::kAnswered) << result.error;
  EXPECT_THAT(agent_.received, ElementsAre("stream 1: a", "unary: b", "stream 1: c"));
}

TEST_F(PushClient, AStreamThatEndsEarlyIsAnError) {
  agent_.replies_before_end = 1;
  const PushResult result = push({v2("a"), v2("b")}, address_, 10s);
  EXPECT_EQ(result.outcome, Outcome::kRefused);
  EXPECT_EQ(result.replies.size(), 1U);
  EXPECT_THAT(result.error, HasSubstr("b.json"));
}

TEST_F(PushClient, AnErrorAfterTheRepliesIsReported) {
  agent_.end = grpc::Status{grpc::StatusCode::INTERNAL, "broken"};
  const PushResult result = push({v2("a")}, address_, 10s);
  EXPECT_EQ(result.outcome, Outcome::kRefused);
  EXPECT_EQ(result.replies.size(), 1U);
  EXPECT_THAT(result.error, HasSubstr("broken"));
}

TEST_F(PushClient, ASilentAgentIsNotWaitedForLongerThanTold) {
  agent_.silent = true;
  const auto start = std::chrono::steady_clock::now();
  const PushResult result = push({v2("a")}, address_, 300ms);
  EXPECT_LT(std::chrono::steady_clock::now() - start, 5s);
  EXPECT_EQ(result.outcome, Outcome::kUnreachable);
  EXPECT_THAT(result.error, HasSubstr("--timeout"));
}

TEST_F(PushClient, NobodyThereNamesTheAddress) {
  server_->Shutdown();
  server_.reset();
  const PushResult result = push({v1("a")}, address_, 300ms);
  EXPECT_EQ(result.outcome, Outcome::kUnreachable);
  EXPECT_THAT(result.error, HasSubstr(address_));
}

}  // namespace
}  // namespace alkaid::goalstate
