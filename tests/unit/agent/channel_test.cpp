// The limits of the goal-state channel, and health.
#include <sys/socket.h>

#include <array>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/health_check_service_interface.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "alcor/schema/goalstateprovisioner.grpc.pb.h"
#include "control/agent/agent.hpp"
#include "control/agent/metrics/metrics_server.hpp"
#include "control/agent/server/decode_pool.hpp"
#include "control/agent/server/goal_state_pipeline.hpp"
#include "control/agent/server/large_message_gate.hpp"
#include "control/agent/server/open_connections.hpp"
#include "control/agent/server/resource_budget.hpp"
#include "control/agent/server/state_monitor.hpp"
#include "tests/unit/agent/agent_host.hpp"
#include "tests/unit/agent/fake_server.hpp"
#include "tests/unit/agent/goal_states.hpp"
#include "tests/unit/agent/scrape.hpp"

namespace alkaid::agent::test {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

IpAddress ip(const char* text) {
  return IpAddress::parse(text).value();
}

class Sockets {
 public:
  Sockets() { ::socketpair(AF_UNIX, SOCK_STREAM, 0, pair_.data()); }
  ~Sockets() { close(); }
  Sockets(const Sockets&) = delete;
  Sockets& operator=(const Sockets&) = delete;
  [[nodiscard]] int first() const { return pair_[0]; }
  void close() {
    for (int& descriptor : pair_) {
      if (descriptor >= 0) {
        ::close(descriptor);
        descriptor = -1;
      }
    }
  }

 private:
  std::array<int, 2> pair_{-1, -1};
};

TEST(OpenConnections, AreLimitedInAllAndByPeer) {
  OpenConnections connections{4, 3};
  std::array<Sockets, 4> sockets;
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(connections.has_room(ip("10.0.0.1")));
    connections.add(sockets[static_cast<std::size_t>(i)].first(), ip("10.0.0.1"));
  }
  EXPECT_FALSE(connections.has_room(ip("10.0.0.1")));
  EXPECT_TRUE(connections.has_room(ip("10.0.0.2")));
  connections.add(sockets[3].first(), ip("10.0.0.2"));
  EXPECT_FALSE(connections.has_room(ip("10.0.0.3")));
  EXPECT_EQ(connections.sweep(), 4U);
}

TEST(OpenConnections, ClosedOnesMakeRoom) {
  OpenConnections connections{2, 2};
  Sockets first;
  Sockets second;
  connections.add(first.first(), ip("10.0.0.1"));
  connections.add(second.first(), ip("10.0.0.1"));
  const int number = first.first();
  first.close();
  // The number is used again by another file, which is none of ours.
  const int other = ::dup(second.first());
  EXPECT_EQ(other, number);
  std::this_thread::sleep_for(150ms);
  EXPECT_TRUE(connections.has_room(ip("10.0.0.1")));
  EXPECT_EQ(connections.sweep(), 1U);
  ::close(other);
}

TEST(OpenConnections, AnIpv6NetworkIsOnePeer) {
  OpenConnections connections{4, 1};
  Sockets sockets;
  connections.add(sockets.first(), ip("2001:db8::1"));
  EXPECT_FALSE(connections.has_room(ip("2001:db8::ffff:1")));
  EXPECT_TRUE(connections.has_room(ip("2001:db8:0:1::1")));
}

TEST(LargeMessageGate, OneAtATimeInOrder) {
  LargeMessageGate gate;
  std::vector<int> started;
  for (int i = 0; i < 3; ++i) {
    gate.enter([&started, i] { started.push_back(i); });
  }
  EXPECT_THAT(started, ElementsAre(0));
  gate.leave();
  EXPECT_THAT(started, ElementsAre(0, 1));
  gate.leave();
  gate.leave();
  EXPECT_THAT(started, ElementsAre(0, 1, 2));
  gate.enter([&started] { started.push_back(3); });
  EXPECT_THAT(started, ElementsAre(0, 1, 2, 3));
}

