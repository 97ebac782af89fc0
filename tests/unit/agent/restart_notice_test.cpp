// AGENT_RESTARTED reaches a Network Config Manager that is late, refuses, or never answers.
#include "control/agent/ncm/restart_notice.hpp"

#include <atomic>

#include <gtest/gtest.h>

namespace alkaid::agent {
namespace {

using namespace std::chrono_literals;

constexpr RestartNotice::Pauses kShort{1ms, 4ms};

// Answers with the given codes in turn, then with OK; none: never.
class Manager {
 public:
  explicit Manager(std::vector<grpc::StatusCode> codes, bool answers = true)
      : codes_(std::move(codes)), answers_(answers) {}

  RestartNotice::Send send() {
    return [this](const alcor::schema::HostRequest& request, std::chrono::milliseconds /*deadline*/,
                  std::function<void(const grpc::Status&)> done) {
      const std::lock_guard lock{mutex_};
      requests_.push_back(request);
      const std::size_t number = requests_.size() - 1;
      if (answers_) {
        done(grpc::Status{number < codes_.size() ? codes_[number] : grpc::StatusCode::OK, ""});
      }
    };
  }

  std::vector<alcor::schema::HostRequest> requests() {
    const std::lock_guard lock{mutex_};
    return requests_;
  }

 private:
  const std::vector<grpc::StatusCode> codes_;
  const bool answers_;
  std::mutex mutex_;
  std::vector<alcor::schema::HostRequest> requests_;
};

template <class Condition>
bool wait_until(const Condition& condition) {
  for (int i = 0; i < 30000 && !condition(); ++i) {
    std::this_thread::sleep_for(1ms);
  }
  return condition();
}

bool has_event(const EventLog& events, std::string_view kind) {
  std::uint64_t number = 0;
  std::uint64_t lost = 0;
  v1::Event event;
  while (events.next(number, event, lost)) {
    if (event.kind() == kind) {
      return true;
    }
  }
  return false;
}

TEST(RestartNotice, SaysWhoHasStartedUntilItIsTaken) {
  Manager manager{{grpc::StatusCode::UNAVAILABLE, grpc::StatusCode::DEADLINE_EXCEEDED}};
  EventLog events;
  std::atomic<int> asked{0};
  RestartNotice notice{manager.send(),
                       [&asked]() -> std::vector<IpAddress> {
                         if (++asked < 3) {
                           return {};
                         }
                         return {*IpAddress::parse("10.0.0.1"), *IpAddress::parse("10.0.0.2")};
                       },
                       events, kShort};
  notice.start();
  EXPECT_TRUE(wait_until([&] { return has_event(events, "restart_told"); }));
  EXPECT_TRUE(has_event(events, "restart_not_told"));
  const auto requests = manager.requests();
  ASSERT_EQ(requests.size(), 3U);
  ASSERT_EQ(requests[0].state_requests_size(), 1);
  const auto& request = requests[0].state_requests(0);
  EXPECT_EQ(request.request_type(), alcor::schema::AGENT_RESTARTED);
  EXPECT_EQ(request.source_ip(), "10.0.0.1");
  EXPECT_EQ(request.request_id().size(), 36U);
  EXPECT_EQ(requests[2].state_requests(0).request_id(), request.request_id());
}

TEST(RestartNotice, EndsWithAManagerThatDoesntKnowIt) {
  Manager manager{{grpc::StatusCode::UNIMPLEMENTED}};
  EventLog events;
  RestartNotice notice{manager.send(),
                       [] { return std::vector<IpAddress>{*IpAddress::parse("10.0.0.1")}; }, events,
                       kShort};
  notice.start();
  EXPECT_TRUE(wait_until([&] { return !manager.requests().empty(); }));
  std::this_thread::sleep_for(20ms);
  EXPECT_EQ(manager.requests().size(), 1U);
}

TEST(RestartNotice, CanBeStoppedAtAnyTime) {
  EventLog events;
  Manager silent{{}, false};
  RestartNotice waits_for_an_answer{
      silent.send(), [] { return std::vector<IpAddress>{*IpAddress::parse("10.0.0.1")}; }, events,
      kShort};
  waits_for_an_answer.start();
  EXPECT_TRUE(wait_until([&] { return !silent.requests().empty(); }));
  waits_for_an_answer.stop();
  RestartNotice waits_for_an_address{silent.send(), [] { return std::vector<IpAddress>{}; }, events,
                                     kShort};
  waits_for_an_address.start();
  waits_for_an_address.stop();
  EXPECT_EQ(silent.requests().size(), 1U);
}

}  // namespace
}  // namespace alkaid::agent
