// The whole connection tracker against a model: random packets, whole and in fragments, of five
// tenants with the same addresses, one of whom has a server on another host, and one a server that
// moves between hosts; rules that overlap, come and go, passing time, flushes, guests that start
// anew. After each of these everything is compared: what came out, why the rest did not, every
// connection there is. Once more on a card, which has every connection between two of these.
// Other sequences: ALKAID_TEST_SEED=N.
#include "tests/pipeline/tracker_model.hpp"

#include <cstdlib>
#include <deque>
#include <random>

#include <fmt/format.h>

#include "dataplane/api/change_connections.hpp"
#include "dataplane/api/connection_filter.hpp"
#include "tests/pipeline/merged_counts.hpp"
#include "tests/pipeline/policy_network.hpp"
#include "tests/pipeline/software_nic.hpp"

namespace alkaid::test {
namespace {

using namespace net;
namespace v1 = dataplane::v1;

constexpr int kTenants = 5;
constexpr int kOpenTenant = 2;    // enforces nothing
constexpr int kRemoteTenant = 3;  // its server is on another host
constexpr int kMovingTenant = 4;  // its server now and then
constexpr int kEvents = 12'000;
constexpr int kProtocols[] = {TrackerModel::kTcp, TrackerModel::kUdp, 1, TrackerModel::kOther};
// Time passes in whole steps, and every time-out lies between two of them: how long the test itself
// takes decides nothing.
constexpr int kStep = 1000;
constexpr int kBetween = 250;
constexpr const char* kPorts[kTenants][2] = {{"first-client", "first-server"},
                                             {"second-client", "second-server"},
                                             {"open-client", "open-server"},
                                             {"remote-client", "up"},
                                             {"moving-client", "moving-server"}};
// Beside the rules about one protocol each: for all of them, and for this port.
constexpr std::uint16_t kService = 80;
constexpr std::ptrdiff_t kTunnelHeaders =
    sizeof(EthernetHeader) + sizeof(Ipv4Header) + sizeof(UdpHeader) + sizeof(VxlanHeader);

class TrackerAgainstModel : public ::testing::TestWithParam<bool> {
 protected:
  TrackerAgainstModel() : lab(settings()) {
    for (int tenant = 0; tenant < kTenants; ++tenant) {
      auto segment = PipelineLab::segment_config(kGreen);
      segment.vni = Vni::from_trusted(vni_of(tenant));
      segment.router = 0;
      segment.gateways.clear();
      segment.prefixes.push_back(*IpPrefix::parse("2001:db8:1::/64"));
      EXPECT_FALSE(lab.programmer().set(segment));
      model.tenants[tenant].enforces = tenant != kOpenTenant;
      model.tenants[tenant].has_remote_server = tenant == kRemoteTenant;
      for (const bool server : {false, true}) {
        if (is_remote(tenant, server)) {
          set_neighbors(tenant);
          continue;
        }
        lab.make_rings(kPorts[tenant][server]);
        set_port(tenant, server);
        for (const int protocol : kProtocols) {
          for (int i = 0; i < 4; ++i) {
            toggle_rule(tenant, server, {(i & 1) != 0, protocol, (i & 2) != 0});
          }
        }
      }
    }
    model.pickup_window = static_cast<int>(settings().flows.mid_stream_seconds);
    const ConnectionTimeouts& timeouts = lab.dataplane().connections().timeouts();
    for_each_timeout([&](const char* name, auto member) {
      std::string state = name;
      state = state.starts_with("tcp_")   ? state.substr(4)
              : state.starts_with("udp_") ? "udp " + state.substr(4)
                                          : state;
      model.timeouts[state] = static_cast<int>(timeouts.*member);
    });
    model.timeouts["syn_sent_both"] = model.timeouts["syn_sent"];
  }

