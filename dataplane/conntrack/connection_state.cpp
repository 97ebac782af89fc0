#include "dataplane/conntrack/connection_state.hpp"

#include <array>
#include <cstddef>

#include "dataplane/packet/headers.hpp"

namespace alkaid {
namespace {

// What a state is refined to, so that one table says everything. _o: by the original direction, _r:
// by the reply direction. The order is the table's columns.
enum class Phase : std::uint8_t {
  kSynSent,
  kSynSentBoth,
  kSynReceived,
  kPickedUp,   // established for all that is known: nothing heard of the other side yet
  kPickedUpR,  // the same, by the reply direction; only the other side leads out of it
  kEstablished,
  kFinWaitO,  // FIN by
  kFinWaitR,
  kCloseWaitO,  // FIN by, and acknowledged by the other side
  kCloseWaitR,
  kLastAckO,  // the second FIN by
  kLastAckR,
  kTimeWait,
  kClosed,
  kResetO,  // RST by, in the middle of a connection, and not yet contradicted
  kResetR,
  kTcpCount,
  kOneWay = kTcpCount,
  kTwoWay,
  kCount
};

constexpr std::size_t kTcpPhases = static_cast<std::size_t>(Phase::kTcpCount);

constexpr ConnectionState state_of(Phase phase) {
  switch (phase) {
    case Phase::kSynSent:
      return ConnectionState::syn_sent;
    case Phase::kSynSentBoth:
      return ConnectionState::syn_sent_both;
    case Phase::kSynReceived:
      return ConnectionState::syn_received;
    case Phase::kPickedUp:
    case Phase::kPickedUpR:
    case Phase::kEstablished:
      return ConnectionState::established;
    case Phase::kFinWaitO:
    case Phase::kFinWaitR:
      return ConnectionState::fin_wait;
    case Phase::kCloseWaitO:
    case Phase::kCloseWaitR:
      return ConnectionState::close_wait;
    case Phase::kLastAckO:
    case Phase::kLastAckR:
      return ConnectionState::last_ack;
    case Phase::kTimeWait:
      return ConnectionState::time_wait;
    case Phase::kClosed:
    case Phase::kResetO:
    case Phase::kResetR:
      return ConnectionState::closed;
    case Phase::kOneWay:
      return ConnectionState::one_way;
    case Phase::kTwoWay:
      return ConnectionState::two_way;
    case Phase::kCount:
      break;
  }
  return ConnectionState::kNone;
}

constexpr StateWord word_of(Phase phase) {
  return {static_cast<std::uint32_t>(state_of(phase)) | static_cast<std::uint32_t>(phase) << 8U};
}

constexpr Phase phase_of(StateWord word) {
  return static_cast<Phase>(word.bits >> 8U & 0xff);
}

// One side only has been heard.
constexpr bool is_picked_up(StateWord word) {
  return phase_of(word) == Phase::kPickedUp || phase_of(word) == Phase::kPickedUpR;
}

// What a TCP packet's flags make of it. The order is the table's rows.
enum class FlagClass : std::uint8_t {
  kSyn,
  kSynAck,
  kAck,
  kFin,
  kRst,
  kRstExpected,
  kRstUnexpected,
  kImpossible,  // SYN+FIN, SYN+RST, FIN without ACK, none of them, all of them ...
  kCount
};

constexpr std::size_t kFlagClasses = static_cast<std::size_t>(FlagClass::kCount);

// PSH goes with anything, URG with whatever may carry data.
constexpr std::array<FlagClass, 64> kFlagClassOf = [] {
  using namespace tcp_flag;
  std::array<FlagClass, 64> classes{};
  classes.fill(FlagClass::kImpossible);
  for (const std::uint8_t extra : {0, +kPsh}) {
    for (const std::uint8_t urgent : {0, +kUrg}) {
      classes[kSyn | extra | urgent] = FlagClass::kSyn;
      classes[kAck | extra | urgent] = FlagClass::kAck;
      classes[kFin | kAck | extra | urgent] = FlagClass::kFin;
    }
    classes[kSyn | kAck | extra] = FlagClass::kSynAck;
    classes[kRst | extra] = FlagClass::kRst;
    classes[kRst | kAck | extra] = FlagClass::kRst;
  }
  return classes;
}();

FlagClass class_of(const TrackedPacket& packet) {
  const FlagClass by_flags = kFlagClassOf[packet.tcp_flags & 0x3fU];
  return by_flags != FlagClass::kRst
             ? by_flags
             : static_cast<FlagClass>(static_cast<unsigned>(FlagClass::kRst) +
                                      static_cast<unsigned>(packet.reset_sequence));
}

// A cell: the next phase, or that there is none.
constexpr std::uint8_t kInvalid = 0xff;
constexpr std::uint8_t kReopen = 0xfe;

constexpr std::uint8_t cell(Phase phase) {
  return static_cast<std::uint8_t>(phase);
}

constexpr std::uint8_t SS = cell(Phase::kSynSent);
constexpr std::uint8_t S2 = cell(Phase::kSynSentBoth);
constexpr std::uint8_t SR = cell(Phase::kSynReceived);
constexpr std::uint8_t PU = cell(Phase::kPickedUp);
constexpr std::uint8_t PR = cell(Phase::kPickedUpR);
constexpr std::uint8_t ES = cell(Phase::kEstablished);
constexpr std::uint8_t Fo = cell(Phase::kFinWaitO);
constexpr std::uint8_t Fr = cell(Phase::kFinWaitR);
constexpr std::uint8_t Co = cell(Phase::kCloseWaitO);
constexpr std::uint8_t Cr = cell(Phase::kCloseWaitR);
constexpr std::uint8_t Lo = cell(Phase::kLastAckO);
constexpr std::uint8_t Lr = cell(Phase::kLastAckR);
constexpr std::uint8_t TW = cell(Phase::kTimeWait);
constexpr std::uint8_t CL = cell(Phase::kClosed);
constexpr std::uint8_t Ro = cell(Phase::kResetO);
constexpr std::uint8_t Rr = cell(Phase::kResetR);
constexpr std::uint8_t iv = kInvalid;
constexpr std::uint8_t re = kReopen;

using TcpTable = std::array<std::array<std::array<std::uint8_t, kTcpPhases>, kFlagClasses>, 2>;

// clang-format off
constexpr TcpTable kTcp = {{{{
  // Original direction.
  //              SS  S2  SR  PU  PR  ES  Fo  Fr  Co  Cr  Lo  Lr  TW  CL  Ro  Rr
  // A SYN in the middle may be an old duplicate or a rebooted initiator: the responder tells
  // (RFC 5961, 4), by an ACK that the initiator answers with an RST.
  /* SYN      */ {SS, S2, SR, PU, re, ES, Fo, Fr, Co, Cr, Lo, Lr, re, re, re, re},
  // Only in a simultaneous open, or a late duplicate of one.
  /* SYN+ACK  */ {iv, SR, SR, PU, iv, ES, Fo, Fr, Co, Cr, Lo, Lr, TW, CL, Ro, Rr},
  // In SS nothing could be acknowledged yet. An RST is contradicted by its receiver going on.
  /* ACK      */ {iv, S2, ES, PU, ES, ES, Fo, Cr, Co, Cr, Lo, TW, TW, CL, Ro, ES},
  // Sent again behind the other side's FIN it acknowledges that, too.
  /* FIN      */ {iv, iv, Fo, Fo, Fo, Fo, Fo, Lo, Co, Lo, Lo, TW, TW, CL, Ro, Fo},
  /* RST      */ {CL, CL, CL, CL, PR, Ro, CL, CL, CL, CL, CL, CL, CL, CL, Ro, CL},
  /* RST  exp */ {CL, CL, CL, CL, PR, CL, CL, CL, CL, CL, CL, CL, CL, CL, CL, CL},
  /* RST !exp */ {SS, S2, SR, PU, PR, ES, Fo, Fr, Co, Cr, Lo, Lr, TW, CL, Ro, Rr},
  /* none     */ {iv, iv, iv, iv, iv, iv, iv, iv, iv, iv, iv, iv, iv, iv, iv, iv},
}}, {{
  // Reply direction.
  //              SS  S2  SR  PU  PR  ES  Fo  Fr  Co  Cr  Lo  Lr  TW  CL  Ro  Rr
  // A responder opens nothing in an initiator's name, but for simultaneous open. Over is over: its
  // SYN is a new connection, which policy is asked about.
  /* SYN      */ {S2, S2, SR, iv, iv, iv, iv, iv, iv, iv, iv, iv, re, re, re, re},
  // Behind an RST: the answer to a SYN that passed in the middle of the old connection. PR has no
  // behind: there was none, and a listener would answer the responder's SYN.
  /* SYN+ACK  */ {SR, SR, SR, SR, iv, ES, Fo, Fr, Co, Cr, Lo, Lr, TW, SR, SR, SR},
  // In SS: the responder still has an old connection (RFC 9293, 3.5.1).
  /* ACK      */ {SS, S2, SR, ES, PR, ES, Co, Fr, Co, Cr, TW, Lr, TW, CL, ES, Rr},
  /* FIN      */ {iv, iv, Fr, Fr, PR, Fr, Lr, Fr, Lr, Cr, TW, Lr, TW, CL, Fr, Rr},
  /* RST      */ {CL, CL, CL, CL, PR, Rr, CL, CL, CL, CL, CL, CL, CL, CL, CL, Rr},
  /* RST  exp */ {CL, CL, CL, CL, PR, CL, CL, CL, CL, CL, CL, CL, CL, CL, CL, CL},
  /* RST !exp */ {SS, S2, SR, PU, PR, ES, Fo, Fr, Co, Cr, Lo, Lr, TW, CL, Ro, Rr},
  /* none     */ {iv, iv, iv, iv, iv, iv, iv, iv, iv, iv, iv, iv, iv, iv, iv, iv},
}}}};
// clang-format on

std::uint8_t next_of(Direction direction, FlagClass flags, Phase phase) {
  return kTcp[static_cast<std::size_t>(direction)][static_cast<std::size_t>(flags)]
             [static_cast<std::size_t>(phase)];
}

TrackResult track_tcp(StateWord word, Direction direction, const TrackedPacket& packet) {
  const Phase phase = phase_of(word);
  if (phase >= Phase::kTcpCount) [[unlikely]] {
    return {TrackVerdict::kInvalid, word};
  }
  const std::uint8_t next = next_of(direction, class_of(packet), phase);
  if (next == kInvalid) [[unlikely]] {
    return {TrackVerdict::kInvalid, word};
  }
  if (next == kReopen) [[unlikely]] {
    return {TrackVerdict::kReopen, word};
  }
  return {TrackVerdict::kPass, word_of(static_cast<Phase>(next))};
}

}  // namespace

std::string_view name_of(ConnectionState state) {
  switch (state) {
#define ALKAID_NAME(name)     \
  case ConnectionState::name: \
    return #name;
    ALKAID_CONNECTION_STATES(ALKAID_NAME)
#undef ALKAID_NAME
    case ConnectionState::kNone:
    case ConnectionState::kCount:
      break;
  }
  return "none";
}

EvictionClass eviction_class(StateWord word) {
  switch (word.state()) {
    case ConnectionState::established:
      return is_picked_up(word) ? EvictionClass::kEmbryonic : EvictionClass::kSettled;
    case ConnectionState::two_way:
      return EvictionClass::kSettled;
    case ConnectionState::fin_wait:
    case ConnectionState::close_wait:
    case ConnectionState::last_ack:
    case ConnectionState::time_wait:
    case ConnectionState::closed:
      return EvictionClass::kClosing;
    default:
      return EvictionClass::kEmbryonic;
  }
}

std::optional<StateWord> open_connection(const TrackedPacket& packet, bool mid_stream) {
  if (packet.protocol != ip_protocol::kTcp) {
    return word_of(Phase::kOneWay);
  }
  switch (class_of(packet)) {
    case FlagClass::kSyn:
      return word_of(Phase::kSynSent);
    case FlagClass::kAck:
      return mid_stream ? std::optional{word_of(Phase::kPickedUp)} : std::nullopt;
    case FlagClass::kFin:
      return mid_stream ? std::optional{word_of(Phase::kFinWaitO)} : std::nullopt;
    default:
      return std::nullopt;
  }
}

std::optional<StateWord> pick_up_reply(const TrackedPacket& packet) {
  if (packet.protocol != ip_protocol::kTcp) {
    return std::nullopt;
  }
  const FlagClass flags = class_of(packet);
  return flags == FlagClass::kAck || flags == FlagClass::kFin
             ? std::optional{word_of(Phase::kPickedUpR)}
             : std::nullopt;
}

bool is_only_answers(StateWord word) {
  return phase_of(word) == Phase::kPickedUpR;
}

TrackResult track(StateWord word, Direction direction, const TrackedPacket& packet) {
  if (packet.protocol == ip_protocol::kTcp) {
    return track_tcp(word, direction, packet);
  }
  return {TrackVerdict::kPass, direction == Direction::kOriginal ? word : word_of(Phase::kTwoWay)};
}

bool is_steady(StateWord word, Direction direction) {
  const Phase phase = phase_of(word);
  if (phase >= Phase::kTcpCount) {
    return phase == Phase::kTwoWay || direction == Direction::kOriginal;
  }
  return next_of(direction, FlagClass::kAck, phase) == cell(phase);
}

std::uint32_t ConnectionTimeouts::of(StateWord word, std::uint8_t protocol) const {
  switch (word.state()) {
    case ConnectionState::syn_sent:
    case ConnectionState::syn_sent_both:
      return tcp_syn_sent;
    case ConnectionState::syn_received:
      return tcp_syn_received;
    case ConnectionState::established:
      return is_picked_up(word) ? tcp_syn_sent : tcp_established;
    case ConnectionState::fin_wait:
      return tcp_fin_wait;
    case ConnectionState::close_wait:
      return tcp_close_wait;
    case ConnectionState::last_ack:
      return tcp_last_ack;
    case ConnectionState::time_wait:
      return tcp_time_wait;
    case ConnectionState::closed:
      return tcp_closed;
    case ConnectionState::one_way:
    case ConnectionState::two_way:
    case ConnectionState::kNone:
    case ConnectionState::kCount:
      break;
  }
  if (protocol == ip_protocol::kUdp) {
    return word.state() == ConnectionState::two_way ? udp_two_way : udp_one_way;
  }
  return protocol == ip_protocol::kIcmp || protocol == ip_protocol::kIcmpv6 ? icmp : other;
}

}  // namespace alkaid
