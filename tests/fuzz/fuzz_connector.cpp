// Feeds packets to the whole connection tracker, as two workers use it who may be in the middle of
// a burst when something changes: ports, groups, rules, members, hosts that move, time, flushes.
// After each step everything is compared with what must hold.
//
// Input: a byte of settings, then steps of five bytes (Step).
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "dataplane/conntrack/fragment_tracker.hpp"
#include "tests/fuzz/require.hpp"
#include "tests/support/packet_builder.hpp"
#include "tests/support/plain_policy.hpp"
#include "tests/support/small_eal.hpp"
#include "tests/support/tracking_host.hpp"

namespace alkaid::fuzz {
namespace {

using test::Bytes;
using test::packet;
using test::TrackedFrame;
using test::TrackedWay;

constexpr PortIndex kPorts = 6;
constexpr std::size_t kMostSteps = 160;
constexpr std::uint32_t kConnections = 64;
constexpr std::uint32_t kQuota = 8;
constexpr std::uint16_t kOtherProtocol = 47;

// Of two tenants with the same addresses; the first has a second subnet, which is routed.
struct Host {
  std::uint32_t zone;
  std::uint8_t subnet;
  std::uint8_t number;
  bool begins_here;
};
constexpr std::array<Host, 8> kHosts{{{1, 1, 1, true},
                                      {1, 1, 2, true},
                                      {2, 1, 1, true},
                                      {2, 1, 2, true},
                                      {1, 1, 3, false},
                                      {3, 2, 1, true},
                                      {2, 1, 3, false},
                                      {3, 2, 2, false}}};
constexpr int tenant_of(const Host& host) {
  return host.zone == 2 ? 2 : 1;
}
IpAddress address_of(const Host& host, bool ipv6) {
  const std::uint32_t number = std::uint32_t{host.subnet} << 8 | host.number;
  return ipv6 ? IpAddress::from_numbers(0x20010db800000000, number)
              : IpAddress{Ipv4Address{0x0a000000 + number}};
}

struct Step {
  std::uint8_t kind;
  std::uint8_t who;   // bit 0 worker, 1 IPv6, 2 .. 4 source, 5 .. 7 destination
  std::uint8_t what;  // bits 0, 1 protocol, 2 .. 4 source port, 5 .. 7 destination port
  std::uint8_t flags;
  std::uint8_t more;

  [[nodiscard]] unsigned worker() const { return who & 1U; }
  [[nodiscard]] bool ipv6() const { return (who & 2) != 0; }
  [[nodiscard]] std::size_t source() const { return who >> 2 & 7; }
  [[nodiscard]] std::size_t destination() const { return who >> 5; }
  [[nodiscard]] std::uint16_t source_port() const { return port(what >> 2 & 7); }
  [[nodiscard]] std::uint16_t destination_port() const { return port(what >> 5); }
  [[nodiscard]] std::uint8_t protocol() const {
    constexpr std::array<std::uint8_t, 4> kProtocols{ip_protocol::kTcp, ip_protocol::kUdp,
                                                     ip_protocol::kIcmp, kOtherProtocol};
    return kProtocols[what & 3U];
  }