  static DataplaneSettings settings() {
    auto settings = PipelineLab::default_settings();
    settings.flows.fast_path = GetParam();
    settings.flows.mid_stream_seconds = 40 * kStep + kBetween;
    settings.flows.timeouts = {.tcp_syn_sent = 3 * kStep + kBetween,
                               .tcp_syn_received = 4 * kStep + kBetween,
                               .tcp_established = 20 * kStep + kBetween,
                               .tcp_fin_wait = 6 * kStep + kBetween,
                               .tcp_close_wait = 5 * kStep + kBetween,
                               .tcp_last_ack = 2 * kStep + kBetween,
                               .tcp_time_wait = 7 * kStep + kBetween,
                               .tcp_closed = 8 * kStep + kBetween,
                               .udp_one_way = 2 * kStep + kBetween,
                               .udp_two_way = 9 * kStep + kBetween,
                               .icmp = 3 * kStep + kBetween,
                               .other = 5 * kStep + kBetween};
    return settings;
  }
  static std::uint32_t vni_of(int tenant) { return 3001 + static_cast<std::uint32_t>(tenant); }
  int below(int end) { return static_cast<int>(random() % static_cast<unsigned>(end)); }
  bool flip() { return below(2) != 0; }

  // ---- the network

  void set_port(int tenant, bool server) {
    const std::string id = kPorts[tenant][server];
    auto config =
        PipelineLab::port_config(id, Vni::from_trusted(vni_of(tenant)), server ? kGreen3 : kGreen1);
    config.fixed_ips.push_back((server ? kGreen3v6 : kGreen1v6).ip);
    config.policy_enforced = model.tenants[tenant].enforces;
    config.security_groups = {id, more_of(id)};
    ASSERT_FALSE(lab.programmer().set(config));
  }
  void set_neighbors(int tenant) {
    const Vni vni = Vni::from_trusted(vni_of(tenant));
    ASSERT_FALSE(lab.programmer().set(PipelineLab::neighbor_config(vni, kGreen3)));
    ASSERT_FALSE(lab.programmer().set(
        NeighborConfig{{vni, kGreen3v6.ip}, kGreen3v6.mac, IpAddress{kPeerVtep}}));
  }
  bool is_remote(int tenant, bool server) {
    return server && model.tenants[tenant].has_remote_server;
  }
  // Where its packets come in and go out.
  const char* port_of(int tenant, bool server) {
    return is_remote(tenant, server) ? "up" : kPorts[tenant][server];
  }
  // Somebody on this host: true for the server.
  bool any_end(int tenant) { return !model.tenants[tenant].has_remote_server && flip(); }
  int index_of(int tenant, bool server) {
    return static_cast<int>(lab.dataplane().ports().find(kPorts[tenant][server])->index);
  }
  // The group with the rules that overlap those of the port's own one.
  static std::string more_of(const std::string& id) { return id + "-more"; }
  void toggle_rule(int tenant, bool server, const ModelRule& rule) {
    const std::string id = fmt::format("{} {} {} {}", rule.ingress ? "in" : "out", rule.protocol,
                                       rule.ipv6 ? "v6" : "v4", rule.port);
    auto& rules = model.tenants[tenant].ports[server].rules;
    const bool is_any = rule.protocol == ModelRule::kAnyProtocol;
    const std::string own = kPorts[tenant][server];
    SecurityGroupChange change{.id = is_any || rule.port != 0 ? more_of(own) : own};
    if (rules.erase(rule) != 0) {
      change.removed_rules = {id};
    } else {
      rules.insert(rule);
      change.rules = {policy_rule(
          id, rule.ingress, rule.ipv6,
          is_any ? std::nullopt : std::optional{number_of(rule.protocol, rule.ipv6)}, rule.port)};
    }
    ASSERT_FALSE(lab.programmer().set(change));
  }
  void toggle_any_rule() {
    const int tenant = below(kTenants);
    const bool server = any_end(tenant);
    ModelRule rule{.ingress = flip(), .protocol = kProtocols[below(4)], .ipv6 = flip()};
    const int kind = below(6);
    if (kind == 0) {
      rule.protocol = ModelRule::kAnyProtocol;
      // What allows everything shall not be there most of the time.
      if (!model.tenants[tenant].ports[server].rules.contains(rule) && flip()) {
        return;
      }
    } else if (kind < 3) {
      rule.protocol = flip() ? TrackerModel::kTcp : TrackerModel::kUdp;
      rule.port = kService;
    }
    story(fmt::format("rule {} {} {} of {}", rule.ingress ? "in" : "out", rule.protocol, rule.port,
                      kPorts[tenant][server]));
    toggle_rule(tenant, server, rule);
  }
  static std::uint8_t number_of(int protocol, bool ipv6) {
    return protocol == 1 && ipv6 ? ip_protocol::kIcmpv6 : static_cast<std::uint8_t>(protocol);
  }

