// The tracker between two TCP endpoints that are written after RFC 9293 and know nothing of it, on
// a network that loses, doubles and reorders.
#include <array>
#include <deque>
#include <functional>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "dataplane/conntrack/connection_state.hpp"
#include "dataplane/conntrack/tcp_window.hpp"
#include "dataplane/packet/headers.hpp"
#include "tests/unit/conntrack/tcp_endpoint.hpp"

namespace alkaid::test {
namespace {

struct Network {
  unsigned loss_percent = 0;
  unsigned doubling_percent = 0;
  std::size_t reordering = 1;  // how many segments may overtake
};

class World {
 public:
  World(const Network& network, std::uint64_t seed, bool checks_windows)
      : network_(network), checks_windows_(checks_windows), random_(seed) {}

  TcpEndpoint& end(std::size_t side) { return ends_[side]; }
  [[nodiscard]] StateWord word() const { return word_; }
  [[nodiscard]] unsigned reopened() const { return reopened_; }
  // From now on two connections may mix, and segments of either be out of the other's window.
  void allow_outside() { allows_outside_ = true; }
  [[nodiscard]] bool is_faithful() const {
    return network_.loss_percent == 0 && network_.doubling_percent == 0 && network_.reordering == 1;
  }
  unsigned random(unsigned below) { return static_cast<unsigned>(random_() % below); }

  void open(std::size_t side) { ends_[side].open(static_cast<std::uint32_t>(random_())); }

  // Moves one segment one leg; false if there is none.
  bool move() {
    std::array<Leg*, 4> busy{};
    std::size_t count = 0;
    for (auto& side : legs_) {
      for (Leg& leg : side) {
        if (!leg.empty()) {
          busy[count++] = &leg;
        }
      }
    }
    if (count == 0) {
      return false;
    }
    Leg& leg = *busy[random(static_cast<unsigned>(count))];
    const auto at =
        leg.begin() + static_cast<std::ptrdiff_t>(
                          random(static_cast<unsigned>(std::min(leg.size(), network_.reordering))));
    const TcpSegment segment = *at;
    const bool doubled = random(100) < network_.doubling_percent;
    if (!doubled) {
      leg.erase(at);
    }
    if (random(100) >= network_.loss_percent) {
      arrive(leg, segment);
    }
    return true;
  }

  [[nodiscard]] bool is_silent(std::size_t side) const {
    return legs_[side][0].empty() && legs_[side][1].empty();
  }

  // Until nothing is under way; who waits for something sends it again.
  void settle(const std::function<bool()>& done) {
    for (int i = 0; i < 20000 && !(done() && is_silent(0) && is_silent(1)); ++i) {
      if (!move()) {
        ends_[0].retransmit();
        ends_[1].retransmit();
      }
    }
    EXPECT_TRUE(done()) << story();
  }

  [[nodiscard]] std::string story() const {
    std::ostringstream text;
    for (const Step& step : story_) {
      text << step.side << " flags " << unsigned{step.segment.flags} << " sequence "
           << step.segment.sequence << " acknowledgment " << step.segment.acknowledgment << ": "
           << name_of(step.before) << " -> " << name_of(step.after) << '\n';
    }
    return text.str();
  }

 private:
  using Leg = std::deque<TcpSegment>;
  // A segment that passed the tracker, and what it made of the connection's state.
  struct Step {
    std::size_t side;
    TcpSegment segment;
    ConnectionState before;
    ConnectionState after;
  };

  void arrive(const Leg& leg, const TcpSegment& segment) {
    for (std::size_t side = 0; side < 2; ++side) {
      if (&leg == &legs_[side][1]) {
        ends_[1 - side].receive(segment);
      } else if (&leg == &legs_[side][0] && passes(side, segment)) {
        legs_[side][1].push_back(segment);
      }
    }
  }

