// What is asked of a Network Config Manager, when, and what comes of each way in which it may
// answer. The manager is a fake that does what the case says.
#include "control/agent/on_demand/requester.hpp"

#include <algorithm>
#include <array>
#include <deque>
#include <map>
#include <random>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace alkaid::agent {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

namespace schema = alcor::schema;
namespace v1 = dataplane::v1;

constexpr std::uint32_t kVni = 77;

void set_address(std::uint32_t number, v1::IpAddress& message) {
  const IpAddress address{Ipv4Address{number}};
  message.set_high(address.high());
  message.set_low(address.low());
}

v1::Miss miss(std::uint64_t id, std::uint32_t address, const std::string& port = "p") {
  v1::Miss message;
  message.set_id(id);
  message.set_vni(kVni);
  set_address(address, *message.mutable_address());
  message.set_port(port);
  message.set_source_vni(kVni + 1);
  set_address(0x0a000001, *message.mutable_source());
  set_address(address, *message.mutable_destination());
  message.set_ether_type(0x0800);
  message.set_protocol(17);
  message.set_source_port(1234);
  message.set_destination_port(53);
  return message;
}

// Answers every question of a call alike.
NcmAnswer answer(const Requester::Call& call, schema::OperationStatus status) {
  NcmAnswer result;
  for (const auto& question : call.request.state_requests()) {
    auto* entry = result.reply.add_operation_statuses();
    entry->set_request_id(question.request_id());
    entry->set_operation_status(status);
  }
  return result;
}

NcmAnswer failure() {
  return {{grpc::StatusCode::UNAVAILABLE, "down"}, {}};
}

class RequesterTest : public ::testing::Test {
 protected:
  static RequesterSettings settings() {
    RequesterSettings settings;
    settings.most_in_call = 4;
    settings.most_calls = 2;
    settings.most_questions = 16;
    return settings;
  }
  void pass(std::chrono::milliseconds time) {
    now_ += time;
    requester_.tick(now_);
  }
  Requester::Call must_call() {
    auto call = requester_.next_call(now_);
    EXPECT_TRUE(call);
    return call.value_or(Requester::Call{});
  }

  Requester requester_{settings()};
  Requester::Time now_ = Requester::Clock::now();
};

TEST_F(RequesterTest, AsksOnceForADestinationAndSaysWhatItIs) {
  requester_.missed(miss(1, 0x0a000009), now_);
  requester_.missed(miss(2, 0x0a000009, "other"), now_);
  const auto call = must_call();
  ASSERT_EQ(call.request.state_requests_size(), 1);
  const auto& question = call.request.state_requests(0);
  EXPECT_EQ(question.request_type(), schema::ON_DEMAND);
  EXPECT_EQ(question.tunnel_id(), kVni + 1);
  EXPECT_EQ(question.source_ip(), "10.0.0.1");
  EXPECT_EQ(question.source_port(), 1234U);
  EXPECT_EQ(question.destination_ip(), "10.0.0.9");
  EXPECT_EQ(question.destination_port(), 53U);
  EXPECT_EQ(question.protocol(), schema::UDP);
  EXPECT_EQ(question.ethertype(), schema::IPV4);
  EXPECT_THAT(question.request_id(), SizeIs(36));
  requester_.missed(miss(3, 0x0a000009), now_);
  EXPECT_FALSE(requester_.next_call(now_));
}

TEST_F(RequesterTest, PushBeforeTheAnswer) {
  requester_.missed(miss(1, 9, "one"), now_);
  requester_.missed(miss(2, 9, "two"), now_);
  const auto call = must_call();
  const auto found = requester_.found(2);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->key, (NeighborKey{IpAddress{Ipv4Address{9}}, Vni::from_trusted(kVni)}));
  EXPECT_THAT(found->ports, ElementsAre("one", "two"));
  EXPECT_FALSE(requester_.found(1));
  requester_.answered(call.number, answer(call, schema::FAILURE), now_);  // too late to matter
  EXPECT_THAT(requester_.take_ended(), IsEmpty());
  EXPECT_EQ(requester_.questions(), 0U);
}

TEST_F(RequesterTest, AnswerBeforeThePush) {
  requester_.missed(miss(1, 9), now_);
  const auto call = must_call();
  requester_.answered(call.number, answer(call, schema::SUCCESS), now_);
  pass(500ms);
  EXPECT_THAT(requester_.take_ended(), IsEmpty());
  EXPECT_TRUE(requester_.found(1));
  EXPECT_EQ(requester_.questions(), 0U);
}