  template <class Ip>
  Bytes on(const Ip& ip, const ModelPacket& it) {
    const Bytes serial{static_cast<std::uint8_t>(serial_ >> 16),
                       static_cast<std::uint8_t>(serial_ >> 8),
                       static_cast<std::uint8_t>(serial_),
                       0,
                       0,
                       0,
                       0,
                       0};
    ++serial_;
    const std::uint16_t identifier = it.is_echo_reply ? it.destination_port : it.source_port;
    switch (it.protocol) {
      case TrackerModel::kTcp:
        return ip
            .tcp({.source_port = it.source_port,
                  .destination_port = it.destination_port,
                  .flags = it.tcp_flags})
            .payload(serial)
            .build();
      case TrackerModel::kUdp:
        return ip.udp({.source_port = it.source_port, .destination_port = it.destination_port})
            .payload(serial)
            .build();
      case TrackerModel::kOther:
        return ip.payload(serial).build();
      default:
        return it.ipv6 ? ip.icmpv6({.type = static_cast<std::uint8_t>(it.is_echo_reply ? 129 : 128),
                                    .word = identifier * 0x10000U})
                             .payload(serial)
                             .build()
                       : ip.icmp({.type = static_cast<std::uint8_t>(it.is_echo_reply ? 0 : 8),
                                  .identifier = identifier})
                             .payload(serial)
                             .build();
    }
  }
  static auto ethernet(bool from_server) {
    return packet().ethernet({.source = from_server ? kGreen3.mac : kGreen1.mac,
                              .destination = from_server ? kGreen1.mac : kGreen3.mac});
  }
  static Ipv4Fields ipv4(bool from_server) {
    return {.source = from_server ? kGreen3.ip : kGreen1.ip,
            .destination = from_server ? kGreen1.ip : kGreen3.ip};
  }
  static Ipv6Fields ipv6(bool from_server) {
    return {.source = (from_server ? kGreen3v6 : kGreen1v6).ip,
            .destination = (from_server ? kGreen1v6 : kGreen3v6).ip};
  }
  Bytes frame(const ModelPacket& it) {
    Ipv4Fields v4 = ipv4(it.from_server);
    Ipv6Fields v6 = ipv6(it.from_server);
    if (it.protocol == TrackerModel::kOther) {
      v4.protocol = v6.next_header = TrackerModel::kOther;
    }
    return it.ipv6 ? on(ethernet(it.from_server).ipv6(v6), it)
                   : on(ethernet(it.from_server).ipv4(v4), it);
  }
  // A UDP datagram in two pieces, the first one first.
  Frames fragments(const ModelPacket& it) {
    ++serial_;
    const UdpFields udp{.source_port = it.source_port,
                        .destination_port = it.destination_port,
                        .length = 24,
                        .checksum = 0x1234};
    const auto piece = [&](bool is_first) {
      const auto words = static_cast<std::uint16_t>(is_first ? 0 : 2);
      const auto finish = [&](const auto& ip) {
        return is_first ? ip.udp(udp).payload(Bytes(8, 1)).build()
                        : ip.payload(Bytes(8, 2)).build();
      };
      Ipv4Fields v4 = ipv4(it.from_server);
      v4.identification = static_cast<std::uint16_t>(serial_);
      v4.more_fragments = is_first;
      v4.fragment_offset = words;
      v4.protocol = ip_protocol::kUdp;
      return it.ipv6 ? finish(ethernet(it.from_server)
                                  .ipv6(ipv6(it.from_server))
                                  .ipv6_fragment({.offset = words,
                                                  .more_fragments = is_first,
                                                  .identification = serial_,
                                                  .next_header = ip_protocol::kUdp}))
                     : finish(ethernet(it.from_server).ipv4(v4));
    };
    return {piece(true), piece(false)};
  }

