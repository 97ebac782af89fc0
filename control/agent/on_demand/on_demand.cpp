#include "control/agent/on_demand/on_demand.hpp"

#include <algorithm>
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
                   const OnDemandSettings& settings, const std::vector<LearntNeighbor>& learnt,
                   Effects effects)
    : settings_(settings),
      effects_(std::move(effects)),
      source_(dataplane_socket),
      requester_(settings.requester),
      learnt_(settings.idle),
      ncm_(std::move(ncm)) {
  const auto now = Clock::now();
  std::vector<NeighborKey> unasked;  // the ports went while no agent ran that could say so
  for (const LearntNeighbor& neighbor : learnt) {
    if (neighbor.ports.empty()) {
      unasked.push_back(neighbor.key);
    } else {
      learnt_.learn(neighbor, now);
    }
  }
  if (!unasked.empty()) {
    effects_.forget(std::move(unasked));
  }
}

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
  {
    std::unique_lock lock{mutex_};
    sent_.wait(lock, [this] { return sending_ == 0; });
  }
  ncm_.reset();
}

OnDemand::Activity OnDemand::activity() const {
  const std::lock_guard lock{mutex_};
  return {requester_.counts(), requester_.questions(), learnt_.size()};
}

template <class Event>
void OnDemand::handle(Event&& event) {
  std::vector<Requester::Call> calls;
  bool is_work_due = false;
  {
    const std::lock_guard lock{mutex_};
    if (stopping_) {
      return;
    }
    event();
    const auto now = Clock::now();
    requester_.tick(now);
    while (auto call = requester_.next_call(now)) {
      calls.push_back(std::move(*call));
    }
    const auto ended = requester_.take_ended();
    ended_.insert(ended_.end(), ended.begin(), ended.end());
    const auto next = requester_.next_time();
    is_work_due = !ended_.empty() || (next && *next < wakes_at_);
    sending_ += calls.empty() ? 0 : 1;
  }
  if (is_work_due) {
    wake_.notify_one();
  }
  if (calls.empty()) {
    return;
  }
  for (Requester::Call& call : calls) {
    send(std::move(call));
  }
  const std::lock_guard lock{mutex_};
  if (--sending_ == 0) {
    sent_.notify_all();
  }
}

void OnDemand::send(Requester::Call call) {
  ncm_->request(std::move(call.request), settings_.requester.call_deadline,
                [this, number = call.number](const NcmAnswer& answer) {
                  if (!answer.status.ok()) {
                    spdlog::debug("RequestGoalStates: {}", answer.status.error_message());
                  }
                  handle([&] { requester_.answered(number, answer, Clock::now()); });
                });
}

void OnDemand::watch() {
  std::unique_lock lock{mutex_};
  while (!stopping_) {
    lock.unlock();
    // The stream's own pace is ours: a batch is read when the last one has been taken.
    const grpc::Status status = source_.watch(
        [this](const dataplane::v1::MissBatch& batch) { handle([&] { take(batch); }); });
    spdlog::debug("the data plane's stream of misses ended: {}", status.error_message());
    handle([this] { requester_.forget_misses(); });
    lock.lock();
    stop_.wait_for(lock, kReconnectInterval, [this] { return stopping_; });
  }
}

void OnDemand::take(const dataplane::v1::MissBatch& batch) {
  const auto now = Clock::now();
  for (const auto& miss : batch.misses()) {
    requester_.missed(miss, now);
  }
  std::vector<LearntNeighbor> learnt;
  for (const std::uint64_t id : batch.found()) {
    if (auto found = requester_.found(id)) {
      learnt_.learn(*found, now);
      learnt.push_back(std::move(*found));
    }
  }
  if (!learnt.empty()) {
    effects_.learn(std::move(learnt));
  }
  for (const std::string& port : batch.gone_ports()) {
    if (auto gone = learnt_.port_gone(port); !gone.empty()) {
      effects_.forget(std::move(gone));
    }
  }
}

void OnDemand::work() {
  std::unique_lock lock{mutex_};
  while (!stopping_) {
    if (!ended_.empty()) {
      const auto ended = std::exchange(ended_, {});
      lock.unlock();
      source_.end_misses(ended);
      lock.lock();
      continue;
    }
    const auto next = requester_.next_time();
    if (next && *next <= Clock::now()) {
      lock.unlock();
      handle([] {});
      lock.lock();
      continue;
    }
    wakes_at_ = next.value_or(Clock::time_point::max());
    if (next) {
      wake_.wait_until(lock, *next);
    } else {
      wake_.wait(lock);
    }
  }
}

void OnDemand::age() {
  const auto interval =
      std::min<std::chrono::milliseconds>(settings_.idle / 4, kLongestAgeingInterval);
  std::unique_lock lock{mutex_};
  while (!stop_.wait_for(lock, interval, [this] { return stopping_; })) {
    const std::vector<NeighborKey> keys = learnt_.take_suspects(Clock::now(), kMostSuspects);
    if (keys.empty()) {
      continue;
    }
    lock.unlock();
    const std::vector<std::uint32_t> idle = source_.read_use(keys);
    lock.lock();
    std::vector<NeighborKey> forgotten;
    for (std::size_t i = 0; i < idle.size(); ++i) {
      if (learnt_.judge(keys[i], idle[i], Clock::now())) {
        forgotten.push_back(keys[i]);
      }
    }
    if (!forgotten.empty()) {
      spdlog::debug("{} neighbors are forgotten: nobody used them", forgotten.size());
      effects_.forget(std::move(forgotten));
    }
  }
}

}  // namespace alkaid::agent
