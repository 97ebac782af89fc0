// The agent as a whole, in process: real gRPC north (loopback, a free port) and south (Unix
// socket).
#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <grpcpp/generic/generic_stub.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "alcor/schema/goalstateprovisioner.grpc.pb.h"
#include "alkaid/agent/v1/agent.grpc.pb.h"
#include "control/agent/agent.hpp"
#include "tests/unit/agent/fake_server.hpp"
#include "tests/unit/agent/goal_states.hpp"

namespace alkaid::agent::test {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

class AgentServer : public ::testing::Test {
 protected:
  void SetUp() override {
    directory_ = ::testing::TempDir() + fmt::format("alkaid-agent-{}", ::getpid());
    std::filesystem::create_directories(directory_);
    dataplane_ = std::make_unique<FakeServer>(directory_ + "/dataplane.sock");
    start_agent();
    await_connection();
  }

  void TearDown() override {
    agent_.reset();
    dataplane_.reset();
    std::filesystem::remove_all(directory_);
  }

  void start_agent() {
    AgentConfig config;
    config.instance = Instance::make("test", directory_).value();
    config.channel.address = "127.0.0.1";
    config.channel.port = 0;
    std::string error;
    config.port_attach = PortAttach::parse("null:{port_id}", error).value();
    agent_ = std::make_unique<Agent>(std::move(config));
    ASSERT_EQ(agent_->start(), "");
    const auto channel = grpc::CreateChannel(fmt::format("127.0.0.1:{}", agent_->port()),
                                             grpc::InsecureChannelCredentials());
    stub_ = schema::GoalStateProvisioner::NewStub(channel);
    local_ = v1::Agent::NewStub(grpc::CreateChannel("unix:" + directory_ + "/agent.sock",
                                                    grpc::InsecureChannelCredentials()));
  }

  v1::GetConfigResponse config() {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + 5s);
    v1::GetConfigResponse response;
    EXPECT_TRUE(local_->GetConfig(&context, {}, &response).ok());
    return response;
  }

  bool await_connection(bool wanted = true) {
    for (int i = 0; i < 200; ++i) {
      if (config().dataplane_connected() == wanted) {
        return true;
      }
      std::this_thread::sleep_for(10ms);
    }
    return false;
  }

  schema::GoalStateOperationReply push(const schema::GoalState& message) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + 10s);
    schema::GoalStateOperationReply reply;
    const auto status = stub_->PushNetworkResourceStates(&context, message, &reply);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return reply;
  }

  std::string directory_;
  std::unique_ptr<FakeServer> dataplane_;
  std::unique_ptr<Agent> agent_;
  std::unique_ptr<schema::GoalStateProvisioner::Stub> stub_;
  std::unique_ptr<v1::Agent::Stub> local_;
};

schema::GoalStateV2 neighbor_message(int number) {
  schema::GoalStateV2 message;
  (*message.mutable_neighbor_states())[fmt::format("L2/{}", number)] =
      neighbor(fmt::format("n{}", number), "green", fmt::format("10.0.1.{}", number),
               fmt::format("02:00:00:00:00:{:02x}", number), "172.16.0.2");
  return message;
}

TEST_F(AgentServer, UnaryPushProgramsAndReports) {
  const auto reply = push(whole_network());
  ASSERT_EQ(reply.operation_statuses_size(), 8);
  for (const auto& status : reply.operation_statuses()) {
    EXPECT_EQ(status.operation_status(), schema::SUCCESS) << status.ShortDebugString();
    EXPECT_EQ(status.state_elapse_time(),
              status.dataplane_programming_time() + status.network_configuration_time());
  }
  EXPECT_GT(reply.message_total_operation_time(), 0U);
  EXPECT_EQ(dataplane_->tables([](auto& tables) { return tables.ports.size(); }), 1U);
  const auto report = config();
  EXPECT_TRUE(report.in_sync());
  EXPECT_EQ(report.port_attach(), "null:{port_id}");
  EXPECT_EQ(report.goal_states(), 1U);
}