  // ---- events

  ModelPacket random_packet(int tenant, bool from_server) {
    ModelPacket it{.tenant = tenant, .ipv6 = below(3) == 0, .from_server = from_server};
    it.protocol = kProtocols[below(8) < 5 ? 0 : below(4)];
    std::uint16_t client = static_cast<std::uint16_t>(1001 + below(2));
    std::uint16_t server = kService;
    if (it.protocol == TrackerModel::kOther) {
      client = server = 0;
    } else if (it.protocol == 1) {
      const bool asked_by_server = flip();
      it.is_echo_reply = asked_by_server != from_server;
      (asked_by_server ? client : server) = it.ipv6 ? 0x8000 : 0x0800;
    } else if (it.protocol == TrackerModel::kTcp) {
      // SYN, SYN+ACK, ACK, FIN, RST in several guises, then what can't be.
      constexpr std::uint8_t kLikely[] = {0x02, 0x12, 0x10, 0x18, 0x11, 0x10, 0x02};
      constexpr std::uint8_t kRare[] = {0x04, 0x14, 0x30, 0x19, 0x00, 0x03, 0x06, 0x01, 0x3f, 0x0a};
      it.tcp_flags =
          below(8) != 0 ? kLikely[below(std::size(kLikely))] : kRare[below(std::size(kRare))];
    }
    it.source_port = from_server ? server : client;
    it.destination_port = from_server ? client : server;
    return it;
  }

