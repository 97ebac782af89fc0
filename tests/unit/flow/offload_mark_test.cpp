// The mark of connections that hardware forwards, between workers and the control thread: whoever
// changes a marked connection's state, or ends its life, tells.
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "dataplane/flow/offload_notices.hpp"

namespace alkaid::test {
namespace {

constexpr std::uint32_t kConnections = 64;

// As Connector and FlowState::forget_ended do it.
void change_state(ConnectionRecord& record, ConnectionNumber number, OffloadNotices& notices,
                  std::size_t worker) {
  std::uint32_t bits = record.state.load();
  while (!record.state.compare_exchange_weak(bits, (bits + 1) & 0xff)) {
  }
  if ((bits & ConnectionRecord::kOffloaded) != 0) {
    notices.tell(worker, {.number = number, .ipv6 = false});
  }
}

void end_life(ConnectionRecord& record, ConnectionNumber number, OffloadNotices& notices,
              std::size_t worker) {
  std::uint32_t life = record.life.load();
  if ((life & 1) == 0 || !record.life.compare_exchange_strong(life, life + 1)) {
    return;
  }
  if ((record.state.load() & ConnectionRecord::kOffloaded) != 0) {
    notices.tell(worker, {.number = number, .ipv6 = false});
  }
  record.state.store(1, std::memory_order_relaxed);
  record.life.store(life + 2, std::memory_order_release);
}

TEST(OffloadMark, NobodyTakesItAwaySilently) {
  std::array<ConnectionRecord, kConnections> records;
  for (auto& record : records) {
    record.state = 1;
    record.life = 1;
  }
  OffloadNotices notices(2);
  std::atomic<bool> stopping{false};
  std::vector<std::thread> workers;
  for (std::size_t worker = 0; worker < 2; ++worker) {
    workers.emplace_back([&, worker] {
      for (std::uint32_t i = 0; !stopping.load(std::memory_order_relaxed); ++i) {
        const ConnectionNumber number = i * 7 % kConnections;
        if (i % 3 == 0) {
          end_life(records[number], number, notices, worker);
        } else {
          change_state(records[number], number, notices, worker);
        }
      }
    });
  }
  // What the control thread believes to be in hardware, with the life it saw.
  std::array<std::uint32_t, kConnections> marked{};
  std::uint64_t marks = 0;
  std::uint64_t told = 0;
  const auto take = [&] {
    const bool is_complete = notices.take([&](const OffloadNotice& notice) {
      told += marked[notice.number] != 0 ? 1 : 0;
      marked[notice.number] = 0;
    });
    for (ConnectionNumber number = 0; !is_complete && number < kConnections; ++number) {
      const bool is_as_marked = records[number].life.load() == marked[number] &&
                                (records[number].state.load() & ConnectionRecord::kOffloaded) != 0;
      marked[number] = is_as_marked ? marked[number] : 0;
    }
  };
  // At least until the workers have had their turn.
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{30};
  const auto goes_on = [&](int round) {
    return round < 20000 || (told == 0 && std::chrono::steady_clock::now() < deadline);
  };
  for (int round = 0; goes_on(round); ++round) {
    const ConnectionNumber number = static_cast<std::uint32_t>(round) % kConnections;
    ConnectionRecord& record = records[number];
    const std::uint32_t life = record.life.load();
    std::uint32_t word = record.state.load();
    if (marked[number] == 0 && (life & 1) != 0 && (word & ConnectionRecord::kOffloaded) == 0 &&
        record.state.compare_exchange_strong(word, word | ConnectionRecord::kOffloaded)) {
      if (record.life.load() == life) {
        marked[number] = life;
        ++marks;
      } else {
        record.state.fetch_and(~ConnectionRecord::kOffloaded);
      }
    }
    take();
  }
  stopping = true;
  for (auto& worker : workers) {
    worker.join();
  }
  take();
  for (ConnectionNumber number = 0; number < kConnections; ++number) {
    if (marked[number] != 0) {
      EXPECT_EQ(records[number].life.load(), marked[number]) << "its end was not told";
      EXPECT_NE(records[number].state.load() & ConnectionRecord::kOffloaded, 0U)
          << "its change was not told";
    }
  }
  EXPECT_GT(marks, 0U);
  EXPECT_GT(told, 0U);
}

}  // namespace
}  // namespace alkaid::test
