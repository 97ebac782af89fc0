#include "dataplane/conntrack/fragment_tracker.hpp"

#include <algorithm>
#include <map>
#include <random>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "dataplane/packet/headers.hpp"

namespace alkaid::test {
namespace {

using Outcome = FragmentTracker::Outcome;

constexpr std::uint64_t kLifetime = 1000;
constexpr FragmentUpper kUpper{ip_protocol::kUdp, BigEndian16{std::uint16_t{1000}},
                               BigEndian16{std::uint16_t{53}}};

FragmentKey key_of(std::uint32_t identification, std::uint32_t origin = 1) {
  FragmentKey key;
  key.source = Ipv4Address{0x0a000001};
  key.destination = Ipv4Address{0x0a000002};
  key.zone = 7;
  key.origin = origin;
  key.identification = identification;
  key.protocol = ip_protocol::kUdp;
  return key;
}

Fragment fragment(const FragmentKey& key, std::uint16_t offset, std::uint16_t length, bool more) {
  return {key, {offset, length, more}, offset == 0 ? kUpper : FragmentUpper{}};
}

// A tracker whose packets are numbers, and what became of each.
class Lab {
 public:
  explicit Lab(FragmentLimits limits = {}) : tracker_(with_clock(limits)) {}
  ~Lab() {
    do {
      tracker_.release_all(released_);
    } while (released_.count > 0);
  }

  static FragmentLimits with_clock(FragmentLimits limits) {
    limits.lifetime = kLifetime;
    limits.seed = 0x1234567890abcdef;
    return limits;
  }

  FragmentTracker::Taken take(const Fragment& piece, std::uintptr_t number = 1) {
    return tracker_.take(piece, reinterpret_cast<void*>(number), now, released_);
  }

  // "pass", "wait" or the reason to drop.
  std::string outcome(const Fragment& piece, std::uintptr_t number = 1) {
    const auto taken = take(piece, number);
    switch (taken.outcome) {
      case Outcome::kPass:
        EXPECT_EQ(taken.upper, kUpper);
        return "pass";
      case Outcome::kWait:
        return "wait";
      case Outcome::kDrop:
        break;
    }
    return std::string{text_of(taken.reason).name};
  }

  // Numbers of what the last call released, by "pass" or the reason to drop.
  std::multimap<std::string, std::uintptr_t> released() const {
    std::multimap<std::string, std::uintptr_t> result;
    for (std::size_t i = 0; i < released_.count; ++i) {
      const auto& item = released_.items[i];
      const bool passes = item.reason == DropReason::kNone;
      EXPECT_TRUE(!passes || released_.upper == kUpper);
      result.emplace(passes ? "pass" : std::string{text_of(item.reason).name},
                     reinterpret_cast<std::uintptr_t>(item.packet));
    }
    return result;
  }

  std::multimap<std::string, std::uintptr_t> expire(std::size_t buckets) {
    tracker_.expire(now, buckets, released_);
    return released();
  }

  FragmentTracker& tracker() { return tracker_; }

  std::uint64_t now = 1;