  // Of different connections, since the fast path may let a packet overtake those of the slow path.
  void send_burst() {
    const int tenant = below(kTenants);
    const bool from_server = flip();
    std::map<ModelKey, ModelPacket> burst;
    for (int i = below(4); i >= 0; --i) {
      const ModelPacket it = random_packet(tenant, from_server);
      burst.emplace(ModelKey::of(it), it);
    }
    Frames frames;
    Frames expected;
    for (const auto& [key, it] : burst) {
      if (it.protocol == TrackerModel::kUdp && below(3) == 0) {
        add_fragments(it, frames, expected);
        continue;
      }
      frames.push_back(frame(it));
      const std::string reason = model.send(it);
      story(fmt::format("{} {} from {}:{} flags {:#x}{}: {}", it.protocol, it.ipv6 ? "v6" : "v4",
                        kPorts[tenant][from_server], it.source_port, it.tcp_flags,
                        it.is_echo_reply ? " reply" : "", reason));
      expect(tenant, from_server, frames.back(), reason, expected);
    }
    send(tenant, from_server, frames, expected);
  }
  void add_fragments(ModelPacket it, Frames& frames, Frames& expected) {
    Frames pieces = fragments(it);
    const std::string first = model.send(it);
    it.is_later_fragment = true;
    const std::string later = model.send(it);
    expect(it.tenant, it.from_server, pieces[0], first, expected);
    expect(it.tenant, it.from_server, pieces[1], later, expected);
    const bool is_backwards = flip();
    if (is_backwards) {
      std::swap(pieces[0], pieces[1]);
    }
    story(fmt::format("fragments {} from {}:{}{}: {}, {}", it.ipv6 ? "v6" : "v4",
                      kPorts[it.tenant][it.from_server], it.source_port,
                      is_backwards ? " backwards" : "", first, later));
    frames.insert(frames.end(), pieces.begin(), pieces.end());
  }
  // From whom the packet may have been sent to.
  void send_error() {
    const int tenant = below(kTenants);
    const bool from_server = flip();
    const ModelPacket about = random_packet(tenant, !from_server);
    const Bytes quoted = frame(about);
    const auto inner = std::span{quoted}.subspan(sizeof(EthernetHeader));
    const Bytes error = about.ipv6
                            ? ethernet(from_server)
                                  .ipv6(ipv6(from_server))
                                  .icmpv6({.type = 1, .code = 4, .word = 0})
                                  .payload(inner)
                                  .build()
                            : ethernet(from_server)
                                  .ipv4(ipv4(from_server))
                                  .icmp({.type = 3, .code = 3, .identifier = 0, .sequence = 0})
                                  .payload(inner)
                                  .build();
    const std::string reason = model.send_error_about(about);
    story(fmt::format("error from {} about {}: {}", kPorts[tenant][from_server], about.protocol,
                      reason));
    Frames expected;
    expect(tenant, from_server, error, reason, expected);
    send(tenant, from_server, {error}, expected);
  }
  void expect(int tenant, bool from_server, const Bytes& sent, const std::string& reason,
              Frames& expected) {
    if (reason.empty()) {
      expected.push_back(sent);
    } else {
      ++drops[fmt::format("{} {}", port_of(tenant, from_server), reason)];
    }
  }
  void send(int tenant, bool from_server, const Frames& frames, Frames expected) {
    lab.send(port_of(tenant, from_server),
             is_remote(tenant, from_server) ? into_tunnel(tenant, frames) : frames);
    Frames came = lab.take(port_of(tenant, !from_server));
    if (is_remote(tenant, !from_server)) {
      came = out_of_tunnel(came);
    }
    std::sort(came.begin(), came.end());
    std::sort(expected.begin(), expected.end());
    EXPECT_EQ(came, expected);
    for (const auto& ports : kPorts) {
      for (const char* port : ports) {
        EXPECT_TRUE(lab.take(port).empty()) << port;
      }
    }
  }
  Frames into_tunnel(int tenant, Frames frames) {
    for (Bytes& frame : frames) {
      frame = tunnelled(frame, uplink_mac(lab), {.vni = vni_of(tenant)});
    }
    return frames;
  }
  static Frames out_of_tunnel(Frames frames) {
    for (Bytes& frame : frames) {
      frame.erase(frame.begin(), frame.begin() + kTunnelHeaders);
    }
    return frames;
  }
  void pass(int steps) {
    story(fmt::format("{} s pass", steps * kStep));
    pass_time(lab, static_cast<std::uint32_t>(steps) * kStep, kStep / 2);
    for (int i = 0; i < steps; ++i) {
      model.pass_time(kStep);
    }
  }
  void flush() {
    v1::ConnectionFilter message;
    const int tenant = below(kTenants);
    const std::string port = flip() ? kPorts[tenant][any_end(tenant)] : "";
    const int protocol = flip() ? kProtocols[below(4)] : -1;
    const int l4_port = below(4) == 0 ? 1001 : 0;
    const std::string state = flip() ? "established" : "";
    message.set_port(port);
    message.set_vni(port.empty() ? vni_of(tenant) : 0);
    if (protocol >= 0) {
      message.set_protocol(static_cast<std::uint32_t>(protocol));
    }
    message.set_l4_port(static_cast<std::uint32_t>(l4_port));
    message.set_state(state);
    ConnectionFilter filter;
    ASSERT_TRUE(from_api(lab.dataplane(), message, filter).ok());
    ConnectionFlush flush(lab.dataplane(), std::move(filter));
    while (flush.advance()) {
    }
    const auto flushed = std::erase_if(model.connections, [&](const auto& entry) {
      const auto& [key, connection] = entry;
      const bool has_ports =
          key.protocol == TrackerModel::kTcp || key.protocol == TrackerModel::kUdp;
      // The name is that of the port that is there now.
      const bool server = port == kPorts[tenant][1];
      const bool had_port = !port.empty() && (connection.lost_for[server] >= 0 ||
                                              (server && connection.server_there));
      return key.tenant == tenant && !had_port && (state.empty() || state == connection.state) &&
             (protocol < 0 || number_of(key.protocol, key.ipv6) == protocol) &&
             (l4_port == 0 || (has_ports && key.client_port == l4_port));
    });
    story(fmt::format("flush of {} {} {} {} {}: {}", tenant, port, protocol, l4_port, state,
                      flushed));
    EXPECT_EQ(flush.flushed(), flushed);
  }
  void start_anew() {
    const int tenant = below(kTenants);
    const bool server = any_end(tenant);
    story(fmt::format("{} starts anew", kPorts[tenant][server]));
    const int old_index = index_of(tenant, server);
    remove_port(tenant, server);
    set_port(tenant, server);
    model.replace_port(tenant, server, old_index, index_of(tenant, server));
    pass(1);
  }
  void remove_port(int tenant, bool server) {
    lab.programmer().remove_port(kPorts[tenant][server]);
    std::erase_if(
        drops, [&](const auto& entry) { return entry.first.starts_with(kPorts[tenant][server]); });
  }
  void move_server() {
    const bool is_here = !model.tenants[kMovingTenant].has_remote_server;
    story(fmt::format("the server moves {}", is_here ? "away" : "here"));
    if (is_here) {
      const int old_index = index_of(kMovingTenant, true);
      remove_port(kMovingTenant, true);
      set_neighbors(kMovingTenant);
      model.move_server_away(kMovingTenant, old_index);
    } else {
      const Vni vni = Vni::from_trusted(vni_of(kMovingTenant));
      lab.programmer().remove_neighbor({vni, IpAddress{kGreen3.ip}});
      lab.programmer().remove_neighbor({vni, kGreen3v6.ip});
      set_port(kMovingTenant, true);
      model.move_server_here(kMovingTenant, index_of(kMovingTenant, true));
    }
    pass(1);
  }