TEST_F(AgentServer, TellsWhatItKnowsWhileTheDataPlaneHangs) {
  push(whole_network());
  schema::GoalState more;
  *more.add_neighbor_states() =
      neighbor("n77", "green", "10.0.1.77", "02:00:00:00:00:77", "172.16.0.2");
  std::thread pusher;
  dataplane_->tables([&](auto& /*tables*/) {  // locked: Apply has no end
    pusher = std::thread{[&] { push(more); }};
    while (config().goal_states() < 2) {
      std::this_thread::sleep_for(1ms);
    }
    std::this_thread::sleep_for(20ms);
    constexpr int kQuestions = 50;  // some at once with others, some with the answer
    std::vector<std::thread> askers;
    const auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < kQuestions; ++i) {
      askers.emplace_back([&] {
        const auto report = config();
        EXPECT_FALSE(report.in_sync());
        EXPECT_TRUE(report.dataplane_connected());
        grpc::ClientContext context;
        context.set_deadline(std::chrono::system_clock::now() + 5s);
        v1::GetGoalStateResponse state;
        EXPECT_TRUE(local_->GetGoalState(&context, {}, &state).ok());
      });
    }
    for (std::thread& asker : askers) {
      asker.join();
    }
    EXPECT_LT(std::chrono::steady_clock::now() - start, 4s);
  });
  pusher.join();
  EXPECT_TRUE(config().in_sync());
}

TEST_F(AgentServer, StreamAnswersEveryMessageInOrder) {
  schema::GoalState first;
  *first.add_subnet_states() = green();
  push(first);
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + 20s);
  const auto stream = stub_->PushGoalStatesStream(&context);
  // More than the agent reads ahead, and empty messages between.
  constexpr int kMessages = 200;
  std::thread writer{[&stream] {
    for (int i = 2; i < kMessages; ++i) {
      ASSERT_TRUE(stream->Write(i % 10 == 0 ? schema::GoalStateV2{} : neighbor_message(i)));
    }
    stream->WritesDone();
  }};
  schema::GoalStateOperationReply reply;
  for (int i = 2; i < kMessages; ++i) {
    ASSERT_TRUE(stream->Read(&reply)) << i;
    if (i % 10 == 0) {
      EXPECT_EQ(reply.operation_statuses_size(), 0);
    } else {
      ASSERT_EQ(reply.operation_statuses_size(), 1);
      EXPECT_EQ(reply.operation_statuses(0).resource_id(), fmt::format("n{}", i));
      EXPECT_EQ(reply.operation_statuses(0).operation_status(), schema::SUCCESS);
    }
  }
  EXPECT_FALSE(stream->Read(&reply));
  writer.join();
  EXPECT_TRUE(stream->Finish().ok());
  EXPECT_EQ(dataplane_->tables([](auto& tables) { return tables.neighbors.size(); }), 179U);
}

TEST_F(AgentServer, StreamWithoutMessagesEndsWithOk) {
  grpc::ClientContext context;
  const auto stream = stub_->PushGoalStatesStream(&context);
  stream->WritesDone();
  schema::GoalStateOperationReply reply;
  EXPECT_FALSE(stream->Read(&reply));
  EXPECT_TRUE(stream->Finish().ok());
}

TEST_F(AgentServer, WarmUpStreamsAreHarmless) {
  // As a Network Config Manager opens them: an empty message, no half-close, no wait.
  std::vector<std::unique_ptr<grpc::ClientContext>> contexts;
  std::vector<std::unique_ptr<
      grpc::ClientReaderWriter<schema::GoalStateV2, schema::GoalStateOperationReply>>>
      streams;
  for (int i = 0; i < 100; ++i) {
    contexts.push_back(std::make_unique<grpc::ClientContext>());
    streams.push_back(stub_->PushGoalStatesStream(contexts.back().get()));
    ASSERT_TRUE(streams.back()->Write({}));
  }
  schema::GoalStateOperationReply reply;
  ASSERT_TRUE(streams[50]->Read(&reply));
  EXPECT_EQ(push(whole_network()).operation_statuses_size(), 8);
  // Some are cancelled, the others are still open when the agent stops.
  for (int i = 0; i < 30; ++i) {
    contexts[static_cast<std::size_t>(i)]->TryCancel();
  }
  EXPECT_EQ(push(whole_network()).operation_statuses_size(), 8);
  const auto start = std::chrono::steady_clock::now();
  agent_.reset();
  EXPECT_LT(std::chrono::steady_clock::now() - start, 1s);
  for (auto& stream : streams) {
    while (stream->Read(&reply)) {
    }
    stream->Finish();
  }
}

