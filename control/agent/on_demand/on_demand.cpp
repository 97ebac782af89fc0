#include "control/agent/on_demand/on_demand.hpp"

#include <algorithm>
#include <future>
#include <utility>

#include <spdlog/spdlog.h>

namespace alkaid::agent {
namespace {

using namespace std::chrono_literals;

constexpr auto kReconnectInterval = 100ms;
constexpr auto kLongestAgeingInterval = 15s;
constexpr std::size_t kMostSuspects = 65536;  // of one question to the data plane

}  // namespace

OnDemand::OnDemand(const std::string& dataplane_socket, std::unique_ptr<Ncm> ncm,
                   const OnDemandSettings& settings, Forget forget)
    : settings_(settings),
      forget_(std::move(forget)),
      source_(dataplane_socket),
      requester_(settings.requester),
      learnt_(settings.idle),
      ncm_(std::move(ncm)) {}

void OnDemand::start() {
  watcher_ = std::thread{[this] { watch(); }};
  worker_ = std::thread{[this] { work(); }};
  ager_ = std::thread{[this] { age(); }};
}

void OnDemand::stop() {
  {
    const std::lock_guard lock{mutex_};
    stopping_ = true;
  }
  wake_.notify_all();
  stop_.notify_all();
  source_.stop();
  for (std::thread* thread : {&watcher_, &worker_, &ager_}) {
    if (thread->joinable()) {
      thread->join();
    }
  }
  ncm_.reset();
}

bool OnDemand::post(std::function<void()> event) {
  {
    const std::lock_guard lock{mutex_};
    if (stopping_) {
      return false;
    }
    events_.push_back(std::move(event));
  }
  wake_.notify_one();
  return true;
}

void OnDemand::watch() {
  std::unique_lock lock{mutex_};
  while (!stopping_) {
    lock.unlock();
    const grpc::Status status = source_.watch([this](const dataplane::v1::MissBatch& batch) {
      // The stream's own pace bounds the queue: a batch is read when the last one has been taken.
      std::promise<void> taken;
      if (post([this, &batch, &taken] {
            take(batch);
            taken.set_value();
          })) {
        taken.get_future().wait();
      }
    });
    spdlog::debug("the data plane's stream of misses ended: {}", status.error_message());
    post([this] { requester_.forget_misses(); });
    lock.lock();
    stop_.wait_for(lock, kReconnectInterval, [this] { return stopping_; });
  }
}

void OnDemand::take(const dataplane::v1::MissBatch& batch) {
  const auto now = Clock::now();
  for (const auto& miss : batch.misses()) {
    requester_.missed(miss, now);
  }
  for (const std::uint64_t id : batch.found()) {
    if (const auto found = requester_.found(id)) {
      learnt_.learn(found->key, found->ports, now);
    }
  }
  for (const std::string& port : batch.gone_ports()) {
    if (auto gone = learnt_.port_gone(port); !gone.empty()) {
      forget_(std::move(gone));
    }
  }
}

void OnDemand::send_calls() {
  while (auto call = requester_.next_call(Clock::now())) {
    ncm_->request(call->request, settings_.requester.call_deadline,
                  [this, number = call->number](NcmAnswer answer) {
                    post([this, number, answer = std::move(answer)] {
                      if (!answer.status.ok()) {
                        spdlog::debug("RequestGoalStates: {}", answer.status.error_message());
                      }
                      requester_.answered(number, answer, Clock::now());
                    });
                  });
  }
}

void OnDemand::work() {
  std::unique_lock lock{mutex_};
  while (!stopping_) {
    const auto ready = [this] { return stopping_ || !events_.empty(); };
    if (const auto next = requester_.next_time()) {
      wake_.wait_until(lock, *next, ready);
    } else {
      wake_.wait(lock, ready);
    }
    auto events = std::exchange(events_, {});
    lock.unlock();
    for (const auto& event : events) {
      event();
    }
    requester_.tick(Clock::now());
    send_calls();
    if (const auto ended = requester_.take_ended(); !ended.empty()) {
      source_.end_misses(ended);
    }
    lock.lock();
  }
  // The watcher may wait for one of them.
  auto events = std::exchange(events_, {});
  lock.unlock();
  for (const auto& event : events) {
    event();
  }
}

void OnDemand::age() {
  const auto interval =
      std::min<std::chrono::milliseconds>(settings_.idle / 4, kLongestAgeingInterval);
  std::unique_lock lock{mutex_};
  while (!stop_.wait_for(lock, interval, [this] { return stopping_; })) {
    lock.unlock();
    auto suspects = std::make_shared<std::promise<std::vector<NeighborKey>>>();
    auto answer = suspects->get_future();
    post([this, suspects] {
      suspects->set_value(learnt_.take_suspects(Clock::now(), kMostSuspects));
    });
    while (answer.wait_for(100ms) != std::future_status::ready) {
      const std::lock_guard guard{mutex_};
      if (stopping_) {
        return;
      }
    }
    const std::vector<NeighborKey> keys = answer.get();
    const std::vector<std::uint32_t> idle =
        keys.empty() ? std::vector<std::uint32_t>{} : source_.read_use(keys);
    if (!idle.empty()) {
      post([this, keys, idle] {
        std::vector<NeighborKey> forgotten;
        for (std::size_t i = 0; i < keys.size(); ++i) {
          if (learnt_.judge(keys[i], idle[i], Clock::now())) {
            forgotten.push_back(keys[i]);
          }
        }
        if (!forgotten.empty()) {
          spdlog::debug("{} neighbors are forgotten: nobody used them", forgotten.size());
          forget_(std::move(forgotten));
        }
      });
    }
    lock.lock();
  }
}

}  // namespace alkaid::agent
