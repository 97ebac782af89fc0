#include "dataplane/conntrack/connection_state.hpp"

#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "dataplane/packet/headers.hpp"

namespace alkaid::test {
namespace {

using enum Direction;
using enum TrackVerdict;

// A connection's life as text: packets "DIRECTION:FLAGS>RESULT", where the direction is o(riginal)
// or r(eply), flags are letters of FSRPAU (- for none; RST may be followed by + expected or
// ! unexpected), and the result is the state afterwards, "invalid" or "reopen" (which restarts with
// that packet; its direction is the original one from then on).
struct Sequence {
  const char* name;
  const char* packets;
  bool mid_stream = false;
};

void PrintTo(const Sequence& sequence, std::ostream* out) {
  *out << sequence.packets;
}

TrackedPacket tcp(const std::string& flags) {
  TrackedPacket packet{.protocol = ip_protocol::kTcp};
  for (const char letter : flags) {
    switch (letter) {
      case '+':
        packet.reset_sequence = ResetSequence::kExpected;
        break;
      case '!':
        packet.reset_sequence = ResetSequence::kUnexpected;
        break;
      case '-':
        break;
      default:
        packet.tcp_flags |=
            static_cast<std::uint8_t>(1U << std::string_view{"FSRPAU"}.find(letter));
    }
  }
  return packet;
}

// What becomes of `word` by the packet, as it stands in sequences.
std::string apply(StateWord& word, Direction direction, const TrackedPacket& packet,
                  bool mid_stream) {
  if (word == StateWord{}) {
    const auto opened = open_connection(packet, mid_stream);
    word = opened.value_or(StateWord{});
    return opened ? std::string{name_of(word.state())} : "invalid";
  }
  const TrackResult result = track(word, direction, packet);
  switch (result.verdict) {
    case kInvalid:
      EXPECT_EQ(result.next, word);
      return "invalid";
    case kReopen:
      word = *open_connection(packet, false);
      return "reopen";
    case kPass:
      break;
  }
  word = result.next;
  return std::string{name_of(word.state())};
}

class TcpSequence : public ::testing::TestWithParam<Sequence> {};

TEST_P(TcpSequence, States) {
  StateWord word;
  bool swapped = false;
  std::istringstream packets{GetParam().packets};
  for (std::string step; packets >> step;) {
    const auto arrow = step.find('>');
    const bool from_reply = (step[0] == 'r') != swapped;
    const std::string expected = step.substr(arrow + 1);
    ASSERT_EQ(apply(word, from_reply ? kReply : kOriginal, tcp(step.substr(2, arrow - 2)),
                    GetParam().mid_stream),
              expected)
        << step;
    if (expected == "reopen") {
      EXPECT_EQ(word.state(), ConnectionState::syn_sent);
      swapped = step[0] == 'r';
    }
  }
}

#define ALKAID_OPEN "o:S>syn_sent r:SA>syn_received o:A>established "
#define ALKAID_CLOSE "o:FA>fin_wait r:A>close_wait r:FA>last_ack o:A>time_wait "

INSTANTIATE_TEST_SUITE_P(
    Opening, TcpSequence,
    ::testing::Values(
        Sequence{"handshake", ALKAID_OPEN "o:PA>established r:PA>established r:A>established"},
        Sequence{"retransmitted_syn", "o:S>syn_sent o:S>syn_sent r:SA>syn_received"},
        Sequence{"retransmitted_syn_ack",
                 "o:S>syn_sent r:SA>syn_received r:SA>syn_received o:A>established"},
        Sequence{"syn_again_after_lost_syn_ack",
                 "o:S>syn_sent r:SA>syn_received o:S>syn_received r:SA>syn_received"},
        Sequence{"late_duplicates", ALKAID_OPEN "o:S>established r:SA>established"},
        Sequence{"ecn", "o:SP>syn_sent"},
        Sequence{"fast_open_data",
                 "o:S>syn_sent r:SA>syn_received r:PA>syn_received "
                 "o:A>established"},
        Sequence{"simultaneous",
                 "o:S>syn_sent r:S>syn_sent_both o:SA>syn_received "
                 "r:SA>syn_received o:A>established r:S>invalid"},
        Sequence{"simultaneous_reply_first",
                 "o:S>syn_sent r:S>syn_sent_both r:SA>syn_received "
                 "o:SA>syn_received r:A>syn_received o:A>established"},
        Sequence{"simultaneous_retransmitted",
                 "o:S>syn_sent r:S>syn_sent_both o:S>syn_sent_both r:S>syn_sent_both "
                 "o:SA>syn_received r:S>syn_received o:A>established"},
        Sequence{"acknowledged_out_of_nothing",
                 "o:S>syn_sent o:A>invalid o:FA>invalid "
                 "o:SA>invalid r:FA>invalid"},
        Sequence{"responder_has_an_old_connection",
                 "o:S>syn_sent r:A>syn_sent o:R>closed o:S>reopen r:SA>syn_received "
                 "o:A>established"},
        Sequence{"refused", "o:S>syn_sent r:RA>closed o:A>closed r:A>closed o:S>reopen"},
        Sequence{"given_up", "o:S>syn_sent o:R>closed r:SA>syn_received o:R>closed"},
        Sequence{"closed_at_once", "o:S>syn_sent r:SA>syn_received o:FA>fin_wait"},
        Sequence{"responder_closes_at_once", "o:S>syn_sent r:SA>syn_received r:FA>fin_wait"},
        Sequence{"reset_half_open", "o:S>syn_sent r:SA>syn_received r:R>closed o:A>closed"},
        Sequence{"not_without_syn",
                 "o:A>invalid o:PA>invalid o:FA>invalid o:R>invalid o:RA>invalid "
                 "o:SA>invalid o:S>syn_sent"}),
    [](const auto& info) { return std::string{info.param.name}; });

INSTANTIATE_TEST_SUITE_P(
    Closing, TcpSequence,
    ::testing::Values(
        Sequence{"initiator_first", ALKAID_OPEN ALKAID_CLOSE},
        Sequence{"responder_first",
                 ALKAID_OPEN "r:FA>fin_wait o:A>close_wait o:FA>last_ack r:A>time_wait"},
        Sequence{"half_closed_transfer", ALKAID_OPEN
                 "o:FA>fin_wait r:A>close_wait r:PA>close_wait o:A>close_wait r:PA>close_wait "
                 "r:FA>last_ack r:A>last_ack o:A>time_wait"},
        Sequence{"fin_with_ack", ALKAID_OPEN "o:FA>fin_wait r:FA>last_ack o:A>time_wait"},
        Sequence{"own_ack_does_not_count",
                 ALKAID_OPEN "o:FA>fin_wait o:A>fin_wait r:FA>last_ack r:A>last_ack"},
        Sequence{"retransmitted_fin", ALKAID_OPEN
                 "o:FA>fin_wait o:FA>fin_wait r:A>close_wait o:FA>close_wait r:FA>last_ack "
                 "r:FA>last_ack o:FA>time_wait o:A>time_wait r:FA>time_wait o:A>time_wait"},
        Sequence{"retransmitted_fin_of_the_responder", ALKAID_OPEN
                 "r:FA>fin_wait r:FA>fin_wait o:A>close_wait r:FA>close_wait o:FA>last_ack "
                 "o:FA>last_ack r:FA>time_wait r:A>time_wait o:FA>time_wait"},
        Sequence{"simultaneous_close",
                 ALKAID_OPEN "o:FA>fin_wait r:FA>last_ack o:A>time_wait r:A>time_wait"},
        Sequence{"late_syn_and_syn_ack", ALKAID_OPEN
                 "o:FA>fin_wait o:S>fin_wait r:SA>fin_wait r:A>close_wait o:S>close_wait "
                 "r:SA>close_wait r:FA>last_ack o:S>last_ack r:SA>last_ack"},
        Sequence{"reply_opens_nothing", ALKAID_OPEN
                 "r:S>invalid o:FA>fin_wait r:S>invalid r:A>close_wait r:S>invalid r:FA>last_ack "
                 "r:S>invalid"}),
    [](const auto& info) { return std::string{info.param.name}; });

INSTANTIATE_TEST_SUITE_P(
    Reopening, TcpSequence,
    ::testing::Values(
        Sequence{"in_time_wait",
                 ALKAID_OPEN ALKAID_CLOSE "o:S>reopen r:SA>syn_received o:A>established"},
        Sequence{"in_time_wait_by_the_responder",
                 ALKAID_OPEN ALKAID_CLOSE "r:S>reopen o:SA>syn_received r:A>established"},
        Sequence{"in_time_wait_syn_ack_does_not", ALKAID_OPEN ALKAID_CLOSE "r:SA>time_wait"},
        Sequence{"after_reset", ALKAID_OPEN "o:R>closed o:S>reopen"},
        Sequence{"after_reset_by_the_responder", ALKAID_OPEN "o:R>closed r:S>reopen o:SA>"
                                                             "syn_received"},
        Sequence{"after_reset_of_the_responder", ALKAID_OPEN "r:R>closed o:S>reopen"},
        Sequence{"after_expected_reset", ALKAID_OPEN "o:R+>closed o:S>reopen"},
        Sequence{"after_refusal", "o:S>syn_sent r:RA>closed r:S>reopen o:SA>syn_received"}),
    [](const auto& info) { return std::string{info.param.name}; });

INSTANTIATE_TEST_SUITE_P(
    Resetting, TcpSequence,
    ::testing::Values(
        Sequence{"by_initiator", ALKAID_OPEN "o:R>closed o:R>closed o:PA>closed o:FA>closed"},
        Sequence{"by_responder", ALKAID_OPEN "r:RA>closed r:PA>closed r:R>closed"},
        Sequence{"by_both", ALKAID_OPEN "r:R>closed o:R>closed o:A>closed r:A>closed"},
        Sequence{"contradicted", ALKAID_OPEN "o:R>closed o:PA>closed r:A>established"},
        Sequence{"contradicted_by_initiator", ALKAID_OPEN "r:R>closed r:A>closed o:A>established"},
        Sequence{"contradicted_by_fin", ALKAID_OPEN "r:R>closed o:FA>fin_wait"},
        Sequence{"contradicted_by_responders_fin", ALKAID_OPEN "o:R>closed r:FA>fin_wait"},
        Sequence{"of_a_handshake_is_not_contradicted",
                 "o:S>syn_sent r:RA>closed o:A>closed r:A>closed"},
        Sequence{"expected", ALKAID_OPEN "o:R+>closed r:A>closed o:A>closed"},
        Sequence{"unexpected", ALKAID_OPEN "o:R!>established r:R!>established r:A>established"},
        Sequence{"unexpected_while_closing",
                 ALKAID_OPEN "o:FA>fin_wait r:R!>fin_wait r:A>close_wait o:R!>close_wait"},
        Sequence{"closing", ALKAID_OPEN "o:FA>fin_wait r:R>closed o:A>closed r:A>closed"},
        Sequence{"half_closed", ALKAID_OPEN "o:FA>fin_wait r:A>close_wait o:R>closed"},
        Sequence{"last_ack", ALKAID_OPEN "o:FA>fin_wait r:FA>last_ack o:R>closed"},
        Sequence{"time_wait", ALKAID_OPEN ALKAID_CLOSE "r:R>closed o:A>closed"},
        Sequence{"late_syn_ack", ALKAID_OPEN "o:R>closed r:SA>syn_received o:R>closed"},
        Sequence{"initiator_rebooted",
                 ALKAID_OPEN "o:S>established r:A>established o:R>closed "
                             "r:RA>closed r:SA>syn_received o:A>established"}),
    [](const auto& info) { return std::string{info.param.name}; });

INSTANTIATE_TEST_SUITE_P(
    MidStream, TcpSequence,
    ::testing::Values(
        Sequence{"data", "o:PA>established o:A>established r:A>established o:FA>fin_wait", true},
        Sequence{"fin", "o:FA>fin_wait r:A>close_wait r:FA>last_ack o:A>time_wait", true},
        Sequence{"other_side_closes", "o:A>established r:FA>fin_wait o:A>close_wait", true},
        Sequence{"responder_does_not_know_it",
                 "o:A>established r:R>closed o:S>reopen r:SA>syn_received o:A>established", true},
        Sequence{"starts_anew", "o:A>established o:S>established r:SA>syn_received o:A>established",
                 true},
        Sequence{"reply_opens_nothing", "o:A>established r:S>invalid", true},
        Sequence{"not_with_reset_or_syn_ack", "o:R>invalid o:RA>invalid o:SA>invalid", true},
        Sequence{"syn_as_ever", "o:S>syn_sent r:SA>syn_received", true}),
    [](const auto& info) { return std::string{info.param.name}; });

TEST(TcpFlags, ThoseThatNoStackSendsAreInvalidInEveryState) {
  const char* const lives[] = {"",
                               "o:S",
                               "o:S r:S",
                               "o:S r:SA",
                               "o:S r:SA o:A",
                               "o:S r:SA o:A o:FA",
                               "o:S r:SA o:A r:FA",
                               "o:S r:SA o:A o:FA r:A",
                               "o:S r:SA o:A o:FA r:FA",
                               "o:S r:SA o:A o:FA r:FA o:A",
                               "o:S r:RA",
                               "o:S r:SA o:A r:R"};
  const auto is_possible = [](unsigned flags) {
    const unsigned meaning = flags & ~unsigned{tcp_flag::kPsh};
    const unsigned control = meaning & ~unsigned{tcp_flag::kUrg};
    const bool urgent = (meaning & tcp_flag::kUrg) != 0;
    return control == tcp_flag::kSyn || control == tcp_flag::kAck ||
           control == (tcp_flag::kFin | tcp_flag::kAck) ||
           (!urgent && (control == (tcp_flag::kSyn | tcp_flag::kAck) || control == tcp_flag::kRst ||
                        control == (tcp_flag::kRst | tcp_flag::kAck)));
  };
  for (const char* life : lives) {
    StateWord word;
    std::istringstream packets{life};
    for (std::string step; packets >> step;) {
      ASSERT_NE(apply(word, step[0] == 'r' ? kReply : kOriginal, tcp(step.substr(2)), false),
                "invalid");
    }
    for (unsigned flags = 0; flags < 256; ++flags) {
      const TrackedPacket packet{.protocol = ip_protocol::kTcp,
                                 .tcp_flags = static_cast<std::uint8_t>(flags)};
      if (is_possible(flags & 0x3f)) {
        continue;
      }
      for (const Direction direction : {kOriginal, kReply}) {
        StateWord copy = word;
        EXPECT_EQ(apply(copy, direction, packet, true), "invalid") << life << " " << flags;
        EXPECT_EQ(copy, word);
      }
    }
  }
}

TEST(TcpFlags, CongestionBitsMeanNothing) {
  StateWord word = *open_connection({.protocol = ip_protocol::kTcp, .tcp_flags = 0xc2}, false);
  EXPECT_EQ(word.state(), ConnectionState::syn_sent);
  word = track(word, kReply, {.protocol = ip_protocol::kTcp, .tcp_flags = 0x52}).next;
  EXPECT_EQ(word.state(), ConnectionState::syn_received);
}

// The words after each packet of a sequence of "DIRECTION:FLAGS".
StateWord after(const std::string& packets, bool mid_stream = false) {
  StateWord word;
  std::istringstream stream{packets};
  for (std::string step; stream >> step;) {
    apply(word, step[0] == 'r' ? kReply : kOriginal, tcp(step.substr(2)), mid_stream);
  }
  return word;
}

TEST(Steady, EstablishedBothWays) {
  const StateWord established = after("o:S r:SA o:A");
  EXPECT_TRUE(is_steady(established, kOriginal));
  EXPECT_TRUE(is_steady(established, kReply));
}

TEST(Steady, HandshakeIsNot) {
  EXPECT_FALSE(is_steady(after("o:S"), kOriginal));
  EXPECT_FALSE(is_steady(after("o:S r:SA"), kOriginal));
}

TEST(Steady, PickedUpUntilTheReply) {
  const StateWord picked_up = after("o:A", true);
  EXPECT_TRUE(is_steady(picked_up, kOriginal));
  EXPECT_FALSE(is_steady(picked_up, kReply));
  EXPECT_TRUE(is_steady(after("o:A r:A", true), kReply));
}

TEST(Steady, PickedUpByAnAnswerUntilItsReceiverIsHeard) {
  const StateWord picked_up = *pick_up_reply(tcp("A"));
  EXPECT_TRUE(is_steady(picked_up, kReply));
  EXPECT_FALSE(is_steady(picked_up, kOriginal));
}

// Direction, flags, what becomes of a connection that an answer has picked up.
TEST(PickedUpByAnAnswer, GoesOnOnlyWithItsReceiver) {
  const auto next = [](Direction direction, const char* flags) {
    StateWord word = *pick_up_reply(tcp("PA"));
    EXPECT_EQ(word.state(), ConnectionState::established);
    EXPECT_EQ(eviction_class(word), EvictionClass::kEmbryonic);
    EXPECT_EQ(ConnectionTimeouts{}.of(word, ip_protocol::kTcp), 120U);
    const std::string result = apply(word, direction, tcp(flags), false);
    return result == "established" && eviction_class(word) == EvictionClass::kSettled ? "settled"
                                                                                      : result;
  };
  EXPECT_EQ(next(kReply, "A"), "established");
  EXPECT_EQ(next(kReply, "S"), "invalid");
  EXPECT_EQ(next(kReply, "SA"), "invalid");
  EXPECT_EQ(next(kReply, "FA"), "established");
  EXPECT_EQ(next(kReply, "R"), "established");
  EXPECT_EQ(next(kReply, "R+"), "established");
  EXPECT_EQ(next(kReply, "R!"), "established");
  EXPECT_EQ(next(kReply, "-"), "invalid");
  EXPECT_EQ(next(kOriginal, "A"), "settled");
  EXPECT_EQ(next(kOriginal, "S"), "reopen");
  EXPECT_EQ(next(kOriginal, "SA"), "invalid");
  EXPECT_EQ(next(kOriginal, "FA"), "fin_wait");
  EXPECT_EQ(next(kOriginal, "RA"), "established");
}

// However it goes about it, as long as its receiver says at most that it knows of nothing.
TEST(PickedUpByAnAnswer, OpensNothingForItsSender) {
  const std::vector<std::string> flags{"A", "FA", "R", "R+", "R!", "SA", "S"};
  for (const std::string& first : flags) {
    for (const std::string& second : flags) {
      for (const std::string& third : flags) {
        StateWord word = *pick_up_reply(tcp("A"));
        for (const std::string& each : {first, second, third}) {
          apply(word, kReply, tcp(each), false);
          apply(word, kOriginal, tcp("RA"), false);
        }
        EXPECT_EQ(apply(word, kReply, tcp("S"), false), "invalid")
            << first << ' ' << second << ' ' << third;
      }
    }
  }
}

TEST(PickedUpByAnAnswer, NotByOtherFlags) {
  for (const char* flags : {"S", "SA", "R", "RA", "-", "F", "SF"}) {
    EXPECT_FALSE(pick_up_reply(tcp(flags))) << flags;
  }
  EXPECT_FALSE(pick_up_reply({.protocol = ip_protocol::kUdp}));
  EXPECT_TRUE(pick_up_reply(tcp("FA")));
}

TEST(Steady, IsWhatAcksDontChange) {
  const char* const lives[] = {"o:S",
                               "o:S r:S",
                               "o:S r:SA",
                               "o:S r:SA o:A",
                               "o:S r:SA o:A o:FA",
                               "o:S r:SA o:A r:FA",
                               "o:S r:SA o:A o:FA r:A",
                               "o:S r:SA o:A r:FA o:A",
                               "o:S r:SA o:A o:FA r:FA",
                               "o:S r:SA o:A r:FA o:FA",
                               "o:S r:SA o:A o:FA r:FA o:A",
                               "o:S r:RA",
                               "o:S r:SA o:A r:R",
                               "o:S r:SA o:A o:R"};
  for (const char* life : lives) {
    const StateWord word = after(life);
    for (const Direction direction : {kOriginal, kReply}) {
      const TrackResult result = track(word, direction, tcp("PA"));
      EXPECT_EQ(is_steady(word, direction), result.verdict == kPass && result.next == word) << life;
    }
  }
}

TEST(OtherProtocols, OneWayUntilTheReply) {
  for (const std::uint8_t protocol :
       {ip_protocol::kUdp, ip_protocol::kIcmp, ip_protocol::kIcmpv6, ip_protocol::kSctp,
        ip_protocol::kEncryptedPayload, std::uint8_t{47}}) {
    const TrackedPacket packet{.protocol = protocol};
    StateWord word = *open_connection(packet, false);
    EXPECT_EQ(word.state(), ConnectionState::one_way);
    EXPECT_TRUE(is_steady(word, kOriginal));
    EXPECT_FALSE(is_steady(word, kReply));
    EXPECT_EQ(track(word, kOriginal, packet).next, word);
    word = track(word, kReply, packet).next;
    EXPECT_EQ(word.state(), ConnectionState::two_way);
    for (const Direction direction : {kOriginal, kReply}) {
      EXPECT_TRUE(is_steady(word, direction));
      EXPECT_EQ(track(word, direction, packet).verdict, kPass);
      EXPECT_EQ(track(word, direction, packet).next, word);
    }
  }
}

TEST(Eviction, Classes) {
  using enum EvictionClass;
  EXPECT_EQ(eviction_class(after("o:S")), kEmbryonic);
  EXPECT_EQ(eviction_class(after("o:S r:S")), kEmbryonic);
  EXPECT_EQ(eviction_class(after("o:S r:SA")), kEmbryonic);
  EXPECT_EQ(eviction_class(after("o:A", true)), kEmbryonic);
  EXPECT_EQ(eviction_class(after("o:A r:A", true)), kSettled);
  EXPECT_EQ(eviction_class(after("o:S r:SA o:A")), kSettled);
  EXPECT_EQ(eviction_class(after("o:S r:SA o:A o:FA")), kClosing);
  EXPECT_EQ(eviction_class(after("o:S r:SA o:A o:FA r:A")), kClosing);
  EXPECT_EQ(eviction_class(after("o:S r:SA o:A o:FA r:FA")), kClosing);
  EXPECT_EQ(eviction_class(after("o:S r:SA o:A o:FA r:FA o:A")), kClosing);
  EXPECT_EQ(eviction_class(after("o:S r:RA")), kClosing);
  EXPECT_EQ(eviction_class(after("o:S r:SA o:A r:R")), kClosing);
  const TrackedPacket udp{.protocol = ip_protocol::kUdp};
  const StateWord one_way = *open_connection(udp, false);
  EXPECT_EQ(eviction_class(one_way), kEmbryonic);
  EXPECT_EQ(eviction_class(track(one_way, kReply, udp).next), kSettled);
}

TEST(Names, AreUnique) {
  EXPECT_EQ(name_of(ConnectionState::kNone), "none");
  EXPECT_EQ(name_of(ConnectionState::syn_sent_both), "syn_sent_both");
  EXPECT_EQ(name_of(ConnectionState::two_way), "two_way");
}

}  // namespace
}  // namespace alkaid::test
