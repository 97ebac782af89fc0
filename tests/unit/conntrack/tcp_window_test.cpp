// The TCP window check by hand-made segments, by two ends that keep the rules, and by forgers.
#include "dataplane/conntrack/tcp_window.hpp"

#include <array>
#include <deque>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/packet_builder.hpp"

namespace alkaid::test {
namespace {

using namespace tcp_flag;

constexpr Direction kThere = Direction::kOriginal;
constexpr Direction kBack = Direction::kReply;

TcpSegmentNumbers segment(std::uint8_t flags, std::uint32_t sequence,
                          std::uint32_t acknowledgment = 0, std::uint32_t data = 0,
                          std::uint16_t window = 1000) {
  return {.flags = flags,
          .sequence = sequence,
          .acknowledgment = acknowledgment,
          .length = data + ((flags & kSyn) != 0 ? 1U : 0U) + ((flags & kFin) != 0 ? 1U : 0U),
          .window = window};
}

// Where both ends begin: in the middle, and shortly before their numbers wrap.
struct Start {
  std::uint32_t there;
  std::uint32_t back;
};

class TcpWindowTest : public ::testing::TestWithParam<Start> {
 protected:
  const std::uint32_t there_ = GetParam().there;
  const std::uint32_t back_ = GetParam().back;
  TcpWindow window_;

