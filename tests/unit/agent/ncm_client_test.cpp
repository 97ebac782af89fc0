// A Network Config Manager that takes a call and says nothing, or takes its time.
#include "control/agent/ncm/ncm_client.hpp"

#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <atomic>
#include <chrono>
#include <future>
#include <memory>
#include <string>
#include <thread>

#include <fmt/format.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include "alcor/schema/goalstateprovisioner.grpc.pb.h"
#include "control/agent/server/event_log.hpp"
#include "tests/unit/agent/goal_states.hpp"

namespace alkaid::agent::test {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

// Its calls end when the caller gives them up, or at once.
class Manager final : public schema::GoalStateProvisioner::CallbackService {
 public:
  enum class Manner { kSilent, kAnswers };

  explicit Manager(Manner manner) : manner_(manner) {
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port_);
    builder.RegisterService(this);
    server_ = builder.BuildAndStart();
  }
  ~Manager() override { server_->Shutdown(std::chrono::system_clock::now()); }

  grpc::ServerUnaryReactor* RequestGoalStates(grpc::CallbackServerContext* context,
                                              const schema::HostRequest* /*request*/,
                                              schema::HostRequestReply* /*reply*/) override {
    class Call final : public grpc::ServerUnaryReactor {
      void OnCancel() override { Finish(grpc::Status::CANCELLED); }
      void OnDone() override { delete this; }
    };
    if (manner_ == Manner::kAnswers) {
      auto* reactor = context->DefaultReactor();
      reactor->Finish(grpc::Status::OK);
      return reactor;
    }
    return new Call;
  }

  [[nodiscard]] int port() const { return port_; }

 private:
  const Manner manner_;
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

sockaddr_in loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  return address;
}

// Connections to it are established, and nobody ever reads from them.
class SilentSocket {
 public:
  SilentSocket() : descriptor_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address = loopback(0);
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
  [[nodiscard]] int descriptor() const { return descriptor_; }

 private:
  const int descriptor_;
  int port_ = 0;
};

// Stands before a manager, to which it passes what comes, and back, but only some time after a
// connection was made.
class SlowGreeting {
 public:
  SlowGreeting(int manager, std::chrono::milliseconds time)
      : thread_{[this, manager, time] {
          while (has_news(front_.descriptor())) {
            const int client = ::accept(front_.descriptor(), nullptr, nullptr);
            ++connections_;
            std::this_thread::sleep_for(time);
            pass(client, manager);
            ::close(client);
          }
        }} {}
  ~SlowGreeting() {
    stopping_ = true;
    thread_.join();
  }
  SlowGreeting(const SlowGreeting&) = delete;
  SlowGreeting& operator=(const SlowGreeting&) = delete;

  [[nodiscard]] int port() const { return front_.port(); }
  [[nodiscard]] int connections() const { return connections_; }

 private:
  // False: the end of the test.
  [[nodiscard]] bool has_news(int descriptor) const {
    pollfd waited{descriptor, POLLIN, 0};
    while (!stopping_) {
      if (::poll(&waited, 1, 20) > 0) {
        return true;
      }
    }
    return false;
  }

  void pass(int client, int port) const {
    const int manager = ::socket(AF_INET, SOCK_STREAM, 0);
    const sockaddr_in address = loopback(port);
    EXPECT_EQ(::connect(manager, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    std::array<pollfd, 2> ends{{{client, POLLIN, 0}, {manager, POLLIN, 0}}};
    bool is_open = true;
    while (is_open && !stopping_) {
      ::poll(ends.data(), ends.size(), 20);
      for (std::size_t i = 0; i < ends.size(); ++i) {
        std::array<char, 4096> bytes{};
        const ssize_t size =
            ends[i].revents != 0 ? ::read(ends[i].fd, bytes.data(), bytes.size()) : 0;
        is_open = is_open && (ends[i].revents == 0 || size > 0);
        if (size > 0) {
          ::send(ends[1 - i].fd, bytes.data(), static_cast<std::size_t>(size), MSG_NOSIGNAL);
        }
      }
    }
    ::close(manager);
  }

  const SilentSocket front_;
  std::atomic<bool> stopping_{false};
  std::atomic<int> connections_{0};
  std::thread thread_;
};

// Asks, and has to be told in time: how it ended, and when.
void ask(int port, grpc::StatusCode& code, Clock::duration& spent,
         std::chrono::milliseconds deadline = 400ms) {
  EventLog events;
  std::string error;
  NcmConfig config;
  config.address = fmt::format("127.0.0.1:{}", port);
  const auto client = NcmClient::make(config, events, error);
  ASSERT_TRUE(client) << error;
  std::promise<grpc::Status> ended;
  const auto start = Clock::now();
  client->request({}, deadline,
                  [&ended](const NcmAnswer& answer) { ended.set_value(answer.status); });
  auto answer = ended.get_future();
  ASSERT_EQ(answer.wait_for(20s), std::future_status::ready);
  spent = Clock::now() - start;
  code = answer.get().error_code();
}

TEST(NcmClient, GivesUpAManagerThatDoesNotAnswer) {
  const Manager manager{Manager::Manner::kSilent};
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
  EXPECT_EQ(code, grpc::StatusCode::DEADLINE_EXCEEDED);
  EXPECT_LT(spent, 3s);
}

// The first connection is waited for, as long as the call has.
TEST(NcmClient, ReachesAManagerThatTakesItsTimeForTheHandshake) {
  const Manager manager{Manager::Manner::kAnswers};
  const SlowGreeting front{manager.port(), 700ms};
  grpc::StatusCode code{};
  Clock::duration spent{};
  ask(front.port(), code, spent, 4s);
  EXPECT_EQ(code, grpc::StatusCode::OK);
  EXPECT_GE(spent, 650ms);
  EXPECT_EQ(front.connections(), 1);
}

// What waits for an answer ends with the client.
TEST(NcmClient, EndsWithItsCalls) {
  const Manager manager{Manager::Manner::kSilent};
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