 private:
  static std::uint16_t port(unsigned number) {
    return static_cast<std::uint16_t>(number < 4 ? 80 + number : 1000 + number);
  }
};

// What a step sends.
Bytes frame_of(const Step& step, std::uint16_t source_port) {
  const Host& from = kHosts[step.source()];
  const Host& to = kHosts[step.destination()];
  const IpAddress source = address_of(from, step.ipv6());
  const IpAddress destination = address_of(to, step.ipv6());
  const auto above = [&](const auto& ip) {
    switch (step.protocol()) {
      case ip_protocol::kTcp:
        return ip
            .tcp({.source_port = source_port,
                  .destination_port = step.destination_port(),
                  .sequence = step.more,
                  .acknowledgment = step.more,
                  .flags = static_cast<std::uint8_t>(step.flags & 0x3f)})
            .payload_of_size(step.more % 4)
            .build();
      case ip_protocol::kUdp:
        return ip.udp({.source_port = source_port, .destination_port = step.destination_port()})
            .payload_of_size(8)
            .build();
      case ip_protocol::kIcmp:
        if (step.ipv6()) {
          return ip
              .icmpv6({.type = static_cast<std::uint8_t>((step.flags & 1) == 0 ? 128 : 129),
                       .code = static_cast<std::uint8_t>(step.more == 77 ? 1 : 0),
                       .word = std::uint32_t{source_port} << 16})
              .build();
        }
        return ip
            .icmp({.type = static_cast<std::uint8_t>((step.flags & 1) == 0   ? 8
                                                     : (step.flags & 2) == 0 ? 0
                                                                             : step.more),
                   .code = 0,
                   .identifier = source_port})
            .build();
      default:
        return ip.payload_of_size(8).build();
    }
  };
  const bool is_other = step.protocol() == kOtherProtocol;
  if (step.ipv6()) {
    test::Ipv6Fields fields{.source = source, .destination = destination};
    if (is_other) {
      fields.next_header = kOtherProtocol;
    }
    return above(packet().ethernet().ipv6(fields));
  }
  test::Ipv4Fields fields{.source = source.v4(), .destination = destination.v4()};
  if (is_other) {
    fields.protocol = kOtherProtocol;
  }
  return above(packet().ethernet().ipv4(fields));
}

// An ICMP error about what the step would send, back to its source.
Bytes error_about(const Step& step) {
  const Bytes about = frame_of(step, step.source_port());
  const std::size_t cut = std::min(about.size(), sizeof(EthernetHeader) + 20 + step.more);
  const auto quoted = std::span{about}.first(cut).subspan(sizeof(EthernetHeader));
  const IpAddress source = address_of(kHosts[step.destination()], step.ipv6());
  const IpAddress destination = address_of(kHosts[step.source()], step.ipv6());
  if (step.ipv6()) {
    return packet()
        .ethernet()
        .ipv6({.source = source, .destination = destination})
        .icmpv6({.type = 1, .code = 4, .word = 0})
        .payload(quoted)
        .build();
  }
  return packet()
      .ethernet()
      .ipv4({.source = source.v4(), .destination = destination.v4()})
      .icmp({.type = 3, .code = 3, .identifier = 0, .sequence = 0})
      .payload(quoted)
      .build();
}

// A third of a UDP datagram. step.more: which, and the identification.
Bytes fragment_of(const Step& step) {
  const std::uint16_t offset = step.more & 3U;
  const bool more = offset < 2;
  const std::uint16_t identification = step.more >> 2 & 3;
  const IpAddress source = address_of(kHosts[step.source()], step.ipv6());
  const IpAddress destination = address_of(kHosts[step.destination()], step.ipv6());
  const test::UdpFields udp{
      .source_port = step.source_port(), .destination_port = step.destination_port(), .length = 24};
  if (step.ipv6()) {
    const auto ip = packet()
                        .ethernet()
                        .ipv6({.source = source, .destination = destination})
                        .ipv6_fragment({.offset = offset,
                                        .more_fragments = more,
                                        .identification = identification,
                                        .next_header = ip_protocol::kUdp});
    return offset == 0 ? ip.udp(udp).build() : ip.payload_of_size(8).build();
  }
  const auto ip = packet().ethernet().ipv4({.source = source.v4(),
                                            .destination = destination.v4(),
                                            .identification = identification,
                                            .more_fragments = more,
                                            .fragment_offset = offset,
                                            .protocol = ip_protocol::kUdp});
  return offset == 0 ? ip.udp(udp).build() : ip.payload_of_size(8).build();
}

FlowSettings settings_of(std::uint8_t bits) {
  FlowSettings settings;
  settings.connections = kConnections;
  settings.tcp_window_check = (bits & 1) != 0;
  settings.connections_per_port = (bits & 2) != 0 ? kQuota : 0;
  settings.mid_stream = static_cast<MidStreamPickup>((bits >> 2) % 3);
  settings.mid_stream_seconds = 100;
  return settings;
}

// What is known of the connections of one family beside the table.
template <class Key>
struct Ledger {
  struct Entry {
    std::uint32_t life = 0;
    std::uint64_t order = 0;  // in which it was made
    bool was_always_embryonic = true;
  };
  std::map<ConnectionNumber, Entry> entries;
  std::vector<Key> keys;  // that connections have had, the first thousands
  std::uint64_t ended_by_keeper = 0;
};

class Tracking {
 public:
  explicit Tracking(std::uint8_t bits)
      : settings_(settings_of(bits)),
        host_(settings_, (bits & 0x10) != 0 ? 2 : 1, kPorts),
        fragments_(
            {.datagrams = 8, .waiting = 8, .waiting_of_party = 4, .lifetime = 1000, .seed = 1}),
        bursts_(host_.workers()) {
    for (unsigned worker = 0; worker < host_.workers(); ++worker) {
      host_.begin(worker);
    }
    for (std::size_t i = 0; i < kHosts.size(); ++i) {
      place_of_.push_back(kHosts[i].begins_here ? host_.add_port(kHosts[i].zone) : kNoPort);
    }
    for (const bool ingress : {false, true}) {
      for (const bool ipv6 : {false, true}) {
        change_rule("a", {.id = name_of(ingress, ipv6), .ingress = ingress, .ipv6 = ipv6});
      }
    }
    groups_of_.resize(kPorts);
    for (const std::size_t host : {0, 1, 2}) {
      set_groups(place_of_[host], std::vector<std::string>{"a"});
    }
  }

