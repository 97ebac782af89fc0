// Workers ask while the control thread changes groups. What the change leaves alone is always
// allowed, what it never allows is always denied. Always built with ThreadSanitizer.
#include <array>
#include <atomic>
#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "dataplane/policy/rule_table.hpp"
#include "dataplane/policy/security_group_table.hpp"

namespace alkaid {
namespace {

constexpr std::uint8_t kTcp = 6;
constexpr std::size_t kReaders = 3;

// Quiescent states in small: readers count their bursts, what is retired waits until all have gone
// on.
class Bursts {
 public:
  void report(std::size_t reader) { counts_[reader].fetch_add(1, std::memory_order_acq_rel); }

  void retire(std::function<void()> release) {
    std::array<std::uint64_t, kReaders> seen{};
    for (std::size_t i = 0; i < kReaders; ++i) {
      seen[i] = counts_[i].load(std::memory_order_acquire);
    }
    waiting_.push_back({seen, std::move(release)});
  }

  void reclaim() {
    while (!waiting_.empty()) {
      for (std::size_t i = 0; i < kReaders; ++i) {
        if (counts_[i].load(std::memory_order_acquire) <= waiting_.front().seen[i] + 1) {
          return;
        }
      }
      const auto release = std::move(waiting_.front().release);
      waiting_.pop_front();
      release();
    }
  }

  void release_all() {
    while (!waiting_.empty()) {
      const auto release = std::move(waiting_.front().release);
      waiting_.pop_front();
      release();
    }
  }

 private:
  struct Waiting {
    std::array<std::uint64_t, kReaders> seen;
    std::function<void()> release;
  };
  std::array<std::atomic<std::uint64_t>, kReaders> counts_{};
  std::deque<Waiting> waiting_;
};

IpAddress address(std::uint32_t number) {
  return Ipv4Address{0x0a000000 + number};
}

SecurityRuleConfig rule(std::uint32_t number) {
  SecurityRuleConfig rule{.id = std::to_string(number), .ingress = true, .protocol = kTcp};
  rule.port_min = rule.port_max = static_cast<std::uint16_t>(1 + number);
  rule.remote_prefix = IpPrefix{address(number), static_cast<std::uint8_t>(24 + number % 9)};
  return rule;
}

TEST(PolicyReaders, SeeWholeChangesOnly) {
  Bursts bursts;
  const auto retire = [&bursts](std::function<void()> release) {
    bursts.retire(std::move(release));
  };
  RuleTable rules(4096, kReaders, retire);
  SecurityGroupTable groups({}, rules, retire);
  // Stays for good: port 60000 by prefix, port 60001 by group.
  SecurityRuleConfig by_prefix = rule(1);
  by_prefix.id = "kept by prefix";
  by_prefix.port_min = by_prefix.port_max = 60000;
  SecurityRuleConfig by_group{
      .id = "kept by group", .ingress = true, .protocol = kTcp, .remote_group = "members"};
  by_group.port_min = by_group.port_max = 60001;
  ASSERT_FALSE(groups.apply({.id = "web", .rules = {by_prefix, by_group}}));
  ASSERT_FALSE(groups.apply({.id = "members", .members = {address(1)}}));
  const PortPolicy policy({&groups.acquire("web"), &groups.acquire("unknown")});

  std::atomic<bool> stop{false};
  std::atomic<std::uint64_t> wrong{0};
  std::vector<std::thread> readers;
  for (std::size_t reader = 0; reader < kReaders; ++reader) {
    readers.emplace_back([&, reader] {
      std::uint32_t number = 0;
      while (!stop.load(std::memory_order_relaxed)) {
        for (int i = 0; i < 64; ++i) {
          const RuleNumber kept = policy.find_ingress({address(1), false, kTcp, 60000});
          const RuleNumber member = policy.find_ingress({address(1), false, kTcp, 60001});
          const RuleNumber stranger = policy.find_ingress({address(3000000), false, kTcp, 60001});
          wrong += kept == kNoRule || member == kNoRule || stranger != kNoRule ? 1 : 0;
          number = (number + 1) % 200;
          const RuleNumber any = policy.find_ingress(
              {address(number), false, kTcp, static_cast<std::uint16_t>(1 + number)});
          rules.count_hit(static_cast<unsigned>(reader), any != kNoRule ? any : kept);
        }
        bursts.report(reader);
      }
    });
  }
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(2);
  std::uint32_t change = 0;
  while (std::chrono::steady_clock::now() < end || change <= 50) {
    ++change;
    SecurityGroupChange rules_change{.id = "web"};
    rules_change.rules = {rule(change % 200)};
    rules_change.removed_rules = {std::to_string((change * 7) % 200)};
    ASSERT_FALSE(groups.apply(rules_change));
    SecurityGroupChange members_change{.id = "members"};
    members_change.members = {address(2 + change % 300)};
    members_change.removed_members = {address(2 + (change * 7) % 300)};
    ASSERT_FALSE(groups.apply(members_change));
    if (change % 50 == 0) {
      ASSERT_FALSE(groups.apply({.id = "unknown", .rules = {rule(7)}}));
      groups.remove("unknown");
    }
    bursts.reclaim();
  }
  stop = true;
  for (auto& reader : readers) {
    reader.join();
  }
  EXPECT_EQ(wrong, 0U);
  EXPECT_GT(change, 50U);
  bursts.release_all();
}

}  // namespace
}  // namespace alkaid
