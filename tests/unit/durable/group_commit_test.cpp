// Replies wait for the disk, and many of them for the same write.
#include <sys/syscall.h>

#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "alcor/schema/goalstateprovisioner.grpc.pb.h"
#include "control/agent/agent.hpp"
#include "tests/unit/agent/fake_server.hpp"
#include "tests/unit/agent/scrape.hpp"
#include "tests/unit/durable/kept_agent.hpp"

namespace {

// A disk that takes as long as a test wants.
class Disk {
 public:
  void hold() {
    const std::lock_guard lock{mutex_};
    held_ = true;
    syncs_ = 0;
  }
  void release() {
    {
      const std::lock_guard lock{mutex_};
      held_ = false;
    }
    changed_.notify_all();
  }
  // Since hold(), including those that wait.
  int syncs() {
    const std::lock_guard lock{mutex_};
    return syncs_;
  }
  void wait_for_sync() {
    std::unique_lock lock{mutex_};
    changed_.wait(lock, [this] { return syncs_ > 0; });
  }
  void sync() {
    std::unique_lock lock{mutex_};
    ++syncs_;
    changed_.notify_all();
    changed_.wait(lock, [this] { return !held_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool held_ = false;
  int syncs_ = 0;
};

Disk& disk() {
  static Disk disk;
  return disk;
}

}  // namespace

// In place of the C library's, also for the database.
extern "C" int fdatasync(int descriptor) {
  disk().sync();
  return static_cast<int>(::syscall(SYS_fdatasync, descriptor));
}

namespace alkaid::agent::test {
namespace {

using namespace std::chrono_literals;
using ::testing::Each;

using Reply = std::future<std::vector<Status>>;

// Its first half: part of a message that goes on.
void merge_part(KeptAgent& agent, const schema::GoalState& message) {
  std::string error;
  const auto attach = PortAttach::parse("af_packet:{tap_name}", error);
  GoalStateTask task;
  task.decoded = decode(message, {*attach, agent.reconciler().own_addresses()});
  agent.reconciler().merge(task);
  agent.keeper().submit_ahead();
}

// As KeptAgent::push(), but does not wait for the reply.
Reply push_without_waiting(KeptAgent& agent, const schema::GoalState& message) {
  std::string error;
  const auto attach = PortAttach::parse("af_packet:{tap_name}", error);
  auto task = std::make_unique<GoalStateTask>();
  task->decoded = decode(message, {*attach, agent.reconciler().own_addresses()});
  auto replied = std::make_shared<std::promise<std::vector<Status>>>();
  Reply reply = replied->get_future();
  task->done = [replied](GoalStateTask& finished) {
    std::vector<Status> statuses;
    for (const auto& result : finished.decoded.results) {
      statuses.push_back(result.status);
    }
    replied->set_value(std::move(statuses));
  };
  agent.reconciler().merge(*task);
  agent.keeper().submit();
  agent.reconciler().flush();
  agent.reconciler().conclude(*task);
  std::vector<std::unique_ptr<GoalStateTask>> tasks;
  tasks.push_back(std::move(task));
  agent.keeper().finish(std::move(tasks));
  return reply;
}

schema::GoalState one_neighbor(int number) {
  return message_of(neighbor(fmt::format("n{}", number), "green", fmt::format("10.0.1.{}", number),
                             fmt::format("02:00:00:00:02:{:02x}", number), "172.16.0.2"));
}

TEST(GroupCommit, RepliesWaitForTheDiskAndShareItsTime) {
  const Directory directory;
  FakeDataplane tables;
  KeptAgent agent{directory.path(), tables};
  ASSERT_EQ(agent.error(), "");
  agent.push(whole_network());

  disk().hold();
  std::vector<Reply> replies;
  replies.push_back(push_without_waiting(agent, one_neighbor(100)));
  disk().wait_for_sync();
  for (int number = 101; number < 150; ++number) {
    replies.push_back(push_without_waiting(agent, one_neighbor(number)));
  }
  EXPECT_TRUE(tables.has_neighbor(101, "10.0.1.149")) << "the data plane doesn't wait";
  // Long enough for any reply that doesn't wait either.
  EXPECT_EQ(replies.front().wait_for(200ms), std::future_status::timeout);
  for (const Reply& reply : replies) {
    EXPECT_EQ(reply.wait_for(0ms), std::future_status::timeout);
  }
  EXPECT_EQ(disk().syncs(), 1);
  disk().release();
  for (Reply& reply : replies) {
    EXPECT_THAT(reply.get(), Each(Status::kSuccess));
  }
  EXPECT_EQ(disk().syncs(), 2) << "all that came meanwhile is one write";
}

// The agent as a whole, with a client.
class ServedAgent {
 public:
  explicit ServedAgent(const std::string& directory) : run_(directory + "/run") {
    std::filesystem::create_directories(run_);
    dataplane_ = std::make_unique<FakeServer>(run_ + "/dataplane.sock");
    AgentConfig config;
    config.instance = Instance::make("test", run_).value();
    config.channel.address = "127.0.0.1";
    config.channel.port = 0;
    config.metrics_listen = "127.0.0.1:0";
    config.state_directory = directory + "/state";
    std::string error;
    config.port_attach = PortAttach::parse("null:{port_id}", error).value();
    agent_ = std::make_unique<Agent>(std::move(config));
    EXPECT_EQ(agent_->start(), "");
    stub_ = schema::GoalStateProvisioner::NewStub(grpc::CreateChannel(
        fmt::format("127.0.0.1:{}", agent_->port()), grpc::InsecureChannelCredentials()));
  }

  // Whether all of it succeeded.
  std::future<bool> push(const schema::GoalState& message) {
    return std::async(std::launch::async, [this, message] {
      grpc::ClientContext context;
      context.set_deadline(std::chrono::system_clock::now() + 60s);
      schema::GoalStateOperationReply reply;
      const auto status = stub_->PushNetworkResourceStates(&context, message, &reply);
      bool is_success = status.ok() && reply.operation_statuses_size() > 0;
      for (const auto& operation : reply.operation_statuses()) {
        is_success = is_success && operation.operation_status() == schema::SUCCESS;
      }
      return is_success;
    });
  }

  FakeServer& dataplane() { return *dataplane_; }

  // Seconds.
  double spent(const char* stage) {
    return scrape(agent_->metrics_port(),
                  fmt::format(R"(alkaid_agent_goal_state_seconds_sum{{stage="{}"}})", stage));
  }

 private:
  const std::string run_;
  std::unique_ptr<FakeServer> dataplane_;
  std::unique_ptr<Agent> agent_;
  std::unique_ptr<schema::GoalStateProvisioner::Stub> stub_;
};

TEST(GroupCommit, AServedReplyWaitsForTheDisk) {
  const Directory directory;
  ServedAgent agent{directory.path()};
  bool is_programmed = false;
  for (int i = 0; i < 500 && !is_programmed; ++i) {
    is_programmed = agent.push(whole_network()).get();  // once it has its data plane
    std::this_thread::sleep_for(10ms);
  }
  ASSERT_TRUE(is_programmed);
  const auto has_neighbor = [&agent] {
    return agent.dataplane().tables(
        [](auto& tables) { return tables.has_neighbor(101, "10.0.1.100"); });
  };
  const double stored_before = agent.spent("store");
  const double total_before = agent.spent("total");
  ASSERT_GE(stored_before, 0);
  ASSERT_GE(total_before, 0);

  disk().hold();
  auto reply = agent.push(one_neighbor(100));
  disk().wait_for_sync();
  for (int i = 0; i < 500 && !has_neighbor(); ++i) {
    std::this_thread::sleep_for(10ms);
  }
  EXPECT_TRUE(has_neighbor()) << "the data plane doesn't wait";
  EXPECT_EQ(reply.wait_for(300ms), std::future_status::timeout);
  auto repeated = agent.push(one_neighbor(100));
  EXPECT_EQ(repeated.wait_for(300ms), std::future_status::timeout)
      << "it changes nothing, and yet it isn't stored";
  EXPECT_EQ(reply.wait_for(0ms), std::future_status::timeout);
  disk().release();
  EXPECT_TRUE(reply.get());
  EXPECT_TRUE(repeated.get());
  EXPECT_GE(agent.spent("store") - stored_before, 0.6) << "the disk's time is told";
  EXPECT_GE(agent.spent("total") - total_before, 0.9) << "and part of that until the replies";
}

TEST(GroupCommit, PartsOfAMessageAreStoredWithItsEndOrNotAtAll) {
  const Directory directory;
  FakeDataplane tables;
  std::size_t records = 0;
  {
    KeptAgent agent{directory.path(), tables};
    agent.push(whole_network());
    records = records_of(agent.wanted()).size();
    merge_part(agent, one_neighbor(100));
    agent.release();
  }
  EXPECT_EQ(records_in(directory.path()).size(), records);
  {
    KeptAgent agent{directory.path(), tables};
    merge_part(agent, one_neighbor(100));
    merge_part(agent, one_neighbor(101));
    EXPECT_THAT(push_without_waiting(agent, one_neighbor(102)).get(), Each(Status::kSuccess));
    merge_part(agent, one_neighbor(103));
    // Its end changes nothing.
    EXPECT_THAT(push_without_waiting(agent, one_neighbor(100)).get(), Each(Status::kSuccess));
    agent.release();
  }
  EXPECT_EQ(records_in(directory.path()).size(), records + 4);
}

}  // namespace
}  // namespace alkaid::agent::test