  ~Tracking() {
    for (unsigned worker = 0; worker < host_.workers(); ++worker) {
      release_burst(worker);
    }
    free_waiting();
    check();
    end_all<FlowKeyV4>();
    end_all<FlowKeyV6>();
    host_.tick();
    for (int i = 0; i < 3; ++i) {
      for (unsigned worker = 0; worker < host_.workers(); ++worker) {
        host_.end_walk(worker);
      }
      host_.tick();
    }
    check_nothing_is_left<FlowKeyV4>();
    check_nothing_is_left<FlowKeyV6>();
    for (unsigned worker = 0; worker < host_.workers(); ++worker) {
      host_.end(worker);
    }
  }
  Tracking(const Tracking&) = delete;
  Tracking& operator=(const Tracking&) = delete;

  void take(const Step& step) {
    switch (step.kind % 16) {
      case 0:
      case 1:
      case 2:
      case 3:
      case 4:
      case 5:
        send(step, frame_of(step, step.source_port()));
        break;
      case 6:
        send(step, error_about(step), true);
        break;
      case 7:
        send_fragment(step);
        break;
      case 8:
        flood(step);
        break;
      case 9:
        hold(step);
        break;
      case 10:
        release_burst(step.worker() % host_.workers());
        break;
      case 11:
        pass_time(step);
        break;
      case 12:
        toggle_rule(step);
        break;
      case 13:
        toggle_member(step);
        break;
      case 14:
        change_port(step);
        break;
      case 15:
        flush(step);
        break;
    }
    check();
  }

 private:
  // A packet in a burst that isn't connected yet.
  struct Held {
    std::unique_ptr<TrackedFrame> frame;
    std::unique_ptr<Connector<FlowKeyV4>> v4;
    std::unique_ptr<Connector<FlowKeyV6>> v6;
  };
  struct Burst {
    std::optional<FlowWalk> walk;
    std::vector<Held> packets;
  };

  static std::string name_of(bool ingress, bool ipv6) {
    return std::string{ingress ? "in" : "out"} + (ipv6 ? "6" : "4");
  }
  template <class Key>
  Ledger<Key>& ledger() {
    if constexpr (Key::kIsV6) {
      return ledger_v6_;
    } else {
      return ledger_v4_;
    }
  }

  // ---- packets

  // Where it comes in and goes out, as hosts are now; none: not on this host, or between tenants.
  [[nodiscard]] std::optional<TrackedWay> way_between(std::size_t from, std::size_t to) const {
    const bool is_way = from != to && tenant_of(kHosts[from]) == tenant_of(kHosts[to]) &&
                        (place_of_[from] != kNoPort || place_of_[to] != kNoPort);
    return is_way ? std::optional{TrackedWay{place_of_[from], place_of_[to]}} : std::nullopt;
  }

  void send(const Step& step, const Bytes& bytes, bool back = false) {
    const auto way = back ? way_between(step.destination(), step.source())
                          : way_between(step.source(), step.destination());
    const unsigned worker = step.worker() % host_.workers();
    if (!way || bursts_[worker].walk) {
      return;
    }
    TrackedFrame frame(bytes);
    if (!frame.parse() || !frame.place(host_.ports(), *way)) {
      return;
    }
    const FlowWalk walk = host_.walk(worker);
    connect(walk, frame, *way);
    end_walk(worker);
  }

  // The packets of a step that opens many connections.
  void flood(const Step& step) {
    const auto way = way_between(step.source(), step.destination());
    const unsigned worker = step.worker() % host_.workers();
    if (!way || bursts_[worker].walk) {
      return;
    }
    for (unsigned burst = 0; burst <= step.more / 16U; ++burst) {
      const FlowWalk walk = host_.walk(worker);
      for (unsigned i = 0; i < 64; ++i) {
        TrackedFrame frame(frame_of(step, static_cast<std::uint16_t>(2000 + next_flood_port_++)));
        if (frame.parse() && frame.place(host_.ports(), *way)) {
          connect(walk, frame, *way);
        }
      }
      end_walk(worker);
    }
  }

