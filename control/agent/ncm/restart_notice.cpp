#include "control/agent/ncm/restart_notice.hpp"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <random>
#include <utility>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "control/common/logging.hpp"

namespace alkaid::agent {
namespace {

constexpr std::chrono::milliseconds kDeadline{5000};
constexpr std::chrono::milliseconds kAddressPause{100};
constexpr std::size_t kLongestReason = 300;  // of what the manager says

// RFC 4122, version 4, as ACA's request ids.
std::string random_uuid() {
  std::random_device random;
  const auto bits = [&random](unsigned count) {
    return static_cast<std::uint32_t>(random()) & ((1U << count) - 1);
  };
  return fmt::format("{:04x}{:04x}-{:04x}-4{:03x}-{:04x}-{:04x}{:04x}{:04x}", bits(16), bits(16),
                     bits(16), bits(12), 0x8000U | bits(14), bits(16), bits(16), bits(16));
}

// Between the waiting thread and an answer that may come when nobody waits any more.
struct Answer {
  std::mutex mutex;
  std::condition_variable arrived;
  std::optional<grpc::Status> status;
};

}  // namespace

RestartNotice::RestartNotice(Send send, std::function<std::vector<IpAddress>()> own_addresses,
                             EventLog& events, Pauses pauses)
    : send_(std::move(send)),
      own_addresses_(std::move(own_addresses)),
      events_(events),
      pauses_(pauses) {}

void RestartNotice::start() {
  thread_ = std::thread{[this] { run(); }};
}

void RestartNotice::stop() {
  {
    const std::lock_guard lock{mutex_};
    stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) {
    thread_.join();
  }
}

bool RestartNotice::pause(std::chrono::milliseconds time) {
  std::unique_lock lock{mutex_};
  return !wake_.wait_for(lock, time, [this] { return stopping_; });
}

bool RestartNotice::tell(const alcor::schema::HostRequest& request) {
  const auto answer = std::make_shared<Answer>();
  send_(request, kDeadline, [answer](const grpc::Status& status) {
    {
      const std::lock_guard lock{answer->mutex};
      answer->status = status;
    }
    answer->arrived.notify_all();
  });
  std::unique_lock lock{answer->mutex};
  // In pieces, so that stop() needn't wait for a manager.
  while (
      !answer->arrived.wait_for(lock, kAddressPause, [&] { return answer->status.has_value(); })) {
    const std::lock_guard own_lock{mutex_};
    if (stopping_) {
      return true;
    }
  }
  const grpc::Status& status = *answer->status;
  if (status.ok()) {
    spdlog::info("the Network Config Manager knows of this agent's start");
    events_.add(v1::Event::INFO, "restart_told",
                "the Network Config Manager knows of this agent's start");
    return true;
  }
  if (status.error_code() == grpc::StatusCode::UNIMPLEMENTED) {
    spdlog::warn("the Network Config Manager doesn't take requests: {}",
                 printable(status.error_message(), kLongestReason));
    return true;
  }
  if (!std::exchange(has_failed_, true)) {
    const std::string text = fmt::format(
        "the Network Config Manager can't be told of this agent's start, which is "
        "tried again: {}",
        printable(status.error_message(), kLongestReason));
    spdlog::warn("{}", text);
    events_.add(v1::Event::WARNING, "restart_not_told", text);
  }
  return false;
}

void RestartNotice::run() {
  std::vector<IpAddress> own = own_addresses_();
  while (own.empty()) {
    if (!pause(kAddressPause)) {
      return;
    }
    own = own_addresses_();
  }
  alcor::schema::HostRequest request;
  request.set_format_version(1);
  auto& state = *request.add_state_requests();
  state.set_request_type(alcor::schema::AGENT_RESTARTED);
  state.set_request_id(random_uuid());
  state.set_source_ip(own.front().to_string());
  state.set_ethertype(own.front().is_v4() ? alcor::schema::IPV4 : alcor::schema::IPV6);
  auto time = pauses_.first;
  while (!tell(request)) {
    if (!pause(time)) {
      return;
    }
    time = std::min(2 * time, pauses_.longest);
  }
}

}  // namespace alkaid::agent