TEST(ResourceBudget, WhatDoesNotFitWaitsInOrder) {
  ResourceBudget budget{100};
  std::vector<int> started;
  const auto start = [&started](int number) {
    return [&started, number] { started.push_back(number); };
  };
  EXPECT_TRUE(budget.try_enter(60));
  EXPECT_TRUE(budget.try_enter(40));
  EXPECT_FALSE(budget.try_enter(1));
  budget.enter(500, start(1));
  budget.enter(10, start(2));
  budget.enter(90, start(3));
  budget.leave(40);
  EXPECT_THAT(started, IsEmpty());
  EXPECT_FALSE(budget.try_enter(1)) << "it would overtake";
  budget.leave(60);
  EXPECT_THAT(started, ElementsAre(1)) << "more than there is, alone";
  budget.leave(500);
  EXPECT_THAT(started, ElementsAre(1, 2, 3));
  budget.leave(10);
  budget.leave(90);
  EXPECT_TRUE(budget.try_enter(100));
}

TEST(MostResources, NeighborsThatFitIntoTheDefaultLimitAreTaken) {
  constexpr std::size_t kUsualNeighbor = 217;
  const std::size_t limit = ChannelConfig{}.message_bytes;
  EXPECT_GE(GoalStatePipeline::most_resources(limit), limit / kUsualNeighbor);
  EXPECT_EQ(GoalStatePipeline::most_resources(4U << 20), 2000000U) << "empty ones are not";
}

TEST(DecodePool, PartsOfBegunMessagesStartFirst) {
  DecodePool pool{1};
  std::promise<void> busy;
  std::promise<void> done;
  std::vector<std::string> started;
  pool.post([&busy] { busy.get_future().wait(); });
  pool.post([&started] { started.emplace_back("other message"); });
  pool.post([&] {
    started.emplace_back("another one");
    done.set_value();
  });
  pool.post_part([&started] { started.emplace_back("part 1"); });
  pool.post_part([&started] { started.emplace_back("part 2"); });
  busy.set_value();
  done.get_future().wait();
  EXPECT_THAT(started, ElementsAre("part 1", "part 2", "other message", "another one"));
}

TEST(MetricsAddress, IsAnAddressAndAPort) {
  for (const char* good : {"127.0.0.1:9464", "0.0.0.0:1", "[::1]:9464"}) {
    EXPECT_TRUE(is_metrics_address(good)) << good;
  }
  for (const char* wrong :
       {"", "9464", "127.0.0.1", "127.0.0.1:", "127.0.0.1:x", "::1:9464", "localhost:9464",
        "127.0.0.1:70000", "[127.0.0.1]:1", "1.2.3.4:1,5:6"}) {
    EXPECT_FALSE(is_metrics_address(wrong)) << wrong;
  }
}

class Channel : public ::testing::Test {
 protected:
  void SetUp() override {
    grpc::EnableDefaultHealthCheckService(true);
    directory_ = ::testing::TempDir() + fmt::format("alkaid-channel-{}", ::getpid());
    std::filesystem::create_directories(directory_);
    AgentConfig config;
    config.instance = Instance::make("test", directory_).value();
    config.channel.address = "127.0.0.1";
    config.channel.port = 0;
    config.channel.message_bytes = std::size_t{1} << 20;
    config.alive = [](bool) {};
    adjust(config);
    std::string error;
    config.port_attach = PortAttach::parse("null:{port_id}", error).value();
    agent_ = std::make_unique<Agent>(std::move(config));
    ASSERT_EQ(agent_->start(), "");
    grpc::ChannelArguments arguments;
    arguments.SetMaxSendMessageSize(-1);
    channel_ = grpc::CreateCustomChannel(fmt::format("127.0.0.1:{}", agent_->port()),
                                         grpc::InsecureChannelCredentials(), arguments);
  }

  void TearDown() override {
    agent_.reset();
    dataplane_.reset();
    std::filesystem::remove_all(directory_);
    grpc::EnableDefaultHealthCheckService(false);
  }

  virtual void adjust(AgentConfig& /*config*/) {}