TEST_F(AgentServer, StreamCancelledWithinAMessage) {
  for (int round = 0; round < 50; ++round) {
    grpc::ClientContext context;
    const auto stream = stub_->PushGoalStatesStream(&context);
    stream->Write(neighbor_message(2 + round));
    context.TryCancel();
    schema::GoalStateOperationReply reply;
    while (stream->Read(&reply)) {
    }
    stream->Finish();
  }
  EXPECT_EQ(push(whole_network()).operation_statuses_size(), 8);
}

TEST_F(AgentServer, NeighborRulesAreServed) {
  schema::GoalState first;
  *first.add_subnet_states() = green();
  push(first);
  schema::NeighborRulesRequest request;
  *request.add_neigborstates() =
      neighbor("n", "green", "10.0.1.9", "02:00:00:00:00:09", "172.16.0.2");
  grpc::ClientContext context;
  schema::GoalStateOperationReply reply;
  ASSERT_TRUE(stub_->PushGoalstates(&context, request, &reply).ok());
  ASSERT_EQ(reply.operation_statuses_size(), 1);
  EXPECT_TRUE(
      dataplane_->tables([](auto& tables) { return tables.has_neighbor(101, "10.0.1.9"); }));
}

TEST_F(AgentServer, RequestGoalStatesIsNotServed) {
  grpc::ClientContext context;
  schema::HostRequestReply reply;
  const auto status = stub_->RequestGoalStates(&context, {}, &reply);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNIMPLEMENTED);
  EXPECT_THAT(status.error_message(), HasSubstr("Network Config Manager"));
}

TEST_F(AgentServer, BytesThatAreNoGoalStateAreAnswered) {
  grpc::GenericStub generic{grpc::CreateChannel(fmt::format("127.0.0.1:{}", agent_->port()),
                                                grpc::InsecureChannelCredentials())};
  grpc::Slice slice{"\xff\xff\xff\xff"};
  const grpc::ByteBuffer garbage{&slice, 1};
  grpc::CompletionQueue queue;
  grpc::ClientContext context;
  const auto call = generic.PrepareUnaryCall(
      &context, "/alcor.schema.GoalStateProvisioner/PushNetworkResourceStates", garbage, &queue);
  call->StartCall();
  grpc::ByteBuffer bytes;
  grpc::Status status;
  call->Finish(&bytes, &status, nullptr);
  void* tag = nullptr;
  bool ok = false;
  ASSERT_TRUE(queue.Next(&tag, &ok));
  ASSERT_TRUE(status.ok()) << status.error_message();
  schema::GoalStateOperationReply reply;
  ASSERT_TRUE(
      grpc::SerializationTraits<schema::GoalStateOperationReply>::Deserialize(&bytes, &reply).ok());
  ASSERT_EQ(reply.operation_statuses_size(), 1);
  EXPECT_EQ(reply.operation_statuses(0).operation_status(), schema::INVALID_ARG);
  ASSERT_EQ(config().refused_size(), 1);
  EXPECT_EQ(config().refused(0).field(), "message");
}

TEST_F(AgentServer, MessageOfTooManyResourcesIsRefusedAsAWhole) {
  schema::GoalState message;
  for (int i = 0; i <= 2000000; ++i) {
    message.add_vpc_states();
  }
  const auto reply = push(message);
  ASSERT_EQ(reply.operation_statuses_size(), 1);
  EXPECT_EQ(reply.operation_statuses(0).operation_status(), schema::INVALID_ARG);
  ASSERT_EQ(config().refused_size(), 1);
  EXPECT_THAT(config().refused(0).message(), HasSubstr("2000000 resources"));
}