  // ---- the comparison

  using Entries = std::map<ModelKey, std::string>;
  static std::string entry_text(std::string_view state, bool is_servers, std::uint64_t original,
                                std::uint64_t reply, int idle_steps) {
    return fmt::format("{} by {}, {} there, {} back, idle {}", state,
                       is_servers ? "server" : "client", original, reply, idle_steps);
  }
  static std::string text_of(const ModelKey& key) {
    return fmt::format("tenant {} protocol {} {} ports {} {}", key.tenant, key.protocol,
                       key.ipv6 ? "v6" : "v4", key.client_port, key.server_port);
  }
  template <class Key>
  void add_entries(Entries& entries) {
    std::map<Zone, int> tenants;
    for (int tenant = 0; tenant < kTenants; ++tenant) {
      tenants[lab.dataplane().ports().find(kPorts[tenant][0])->zone] = tenant;
    }
    const auto& keeper = lab.dataplane().connections();
    lab.dataplane().connections().for_each<Key>([&](ConnectionTable<Key>& table,
                                                    ConnectionNumber number) {
      const auto& original = table.half(number, Direction::kOriginal);
      const auto packets = [&](Direction direction) {
        return packets_of<Key>(lab, number, direction);
      };
      const auto& record = table.record(number);
      const int tenant = tenants.at(zone_of(original.key.scope));
      const bool is_servers =
          original.key.source() == (Key::kIsV6 ? kGreen3v6.ip : IpAddress{kGreen3.ip});
      const std::uint8_t protocol = protocol_of(original.key.scope);
      const int kind = protocol == ip_protocol::kIcmpv6 ? 1 : protocol;
      const std::uint16_t from = source_port_of(original.key.ports);
      const std::uint16_t to = destination_port_of(original.key.ports);
      const ModelKey key{tenant, Key::kIsV6, kind, is_servers ? to : from, is_servers ? from : to};
      const std::uint32_t timeout = keeper.timeouts().of(record.word(), protocol);
      const std::uint32_t idle = timeout - keeper.time_left<Key>(number) / 1000;
      const bool is_new =
          entries
              .emplace(key, entry_text(name_of(record.word().state()), is_servers,
                                       packets(Direction::kOriginal), packets(Direction::kReply),
                                       static_cast<int>(idle) / kStep))
              .second;
      EXPECT_TRUE(is_new) << "two connections with one tuple";
    });
  }
  void compare() {
    read_card(lab);
    Entries entries;
    add_entries<FlowKeyV4>(entries);
    add_entries<FlowKeyV6>(entries);
    Entries expected;
    for (const auto& [key, it] : model.connections) {
      expected[key] =
          entry_text(it.state, it.is_servers, it.packets[0], it.packets[1], it.idle / kStep);
      seen.insert(it.state);
    }
    for (const auto& [key, text] : expected) {
      EXPECT_EQ(entries[key], text) << text_of(key);
    }
    for (const auto& [key, text] : entries) {
      EXPECT_TRUE(expected.contains(key)) << text_of(key) << ": " << text;
    }
    EXPECT_EQ(lab.all_drops(), drops);
    if (is_on_card()) {
      lab.walk();  // it gets them again
    }
  }
  bool is_on_card() { return lab.dataplane().offloader().is_on(); }
  void story(std::string event) {
    last_.push_back(std::move(event));
    if (last_.size() > 40) {
      last_.pop_front();
    }
  }
  void act() {
    const int kind = below(100);
    if (kind < 84) {
      send_burst();
    } else if (kind < 88) {
      send_error();
    } else if (kind < 92) {
      pass(1 + below(3));
    } else if (kind < 97) {
      toggle_any_rule();
    } else if (kind < 98) {
      flush();
    } else if (kind < 99) {
      start_anew();
    } else {
      move_server();
    }
  }

