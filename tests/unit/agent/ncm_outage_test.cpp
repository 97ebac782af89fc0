// A manager that can't be asked is told once, not for every packet.
#include "control/agent/ncm/ncm_outage.hpp"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace alkaid::agent::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class Outage : public ::testing::Test {
 protected:
  // Those since the last call.
  std::vector<std::string> kinds() {
    std::vector<std::string> kinds;
    std::uint64_t lost = 0;
    v1::Event event;
    while (events_.next(number_, event, lost)) {
      kinds.push_back(event.kind());
      last_text_ = event.message();
    }
    return kinds;
  }

  void ends(grpc::StatusCode code, std::chrono::seconds at, const std::string& text = {}) {
    outage_.ended({code, text}, NcmOutage::Time{} + std::chrono::hours{1} + at);
  }

  EventLog events_;
  NcmOutage outage_{"ncm:9016", "Look there.", events_};
  std::uint64_t number_ = 0;
  std::string last_text_;
};

TEST_F(Outage, IsToldOnceAndSoIsItsEnd) {
  using std::chrono::seconds;
  ends(grpc::StatusCode::OK, seconds{0});
  EXPECT_THAT(kinds(), IsEmpty());
  ends(grpc::StatusCode::UNAVAILABLE, seconds{1}, "no\nroute");
  ends(grpc::StatusCode::DEADLINE_EXCEEDED, seconds{30});
  EXPECT_THAT(kinds(), ElementsAre("ncm_unreachable"));
  EXPECT_THAT(last_text_, HasSubstr("ncm:9016"));
  EXPECT_THAT(last_text_, HasSubstr("no\\x0aroute. Look there."));
  ends(grpc::StatusCode::OK, seconds{31});
  ends(grpc::StatusCode::OK, seconds{32});
  EXPECT_THAT(kinds(), ElementsAre("ncm_answers"));
}

TEST_F(Outage, OneThatComesAndGoesIsToldNowAndThen) {
  using std::chrono::seconds;
  for (int at = 0; at < 25; ++at) {
    ends(grpc::StatusCode::UNAVAILABLE, seconds{at});
    ends(grpc::StatusCode::OK, seconds{at});
  }
  EXPECT_EQ(kinds().size(), 6U);
}

TEST_F(Outage, CallsThatWereCancelledSayNothing) {
  ends(grpc::StatusCode::CANCELLED, std::chrono::seconds{0});
  EXPECT_THAT(kinds(), IsEmpty());
}

}  // namespace
}  // namespace alkaid::agent::test