TEST_F(AgentServer, EventsReachWatchersOldAndNew) {
  auto message = whole_network();
  message.mutable_port_states(0)->mutable_configuration()->set_mac_address("bad");
  push(message);
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + 10s);
  const auto reader = local_->WatchEvents(&context, {});
  v1::Event event;
  const auto read_until = [&](const std::string& kind) {
    while (reader->Read(&event)) {
      if (event.kind() == kind) {
        return true;
      }
    }
    return false;
  };
  ASSERT_TRUE(read_until("resource_refused"));
  EXPECT_EQ(event.resource().field(), "configuration.mac_address");
  EXPECT_EQ(event.resource().value(), "bad");
  // A new one, while the watcher waits.
  push(whole_network());
  ASSERT_TRUE(read_until("port_attached"));
  EXPECT_EQ(event.resource().resource_id(), "port-green");
  context.TryCancel();
  reader->Finish();
}

TEST_F(AgentServer, PortEventOfTheDataplaneClearsPending) {
  dataplane_->tables([](auto& tables) {
    tables.missing_devices.insert("null:port-green");
    return 0;
  });
  push(whole_network());
  ASSERT_EQ(config().pending_size(), 1);
  api::Event event;
  event.mutable_port()->set_id("port-green");
  event.mutable_port()->set_state(api::ATTACHED);
  dataplane_->raise(event);
  for (int i = 0; i < 200 && config().pending_size() > 0; ++i) {
    std::this_thread::sleep_for(5ms);
  }
  EXPECT_EQ(config().pending_size(), 0);
}

TEST_F(AgentServer, RestartedAgentWritesNothing) {
  push(whole_network());
  const auto calls = dataplane_->tables([](auto& tables) { return tables.apply_calls; });
  agent_.reset();
  start_agent();
  ASSERT_TRUE(await_connection());
  EXPECT_EQ(config().unclaimed_objects(), 8U);
  push(whole_network());
  EXPECT_EQ(dataplane_->tables([](auto& tables) { return tables.apply_calls; }), calls);
  EXPECT_EQ(config().unclaimed_objects(), 0U);
}

TEST_F(AgentServer, RestartedDataplaneIsReplayed) {
  push(whole_network());
  const auto before = dataplane_->tables([](auto& tables) { return tables.dump(); });
  dataplane_.reset();
  ASSERT_TRUE(await_connection(false));
  const auto reply = push(whole_network());
  EXPECT_EQ(reply.operation_statuses(2).operation_status(), schema::PENDING);
  dataplane_ = std::make_unique<FakeServer>(directory_ + "/dataplane.sock");
  dataplane_->tables([](auto& tables) { return tables.instance = 2; });
  const auto start = std::chrono::steady_clock::now();
  ASSERT_TRUE(await_connection());
  EXPECT_LT(std::chrono::steady_clock::now() - start, 500ms);
  EXPECT_EQ(dataplane_->tables([](auto& tables) { return tables.dump(); }), before);
}

TEST_F(AgentServer, PortInUseIsAClearError) {
  AgentConfig config;
  config.instance = Instance::make("other", directory_ + "/other").value();
  std::filesystem::create_directories(directory_ + "/other");
  config.channel.address = "127.0.0.1";
  config.channel.port = static_cast<std::uint16_t>(agent_->port());
  Agent second{std::move(config)};
  const std::string error = second.start();
  EXPECT_THAT(error, HasSubstr(fmt::format("127.0.0.1:{}", agent_->port())));
  EXPECT_THAT(error, HasSubstr("--port"));
}

TEST_F(AgentServer, LocalSocketIsForItsOwnerOnly) {
  const auto mode = std::filesystem::status(directory_ + "/agent.sock").permissions();
  EXPECT_EQ(mode & std::filesystem::perms::all, std::filesystem::perms{0600});
}

}  // namespace
}  // namespace alkaid::agent::test
