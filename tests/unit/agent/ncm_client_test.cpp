// A Network Config Manager that takes a call and says nothing.
#include "control/agent/ncm/ncm_client.hpp"

#include <netinet/in.h>
#include <sys/socket.h>

#include <chrono>
#include <future>
#include <memory>
#include <string>

#include <fmt/format.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "alcor/schema/goalstateprovisioner.grpc.pb.h"
#include "control/agent/server/event_log.hpp"
#include "tests/unit/agent/goal_states.hpp"

namespace alkaid::agent::test {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

// Its calls end when the caller gives them up.
class SilentManager final : public schema::GoalStateProvisioner::CallbackService {
 public:
  SilentManager() {
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port_);
    builder.RegisterService(this);
    server_ = builder.BuildAndStart();
  }
  ~SilentManager() override { server_->Shutdown(std::chrono::system_clock::now()); }

  grpc::ServerUnaryReactor* RequestGoalStates(grpc::CallbackServerContext* /*context*/,
                                              const schema::HostRequest* /*request*/,
                                              schema::HostRequestReply* /*reply*/) override {
    class Call final : public grpc::ServerUnaryReactor {
      void OnCancel() override { Finish(grpc::Status::CANCELLED); }
      void OnDone() override { delete this; }
    };
    return new Call;
  }

  [[nodiscard]] int port() const { return port_; }

 private:
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

// Connections to it are established, and nobody ever reads from them.
class SilentSocket {
 public:
  SilentSocket() : descriptor_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    EXPECT_EQ(::bind(descriptor_, generic, size), 0);
    EXPECT_EQ(::listen(descriptor_, 16), 0);
    EXPECT_EQ(::getsockname(descriptor_, generic, &size), 0);
    port_ = ntohs(address.sin_port);
  }
  ~SilentSocket() { ::close(descriptor_); }
  SilentSocket(const SilentSocket&) = delete;
  SilentSocket& operator=(const SilentSocket&) = delete;

  [[nodiscard]] int port() const { return port_; }

 private:
  const int descriptor_;
  int port_ = 0;
};

// Asks, and has to be told in time: how it ended, and when.
void ask(int port, grpc::StatusCode& code, Clock::duration& spent) {
  EventLog events;
  std::string error;
  NcmConfig config;
  config.address = fmt::format("127.0.0.1:{}", port);
  const auto client = NcmClient::make(config, events, error);
  ASSERT_TRUE(client) << error;
  std::promise<grpc::Status> ended;
  const auto start = Clock::now();
  client->request({}, 400ms, [&ended](const NcmAnswer& answer) { ended.set_value(answer.status); });
  auto answer = ended.get_future();
  ASSERT_EQ(answer.wait_for(20s), std::future_status::ready);
  spent = Clock::now() - start;
  code = answer.get().error_code();
}

TEST(NcmClient, GivesUpAManagerThatDoesNotAnswer) {
  const SilentManager manager;
  grpc::StatusCode code{};
  Clock::duration spent{};
  ask(manager.port(), code, spent);
  EXPECT_EQ(code, grpc::StatusCode::DEADLINE_EXCEEDED);
  EXPECT_GE(spent, 350ms);
  EXPECT_LT(spent, 3s);
}

TEST(NcmClient, GivesUpAManagerThatDoesNotEvenRead) {
  const SilentSocket manager;
  grpc::StatusCode code{};
  Clock::duration spent{};
  ask(manager.port(), code, spent);
  EXPECT_EQ(code, grpc::StatusCode::UNAVAILABLE) << "there is no connection before its greeting";
  EXPECT_LT(spent, 5s);
}

// What waits for an answer ends with the client.
TEST(NcmClient, EndsWithItsCalls) {
  const SilentManager manager;
  EventLog events;
  std::string error;
  NcmConfig config;
  config.address = fmt::format("127.0.0.1:{}", manager.port());
  std::promise<grpc::StatusCode> ended;
  const auto start = Clock::now();
  {
    const auto client = NcmClient::make(config, events, error);
    ASSERT_TRUE(client) << error;
    client->request({}, 60s, [&ended](const NcmAnswer& answer) {
      ended.set_value(answer.status.error_code());
    });
  }
  EXPECT_EQ(ended.get_future().get(), grpc::StatusCode::CANCELLED);
  EXPECT_LT(Clock::now() - start, 20s);
}

}  // namespace
}  // namespace alkaid::agent::test