TEST_F(RequesterTest, YesWithoutAPushIsANo) {
  requester_.missed(miss(1, 9), now_);
  const auto call = must_call();
  requester_.answered(call.number, answer(call, schema::SUCCESS), now_);
  pass(999ms);
  EXPECT_THAT(requester_.take_ended(), IsEmpty());
  pass(2ms);
  EXPECT_THAT(requester_.take_ended(), ElementsAre(1));
  EXPECT_EQ(requester_.counts().unheard, 1U);
  requester_.missed(miss(2, 9), now_);
  EXPECT_THAT(requester_.take_ended(), ElementsAre(2));
  EXPECT_FALSE(requester_.next_call(now_));
}

TEST_F(RequesterTest, ARefusalIsRememberedForLongerAndLonger) {
  std::uint64_t id = 0;
  for (const auto silence : {1000ms, 2000ms, 4000ms}) {
    requester_.missed(miss(++id, 9), now_);
    const auto call = must_call();
    requester_.answered(call.number, answer(call, schema::FAILURE), now_);
    EXPECT_THAT(requester_.take_ended(), ElementsAre(id));
    pass(silence - 1ms);
    requester_.missed(miss(++id, 9), now_);
    EXPECT_THAT(requester_.take_ended(), ElementsAre(id)) << silence.count();
    EXPECT_FALSE(requester_.next_call(now_));
    pass(1ms);
  }
  // In the end it is forgotten altogether.
  pass(60s);
  pass(60s);
  EXPECT_EQ(requester_.questions(), 0U);
}

TEST_F(RequesterTest, AMissingStatusMeansNothing) {
  requester_.missed(miss(1, 9), now_);
  const auto call = must_call();
  requester_.answered(call.number, NcmAnswer{}, now_);
  EXPECT_THAT(requester_.take_ended(), IsEmpty());
  EXPECT_TRUE(requester_.found(1));
}

TEST_F(RequesterTest, AFailedCallIsTriedAgainWithABackOff) {
  requester_.missed(miss(1, 9), now_);
  auto call = must_call();
  requester_.answered(call.number, failure(), now_);
  EXPECT_FALSE(requester_.next_call(now_));
  ASSERT_TRUE(requester_.next_time());
  EXPECT_EQ(*requester_.next_time(), now_ + 50ms);
  pass(50ms);
  call = must_call();
  requester_.missed(miss(2, 10), now_);
  EXPECT_FALSE(requester_.next_call(now_));  // one call at a time
  requester_.answered(call.number, failure(), now_);
  pass(99ms);
  EXPECT_FALSE(requester_.next_call(now_));
  pass(1ms);
  call = must_call();
  EXPECT_EQ(call.request.state_requests_size(), 2);
  requester_.answered(call.number, answer(call, schema::SUCCESS), now_);
  EXPECT_TRUE(requester_.found(1));
  EXPECT_TRUE(requester_.found(2));
  EXPECT_EQ(requester_.counts().failed, 2U);
}

// The first call after a failure is never answered.
TEST_F(RequesterTest, ACallThatHangsHoldsNobodyUp) {
  requester_.missed(miss(1, 9), now_);
  requester_.answered(must_call().number, failure(), now_);
  pass(50ms);
  must_call();
  requester_.missed(miss(2, 10), now_);
  pass(699ms);
  EXPECT_FALSE(requester_.next_call(now_));
  ASSERT_TRUE(requester_.next_time());
  EXPECT_EQ(*requester_.next_time(), now_ + 1ms);
  pass(1ms);
  const auto call = must_call();
  requester_.answered(call.number, answer(call, schema::SUCCESS), now_);
  EXPECT_TRUE(requester_.found(2));
  requester_.missed(miss(3, 11), now_);
  pass(1ms);
  must_call();  // the manager doesn't fail any more, whatever became of that one
}

TEST_F(RequesterTest, AManagerThatIsDownIsNotAskedAboutPacketsThatAreGone) {
  requester_.missed(miss(1, 9), now_);
  const auto call = must_call();
  pass(3s);
  requester_.answered(call.number, failure(), now_);
  EXPECT_THAT(requester_.take_ended(), ElementsAre(1));
  EXPECT_EQ(requester_.questions(), 0U);
  // No negative entry: the next packet is a new question.
  requester_.missed(miss(2, 9), now_);
  pass(50ms);
  EXPECT_TRUE(requester_.next_call(now_));
}

