// A fake Network Config Manager that takes a fixed time, and notes what it was asked when.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <grpcpp/grpcpp.h>

#include "alcor/schema/goalstateprovisioner.grpc.pb.h"

namespace alkaid::perf {

// Knows the workload's neighbors. Pushes them over one stream to the agent and then answers.
class FakeNcm final : public alcor::schema::GoalStateProvisioner::Service {
 public:
  using Clock = std::chrono::steady_clock;

  // When the manager had the question, and when it began to send the state. Unset: never.
  struct Times {
    Clock::time_point asked;
    Clock::time_point pushed;
  };

  FakeNcm(std::string agent, std::chrono::microseconds delay, std::uint32_t first,
          std::uint32_t count)
      : agent_(std::move(agent)), delay_(delay), first_(first), times_(count) {}

  // Serves on HOST:PORT. Throws std::runtime_error.
  void start(const std::string& listen);
  void stop();

  [[nodiscard]] std::vector<Times> times();
  [[nodiscard]] std::uint64_t calls();
  // The agent has said that it is there, so it is connected.
  [[nodiscard]] bool is_known() const { return is_known_; }

  grpc::Status RequestGoalStates(grpc::ServerContext* context,
                                 const alcor::schema::HostRequest* request,
                                 alcor::schema::HostRequestReply* reply) override;

 private:
  const std::string agent_;
  const std::chrono::microseconds delay_;
  const std::uint32_t first_;
  std::mutex mutex_;
  std::vector<Times> times_;
  std::uint64_t calls_ = 0;
  std::atomic<bool> is_known_{false};
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace alkaid::perf