 private:
  FragmentTracker tracker_;
  ReleasedFragments released_;
};

using Released = std::multimap<std::string, std::uintptr_t>;

TEST(FragmentTracker, LaterOnesAreToldWhatTheFirstSaid) {
  Lab lab;
  const FragmentKey key = key_of(1);
  EXPECT_EQ(lab.outcome(fragment(key, 0, 800, true)), "pass");
  EXPECT_EQ(lab.outcome(fragment(key, 800, 800, true)), "pass");
  EXPECT_EQ(lab.tracker().used(), 1U);
  EXPECT_EQ(lab.outcome(fragment(key, 1600, 3, false)), "pass");
  EXPECT_EQ(lab.tracker().used(), 0U) << "complete";
}

TEST(FragmentTracker, ThoseBeforeTheFirstWaitForIt) {
  Lab lab;
  const FragmentKey key = key_of(1);
  EXPECT_EQ(lab.outcome(fragment(key, 1600, 3, false), 30), "wait");
  EXPECT_EQ(lab.outcome(fragment(key, 800, 800, true), 20), "wait");
  EXPECT_EQ(lab.tracker().waiting(), 2U);
  EXPECT_EQ(lab.outcome(fragment(key, 0, 800, true), 10), "pass");
  EXPECT_EQ(lab.released(), (Released{{"pass", 30}, {"pass", 20}}));
  EXPECT_EQ(lab.tracker().waiting(), 0U);
  EXPECT_EQ(lab.tracker().used(), 0U);
}

TEST(FragmentTracker, AnIdentificationCanBeUsedAgainOnceComplete) {
  Lab lab;
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(lab.outcome(fragment(key_of(1), 0, 800, true)), "pass");
    EXPECT_EQ(lab.outcome(fragment(key_of(1), 800, 8, false)), "pass");
  }
}

TEST(FragmentTracker, KeysTellDatagramsApart) {
  const FragmentKey key = key_of(1);
  const auto changed = [&key](auto change) {
    FragmentKey other = key;
    change(other);
    return other;
  };
  for (const FragmentKey& other :
       {key_of(2), key_of(1, 2), key_of(1, kFromWire), changed([](auto& k) { k.zone = 8; }),
        changed([](auto& k) { k.protocol = 6; }), changed([](auto& k) { k.is_v6 = 1; }),
        changed([](auto& k) { k.source = Ipv4Address{0x0a000003}; }),
        changed([](auto& k) { k.destination = Ipv4Address{0x0a000003}; })}) {
    Lab lab;
    EXPECT_EQ(lab.outcome(fragment(key, 0, 800, true)), "pass");
    EXPECT_EQ(lab.outcome(fragment(other, 800, 8, false)), "wait");
  }
}

// RFC 5722.
TEST(FragmentTracker, OverlapsEndADatagram) {
  struct Overlap {
    const char* name;
    std::uint16_t offset;
    std::uint16_t length;
    bool more;
  };
  for (const Overlap& overlap : {Overlap{"inside", 808, 16, true},
                                 {"head", 792, 16, true},
                                 {"tail", 1592, 16, true},
                                 {"around", 792, 1608, true},
                                 {"other_end", 1600, 8, false},
                                 {"shorter_at_the_start", 800, 8, true},
                                 {"beyond_the_end", 2400, 8, true},
                                 {"up_to_the_end_and_more", 1600, 800, true}}) {
    Lab lab;
    const FragmentKey key = key_of(1);
    EXPECT_EQ(lab.outcome(fragment(key, 800, 800, true), 1), "wait");
    EXPECT_EQ(lab.outcome(fragment(key, 2392, 8, false), 2), "wait");
    EXPECT_EQ(lab.outcome(fragment(key, overlap.offset, overlap.length, overlap.more), 3),
              "fragment_overlap")
        << overlap.name;
    EXPECT_EQ(lab.released(), (Released{{"fragment_overlap", 1}, {"fragment_overlap", 2}}));
    EXPECT_EQ(lab.outcome(fragment(key, 0, 800, true)), "fragment_overlap") << overlap.name;
    EXPECT_EQ(lab.outcome(fragment(key, 1600, 8, true)), "fragment_overlap") << overlap.name;
  }
}

TEST(FragmentTracker, TheFirstFragmentCannotBeOverwritten) {
  Lab lab;
  const FragmentKey key = key_of(1);
  EXPECT_EQ(lab.outcome(fragment(key, 0, 800, true)), "pass");
  EXPECT_EQ(lab.outcome(fragment(key, 0, 24, true)), "fragment_overlap");
  EXPECT_EQ(lab.outcome(fragment(key, 800, 8, false)), "fragment_overlap");
}

TEST(FragmentTracker, CopiesAreDroppedAlone) {
  Lab lab;
  const FragmentKey key = key_of(1);
  EXPECT_EQ(lab.outcome(fragment(key, 0, 800, true)), "pass");
  EXPECT_EQ(lab.outcome(fragment(key, 0, 800, true)), "fragment_overlap");
  EXPECT_EQ(lab.outcome(fragment(key, 1600, 8, false)), "pass");
  EXPECT_EQ(lab.outcome(fragment(key, 1600, 8, false)), "fragment_overlap");
  EXPECT_EQ(lab.outcome(fragment(key, 800, 800, true)), "pass");
}

TEST(FragmentTracker, ImpossiblePieces) {
  const auto alone = [](std::uint16_t offset, std::uint16_t length, bool more) {
    Lab lab;
    return lab.outcome(fragment(key_of(1), offset, length, more));
  };
  EXPECT_EQ(alone(0, 12, true), "fragment_overlap") << "no multiple of 8";
  EXPECT_EQ(alone(800, 0, true), "fragment_overlap");
  EXPECT_EQ(alone(800, 0, false), "fragment_overlap");
  EXPECT_EQ(alone(65528, 8, false), "fragment_overlap") << "65,536 bytes";
  EXPECT_EQ(alone(65528, 7, false), "wait");
}

TEST(FragmentTracker, ManyTinyPiecesAreGivenUp) {
  Lab lab;
  const FragmentKey key = key_of(1);
  for (std::uint16_t i = 0; i < FragmentTracker::kMostPieces; ++i) {
    ASSERT_EQ(lab.outcome(fragment(key, static_cast<std::uint16_t>(i * 8), 8, true)), "pass");
  }
  EXPECT_EQ(lab.outcome(fragment(key, FragmentTracker::kMostPieces * 8, 8, true)),
            "fragment_table_full");
  EXPECT_EQ(lab.outcome(fragment(key, FragmentTracker::kMostPieces * 8 + 8, 8, false)),
            "fragment_table_full");
}

TEST(FragmentTracker, ADatagramMayNotLetTooManyWait) {
  Lab lab;
  const FragmentKey key = key_of(1);
  for (std::uint16_t i = 1; i <= FragmentTracker::kMostWaiting; ++i) {
    ASSERT_EQ(lab.outcome(fragment(key, static_cast<std::uint16_t>(i * 8), 8, true)), "wait");
  }
  EXPECT_EQ(lab.outcome(fragment(key, 8000, 8, true)), "fragment_table_full");
  EXPECT_EQ(lab.outcome(fragment(key, 0, 8, true)), "pass");
  EXPECT_EQ(lab.released().size(), FragmentTracker::kMostWaiting);
}

TEST(FragmentTracker, APartyMayNotLetTooManyWait) {
  Lab lab{{.waiting = 1000, .waiting_of_party = 10}};
  for (std::uint32_t i = 0; i < 10; ++i) {
    ASSERT_EQ(lab.outcome(fragment(key_of(i), 8, 8, false)), "wait");
  }
  EXPECT_EQ(lab.outcome(fragment(key_of(10), 8, 8, false)), "fragment_table_full");
  EXPECT_EQ(lab.outcome(fragment(key_of(10, 2), 8, 8, false)), "wait");
  EXPECT_EQ(lab.outcome(fragment(key_of(11), 0, 8, true)), "pass");
}

TEST(FragmentTracker, AllTogetherMayNotLetTooManyWait) {
  Lab lab{{.waiting = 10}};
  for (std::uint32_t i = 0; i < 10; ++i) {
    ASSERT_EQ(lab.outcome(fragment(key_of(i, i), 8, 8, false)), "wait");
  }
  EXPECT_EQ(lab.outcome(fragment(key_of(10, 10), 8, 8, false)), "fragment_table_full");
  EXPECT_EQ(lab.outcome(fragment(key_of(0, 0), 0, 8, true)), "pass");
  EXPECT_EQ(lab.outcome(fragment(key_of(11, 11), 8, 8, false)), "wait");
}

TEST(FragmentTracker, WhoFillsTheTableMakesRoom) {
  Lab lab{{.datagrams = 64}};
  constexpr std::uint32_t kQuiet = 2;
  for (std::uint32_t i = 0; i < 4; ++i) {
    ASSERT_EQ(lab.outcome(fragment(key_of(i, kQuiet), 0, 8, true)), "pass");
  }
  for (std::uint32_t i = 0; i < 5000; ++i) {
    ++lab.now;
    lab.now = std::min<std::uint64_t>(lab.now, kLifetime - 1);
    lab.take(fragment(key_of(i), 0, 8, true));
  }
  EXPECT_EQ(lab.tracker().used(), 64U);
  for (std::uint32_t i = 0; i < 4; ++i) {
    EXPECT_EQ(lab.outcome(fragment(key_of(i, kQuiet), 8, 8, false)), "pass");
  }
  for (std::uint32_t i = 10; i < 20; ++i) {
    EXPECT_EQ(lab.outcome(fragment(key_of(i, kQuiet), 0, 8, true)), "pass");
  }
}

TEST(FragmentTracker, WhoFillsTheTableLosesItsWaitingPackets) {
  Lab lab{{.datagrams = 8}};
  for (std::uint32_t i = 0; i < 8; ++i) {
    ++lab.now;
    ASSERT_EQ(lab.outcome(fragment(key_of(i), 8, 8, false), i + 1), "wait");
  }
  EXPECT_EQ(lab.outcome(fragment(key_of(1, 2), 0, 8, true)), "pass");
  EXPECT_EQ(lab.released(), (Released{{"fragment_table_full", 1}})) << "the oldest";
}

TEST(FragmentTracker, WaitingEndsWithTime) {
  Lab lab;
  EXPECT_EQ(lab.outcome(fragment(key_of(1), 800, 8, false), 5), "wait");
  lab.now += kLifetime - 1;
  EXPECT_EQ(lab.expire(lab.tracker().bucket_count()), Released{});
  ++lab.now;
  EXPECT_EQ(lab.expire(lab.tracker().bucket_count()), (Released{{"fragment_orphan", 5}}));
  EXPECT_TRUE(lab.tracker().is_empty());
}

TEST(FragmentTracker, KnowledgeEndsWithTime) {
  Lab lab;
  EXPECT_EQ(lab.outcome(fragment(key_of(1), 0, 800, true)), "pass");
  lab.now += kLifetime;
  EXPECT_EQ(lab.outcome(fragment(key_of(1), 800, 8, false)), "wait");
  lab.now += kLifetime;
  EXPECT_EQ(lab.outcome(fragment(key_of(1), 0, 800, true)), "pass");
  EXPECT_EQ(lab.released(), (Released{{"fragment_orphan", 1}})) << "too late for that one";
}

TEST(FragmentTracker, TakesTimeInSmallPortions) {
  Lab lab;
  for (std::uint32_t i = 0; i < 500; ++i) {
    ASSERT_EQ(lab.outcome(fragment(key_of(i, i), 8, 8, false)), "wait");
  }
  lab.now += kLifetime;
  std::size_t expired = 0;
  for (std::size_t i = 0; i < lab.tracker().bucket_count() / 16; ++i) {
    const std::size_t count = lab.expire(16).size();
    EXPECT_LE(count, ReleasedFragments::kMost);
    expired += count;
  }
  EXPECT_EQ(expired, 500U);
}

TEST(FragmentTracker, ReleasesNoMoreThanFits) {
  Lab lab{{.datagrams = 8, .waiting = 1000, .waiting_of_party = 1000}};
  for (std::uint32_t i = 0; i < 8; ++i) {
    for (std::uint16_t piece = 1; piece <= FragmentTracker::kMostWaiting; ++piece) {
      ASSERT_EQ(lab.outcome(fragment(key_of(i), static_cast<std::uint16_t>(8 * piece), 8, true)),
                "wait");
    }
  }
  lab.now += kLifetime;
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(lab.expire(1).size(), ReleasedFragments::kMost);
  }
  EXPECT_EQ(lab.expire(1).size(), 0U);
}