  // What the tracker says of a segment from `side`, of which nothing may be invalid.
  bool passes(std::size_t side, const TcpSegment& segment) {
    const TrackedPacket packet{ip_protocol::kTcp, segment.flags};
    const StateWord before = word_;
    if (word_ == StateWord{}) {
      open_with(side, packet, segment);
    } else {
      const auto direction = side == original_ ? Direction::kOriginal : Direction::kReply;
      const TrackResult result = track(word_, direction, packet);
      if (result.verdict == TrackVerdict::kReopen) {
        ++reopened_;
        open_with(side, packet, segment);
      } else if (result.verdict == TrackVerdict::kInvalid) {
        // The one exception: the responder's SYN of a simultaneous open, come too late to be of
        // use.
        const bool is_late_syn = segment.flags == tcp_flag::kSyn && side != original_ &&
                                 before.state() >= ConnectionState::established;
        EXPECT_TRUE(is_late_syn) << story() << "invalid: from " << side << " flags "
                                 << unsigned{segment.flags};
        return false;
      } else {
        if (!take(direction, packet, segment)) {
          EXPECT_TRUE(allows_outside_)
              << story() << "out of window: from " << side << " flags " << unsigned{segment.flags}
              << " sequence " << segment.sequence << " acknowledgment " << segment.acknowledgment;
          return false;
        }
      }
    }
    story_.push_back({side, segment, before.state(), word_.state()});
    return true;
  }

  // False: out of the window.
  bool take(Direction direction, TrackedPacket packet, const TcpSegment& segment) {
    if (checks_windows_) {
      const TcpWindowResult result = window_.pass(direction, numbers_of(segment));
      if (!result.is_inside) {
        return false;
      }
      packet.reset_sequence = result.reset;
    }
    word_ = track(word_, direction, packet).next;
    return true;
  }

  static TcpSegmentNumbers numbers_of(const TcpSegment& segment) {
    const bool takes_one_more = (segment.flags & (tcp_flag::kSyn | tcp_flag::kFin)) != 0;
    return {.flags = segment.flags,
            .sequence = segment.sequence,
            .acknowledgment = segment.acknowledgment,
            .length = segment.length + (takes_one_more ? 1 : 0),
            .window = TcpEndpoint::kWindow};
  }

  void open_with(std::size_t side, const TrackedPacket& packet, const TcpSegment& segment) {
    const auto opened = open_connection(packet, false);
    ASSERT_TRUE(opened) << story();
    word_ = *opened;
    window_.open(numbers_of(segment));
    original_ = side;
  }