  void send_fragment(const Step& step) {
    const auto way = way_between(step.source(), step.destination());
    const unsigned worker = step.worker() % host_.workers();
    if (!way || bursts_[worker].walk) {
      return;
    }
    auto frame = std::make_unique<TrackedFrame>(fragment_of(step));
    ALKAID_REQUIRE(frame->parse());
    if (!frame->place(host_.ports(), *way)) {
      return;
    }
    const FlowWalk walk = host_.walk(worker);
    Fragment fragment = describe_fragment(bytes_of(frame->mbuf()), frame->context().headers);
    fragment.key.zone = flow_context_of(frame->mbuf()).zone;
    fragment.key.origin = way->from;
    TrackedFrame* const own = frame.get();
    waiting_[own] = {std::move(frame), *way};
    const auto taken = fragments_.take(fragment, own, walk.now, released_);
    if (taken.outcome == FragmentTracker::Outcome::kPass) {
      tell(*own, taken.upper);
      connect(walk, *own, *way);
    }
    if (taken.outcome != FragmentTracker::Outcome::kWait) {
      waiting_.erase(own);
    }
    go_on(&walk);
    end_walk(worker);
  }
  static void tell(TrackedFrame& frame, const FragmentUpper& upper) {
    FrameHeaders& headers = frame.context().headers;
    headers.protocol = upper.protocol;
    headers.source_port = upper.source_port;
    headers.destination_port = upper.destination_port;
  }
  // What waited. walk: nullptr if it is only to be freed.
  void go_on(const FlowWalk* walk) {
    for (std::size_t i = 0; i < released_.count; ++i) {
      auto* frame = static_cast<TrackedFrame*>(released_.items[i].packet);
      const auto found = waiting_.find(frame);
      ALKAID_REQUIRE(found != waiting_.end());
      if (walk != nullptr && released_.items[i].reason == DropReason::kNone &&
          frame->place(host_.ports(), found->second.second)) {
        tell(*frame, released_.upper);
        connect(*walk, *frame, found->second.second);
      }
      waiting_.erase(found);
    }
  }
  void free_waiting() {
    do {
      fragments_.release_all(released_);
      go_on(nullptr);
    } while (released_.count > 0);
    ALKAID_REQUIRE(waiting_.empty() && fragments_.is_empty());
  }

  // One more packet of a burst whose worker has looked at it, and will decide later.
  void hold(const Step& step) {
    const auto way = way_between(step.source(), step.destination());
    const unsigned worker = step.worker() % host_.workers();
    Burst& burst = bursts_[worker];
    if (!way || burst.packets.size() >= 8) {
      return;
    }
    Held held{.frame = std::make_unique<TrackedFrame>(frame_of(step, step.source_port()))};
    if (!held.frame->parse() || !held.frame->place(host_.ports(), *way)) {
      return;
    }
    if (!burst.walk) {
      burst.walk.emplace(host_.walk(worker));
    }
    if (held.frame->is_v6()) {
      held.v6 = std::make_unique<Connector<FlowKeyV6>>(*burst.walk, held.frame->mbuf(),
                                                       held.frame->context());
      held.v6->prefetch();
    } else {
      held.v4 = std::make_unique<Connector<FlowKeyV4>>(*burst.walk, held.frame->mbuf(),
                                                       held.frame->context());
      held.v4->prefetch();
    }
    burst.packets.push_back(std::move(held));
  }
  void release_burst(unsigned worker) {
    Burst& burst = bursts_[worker];
    if (!burst.walk) {
      return;
    }
    for (Held& held : burst.packets) {
      if (held.v6) {
        held.v6->prefetch_more();
        held.v6->connect();
      } else {
        held.v4->prefetch_more();
        held.v4->connect();
      }
    }
    burst.packets.clear();
    burst.walk.reset();
    end_walk(worker);
  }

  void connect(const FlowWalk& walk, TrackedFrame& frame, const TrackedWay& way) {
    if (frame.is_v6()) {
      connect_as<FlowKeyV6>(walk, frame, way);
    } else {
      connect_as<FlowKeyV4>(walk, frame, way);
    }
  }

  template <class Key>
  void connect_as(const FlowWalk& walk, TrackedFrame& frame, const TrackedWay& way) {
    ConnectionTable<Key>& table = host_.state().table<Key>();
    const PacketContext& context = frame.context();
    const Trackable trackable = trackable_of(frame.mbuf(), context.headers);
    const Key key = key_of<Key>(frame.mbuf(), context, trackable.ports);
    const bool is_admitted = is_still_admitted(table, key, way, trackable.packet);
    const std::uint64_t created_before = created<Key>();
    const ConnectionFinding found = ConnectionJudge<Key>(host_.state(), host_.ports(), frame.mbuf(),
                                                         context, walk.now, walk.newest_stamp)
                                        .judge();
    ALKAID_REQUIRE(created<Key>() == created_before);
    const DropReason reason = [&] {
      Connector<Key> connector(walk, frame.mbuf(), context);
      connector.prefetch();
      connector.prefetch_more();
      return connector.connect();
    }();
    // Explained as it is done; but windows are not explained, and who says that the quota is used
    // up doesn't count the packet's own old connection off.
    if (reason != DropReason::connection_table_full &&
        reason != DropReason::connection_out_of_window && !settings_.tcp_window_check &&
        !(found.reason == DropReason::connection_quota && found.reference != kNoFlow)) {
      ALKAID_REQUIRE(found.reason == reason);
    }
    // What a rule still admits loses nothing by what became of other rules.
    ALKAID_REQUIRE(!is_admitted ||
                   (reason != DropReason::policy_egress && reason != DropReason::policy_ingress));
    if (created<Key>() > created_before) {
      enter(table, key);
    }
    if (reason == DropReason::kNone && (enforces(way.from) || enforces(way.to))) {
      require_admitted(table, frame, key, trackable, way);
    }
  }