  std::mt19937_64 random;
  TrackerModel model;
  PipelineLab lab;
  std::map<std::string, std::uint64_t> drops;
  std::set<std::string> seen;  // states
  std::deque<std::string> last_;
  std::uint32_t serial_ = 0;
};

TEST_P(TrackerAgainstModel, SaysTheSame) {
  const char* const given = std::getenv("ALKAID_TEST_SEED");
  const std::uint64_t seed = given != nullptr ? std::strtoull(given, nullptr, 10) : 2;
  RecordProperty("seed", fmt::format("{}", seed));
  fmt::print("seed {}\n", seed);
  random.seed(seed);
  const std::uint64_t by_card = SoftwareNic::instance().ever_forwarded();
  for (int event = 0; event < kEvents && !HasFailure(); ++event) {
    act();
    compare();
    if (HasFailure()) {
      ADD_FAILURE() << fmt::format("seed {}, event {}; the last ones:\n{}", seed, event,
                                   fmt::join(last_, "\n"));
    }
  }
  EXPECT_EQ(seen.size(), 11U) << "states: " << fmt::format("{}", fmt::join(seen, ", "));
  EXPECT_EQ(SoftwareNic::instance().ever_forwarded() - by_card > 100, is_on_card())
      << SoftwareNic::instance().ever_forwarded() - by_card << " by the card";
  EXPECT_EQ(lab.buffers_in_use(), 0U);
}

INSTANTIATE_TEST_SUITE_P(Paths, TrackerAgainstModel, ::testing::Bool(),
                         [](const auto& info) { return info.param ? "Fast" : "Slow"; });

}  // namespace
}  // namespace alkaid::test