  // Of grpc.health.v1: 1 SERVING, 2 NOT_SERVING; -1: no such service.
  int health(const std::string& service) {
    grpc::GenericStub stub{channel_};
    std::string request;
    if (!service.empty()) {
      request = std::string{"\x0a"} + static_cast<char>(service.size()) + service;
    }
    const grpc::Slice slice{request};
    const grpc::ByteBuffer bytes{&slice, 1};
    grpc::CompletionQueue queue;
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + 20s);
    const auto call =
        stub.PrepareUnaryCall(&context, "/grpc.health.v1.Health/Check", bytes, &queue);
    call->StartCall();
    grpc::ByteBuffer reply;
    grpc::Status status;
    call->Finish(&reply, &status, nullptr);
    void* tag = nullptr;
    bool ok = false;
    queue.Next(&tag, &ok);
    grpc::Slice whole;
    if (!status.ok() || !reply.DumpToSingleSlice(&whole).ok() || whole.size() != 2) {
      return -1;
    }
    return whole.begin()[1];
  }

  bool becomes(const std::string& service, int wanted) {
    for (int i = 0; i < 400; ++i) {
      if (health(service) == wanted) {
        return true;
      }
      std::this_thread::sleep_for(50ms);
    }
    return false;
  }

  std::string directory_;
  std::unique_ptr<FakeServer> dataplane_;
  std::unique_ptr<Agent> agent_;
  std::shared_ptr<grpc::Channel> channel_;
};

schema::GoalState vpcs(int count) {
  schema::GoalState message;
  for (int i = 0; i < count; ++i) {
    auto& vpc = *message.add_vpc_states()->mutable_configuration();
    vpc.set_id(fmt::format("vpc-{}", i));
    vpc.set_name(std::string(1000, 'x'));
  }
  return message;
}

class IdleConnection : public Channel {
  void adjust(AgentConfig& config) override { config.channel.idle_seconds = 1; }
};

TEST_F(IdleConnection, IsEndedUnlessACallIsOpenAndComesBack) {
  const auto stub = schema::GoalStateProvisioner::NewStub(channel_);
  grpc::ClientContext context;
  const auto stream = stub->PushGoalStatesStream(&context);
  schema::GoalStateOperationReply reply;
  ASSERT_TRUE(stream->Write({}));
  ASSERT_TRUE(stream->Read(&reply));
  std::this_thread::sleep_for(2500ms);
  EXPECT_EQ(channel_->GetState(false), GRPC_CHANNEL_READY) << "a silent stream is an open call";
  EXPECT_TRUE(stream->WritesDone());
  EXPECT_TRUE(stream->Finish().ok());
  EXPECT_TRUE(
      channel_->WaitForStateChange(GRPC_CHANNEL_READY, std::chrono::system_clock::now() + 30s));
  grpc::ClientContext next;
  next.set_deadline(std::chrono::system_clock::now() + 30s);
  EXPECT_TRUE(stub->PushNetworkResourceStates(&next, vpcs(1), &reply).ok());
}

using MessageLimit = Channel;

TEST_F(MessageLimit, LargerOnesAreExhausted) {
  const auto stub = schema::GoalStateProvisioner::NewStub(channel_);
  schema::GoalStateOperationReply reply;
  {
    grpc::ClientContext context;
    const auto status = stub->PushNetworkResourceStates(&context, vpcs(1100), &reply);
    EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED) << status.error_message();
  }
  {
    grpc::ClientContext context;
    const auto stream = stub->PushGoalStatesStream(&context);
    schema::GoalStateV2 message;
    (*message.mutable_vpc_states())["a"].mutable_configuration()->set_name(
        std::string(std::size_t{2} << 20, 'x'));
    stream->Write(message);
    stream->WritesDone();
    EXPECT_FALSE(stream->Read(&reply));
    const auto status = stream->Finish();
    EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED) << status.error_message();
  }
  grpc::ClientContext context;
  EXPECT_TRUE(stub->PushNetworkResourceStates(&context, vpcs(900), &reply).ok());
  EXPECT_EQ(reply.operation_statuses_size(), 900);
}

class OpenStreams : public Channel {
  void adjust(AgentConfig& config) override { config.channel.streams = 2; }
};