  // The packet goes on with a connection of the same ports, which the rules of now admit.
  template <class Key>
  bool is_still_admitted(const ConnectionTable<Key>& table, const Key& key, const TrackedWay& way,
                         const TrackedPacket& packet) {
    const FlowReference reference = table.find(key, key.hash());
    return reference != kNoFlow && is_between(table, reference, way) &&
           is_admitted(table, number_of(reference)) &&
           track(table.record(number_of(reference)).word(), direction_of(reference), packet)
                   .verdict == TrackVerdict::kPass;
  }
  template <class Key>
  bool is_between(const ConnectionTable<Key>& table, FlowReference reference,
                  const TrackedWay& way) {
    const ConnectionRecord& record = table.record(number_of(reference));
    const bool is_original = direction_of(reference) == Direction::kOriginal;
    const auto is_at = [&](PortIndex index, FlowPort port, std::uint16_t generation) {
      if (index == kNoPort) {
        return port == kUnderlayPort;
      }
      const Port* now = host_.ports().find(index);
      return port == index && now != nullptr && short_generation(now->generation) == generation;
    };
    const TrackedWay original = is_original ? way : TrackedWay{way.to, way.from};
    return is_at(original.from, record.initiator, record.initiator_generation) &&
           is_at(original.to, record.responder, record.responder_generation);
  }
  // By the plain rules, of the ports that it was made between.
  template <class Key>
  bool is_admitted(const ConnectionTable<Key>& table, ConnectionNumber number) {
    const ConnectionRecord& record = table.record(number);
    const Key& original = table.half(number, Direction::kOriginal).key;
    const auto index = [](FlowPort port) {
      return port == kUnderlayPort ? kNoPort : PortIndex{port};
    };
    return allows({.source = original.source(),
                   .destination = original.destination(),
                   .ipv6 = Key::kIsV6,
                   .protocol = protocol_of(original.scope),
                   .selector = destination_port_of(original.ports)},
                  {index(record.initiator), index(record.responder)});
  }
  bool allows(const OpeningPacket& opening, const TrackedWay& way) {
    const PolicyQuery leaves{opening.destination, opening.ipv6, opening.protocol, opening.selector};
    const PolicyQuery enters{opening.source, opening.ipv6, opening.protocol, opening.selector};
    return (!enforces(way.from) || policy_.allows(*groups_of_[way.from], false, leaves)) &&
           (!enforces(way.to) || policy_.allows(*groups_of_[way.to], true, enters));
  }
  [[nodiscard]] bool enforces(PortIndex port) const {
    return port != kNoPort && groups_of_[port].has_value();
  }

  // It has passed where a policy is enforced.
  template <class Key>
  void require_admitted(const ConnectionTable<Key>& table, TrackedFrame& frame, const Key& key,
                        const Trackable& trackable, const TrackedWay& way) {
    switch (trackable.kind) {
      case Trackable::Kind::kConnection: {
        const FlowReference reference = table.find(key, key.hash());
        ALKAID_REQUIRE(reference != kNoFlow && table.record(number_of(reference)).is_live());
        ALKAID_REQUIRE(is_between(table, reference, way));
        ALKAID_REQUIRE(is_admitted(table, number_of(reference)));
        break;
      }
      case Trackable::Kind::kIcmpError: {
        const auto quoted = embedded_tuple(bytes_of(frame.mbuf()), frame.context().headers);
        ALKAID_REQUIRE(quoted.has_value());
        // Of the one it goes to, about what went the other way.
        const Port* to = host_.ports().find(way.to);
        const std::uint32_t scope =
            to != nullptr
                ? flow_scope(to->zone, Side::kGuest, quoted->protocol)
                : flow_scope(host_.ports().find(way.from)->zone, Side::kUnderlay, quoted->protocol);
        const Key about = Key::of(quoted->source, quoted->destination,
                                  raw_ports(quoted->source_port, quoted->destination_port), scope);
        const FlowReference reference = table.find(about, about.hash());
        ALKAID_REQUIRE(reference != kNoFlow && is_admitted(table, number_of(reference)));
        break;
      }
      case Trackable::Kind::kStateless:
        ALKAID_REQUIRE(allows({.source = key.source(),
                               .destination = key.destination(),
                               .ipv6 = Key::kIsV6,
                               .protocol = frame.context().headers.protocol,
                               .selector = trackable.selector},
                              way));
        break;
    }
  }

  // ---- what changes meanwhile

