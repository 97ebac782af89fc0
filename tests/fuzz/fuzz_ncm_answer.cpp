// Reads any bytes as a Network Config Manager's answer to what it was asked: nothing is asked about
// twice at once, each miss ends at most once, and all of them do in the end.
//
// Input: one byte, how many destinations are missed (1 to 8); one, the status of the call; then the
// encoded HostRequestReply, in which the request ids "1" to "8" stand for those of the questions.
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <set>
#include <string>

#include "control/agent/on_demand/requester.hpp"
#include "tests/fuzz/require.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace alkaid::agent;
  using namespace std::chrono_literals;
  constexpr std::size_t kHead = 2;
  constexpr std::uint32_t kVni = 1001;
  constexpr int kMostStatuses = 17;
  if (size < kHead) {
    return 0;
  }
  NcmAnswer answer;
  const std::string bytes{data + kHead, data + size};
  if (!answer.reply.ParseFromString(bytes)) {
    return 0;  // gRPC refuses it
  }
  if (const int code = data[1] % kMostStatuses; code != 0) {
    answer.status = {static_cast<grpc::StatusCode>(code), "no"};
  }

  Requester requester{{}};
  Requester::Time now{1h};
  const std::uint64_t misses = 1 + data[0] % 8;
  for (std::uint64_t id = 1; id <= misses; ++id) {
    alkaid::dataplane::v1::Miss miss;
    miss.set_id(id);
    miss.set_vni(kVni);
    miss.mutable_address()->set_low(0xffff0a000000 + id);
    miss.set_port("port");
    requester.missed(miss, now);
  }
  const auto call = requester.next_call(now);
  ALKAID_REQUIRE(call.has_value());
  const auto& questions = call->request.state_requests();
  ALKAID_REQUIRE(static_cast<std::uint64_t>(questions.size()) == misses);
  for (auto& status : *answer.reply.mutable_operation_statuses()) {
    const std::string& id = status.request_id();
    if (id.size() == 1 && id[0] >= '1' && id[0] < '1' + questions.size()) {
      status.set_request_id(questions[id[0] - '1'].request_id());
    }
  }
  now += 1ms;
  requester.answered(call->number, answer, now);
  requester.answered(call->number, answer, now);  // nobody waits for it any more
  ALKAID_REQUIRE(requester.questions() == misses);

  // Nothing is pushed, and calls after that fail.
  std::set<std::uint64_t> ended;
  constexpr int kMostTurns = 1000;
  for (int turn = 0; requester.questions() > 0; ++turn) {
    ALKAID_REQUIRE(turn < kMostTurns);
    const auto next = requester.next_time();
    ALKAID_REQUIRE(next.has_value());
    now = std::max(now, *next);
    requester.tick(now);
    std::set<std::string> asked;
    while (const auto again = requester.next_call(now)) {
      for (const auto& question : again->request.state_requests()) {
        ALKAID_REQUIRE(asked.insert(question.destination_ip()).second);
      }
      requester.answered(again->number, {{grpc::StatusCode::UNAVAILABLE, "gone"}, {}}, now);
    }
    for (const std::uint64_t id : requester.take_ended()) {
      ALKAID_REQUIRE(id >= 1 && id <= misses && ended.insert(id).second);
    }
  }
  ALKAID_REQUIRE(ended.size() == misses);
  return 0;
}