TEST_F(OpenStreams, OfOneConnectionAreLimited) {
  const auto stub = schema::GoalStateProvisioner::NewStub(channel_);
  struct Stream {
    grpc::ClientContext context;
    std::unique_ptr<grpc::ClientReaderWriter<schema::GoalStateV2, schema::GoalStateOperationReply>>
        call;
  };
  std::array<Stream, 3> streams;
  // Opens it unless it is open.
  const auto answers = [&stub](Stream& stream) {
    if (!stream.call) {
      stream.context.set_deadline(std::chrono::system_clock::now() + 30s);
      stream.call = stub->PushGoalStatesStream(&stream.context);
    }
    schema::GoalStateOperationReply reply;
    return stream.call->Write({}) && stream.call->Read(&reply);
  };
  const auto end = [](Stream& stream) {
    stream.call->WritesDone();
    EXPECT_TRUE(stream.call->Finish().ok());
  };
  EXPECT_TRUE(answers(streams[0]));
  EXPECT_TRUE(answers(streams[1]));
  auto third = std::async(std::launch::async, [&] { return answers(streams[2]); });
  EXPECT_EQ(third.wait_for(500ms), std::future_status::timeout);
  EXPECT_TRUE(answers(streams[0])) << "an open one goes on";
  end(streams[0]);
  EXPECT_TRUE(third.get());
  end(streams[1]);
  end(streams[2]);
}

class LargeMessages : public Channel {
  void adjust(AgentConfig& config) override {
    config.channel.message_bytes = std::size_t{64} << 20;
    config.metrics_listen = "127.0.0.1:0";
  }

 protected:
  // Of messages and their parts.
  double decoded() {
    return scrape(agent_->metrics_port(),
                  R"(alkaid_agent_goal_state_seconds_count{stage="decode"})");
  }

  // Waits until nothing is decoded any more.
  double all_decoded() {
    double before = -1;
    double now = decoded();
    for (int i = 0; i < 100 && before != now; ++i) {
      std::this_thread::sleep_for(500ms);
      before = std::exchange(now, decoded());
    }
    return now;
  }

  // With its own connection.
  std::future<bool> push(const schema::GoalState& message) {
    return std::async(std::launch::async, [this, &message] {
      grpc::ChannelArguments arguments;
      arguments.SetMaxSendMessageSize(-1);
      arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
      const auto stub = schema::GoalStateProvisioner::NewStub(
          grpc::CreateCustomChannel(fmt::format("127.0.0.1:{}", agent_->port()),
                                    grpc::InsecureChannelCredentials(), arguments));
      grpc::ClientContext context;
      context.set_deadline(std::chrono::system_clock::now() + 60s);
      schema::GoalStateOperationReply reply;
      return stub->PushNetworkResourceStates(&context, message, &reply).ok() &&
             reply.operation_statuses_size() == message.neighbor_states_size();
    });
  }
};

// Neighbors that fill more than 16 MiB.
schema::GoalState large_message(int number) {
  schema::GoalState message;
  for (int i = 0; i < 17000; ++i) {
    *message.add_neighbor_states() = neighbor(
        fmt::format("n-{}-{}", number, i), "green",
        fmt::format("10.{}.{}.{}", number, i / 250, i % 250 + 1),
        fmt::format("02:00:00:{:02x}:{:02x}:{:02x}", number, i / 250, i % 250), "172.16.0.2");
    message.mutable_neighbor_states(i)->mutable_configuration()->set_name(std::string(1024, 'x'));
  }
  return message;
}