  void pass_time(const Step& step) {
    host_.state().clock.advance(Milliseconds{1} << step.more % 28);
    host_.tick();
    for (const bool ipv6 : {false, true}) {
      check_idle(ipv6);
    }
    fragments_.expire(host_.state().clock.now(), fragments_.bucket_count(), released_);
    go_on(nullptr);
  }
  // After a round of at least a second nobody is left who has been idle for too long.
  void check_idle(bool ipv6) {
    host_.state().clock.advance(1000);
    host_.tick();
    const auto check_family = [this](auto& table, ConnectionNumber number) {
      using Key = std::remove_reference_t<decltype(table.half(number, Direction::kReply).key)>;
      constexpr Milliseconds kLate = 2000;  // itself, and what a slow machine adds
      const auto& keeper = host_.keeper();
      const ConnectionRecord& record = table.record(number);
      if (keeper.template time_left<Key>(number) == 0) {
        const std::uint32_t timeout = keeper.timeouts().of(
            record.word(), protocol_of(table.half(number, Direction::kOriginal).key.scope));
        const auto idle = [&](Direction direction) {
          return keeper.now() - table.half(number, direction).fields.last_seen.load();
        };
        const Milliseconds least =
            is_only_answers(record.word())
                ? keeper.now() - record.created
                : std::min(idle(Direction::kOriginal), idle(Direction::kReply));
        ALKAID_REQUIRE(least <= std::uint64_t{timeout} * 1000 + kLate);
      }
    };
    if (ipv6) {
      host_.keeper().for_each<FlowKeyV6>(check_family);
    } else {
      host_.keeper().for_each<FlowKeyV4>(check_family);
    }
  }

  static std::string group_of(const Step& step) { return (step.flags & 0x80) != 0 ? "b" : "a"; }
  void change_rule(const std::string& group, const SecurityRuleConfig& rule) {
    ALKAID_REQUIRE(!host_.change({.id = group, .rules = {rule}}));
    policy_.set_rule(group, rule);
  }
  void toggle_rule(const Step& step) {
    const std::string group = group_of(step);
    SecurityRuleConfig rule{.ingress = (step.flags & 1) != 0, .ipv6 = step.ipv6()};
    if ((step.flags & 2) != 0) {
      rule.protocol = step.protocol() == ip_protocol::kIcmp && rule.ipv6 ? ip_protocol::kIcmpv6
                                                                         : step.protocol();
    }
    if ((step.flags & 4) != 0 && (step.what & 3) < 2 && rule.protocol) {
      rule.port_min = std::min(step.source_port(), step.destination_port());
      rule.port_max = std::max(step.source_port(), step.destination_port());
    }
    if ((step.flags & 8) != 0) {
      rule.remote_group = (step.flags & 0x10) != 0 ? "members" : "b";
    } else if ((step.flags & 0x10) != 0) {
      const IpAddress remote = address_of(kHosts[step.destination()], rule.ipv6);
      const unsigned bits = rule.ipv6 ? 128 : 32;
      rule.remote_prefix = IpPrefix{remote, static_cast<std::uint8_t>(bits - step.more % 4)};
    }
    rule.id =
        (step.flags & 0x20) != 0 ? name_of(rule.ingress, rule.ipv6) : std::to_string(step.more % 8);
    if ((step.flags & 0x40) != 0 || policy_.has_rule(group, rule.id)) {
      ALKAID_REQUIRE(!host_.change({.id = group, .removed_rules = {rule.id}}));
      policy_.remove_rule(group, rule.id);
    } else {
      change_rule(group, rule);
    }
  }
  void toggle_member(const Step& step) {
    const std::string group = (step.flags & 1) != 0 ? "members" : group_of(step);
    const IpAddress member = address_of(kHosts[step.source()], step.ipv6());
    if (policy_.has_member(group, member)) {
      ALKAID_REQUIRE(!host_.change({.id = group, .removed_members = {member}}));
      policy_.remove_member(group, member);
    } else {
      ALKAID_REQUIRE(!host_.change({.id = group, .members = {member}}));
      policy_.add_member(group, member);
    }
  }
  void set_groups(PortIndex port, const std::optional<std::vector<std::string>>& groups) {
    host_.set_groups(port, groups);
    groups_of_[port] = groups;
  }
  void change_port(const Step& step) {
    PortIndex& place = place_of_[step.source()];
    if (step.flags % 4 == 0 && place != kNoPort) {
      // Its machine leaves, or is another one.
      host_.remove_port(place);
      groups_of_[place].reset();
      place = kNoPort;
    }
    if (step.flags % 4 == 1 && place == kNoPort) {
      host_.tick();
      place = host_.add_port(kHosts[step.source()].zone);
      if (place != kNoPort && (step.flags & 4) != 0) {
        set_groups(place, std::vector<std::string>{"a"});
      }
    }
    if (step.flags % 4 >= 2 && place != kNoPort) {
      std::optional<std::vector<std::string>> groups;
      if ((step.more & 1) != 0) {
        groups.emplace();
      }
      for (const auto& [bit, id] : {std::pair{2, "a"}, {4, "b"}}) {
        if (groups && (step.more & bit) != 0) {
          groups->push_back(id);
        }
      }
      set_groups(place, groups);
    }
  }
  void flush(const Step& step) {
    ConnectionFilter filter;
    if ((step.flags & 1) != 0 && place_of_[step.source()] != kNoPort) {
      const Port& port = *host_.ports().find(place_of_[step.source()]);
      filter.port = {static_cast<FlowPort>(port.index), short_generation(port.generation)};
    }
    if ((step.flags & 2) != 0) {
      filter.zone = kHosts[step.source()].zone;
    }
    if ((step.flags & 4) != 0) {
      filter.address = IpPrefix{address_of(kHosts[step.destination()], step.ipv6()),
                                static_cast<std::uint8_t>(step.ipv6() ? 128 : 32)};
    }
    if ((step.flags & 8) != 0) {
      filter.protocol = step.protocol();
    }
    host_.flush(filter);
    ConnectionSearch search(host_.state(), filter);
    std::vector<ConnectionSnapshot> found;
    while (search.advance(UINT32_MAX, SIZE_MAX, found)) {
    }
    ALKAID_REQUIRE(found.empty());
  }