TEST_F(RequesterTest, QuestionsAreBatchedAndCallsBounded) {
  for (std::uint32_t i = 1; i <= 10; ++i) {
    requester_.missed(miss(i, i), now_);
  }
  const auto first = must_call();
  const auto second = must_call();
  EXPECT_EQ(first.request.state_requests_size(), 4);
  EXPECT_EQ(second.request.state_requests_size(), 4);
  EXPECT_FALSE(requester_.next_call(now_));
  requester_.answered(first.number, answer(first, schema::SUCCESS), now_);
  pass(1ms);
  EXPECT_EQ(must_call().request.state_requests_size(), 2);
}

TEST_F(RequesterTest, QuestionsGatherWhenManyCallsAreUnderWay) {
  RequesterSettings settings;
  settings.calls_without_pause = 1;
  settings.most_in_call = 3;
  Requester requester{settings};
  requester.missed(miss(1, 1), now_);
  ASSERT_TRUE(requester.next_call(now_));
  requester.missed(miss(2, 2), now_);
  EXPECT_FALSE(requester.next_call(now_));
  EXPECT_EQ(requester.next_time(), now_ + settings.pause);
  // A full call needn't wait for more.
  requester.missed(miss(3, 3), now_);
  EXPECT_FALSE(requester.next_call(now_));
  requester.missed(miss(4, 4), now_);
  ASSERT_TRUE(requester.next_call(now_));
  requester.missed(miss(5, 5), now_);
  EXPECT_FALSE(requester.next_call(now_));
  EXPECT_TRUE(requester.next_call(now_ + settings.pause));
}

TEST_F(RequesterTest, AScanIsBounded) {
  std::size_t ended = 0;
  for (std::uint32_t i = 1; i <= 1000; ++i) {
    requester_.missed(miss(i, i), now_);
    ended += requester_.take_ended().size();
  }
  EXPECT_EQ(requester_.questions(), settings().most_questions);
  EXPECT_EQ(ended, 1000 - settings().most_questions);
}

// Replies with statuses missing, doubled, unknown and of other questions, in any order.
TEST_F(RequesterTest, WhateverAManagerAnswersNothingIsLeft) {
  std::mt19937 random(20240609);
  const auto below = [&random](std::uint32_t limit) { return random() % limit; };
  std::vector<Requester::Call> open;
  std::uint64_t last_miss = 0;
  const auto reply = [&](const Requester::Call& call) {
    if (below(5) == 0) {
      return failure();
    }
    NcmAnswer result;
    for (std::uint32_t i = below(8); i > 0; --i) {
      auto* entry = result.reply.add_operation_statuses();
      const int size = call.request.state_requests_size();
      entry->set_request_id(
          below(4) == 0 ? "another"
                        : call.request.state_requests(static_cast<int>(below(size))).request_id());
      entry->set_operation_status(static_cast<schema::OperationStatus>(below(7)));
    }
    return result;
  };
  for (int step = 0; step < 50000; ++step) {
    switch (below(6)) {
      case 0:
      case 1:
        requester_.missed(miss(++last_miss, below(40), below(2) == 0 ? "p" : "q"), now_);
        break;
      case 2:
        requester_.found(last_miss - std::min<std::uint64_t>(last_miss, below(20)));
        break;
      case 3:
        if (!open.empty()) {
          const std::size_t which = below(static_cast<std::uint32_t>(open.size()));
          requester_.answered(open[which].number, reply(open[which]), now_);
          open.erase(open.begin() + static_cast<std::ptrdiff_t>(which));
        } else {
          requester_.answered(below(1000), failure(), now_);
        }
        break;
      case 4:
        pass(std::chrono::milliseconds{below(300)});
        break;
      default:
        requester_.take_ended();
        break;
    }
    if (auto call = requester_.next_call(now_)) {
      ASSERT_GE(call->request.state_requests_size(), 1);
      open.push_back(std::move(*call));
    }
    ASSERT_LE(requester_.questions(), settings().most_questions);
    ASSERT_LE(open.size(), settings().most_calls);
  }
  for (int i = 0; i < 100 && requester_.questions() > 0; ++i) {
    for (const Requester::Call& call : std::exchange(open, {})) {
      requester_.answered(call.number, failure(), now_);
    }
    pass(60s);
    if (auto call = requester_.next_call(now_)) {
      open.push_back(std::move(*call));
    }
  }
  EXPECT_EQ(requester_.questions(), 0U);
  EXPECT_FALSE(requester_.next_time());
}