// Whatever comes, no packet is lost or returned twice.
TEST(FragmentTracker, EveryPacketComesBackOnce) {
  std::mt19937_64 random{1};
  for (int round = 0; round < 50; ++round) {
    FragmentTracker tracker{
        Lab::with_clock({.datagrams = 16, .waiting = 40, .waiting_of_party = 20})};
    ReleasedFragments released;
    std::vector<int> seen(4000, 0);
    const auto count_released = [&] {
      for (std::size_t i = 0; i < released.count; ++i) {
        ++seen[reinterpret_cast<std::uintptr_t>(released.items[i].packet)];
      }
    };
    std::uint64_t now = 1;
    for (std::uintptr_t i = 0; i < seen.size(); ++i) {
      now += random() % 20;
      const auto piece =
          fragment(key_of(random() % 30, random() % 3), random() % 6 * 8,
                   static_cast<std::uint16_t>(8 + random() % 2 * 8), random() % 4 != 0);
      if (tracker.take(piece, reinterpret_cast<void*>(i), now, released).outcome !=
          Outcome::kWait) {
        ++seen[i];
      }
      count_released();
      if (random() % 10 == 0) {
        tracker.expire(now, 1, released);
        count_released();
      }
    }
    do {
      tracker.release_all(released);
      count_released();
    } while (released.count > 0);
    EXPECT_TRUE(tracker.is_empty());
    EXPECT_EQ(tracker.waiting(), 0U);
    EXPECT_TRUE(std::all_of(seen.begin(), seen.end(), [](int times) { return times == 1; }));
  }
}