  // ---- what must hold

  template <class Key>
  [[nodiscard]] std::uint64_t created() {
    std::uint64_t sum = 0;
    for (unsigned worker = 0; worker < host_.workers(); ++worker) {
      sum += host_.own_flows<Key>(worker).counters().created.read();
    }
    return sum;
  }
  template <class Key>
  [[nodiscard]] std::uint64_t ended() {
    std::uint64_t sum = host_.keeper().counts(Key::kIsV6).ended;
    for (unsigned worker = 0; worker < host_.workers(); ++worker) {
      sum += host_.own_flows<Key>(worker).counters().ended.read();
    }
    return sum;
  }
  template <class Key>
  void enter(const ConnectionTable<Key>& table, const Key& key) {
    constexpr std::size_t kMostKeys = 4096;
    const FlowReference reference = table.find(key, key.hash());
    ALKAID_REQUIRE(reference != kNoFlow);
    const ConnectionNumber number = number_of(reference);
    auto& entry = ledger<Key>().entries[number];
    entry = {.life = table.record(number).life.load(), .order = next_order_++};
    if (ledger<Key>().keys.size() < kMostKeys) {
      ledger<Key>().keys.push_back(key);
      ledger<Key>().keys.push_back(table.half(number, opposite(direction_of(reference))).key);
    }
  }

  // Between two walks: room is made. Who has settled stays, and the oldest go first.
  void end_walk(unsigned worker) {
    std::vector<std::pair<ConnectionNumber, std::uint32_t>> settled[2];
    const auto note = [&](const auto& table, bool ipv6) {
      for (ConnectionNumber number = 0; number < table.high_water(); ++number) {
        const ConnectionRecord& record = table.record(number);
        if (record.is_live() && eviction_class(record.word()) == EvictionClass::kSettled) {
          settled[ipv6].emplace_back(number, record.life.load());
        }
      }
    };
    note(host_.state().v4, false);
    note(host_.state().v6, true);
    follow_states<FlowKeyV4>();
    follow_states<FlowKeyV6>();
    const std::uint64_t evicted_v4 = evicted<FlowKeyV4>(worker);
    const std::uint64_t evicted_v6 = evicted<FlowKeyV6>(worker);
    host_.end_walk(worker);
    for (const auto& [number, life] : settled[0]) {
      ALKAID_REQUIRE(host_.state().v4.record(number).life.load() == life);
    }
    for (const auto& [number, life] : settled[1]) {
      ALKAID_REQUIRE(host_.state().v6.record(number).life.load() == life);
    }
    if (host_.workers() == 1 && evicted<FlowKeyV4>(worker) > evicted_v4) {
      check_order<FlowKeyV4>();
    }
    if (host_.workers() == 1 && evicted<FlowKeyV6>(worker) > evicted_v6) {
      check_order<FlowKeyV6>();
    }
  }
  template <class Key>
  [[nodiscard]] std::uint64_t evicted(unsigned worker) {
    return host_.own_flows<Key>(worker).counters().evicted.read();
  }
  // Those that have been offered as victims once only.
  template <class Key>
  void follow_states() {
    const ConnectionTable<Key>& table = host_.state().table<Key>();
    for (auto& [number, entry] : ledger<Key>().entries) {
      const ConnectionRecord& record = table.record(number);
      if (record.life.load() == entry.life) {
        entry.was_always_embryonic &= eviction_class(record.word()) == EvictionClass::kEmbryonic;
      }
    }
  }
  template <class Key>
  void check_order() {
    const ConnectionTable<Key>& table = host_.state().table<Key>();
    std::uint64_t youngest_gone = 0;
    std::uint64_t oldest_left = UINT64_MAX;
    for (const auto& [number, entry] : ledger<Key>().entries) {
      const std::uint32_t life = table.record(number).life.load();
      if (!entry.was_always_embryonic) {
        continue;
      }
      if (life == entry.life) {
        oldest_left = std::min(oldest_left, entry.order);
      } else if (life == entry.life + 1) {
        youngest_gone = std::max(youngest_gone, entry.order);
      }
    }
    ALKAID_REQUIRE(youngest_gone < oldest_left);
    std::erase_if(ledger<Key>().entries, [&](const auto& entry) {
      return table.record(entry.first).life.load() != entry.second.life;
    });
  }

