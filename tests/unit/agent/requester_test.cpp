// What is asked of a Network Config Manager, when, and what comes of each way in which it may
// answer. The manager is a fake that does what the case says.
#include "control/agent/on_demand/requester.hpp"

#include <algorithm>

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
  ASSERT_THAT(call.request.state_requests(), SizeIs(1));
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
  EXPECT_THAT(call.request.state_requests(), SizeIs(2));
  requester_.answered(call.number, answer(call, schema::SUCCESS), now_);
  EXPECT_TRUE(requester_.found(1));
  EXPECT_TRUE(requester_.found(2));
  EXPECT_EQ(requester_.counts().failed, 2U);
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
  EXPECT_THAT(first.request.state_requests(), SizeIs(4));
  EXPECT_THAT(second.request.state_requests(), SizeIs(4));
  EXPECT_FALSE(requester_.next_call(now_));
  requester_.answered(first.number, answer(first, schema::SUCCESS), now_);
  EXPECT_THAT(must_call().request.state_requests(), SizeIs(2));
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

}  // namespace
}  // namespace alkaid::agent