// The first and later fragments of many datagrams meet different workers.
TEST(FragmentTracker, SharedByThreads) {
  constexpr std::uint32_t kDatagrams = 2000;
  FragmentTracker tracker{
      Lab::with_clock({.datagrams = 16384, .waiting = 100000, .waiting_of_party = 100000})};
  std::atomic<std::uint32_t> passed{0};
  const auto work = [&](bool first) {
    ReleasedFragments released;
    for (std::uint32_t i = 0; i < kDatagrams; ++i) {
      const Fragment piece = first ? fragment(key_of(i, i % 8), 0, 800, true)
                                   : fragment(key_of(i, i % 8), 800, 8, false);
      passed += tracker.take(piece, &tracker, 1, released).outcome == Outcome::kPass ? 1 : 0;
      for (std::size_t j = 0; j < released.count; ++j) {
        passed += released.items[j].reason == DropReason::kNone ? 1 : 0;
      }
    }
  };
  for (std::uint32_t round = 1; round <= 20; ++round) {
    std::thread other{work, round % 2 == 0};
    work(round % 2 != 0);
    other.join();
    EXPECT_EQ(passed, round * 2 * kDatagrams);
    EXPECT_TRUE(tracker.is_empty());
    EXPECT_EQ(tracker.waiting(), 0U);
  }
}

}  // namespace
}  // namespace alkaid::test