  void check() {
    std::array<std::uint32_t, kPorts> charged{};
    check_family<FlowKeyV4>(charged);
    check_family<FlowKeyV6>(charged);
    for (PortIndex port = 0; port < kPorts; ++port) {
      ALKAID_REQUIRE(host_.state().port_connections.of(port) == charged[port]);
    }
  }
  template <class Key>
  void check_family(std::array<std::uint32_t, kPorts>& charged) {
    const ConnectionTable<Key>& table = host_.state().table<Key>();
    std::uint64_t live = 0;
    for (ConnectionNumber number = 0; number < table.high_water(); ++number) {
      const ConnectionRecord& record = table.record(number);
      if (!record.is_live()) {
        continue;
      }
      ++live;
      for (const Direction direction : {Direction::kOriginal, Direction::kReply}) {
        const auto& half = table.half(number, direction);
        ALKAID_REQUIRE(table.find(half.key, half.key.hash()) == reference_of(number, direction));
        ALKAID_REQUIRE((half.fields.flags.load() & flow_flag::kFast) == 0 ||
                       is_steady(record.word(), direction));
      }
      ALKAID_REQUIRE(record.word().state() > ConnectionState::kNone &&
                     record.word().state() < ConnectionState::kCount);
      if (record.charged_port() != kUnderlayPort) {
        ++charged[record.charged_port()];
      }
    }
    ALKAID_REQUIRE(live == created<Key>() - ended<Key>());
    ALKAID_REQUIRE(live <= table.capacity() + table.reserve());
  }

  template <class Key>
  void end_all() {
    host_.keeper().for_each<Key>([&](auto& table, ConnectionNumber number) {
      ALKAID_REQUIRE(host_.keeper().take_down<Key>(number, table.record(number).life.load()));
    });
  }
  // All places can be had again, nothing finds the way to any, nobody is charged.
  template <class Key>
  void check_nothing_is_left() {
    const ConnectionTable<Key>& table = host_.state().table<Key>();
    for (const Key& key : ledger<Key>().keys) {
      ALKAID_REQUIRE(table.find(key, key.hash()) == kNoFlow);
    }
    for (PortIndex port = 0; port < kPorts; ++port) {
      ALKAID_REQUIRE(host_.state().port_connections.of(port) == 0);
    }
    std::set<ConnectionNumber> places;
    for (unsigned worker = 0; worker < host_.workers(); ++worker) {
      while (const auto number = host_.own_flows<Key>(worker).allocate()) {
        ALKAID_REQUIRE(places.insert(*number).second);
      }
    }
    ALKAID_REQUIRE(places.size() == table.capacity() + table.reserve());
  }

  const FlowSettings settings_;
  test::TrackingHost host_;
  FragmentTracker fragments_;
  ReleasedFragments released_;
  std::map<TrackedFrame*, std::pair<std::unique_ptr<TrackedFrame>, TrackedWay>> waiting_;
  std::vector<Burst> bursts_;                                       // by worker
  std::vector<PortIndex> place_of_;                                 // by host
  std::vector<std::optional<std::vector<std::string>>> groups_of_;  // by port
  test::PlainPolicy policy_;
  Ledger<FlowKeyV4> ledger_v4_;
  Ledger<FlowKeyV6> ledger_v6_;
  std::uint64_t next_order_ = 1;
  unsigned next_flood_port_ = 0;
};

}  // namespace
}  // namespace alkaid::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace alkaid;
  ALKAID_REQUIRE(start_small_eal());
  if (size == 0) {
    return 0;
  }
  fuzz::Tracking tracking{data[0]};
  std::span<const std::uint8_t> rest{data + 1, size - 1};
  for (std::size_t i = 0; i < fuzz::kMostSteps && rest.size() >= sizeof(fuzz::Step); ++i) {
    tracking.take({rest[0], rest[1], rest[2], rest[3], rest[4]});
    rest = rest.subspan(sizeof(fuzz::Step));
  }
  return 0;
}