TEST_F(LargeMessages, AreDecodedOneAtATime) {
  dataplane_ = std::make_unique<FakeServer>(directory_ + "/dataplane.sock");
  ASSERT_TRUE(becomes("", 1));
  schema::GoalState network;
  *network.add_subnet_states() = green();
  schema::GoalStateOperationReply reply;
  grpc::ClientContext context;
  ASSERT_TRUE(schema::GoalStateProvisioner::NewStub(channel_)
                  ->PushNetworkResourceStates(&context, network, &reply)
                  .ok());
  const double before = decoded();
  ASSERT_GE(before, 1);
  dataplane_->hold();
  const auto one = large_message(1);
  const auto other = large_message(2);
  auto first = push(one);
  for (int i = 0; i < 1000 && !dataplane_->holds(); ++i) {
    std::this_thread::sleep_for(10ms);
  }
  const double of_first = all_decoded();
  EXPECT_GT(of_first, before + 1) << "in parts";
  auto second = push(other);
  EXPECT_EQ(second.wait_for(1500ms), std::future_status::timeout);
  EXPECT_EQ(decoded(), of_first) << "the second one waits as it came";
  dataplane_->release();
  EXPECT_TRUE(first.get());
  EXPECT_TRUE(second.get());
  EXPECT_GT(decoded(), of_first);
}

using Health = Channel;

TEST_F(Health, ReadyWhileTheDataPlaneIsInSync) {
  constexpr int kServing = 1;
  constexpr int kNotServing = 2;
  EXPECT_TRUE(becomes("", kNotServing));
  EXPECT_EQ(health("liveness"), kServing);
  EXPECT_EQ(health("alcor.schema.GoalStateProvisioner"), kServing);
  EXPECT_EQ(health("nobody"), -1);
  dataplane_ = std::make_unique<FakeServer>(directory_ + "/dataplane.sock");
  EXPECT_TRUE(becomes("", kServing));
  dataplane_.reset();
  EXPECT_TRUE(becomes("", kNotServing));
  EXPECT_EQ(health("liveness"), kServing);
}

TEST(StateMonitor, IsSilentWhileTheReconcilerStandsStill) {
  FakeDataplane tables;
  Host host{tables};
  ReconcilerThread thread{host.reconciler};
  StateMonitor monitor{thread, host.events};
  std::atomic<int> answers{0};
  monitor.start({.answered = [&answers](bool in_sync) { answers += in_sync ? 1 : 0; },
                 .ready_changed = {},
                 .dataplane_answers = {}});
  thread.start();
  const auto wait_for = [&answers](int wanted) {
    for (int i = 0; i < 1000 && answers < wanted; ++i) {
      std::this_thread::sleep_for(20ms);
    }
    return answers.load() >= wanted;
  };
  EXPECT_TRUE(wait_for(2));
  std::promise<void> standing;
  std::promise<void> released;
  thread.post([&](Reconciler&) {
    standing.set_value();
    released.get_future().wait();
  });
  standing.get_future().wait();
  const int before = answers;
  std::this_thread::sleep_for(1200ms);
  EXPECT_EQ(answers, before);
  released.set_value();
  EXPECT_TRUE(wait_for(before + 2));
  monitor.stop();
  thread.stop();
}

TEST(StateMonitor, IsNotReadyWhileSomebodyDoesNotAnswer) {
  FakeDataplane tables;
  Host host{tables};
  ReconcilerThread thread{host.reconciler};
  StateMonitor monitor{thread, host.events};
  std::atomic<bool> ready{false};
  std::atomic<bool> dataplane_answers{true};
  monitor.start({.answered = [](bool) {},
                 .ready_changed = [&ready](bool now) { ready = now; },
                 .dataplane_answers = [&dataplane_answers] { return dataplane_answers.load(); }});
  thread.start();
  const auto becomes = [&ready](bool wanted) {
    for (int i = 0; i < 1500 && ready != wanted; ++i) {
      std::this_thread::sleep_for(20ms);
    }
    return ready == wanted;
  };
  EXPECT_TRUE(becomes(true));
  dataplane_answers = false;
  EXPECT_TRUE(becomes(false)) << "the data plane hangs";
  dataplane_answers = true;
  monitor.look_again();
  EXPECT_TRUE(becomes(true));
  std::promise<void> released;
  thread.post([&](Reconciler&) { released.get_future().wait(); });
  EXPECT_TRUE(becomes(false)) << "the reconciler waits for the data plane";
  released.set_value();
  EXPECT_TRUE(becomes(true));
  monitor.stop();
  thread.stop();
}

}  // namespace
}  // namespace alkaid::agent::test