  const Network network_;
  const bool checks_windows_;
  bool allows_outside_ = false;
  std::mt19937_64 random_;
  std::array<std::array<Leg, 2>, 2> legs_;  // [from side][before, behind the tracker]
  std::array<TcpEndpoint, 2> ends_{
      TcpEndpoint{[this](const TcpSegment& segment) { legs_[0][0].push_back(segment); }},
      TcpEndpoint{[this](const TcpSegment& segment) { legs_[1][0].push_back(segment); }}};
  StateWord word_;
  TcpWindow window_;
  std::size_t original_ = 0;
  unsigned reopened_ = 0;
  std::vector<Step> story_;
};

constexpr Network kNetworks[] = {{},
                                 {.loss_percent = 20},
                                 {.reordering = 4},
                                 {.doubling_percent = 10, .reordering = 3},
                                 {.loss_percent = 15, .doubling_percent = 10, .reordering = 5}};
#ifdef __SANITIZE_ADDRESS__
constexpr int kRounds = 50;  // ten times as slow
#else
constexpr int kRounds = 400;
#endif

template <class Scenario>
void in_every_network(Scenario scenario) {
  std::uint64_t seed = 1;
  for (const bool checks_windows : {false, true}) {
    for (const Network& network : kNetworks) {
      for (int round = 0; round < kRounds && !::testing::Test::HasFailure(); ++round) {
        SCOPED_TRACE(seed);
        World world{network, seed++, checks_windows};
        scenario(world);
      }
    }
  }
}

// Data in both directions, some in every order.
void talk(World& world) {
  for (int i = 0; i < 60; ++i) {
    const std::size_t side = world.random(2);
    if (world.random(3) == 0 && world.end(side).can_send()) {
      world.end(side).send_data();
    }
    if (!world.move() && world.random(2) == 0) {
      world.end(side).retransmit();
    }
  }
}

void establish(World& world, std::size_t opener) {
  world.end(1 - opener).listen();
  world.open(opener);
  world.settle([&] { return world.end(0).can_send() && world.end(1).can_send(); });
  EXPECT_EQ(world.word().state(), ConnectionState::established) << world.story();
}

void close_both(World& world) {
  const std::size_t first = world.random(2);
  world.end(first).close();
  for (unsigned i = world.random(12); i > 0; --i) {
    if (world.end(1 - first).can_send() && world.random(3) == 0) {
      world.end(1 - first).send_data();
    }
    world.move();
  }
  world.end(1 - first).close();
  world.settle([&] { return world.end(0).is_over() && world.end(1).is_over(); });
  const ConnectionState state = world.word().state();
  EXPECT_TRUE(state == ConnectionState::time_wait || state == ConnectionState::closed)
      << world.story();
}

TEST(TcpModel, WholeLives) {
  in_every_network([](World& world) {
    establish(world, 0);
    talk(world);
    close_both(world);
  });
}

TEST(TcpModel, SimultaneousOpen) {
  in_every_network([](World& world) {
    world.open(0);
    world.open(1);
    world.settle([&] { return world.end(0).can_send() && world.end(1).can_send(); });
    world.end(0).send_data();
    world.end(1).send_data();
    world.settle([] { return true; });
    talk(world);
    EXPECT_EQ(world.word().state(), ConnectionState::established) << world.story();
    close_both(world);
  });
}

TEST(TcpModel, TheSameEndsAgain) {
  in_every_network([](World& world) {
    establish(world, 0);
    close_both(world);
    const std::size_t opener = world.random(2);
    establish(world, opener);
    EXPECT_EQ(world.reopened(), 1U);
    talk(world);
    close_both(world);
  });
}

TEST(TcpModel, RefusedAndTriedAgain) {
  in_every_network([](World& world) {
    world.open(0);
    world.settle([&] { return world.end(0).is_over(); });
    EXPECT_TRUE(world.word().state() == ConnectionState::closed || !world.is_faithful())
        << world.story();
    establish(world, 0);
  });
}

TEST(TcpModel, Aborted) {
  in_every_network([](World& world) {
    establish(world, 0);
    talk(world);
    const std::size_t side = world.random(2);
    world.end(side).abort();
    for (int i = 0; i < 20; ++i) {
      if (world.end(1 - side).can_send() && world.random(3) == 0) {
        world.end(1 - side).send_data();
      }
      world.move();
    }
    // Whoever was not told finds out by sending.
    world.settle([&] {
      if (world.end(1 - side).can_send() && world.is_silent(0) && world.is_silent(1)) {
        world.end(1 - side).send_data();
      }
      return world.end(1 - side).is_over();
    });
    // If it was, and what it sent before contradicts the RST, the next RST may be the one that's
    // lost.
    EXPECT_TRUE(world.word().state() == ConnectionState::closed || !world.is_faithful())
        << world.story();
  });
}

// The initiator forgets everything and opens the same connection, which the responder still has.
TEST(TcpModel, InitiatorRebooted) {
  in_every_network([](World& world) {
    establish(world, 0);
    talk(world);
    world.settle([] { return true; });
    world.allow_outside();
    world.open(0);
    world.settle([&] {
      if (world.end(1).is_over() && world.end(1).state() != TcpEndpoint::State::kListen) {
        world.end(1).listen();
      }
      return world.end(0).can_send() && world.end(1).can_send();
    });
    world.end(0).send_data();
    world.end(1).send_data();
    world.settle([] { return true; });
    // An RST that answers the old connection may overtake the new one's SYN+ACK.
    EXPECT_TRUE(world.word().state() == ConnectionState::established || !world.is_faithful())
        << world.story();
  });
}

}  // namespace
}  // namespace alkaid::test
