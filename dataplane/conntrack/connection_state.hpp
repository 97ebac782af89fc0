// The state of a connection as one word, and how packets change it. Pure: no table, no clock; any
// thread may call everything. After RFC 9293 and Linux's nf_conntrack_proto_tcp.c (behavior, not
// code). Design and the table as text: docs/design/conntrack.md.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace alkaid {

// What a connection is at. Names are those that operators see.
#define ALKAID_CONNECTION_STATES(STATE)                        \
  /* TCP */                                                    \
  STATE(syn_sent)      /* SYN from the initiator */            \
  STATE(syn_sent_both) /* SYNs from both, simultaneous open */ \
  STATE(syn_received)  /* SYN+ACK from the responder */        \
  STATE(established)                                           \
  STATE(fin_wait)   /* FIN from one side */                    \
  STATE(close_wait) /* and acknowledged */                     \
  STATE(last_ack)   /* FIN from the other side too */          \
  STATE(time_wait)                                             \
  STATE(closed) /* RST */                                      \
  /* UDP, ICMP queries, all others */                          \
  STATE(one_way) /* no reply yet */                            \
  STATE(two_way)

enum class ConnectionState : std::uint8_t {
  kNone = 0,
#define ALKAID_ENUMERATOR(name) name,
  ALKAID_CONNECTION_STATES(ALKAID_ENUMERATOR)
#undef ALKAID_ENUMERATOR
      kCount
};

std::string_view name_of(ConnectionState state);

// kOriginal: of the packet that opened the connection.
enum class Direction : std::uint8_t { kOriginal = 0, kReply = 1 };

constexpr Direction opposite(Direction direction) {
  return direction == Direction::kOriginal ? Direction::kReply : Direction::kOriginal;
}

namespace tcp_flag {
inline constexpr std::uint8_t kFin = 1;
inline constexpr std::uint8_t kSyn = 2;
inline constexpr std::uint8_t kRst = 4;
inline constexpr std::uint8_t kPsh = 8;
inline constexpr std::uint8_t kAck = 16;
inline constexpr std::uint8_t kUrg = 32;
}  // namespace tcp_flag

// How the sequence number of an RST compares with what its receiver waits for (RFC 5961, 3.2): with
// the last acknowledgment number that the opposite direction sent, or the number behind the last
// byte of its own.
enum class ResetSequence : std::uint8_t {
  kUnknown,   // nobody keeps them: the RST counts until its receiver goes on talking
  kExpected,  // it ends the connection
  // It passes, as its receiver may answer it, and changes nothing. Only to be said of connections
  // whose both directions have been seen.
  kUnexpected,
};

// What tracking needs to know of a packet beside its tuple.
struct TrackedPacket {
  std::uint8_t protocol = 0;
  std::uint8_t tcp_flags = 0;  // tcp_flag
  ResetSequence reset_sequence = ResetSequence::kUnknown;
};

// Everything about a connection's state that is shared by its directions: changed by
// compare-and-swap, only on transitions. The state in bits 0 .. 7, what distinguishes connections
// in the same state (such as which side sent the FIN) in bits 8 .. 15, the rest 0. No connection:
// 0.
struct StateWord {
  std::uint32_t bits = 0;

  [[nodiscard]] constexpr ConnectionState state() const {
    return static_cast<ConnectionState>(bits & 0xff);
  }
  constexpr bool operator==(const StateWord&) const = default;
};

// Which connections make room first when the table is full.
enum class EvictionClass : std::uint8_t { kEmbryonic, kClosing, kSettled };
EvictionClass eviction_class(StateWord word);

// The state that a packet opens a connection with; none: it can't. mid_stream: TCP without SYN may,
// but for RST and SYN+ACK (after a restart or a migration). Such a connection is established at
// once; until the other side has been heard it goes first when room is needed and times out soon.
std::optional<StateWord> open_connection(const TrackedPacket& packet, bool mid_stream);
// The same for TCP in mid stream that answers: its initiator, who alone may have opened the
// connection, has not been heard yet. Until it is, neither SYN nor SYN+ACK of the responder pass.
std::optional<StateWord> pick_up_reply(const TrackedPacket& packet);
// Whether it began so and the initiator has not been heard. It ends when its time-out has passed
// since it began, whatever comes.
bool is_only_answers(StateWord word);

enum class TrackVerdict : std::uint8_t {
  kPass,     // `next` is the state from now on (often the same)
  kInvalid,  // drop it; the state stays
  kReopen,   // the connection is over and this packet opens a new one with the same tuple
};
struct TrackResult {
  TrackVerdict verdict = TrackVerdict::kPass;
  StateWord next;
};
// `word` came from open_connection or track, for the same protocol. A table lookup.
TrackResult track(StateWord word, Direction direction, const TrackedPacket& packet);

// Packets of this direction that have ACK and none of SYN, FIN and RST (or are not TCP) change
// nothing any more: the fast path may pass them without asking.
bool is_steady(StateWord word, Direction direction);

// Idle times in seconds, settable at run time; Linux's defaults.
struct ConnectionTimeouts {
  std::uint32_t tcp_syn_sent = 120;
  std::uint32_t tcp_syn_received = 60;
  std::uint32_t tcp_established = 432000;
  std::uint32_t tcp_fin_wait = 120;
  std::uint32_t tcp_close_wait = 60;
  std::uint32_t tcp_last_ack = 30;
  std::uint32_t tcp_time_wait = 120;
  std::uint32_t tcp_closed = 10;
  std::uint32_t udp_one_way = 30;
  std::uint32_t udp_two_way = 120;
  std::uint32_t icmp = 30;
  std::uint32_t other = 600;

  // Of a connection in this state.
  [[nodiscard]] std::uint32_t of(StateWord word, std::uint8_t protocol) const;
};

// Visits (name, pointer to member) of every time-out, for options, console and API.
template <class Visit>
void for_each_timeout(Visit&& visit) {
  using T = ConnectionTimeouts;
  visit("tcp_syn_sent", &T::tcp_syn_sent);
  visit("tcp_syn_received", &T::tcp_syn_received);
  visit("tcp_established", &T::tcp_established);
  visit("tcp_fin_wait", &T::tcp_fin_wait);
  visit("tcp_close_wait", &T::tcp_close_wait);
  visit("tcp_last_ack", &T::tcp_last_ack);
  visit("tcp_time_wait", &T::tcp_time_wait);
  visit("tcp_closed", &T::tcp_closed);
  visit("udp_one_way", &T::udp_one_way);
  visit("udp_two_way", &T::udp_two_way);
  visit("icmp", &T::icmp);
  visit("other", &T::other);
}

}  // namespace alkaid