TEST_F(RequesterTest, ANewDataPlaneHasNewMisses) {
  requester_.missed(miss(1, 9), now_);
  requester_.missed(miss(2, 10), now_);
  const auto call = must_call();
  requester_.answered(call.number, answer(call, schema::FAILURE), now_);
  requester_.missed(miss(3, 11), now_);
  requester_.take_ended();
  requester_.forget_misses();
  EXPECT_FALSE(requester_.next_call(now_));
  EXPECT_FALSE(requester_.found(3));
  // What the manager refused is still known.
  requester_.missed(miss(1, 9), now_);
  EXPECT_THAT(requester_.take_ended(), ElementsAre(1));
}

// Eight calls at a time, 20 ms each, whatever they ask; the others wait.
class BusyManager {
 public:
  using Time = Requester::Time;

  void ask(Requester::Call call, Time now) {
    const auto first_free = std::ranges::min_element(free_at_);
    *first_free = std::max(*first_free, now) + 20ms;
    under_way_.emplace_back(*first_free, std::move(call));
  }
  // What it has answered by then.
  std::vector<Requester::Call> take_answered(Time now) {
    std::vector<Requester::Call> answered;
    while (!under_way_.empty() && under_way_.front().first <= now) {
      answered.push_back(std::move(under_way_.front().second));
      under_way_.pop_front();
    }
    return answered;
  }

 private:
  std::array<Time, 8> free_at_{};
  std::deque<std::pair<Time, Requester::Call>> under_way_;
};

// A guest asks for a new destination every millisecond, another one for its own every 50.
TEST(RequesterBeforeABusyManager, WhoScansHoldsUpNobody) {
  constexpr std::uint32_t kOthers = 0x0b000000;
  Requester requester{{}};
  BusyManager manager;
  std::map<std::uint64_t, Requester::Time> waiting;  // misses of the other guest
  std::chrono::milliseconds longest{0};
  std::size_t served = 0;
  std::uint64_t id = 0;
  const Requester::Time start{1h};
  for (int millisecond = 0; millisecond < 5000; ++millisecond) {
    const Requester::Time now = start + std::chrono::milliseconds{millisecond};
    for (const auto& call : manager.take_answered(now)) {
      requester.answered(call.number, answer(call, schema::SUCCESS), now);
      for (auto entry = waiting.begin(); entry != waiting.end();) {
        const bool is_asked =
            std::ranges::any_of(call.request.state_requests(), [&](const auto& question) {
              return question.destination_ip() ==
                     IpAddress{Ipv4Address{kOthers + static_cast<std::uint32_t>(entry->first)}}
                         .to_string();
            });
        if (is_asked && requester.found(entry->first)) {
          longest = std::max(
              longest, std::chrono::duration_cast<std::chrono::milliseconds>(now - entry->second));
          ++served;
          entry = waiting.erase(entry);
        } else {
          ++entry;
        }
      }
    }
    requester.tick(now);
    requester.take_ended();
    ++id;
    requester.missed(miss(id, 0x0c000000 + static_cast<std::uint32_t>(id), "scanner"), now);
    if (millisecond % 50 == 0) {
      ++id;
      requester.missed(miss(id, kOthers + static_cast<std::uint32_t>(id), "other"), now);
      waiting.emplace(id, now);
    }
    while (auto call = requester.next_call(now)) {
      manager.ask(std::move(*call), now);
    }
  }
  EXPECT_GE(served, 95U) << "of 100";
  EXPECT_LT(longest, 300ms);
}

TEST(CallLimit, FollowsWhatCallsTake) {
  using Time = CallLimit::Clock::time_point;
  CallLimit limit{8, 100};
  EXPECT_EQ(limit.calls(), 100U);
  Time now{1h};
  for (int i = 0; i < 100; ++i) {
    limit.answered(200ms, now);
  }
  EXPECT_EQ(limit.calls(), 100U) << "slow, but not because of us";
  for (int i = 0; i < 100; ++i) {
    limit.answered(450ms, now);
  }
  EXPECT_EQ(limit.calls(), 8U);
  for (int i = 0; i < 50; ++i) {
    limit.answered(210ms, now);
  }
  EXPECT_EQ(limit.calls(), 58U);
  // A manager that has become slower for good is believed after a while.
  for (int i = 0; i < 3; ++i) {
    now += 11s;
    limit.answered(1s, now);
  }
  const std::size_t before = limit.calls();
  limit.answered(1s, now);
  EXPECT_EQ(limit.calls(), before + 1);
}

}  // namespace
}  // namespace alkaid::agent