  bool passes(Direction direction, const TcpSegmentNumbers& numbers) {
    return window_.pass(direction, numbers).is_inside;
  }
  ResetSequence reset(Direction direction, std::uint32_t sequence) {
    const TcpWindowResult result = window_.pass(direction, segment(kRst, sequence));
    EXPECT_TRUE(result.is_inside);
    return result.reset;
  }
  // The next number of either end is there_ + 1 and back_ + 1; both may send 1,000 bytes.
  void establish() {
    window_.open(segment(kSyn, there_));
    EXPECT_TRUE(passes(kBack, segment(kSyn | kAck, back_, there_ + 1)));
    EXPECT_TRUE(passes(kThere, segment(kAck, there_ + 1, back_ + 1)));
  }
};

INSTANTIATE_TEST_SUITE_P(Numbers, TcpWindowTest,
                         ::testing::Values(Start{1000, 500'000}, Start{UINT32_MAX, UINT32_MAX - 1},
                                           Start{UINT32_MAX - 300, 0x7fffff00},
                                           Start{0x80000000, UINT32_MAX - 700}));

TEST_P(TcpWindowTest, NothingBehindTheReceiversWindow) {
  establish();
  EXPECT_TRUE(passes(kThere, segment(kAck, there_ + 1, back_ + 1, 1000)));
  EXPECT_TRUE(passes(kThere, segment(kAck, there_ + 1001, back_ + 1, 1))) << "a probe";
  EXPECT_FALSE(passes(kThere, segment(kAck, there_ + 2002, back_ + 1, 1)));
  EXPECT_TRUE(passes(kBack, segment(kAck, back_ + 1, there_ + 1002)));
  EXPECT_TRUE(passes(kThere, segment(kAck, there_ + 1002, back_ + 1, 1000)));
}

TEST_P(TcpWindowTest, AWindowMoreThanAllowedIsTolerated) {
  establish();
  EXPECT_TRUE(passes(kThere, segment(kAck, there_ + 1, back_ + 1, 1000)));
  EXPECT_TRUE(passes(kThere, segment(kAck, there_ + 1102, back_ + 1, 898)));
  EXPECT_FALSE(passes(kThere, segment(kAck, there_ + 2000, back_ + 1, 1)));
  EXPECT_FALSE(passes(kThere, segment(kRst, there_ + 1500)));
  EXPECT_TRUE(passes(kBack, segment(kAck, back_ + 1, there_ + 2000)));
}

TEST_P(TcpWindowTest, NothingOlderThanTheReceiversWindow) {
  establish();
  for (std::uint32_t sent = 0; sent < 5000; sent += 500) {
    EXPECT_TRUE(passes(kThere, segment(kAck, there_ + 1 + sent, back_ + 1, 500)));
    EXPECT_TRUE(passes(kBack, segment(kAck, back_ + 1, there_ + 501 + sent)));
  }
  EXPECT_TRUE(passes(kThere, segment(kAck, there_ + 4001, back_ + 1, 1))) << "sent again";
  EXPECT_TRUE(passes(kThere, segment(kAck, there_ + 5000, back_ + 1))) << "a keep-alive";
  EXPECT_FALSE(passes(kThere, segment(kAck, there_ + 3900, back_ + 1, 1)));
}

TEST_P(TcpWindowTest, NoAcknowledgmentOfWhatWasNotSentOrIsLongGone) {
  establish();
  EXPECT_FALSE(passes(kThere, segment(kAck, there_ + 1, back_ + 2)));
  EXPECT_TRUE(passes(kBack, segment(kAck, back_ + 1, there_ + 1, 100)));
  EXPECT_TRUE(passes(kThere, segment(kAck, there_ + 1, back_ + 101)));
  EXPECT_TRUE(passes(kThere, segment(kAck, there_ + 1, back_ + 51)));
  EXPECT_TRUE(passes(kThere, segment(kAck, there_ + 1, back_ + 101 - 66'000)));
  EXPECT_FALSE(passes(kThere, segment(kAck, there_ + 1, back_ + 101 - 66'001)));
}

TEST_P(TcpWindowTest, AClosedWindowMayBeProbedAndOpensAgain) {
  establish();
  EXPECT_TRUE(passes(kThere, segment(kAck, there_ + 1, back_ + 1, 1000)));
  EXPECT_TRUE(passes(kBack, segment(kAck, back_ + 1, there_ + 1001, 0, 0)));
  EXPECT_TRUE(passes(kThere, segment(kAck, there_ + 1001, back_ + 1, 1)));
  EXPECT_FALSE(passes(kThere, segment(kAck, there_ + 2003, back_ + 1, 1)));
  EXPECT_TRUE(passes(kBack, segment(kAck, back_ + 1, there_ + 1001, 0, 1000)));
  EXPECT_TRUE(passes(kThere, segment(kAck, there_ + 1501, back_ + 1, 500)));
}

TEST_P(TcpWindowTest, WindowsAreScaledIfBothEndsOffer) {
  for (const bool both : {true, false}) {
    auto syn = segment(kSyn, there_);
    syn.scale = 2;
    auto answer = segment(kSyn | kAck, back_, there_ + 1);
    if (both) {
      answer.scale = 7;
    }
    window_.open(syn);
    EXPECT_TRUE(passes(kBack, answer));
    EXPECT_TRUE(passes(kThere, segment(kAck, there_ + 1, back_ + 1, 0, 10'000)));
    // 40,000 bytes if scaled by the initiator's shift.
    EXPECT_EQ(passes(kBack, segment(kAck, back_ + 30'001, there_ + 1, 1)), both);
    EXPECT_FALSE(passes(kBack, segment(kAck, back_ + 80'003, there_ + 1, 1)));
    EXPECT_TRUE(passes(kBack, segment(kAck, back_ + 1, there_ + 1, 0, 1000)));
    // 128,000 bytes.
    EXPECT_EQ(passes(kThere, segment(kAck, there_ + 127'001, back_ + 1, 1)), both);
  }
}

TEST_P(TcpWindowTest, AResetCountsAtTheExpectedNumberOnly) {
  establish();
  EXPECT_TRUE(passes(kBack, segment(kAck, back_ + 1, there_ + 1, 100)));
  EXPECT_TRUE(passes(kThere, segment(kAck, there_ + 1, back_ + 51, 0)));
  EXPECT_EQ(reset(kBack, back_ + 51), ResetSequence::kExpected);
  EXPECT_EQ(reset(kBack, back_ + 101), ResetSequence::kUnknown) << "it may have come by now";
  EXPECT_EQ(reset(kBack, back_ + 102), ResetSequence::kUnexpected);
  EXPECT_EQ(reset(kBack, back_ + 50), ResetSequence::kUnexpected);
  EXPECT_FALSE(passes(kBack, segment(kRst, back_ + 2000)));
  EXPECT_FALSE(passes(kBack, segment(kRst, back_ - 2000)));
  EXPECT_FALSE(passes(kBack, segment(kRst | kAck, back_ + 51, there_ + 2)));
}

TEST_P(TcpWindowTest, WhoRefusesQuotesTheSyn) {
  window_.open(segment(kSyn, there_));
  EXPECT_FALSE(passes(kBack, segment(kRst, 0)));
  EXPECT_FALSE(passes(kBack, segment(kRst | kAck, 0, there_)));
  EXPECT_FALSE(passes(kBack, segment(kRst | kAck, 0, there_ + 2)));
  EXPECT_EQ(window_.pass(kBack, segment(kRst | kAck, 0, there_ + 1)).reset,
            ResetSequence::kExpected);
}

TEST_P(TcpWindowTest, WhoRefusesAnotherSynQuotesThatOne) {
  const std::uint32_t anew = there_ + 0x30000000;
  window_.open(segment(kSyn, there_));
  EXPECT_TRUE(passes(kThere, segment(kSyn, anew)));
  EXPECT_FALSE(passes(kBack, segment(kRst | kAck, 0, anew)));
  EXPECT_EQ(window_.pass(kBack, segment(kRst | kAck, 0, anew + 1)).reset, ResetSequence::kExpected);

  establish();
  EXPECT_FALSE(passes(kBack, segment(kRst | kAck, back_ + 0x50000000, anew + 1)));
  EXPECT_TRUE(passes(kThere, segment(kSyn, anew)));
  EXPECT_FALSE(passes(kThere, segment(kRst | kAck, there_ + 0x50000000, anew + 1)))
      << "its own SYN";
  EXPECT_EQ(window_.pass(kBack, segment(kRst | kAck, 0, anew + 1)).reset, ResetSequence::kExpected);
}

TEST_P(TcpWindowTest, SimultaneousOpen) {
  window_.open(segment(kSyn, there_));
  EXPECT_TRUE(passes(kBack, segment(kSyn, back_)));
  EXPECT_TRUE(passes(kThere, segment(kSyn | kAck, there_, back_ + 1)));
  EXPECT_TRUE(passes(kBack, segment(kSyn | kAck, back_, there_ + 1)));
  EXPECT_TRUE(passes(kThere, segment(kAck, there_ + 1, back_ + 1, 1000)));
  EXPECT_FALSE(passes(kThere, segment(kAck, there_ + 2003, back_ + 1, 1)));
}

TEST_P(TcpWindowTest, DataMayFollowTheSynAckAtOnce) {
  window_.open(segment(kSyn, there_, 0, 200));
  EXPECT_TRUE(passes(kBack, segment(kSyn | kAck, back_, there_ + 201)));
  EXPECT_TRUE(passes(kBack, segment(kAck, back_ + 1, there_ + 201, 1000)));
  EXPECT_FALSE(passes(kBack, segment(kAck, back_ + 2003, there_ + 201, 1)));
}

TEST_P(TcpWindowTest, ASynAckWithAnotherNumberBeforeItIsAnswered) {
  window_.open(segment(kSyn, there_));
  EXPECT_TRUE(passes(kBack, segment(kSyn | kAck, back_, there_ + 1)));
  EXPECT_TRUE(passes(kBack, segment(kSyn | kAck, back_ + 70'000, there_ + 1)));
  EXPECT_TRUE(passes(kThere, segment(kAck, there_ + 1, back_ + 70'001, 10)));
  EXPECT_FALSE(passes(kBack, segment(kSyn | kAck, back_, there_ + 1))) << "answered";
}

TEST_P(TcpWindowTest, ASynInTheMiddleCountsIfItsReceiverTakesIt) {
  establish();
  const std::uint32_t anew = there_ + 0x30000000;
  EXPECT_TRUE(passes(kThere, segment(kSyn, anew)));
  EXPECT_TRUE(passes(kBack, segment(kAck, back_ + 1, there_ + 1))) << "it has the old one";
  EXPECT_FALSE(passes(kBack, segment(kSyn | kAck, back_ + 0x50000000, anew + 1)));
  EXPECT_TRUE(passes(kThere, segment(kAck, there_ + 1, back_ + 1, 10)));

  EXPECT_TRUE(passes(kThere, segment(kSyn, anew)));
  EXPECT_FALSE(passes(kBack, segment(kSyn | kAck, back_ + 0x50000000, anew)));
  EXPECT_TRUE(passes(kBack, segment(kSyn | kAck, back_ + 0x50000000, anew + 1)));
  EXPECT_TRUE(passes(kThere, segment(kAck, anew + 1, back_ + 0x50000001, 1000)));
  EXPECT_FALSE(passes(kThere, segment(kAck, there_ + 1, back_ + 1, 10))) << "the old one";
}

TEST_P(TcpWindowTest, PickedUpInTheMiddleOnlyResetsAreJudged) {
  window_.open(segment(kAck, there_, back_, 100, 10));
  EXPECT_EQ(window_.pass(kBack, segment(kRst, back_ + 1)).reset, ResetSequence::kUnexpected);
  EXPECT_TRUE(passes(kBack, segment(kAck, back_, there_ + 100, 50'000, 10)));
  EXPECT_TRUE(passes(kThere, segment(kAck, there_ + 90'000, back_ + 50'000, 100, 10)));
  EXPECT_EQ(reset(kBack, back_ + 50'000), ResetSequence::kExpected);
  EXPECT_EQ(reset(kBack, back_ + 50'001), ResetSequence::kUnexpected);
}

TEST_P(TcpWindowTest, WhatFragmentsCarryMayBeAcknowledged) {
  establish();
  auto first = segment(kAck, there_ + 1, back_ + 1, 24);
  first.is_cut = true;
  EXPECT_TRUE(passes(kThere, first));
  EXPECT_TRUE(passes(kBack, segment(kAck, back_ + 1, there_ + 901)));
  EXPECT_TRUE(passes(kThere, segment(kAck, there_ + 901, back_ + 1, 100)));
}

// Two ends that keep RFC 9293, with buffers that fill and empty, over a network that loses and
// reorders: everything is inside. A forger who knows the tuple but no numbers: what is inside is as
// little as the windows are of the number space, and nothing that he sends stops the two.
class Ends {
 public:
  explicit Ends(std::uint64_t seed) : random_(seed) {
    for (auto& end : ends_) {
      // Wraps early in half of all cases.
      end.next = below(2) == 0 ? UINT32_MAX - below(100'000) : below(UINT32_MAX);
      end.oldest = end.next;
      end.scale = static_cast<std::uint8_t>(below(15));
      end.buffer = 1 + below(end.scale < 6 ? 200'000 : 2'000'000);
    }
    scales_ = below(4) != 0;
  }

  void handshake() {
    auto syn = make(0, kSyn, 0);
    syn.acknowledgment = 0;
    window_.open(syn);
    ends_[1].expected = ends_[0].next;
    ends_[1].limit = ends_[0].next + syn.window;
    deliver(1, make(1, kSyn | kAck, 0));
    ends_[0].limit = ends_[0].next;
    send(0, 0);
    arrive_all();
  }

  void talk() {
    for (int i = 0; i < 2000 && !::testing::Test::HasFailure(); ++i) {
      const std::size_t from = below(2);
      End& end = ends_[from];
      switch (below(5)) {
        case 0:
        case 1: {
          const std::uint32_t room = end.peer_limit - end.next;
          if (static_cast<std::int32_t>(room) > 0) {
            send(from, 1 + below(std::min<std::uint32_t>(room, 60'000)));
          }
          break;
        }
        case 2:
          arrive(from);
          break;
        case 3:  // the oldest again
          if (end.oldest != end.next) {
            const std::uint32_t next = end.next;
            end.next = end.oldest;
            const std::uint32_t length =
                1 + below(std::min<std::uint32_t>(next - end.oldest, 1460));
            send(from, length);
            end.next = next;
          }
          break;
        default:
          end.unread -= std::min(end.unread, below(50'000));
          send(from, 0);
      }
      forge();
    }
  }

  [[nodiscard]] unsigned forged() const { return forged_; }
  [[nodiscard]] unsigned taken() const { return taken_; }

 private:
  struct End {
    std::uint32_t next = 0;      // to send
    std::uint32_t oldest = 0;    // not acknowledged
    std::uint32_t expected = 0;  // to be received
    std::uint32_t limit = 0;     // what it has announced, which never goes back
    std::uint32_t peer_limit = 0;
    std::uint32_t unread = 0;
    std::uint32_t buffer = 0;
    std::uint8_t scale = 0;
  };

  std::uint32_t below(std::uint32_t bound) {
    return static_cast<std::uint32_t>(random_() % std::max(bound, 1U));
  }

  TcpSegmentNumbers make(std::size_t from, std::uint8_t flags, std::uint32_t length) {
    End& end = ends_[from];
    const bool is_syn = (flags & kSyn) != 0;
    const unsigned shift = is_syn || !scales_ ? 0 : end.scale;
    const std::uint32_t room = end.buffer - std::min(end.buffer, end.unread);
    auto field = std::min<std::uint32_t>(room >> shift, UINT16_MAX);
    // A window doesn't shrink.
    const std::uint32_t promised = end.limit - end.expected;
    if (static_cast<std::int32_t>(promised) > 0 && field << shift < promised) {
      field = std::min<std::uint32_t>((promised + (1U << shift) - 1) >> shift, UINT16_MAX);
    }
    auto result = segment(flags, end.next, end.expected, length, static_cast<std::uint16_t>(field));
    if (is_syn && scales_) {
      result.scale = end.scale;
    }
    if (!is_syn) {
      end.limit = end.expected + (field << shift);
    }
    end.next += result.length;
    return result;
  }

  void send(std::size_t from, std::uint32_t length) {
    const auto numbers = make(from, kAck, length);
    const auto direction = static_cast<Direction>(from);
    if (below(10) == 0) {
      return;  // lost before it came here
    }
    EXPECT_TRUE(window_.pass(direction, numbers).is_inside)
        << "from " << from << " sequence " << numbers.sequence << " + " << numbers.length
        << " acknowledgment " << numbers.acknowledgment;
    if (below(10) != 0) {
      under_way_[1 - from].push_back(numbers);
    }
  }

  void deliver(std::size_t to, const TcpSegmentNumbers& numbers) {
    // Only for the SYN+ACK.
    EXPECT_TRUE(window_.pass(kBack, numbers).is_inside);
    ends_[1 - to].expected = numbers.end();
    ends_[1 - to].peer_limit = numbers.acknowledgment + numbers.window;
    ends_[1 - to].limit = numbers.end();
    ends_[1 - to].oldest = numbers.acknowledgment;
    ends_[to].oldest = numbers.end();
    ends_[to].peer_limit = numbers.end();
  }

  void arrive(std::size_t to) {
    auto& queue = under_way_[to];
    if (queue.empty()) {
      return;
    }
    const auto at = queue.begin() + static_cast<std::ptrdiff_t>(below(std::min<std::uint32_t>(
                                        static_cast<std::uint32_t>(queue.size()), 3)));
    const TcpSegmentNumbers numbers = *at;
    queue.erase(at);
    End& end = ends_[to];
    const std::uint32_t shift = scales_ ? ends_[1 - to].scale : 0;
    if (static_cast<std::int32_t>(numbers.acknowledgment - end.oldest) >= 0) {
      end.oldest = numbers.acknowledgment;
      const std::uint32_t limit = numbers.acknowledgment + (std::uint32_t{numbers.window} << shift);
      if (static_cast<std::int32_t>(limit - end.peer_limit) > 0) {
        end.peer_limit = limit;
      }
    }
    // In order only: what comes too early is sent again.
    const std::uint32_t already = end.expected - numbers.sequence;
    if (static_cast<std::int32_t>(already) >= 0 && already < numbers.length) {
      end.expected += numbers.length - already;
      end.unread += numbers.length - already;
    }
  }

  void arrive_all() {
    while (!under_way_[0].empty() || !under_way_[1].empty()) {
      arrive(0);
      arrive(1);
    }
  }

  void forge() {
    constexpr std::uint8_t kFlags[] = {kRst, kAck, kRst | kAck, kFin | kAck, kSyn | kAck};
    TcpWindow copy = window_;
    const auto numbers = segment(kFlags[below(5)], below(UINT32_MAX), below(UINT32_MAX),
                                 below(1460), static_cast<std::uint16_t>(below(UINT16_MAX)));
    const auto result = copy.pass(static_cast<Direction>(below(2)), numbers);
    ++forged_;
    const bool matters =
        result.is_inside && (!numbers.has(kRst) || result.reset != ResetSequence::kUnexpected);
    taken_ += matters ? 1 : 0;
    if (!matters) {
      window_ = copy;
    }
  }

  std::mt19937_64 random_;
  std::array<End, 2> ends_;
  std::array<std::deque<TcpSegmentNumbers>, 2> under_way_;
  bool scales_ = true;
  TcpWindow window_;
  unsigned forged_ = 0;
  unsigned taken_ = 0;
};

TEST(TcpWindowModel, WhatKeepsTheRulesIsInsideAndForgersAreNot) {
  unsigned forged = 0;
  unsigned taken = 0;
  for (std::uint64_t seed = 1; seed <= 200 && !::testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE(seed);
    Ends ends{seed};
    ends.handshake();
    ends.talk();
    forged += ends.forged();
    taken += ends.taken();
  }
  EXPECT_GT(forged, 100'000U);
  EXPECT_LT(taken, forged / 10'000);
}

TcpSegmentNumbers parsed(const Bytes& frame, bool is_fragment = false) {
  FrameHeaders headers;
  EXPECT_EQ(parse_frame(frame, frame.size(), headers), DropReason::kNone);
  headers.is_fragment = is_fragment;
  return tcp_segment_numbers(frame, headers);
}

TEST(TcpSegmentNumbers, AreRead) {
  const auto numbers = parsed(packet()
                                  .ethernet()
                                  .ipv4()
                                  .tcp({.sequence = 0xfffffff0,
                                        .acknowledgment = 77,
                                        .flags = TcpFields::kAck | TcpFields::kFin,
                                        .window = 4711,
                                        .options = {1, 3, 3, 5}})
                                  .payload(Bytes(30))
                                  .build());
  EXPECT_EQ(numbers.sequence, 0xfffffff0U);
  EXPECT_EQ(numbers.acknowledgment, 77U);
  EXPECT_EQ(numbers.window, 4711U);
  EXPECT_EQ(numbers.length, 31U) << "data and FIN, no options, no padding";
  EXPECT_EQ(numbers.end(), 15U);
  EXPECT_FALSE(numbers.scale) << "of SYNs only";
  EXPECT_EQ(parsed(packet().ethernet().ipv4().tcp({}).build()).length, 1U)
      << "the frame's padding is no data";
}

TEST(TcpSegmentNumbers, WindowScaleAmongOptions) {
  struct Options {
    Bytes bytes;
    std::optional<std::uint8_t> scale;
  };
  for (const auto& [bytes, scale] : std::vector<Options>{
           {{3, 3, 7}, 7},
           {{2, 4, 5, 180, 1, 3, 3, 0}, 0},
           {{1, 1, 1, 3, 3, 14}, 14},
           {{3, 3, 15}, 14},
           {{3, 3, 255}, 14},
           {{}, std::nullopt},
           {{0, 3, 3, 7}, std::nullopt},
           {{3, 2, 3, 3, 7, 0, 0, 0}, 7},
           {{3, 0, 3, 3}, std::nullopt},
           {{8, 1, 3, 3, 7}, std::nullopt},
           {{2, 60, 3, 3, 7, 0, 0, 0}, std::nullopt},
           {{1, 1, 1, 3}, std::nullopt},
           {{1, 1, 3, 3}, std::nullopt},
       }) {
    const auto frame = packet().ethernet().ipv4().tcp({.options = bytes}).build();
    EXPECT_EQ(parsed(frame).scale, scale) << ::testing::PrintToString(bytes);
  }
}

}  // namespace
}  // namespace alkaid::test
