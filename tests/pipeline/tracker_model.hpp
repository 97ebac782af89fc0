// What connection tracking and security groups must do, as plainly as it can be written: a map of
// connections, rules that are asked for every packet, times in whole seconds. Tenants have the same
// addresses. Shares no code with the data plane.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <set>
#include <string>

namespace alkaid::test {

// Between a tenant's client and its server. An echo's request is from its identifier to its type
// << 8, the reply the other way round; other protocols have no ports.
struct ModelPacket {
  int tenant = 0;
  bool ipv6 = false;
  int protocol = 0;
  bool from_server = false;
  std::uint16_t source_port = 0;
  std::uint16_t destination_port = 0;
  std::uint8_t tcp_flags = 0;
  bool is_echo_reply = false;
  bool is_later_fragment = false;  // its first one says the ports
};

struct ModelRule {
  static constexpr int kAnyProtocol = -1;

  bool ingress = false;
  int protocol = 0;
  bool ipv6 = false;
  std::uint16_t port = 0;  // 0: all

  auto operator<=>(const ModelRule&) const = default;
};

struct ModelKey {
  int tenant = 0;
  bool ipv6 = false;
  int protocol = 0;
  std::uint16_t client_port = 0;
  std::uint16_t server_port = 0;

  auto operator<=>(const ModelKey&) const = default;
  static ModelKey of(const ModelPacket& packet) {
    return packet.from_server ? ModelKey{packet.tenant, packet.ipv6, packet.protocol,
                                         packet.destination_port, packet.source_port}
                              : ModelKey{packet.tenant, packet.ipv6, packet.protocol,
                                         packet.source_port, packet.destination_port};
  }
};

struct ModelConnection {
  bool is_servers = false;    // the server opened it
  bool server_there = false;  // the server was on another host when it was last heard of
  std::string state;
  bool is_answered = false;  // false: picked up in its middle, and nothing heard of the other end
  bool is_only_answers = false;  // picked up by an answer, and nothing heard of who asked
  bool ended_by_reply = false;   // of fin_wait, close_wait: whose FIN was first; last_ack: second
  enum class Reset { kFinal, kByOriginal, kByReply } reset = Reset::kFinal;
  int idle = 0;
  std::array<std::uint64_t, 2> packets{};  // original, reply
  // Client's and server's: seconds since the port that had it went, and the index that port had.
  // The next packet finds that it is over.
  std::array<int, 2> lost_for{-1, -1};
  std::array<int, 2> lost_index{-1, -1};

  [[nodiscard]] bool is_lost() const { return lost_for[0] >= 0 || lost_for[1] >= 0; }
  // Both ends have been heard, and neither has begun to end it.
  [[nodiscard]] bool is_settled() const {
    return state == "two_way" || (state == "established" && is_answered);
  }
};

class TrackerModel {
 public:
  struct Port {
    std::set<ModelRule> rules;
    int age = 0;
  };
  struct Tenant {
    bool enforces = true;
    bool has_remote_server = false;  // now: on another host, which asks its rules there
    std::array<Port, 2> ports;       // client, server
  };

  std::map<int, Tenant> tenants;
  std::map<ModelKey, ModelConnection> connections;
  std::map<std::string, int> timeouts;  // by state; "udp ", "icmp " or "other " in front of two
  int pickup_window = 0;

  // Why the packet is dropped; empty: it passes.
  std::string send(const ModelPacket& packet) {
    const ModelKey key = ModelKey::of(packet);
    const auto known = connections.find(key);
    if (known == connections.end()) {
      return open(packet, key);
    }
    if (has_moved(known->second, packet.tenant)) {
      return send_after_move(packet, key, known->second);
    }
    if (known->second.is_lost()) {
      connections.erase(known);
      return open(packet, key);
    }
    return pass(packet, key, known->second);
  }

  // An ICMP error about the packet, from whom it was sent to.
  std::string send_error_about(const ModelPacket& packet) {
    const auto known = connections.find(ModelKey::of(packet));
    const auto is_about = [&](const ModelConnection& it) {
      // What a server sent is known by where it is.
      const bool is_found = !packet.from_server || !has_moved(it, packet.tenant);
      return is_found && !it.is_lost() && policy(packet, it.is_servers, it.server_there).empty();
    };
    const bool related = known != connections.end() && is_about(known->second);
    return related ? std::string{} : refused(packet.tenant, "icmp_error_unrelated");
  }

  // Another port has the address, and not the index. Settled connections wait for a while: the
  // station might turn up on another host.
  void replace_port(int tenant, bool server, int old_index, int new_index) {
    lose_port(tenant, server, old_index);
    take_index(new_index);
    tenants[tenant].ports[server ? 1 : 0].age = 0;
  }
  // The server goes to another host, or comes from one and gets the index.
  void move_server_away(int tenant, int old_index) {
    lose_port(tenant, true, old_index);
    tenants[tenant].has_remote_server = true;
  }
  void move_server_here(int tenant, int index) {
    take_index(index);
    tenants[tenant].has_remote_server = false;
    tenants[tenant].ports[1].age = 0;
  }
  void pass_time(int seconds) {
    for (auto& [key, connection] : connections) {
      connection.idle += seconds;
      for (int& lost : connection.lost_for) {
        lost += lost >= 0 ? seconds : 0;
      }
    }
    std::erase_if(connections, [&](const auto& entry) {
      const ModelConnection& connection = entry.second;
      return connection.idle >= timeout(entry.first, connection) ||
             std::ranges::max(connection.lost_for) >= pickup_window;
    });
    for (auto& [number, tenant] : tenants) {
      for (Port& port : tenant.ports) {
        port.age += seconds;
      }
    }
  }
  [[nodiscard]] int timeout(const ModelKey& key, const ModelConnection& connection) const {
    if (key.protocol == kTcp) {
      const bool waits = connection.state == "established" && !connection.is_answered;
      return timeouts.at(waits ? "syn_sent" : connection.state);
    }
    return key.protocol == kUdp ? timeouts.at("udp " + connection.state)
                                : timeouts.at(key.protocol == kOther ? "other" : "icmp");
  }

  static constexpr int kTcp = 6;
  static constexpr int kUdp = 17;
  static constexpr int kOther = 47;

 private:
  void lose_port(int tenant, bool server, int old_index) {
    const std::size_t end = server ? 1 : 0;
    for (auto& [key, connection] : connections) {
      const bool is_its = !server || !connection.server_there;
      if (key.tenant == tenant && is_its && connection.lost_for[end] < 0) {
        connection.lost_for[end] = 0;
        connection.lost_index[end] = old_index;
      }
    }
    std::erase_if(connections, [](const auto& entry) {
      const ModelConnection& it = entry.second;
      const bool is_waited_for =
          it.is_settled() && !it.server_there && (it.lost_for[0] < 0 || it.lost_for[1] < 0);
      return it.is_lost() && !is_waited_for;
    });
  }
  // Nobody waits any longer for who had it.
  void take_index(int index) {
    std::erase_if(connections, [index](const auto& entry) {
      const ModelConnection& it = entry.second;
      return it.is_lost() && (it.lost_index[0] == index || it.lost_index[1] == index);
    });
  }

  // The server's place is another one than the connection's.
  bool has_moved(const ModelConnection& connection, int tenant) {
    return connection.server_there != tenants[tenant].has_remote_server;
  }
  // What is known of the connection may be true where its server is now: its client is still the
  // same, and a server that came here has just come.
  bool may_follow(const ModelConnection& connection, int tenant) {
    const bool is_server_new = tenants[tenant].ports[1].age < pickup_window;
    return connection.lost_for[0] < 0 && (!connection.server_there || is_server_new);
  }

  std::string pass(const ModelPacket& packet, const ModelKey& key, ModelConnection& connection) {
    if (std::string denied = policy(packet, connection.is_servers); !denied.empty()) {
      connections.erase(key);
      return denied;
    }
    const std::string next = next_after(connection, packet);
    if (next == "invalid") {
      return refused(packet.tenant, "connection_invalid");
    }
    if (next == "again") {
      connections.erase(key);
      return open(packet, key);
    }
    go_on(connection, packet, next);
    return {};
  }
  // Whoever may open a connection from where he is does; who only answers goes on with what there
  // was, but for who begins or ends something.
  std::string send_after_move(const ModelPacket& packet, const ModelKey& key,
                              ModelConnection& connection) {
    const bool follows = may_follow(connection, packet.tenant);
    if (!packet.from_server) {
      if (follows) {
        return pass(packet, key, connection);
      }
      connections.erase(key);
      return open(packet, key);
    }
    std::string reason = open(packet, key);
    constexpr std::uint8_t kSynOrRst = 6;
    if (reason.empty() || !follows || (packet.tcp_flags & kSynOrRst) != 0 ||
        !policy(packet, connection.is_servers).empty()) {
      return reason;
    }
    ModelConnection there = connection;
    const std::string next = next_after(there, packet);
    if (next == "invalid" || next == "again") {
      return reason;
    }
    connection = there;
    go_on(connection, packet, next);
    return {};
  }
  static std::string next_after(ModelConnection& connection, const ModelPacket& packet) {
    const bool reply = packet.from_server != connection.is_servers;
    return packet.protocol == kTcp ? next_of(connection, reply, packet)
           : reply                 ? "two_way"
                                   : connection.state;
  }
  void go_on(ModelConnection& connection, const ModelPacket& packet, const std::string& next) {
    connection.state = next;
    connection.idle = connection.is_only_answers ? connection.idle : 0;
    ++connection.packets[packet.from_server != connection.is_servers ? 1 : 0];
    connection.server_there = tenants[packet.tenant].has_remote_server;
    connection.lost_for = connection.lost_index = {-1, -1};
  }

  // Who enforces nothing lets what belongs to no connection pass, untracked.
  std::string refused(int tenant, const char* reason) {
    return tenants[tenant].enforces ? reason : "";
  }

  std::string policy(const ModelPacket& packet, bool by_server) {
    return policy(packet, by_server, tenants[packet.tenant].has_remote_server);
  }
  std::string policy(const ModelPacket& packet, bool by_server, bool server_there) {
    const Tenant& tenant = tenants[packet.tenant];
    const ModelKey key = ModelKey::of(packet);
    const std::uint16_t port = by_server ? key.client_port : key.server_port;
    const auto allows = [&](bool server, bool ingress) {
      const auto& rules = tenant.ports[server ? 1 : 0].rules;
      return !tenant.enforces || (server && server_there) ||
             rules.contains({ingress, ModelRule::kAnyProtocol, packet.ipv6, 0}) ||
             rules.contains({ingress, packet.protocol, packet.ipv6, 0}) ||
             rules.contains({ingress, packet.protocol, packet.ipv6, port});
    };
    return !allows(by_server, false)   ? "policy_egress"
           : !allows(!by_server, true) ? "policy_ingress"
                                       : "";
  }

  std::string open(const ModelPacket& packet, const ModelKey& key) {
    ModelConnection made{.is_servers = packet.from_server, .is_answered = true, .packets = {1, 0}};
    const Tenant& tenant = tenants[packet.tenant];
    const bool picks_up = !tenant.enforces || tenant.ports[0].age < pickup_window ||
                          (!tenant.has_remote_server && tenant.ports[1].age < pickup_window);
    const std::string kind = kind_of(packet.tcp_flags);
    if (packet.protocol != kTcp) {
      made.state = packet.is_echo_reply || packet.is_later_fragment ? "" : "one_way";
    } else if (kind == "SYN") {
      made.state = "syn_sent";
    } else if (picks_up && (kind == "ACK" || kind == "FIN")) {
      made.state = kind == "ACK" ? "established" : "fin_wait";
      made.is_answered = kind == "FIN";
    }
    if (made.state.empty()) {
      return refused(packet.tenant, "connection_invalid");
    }
    if (std::string denied = policy(packet, packet.from_server); !denied.empty()) {
      const bool is_answer = packet.protocol == kTcp && kind != "SYN";
      if (!is_answer || !policy(packet, !packet.from_server).empty()) {
        return denied;
      }
      made = {.is_servers = !packet.from_server,
              .state = "established",
              .is_only_answers = true,
              .packets = {0, 1}};
    }
    made.server_there = tenant.has_remote_server;
    connections[key] = made;
    return {};
  }

  static std::string kind_of(std::uint8_t flags) {
    const bool fin = (flags & 1) != 0;
    const bool syn = (flags & 2) != 0;
    const bool rst = (flags & 4) != 0;
    const bool ack = (flags & 16) != 0;
    if (int{fin} + int{syn} + int{rst} > 1 || (fin && !ack) || !(syn || rst || ack)) {
      return "impossible";
    }
    return syn ? (ack ? "SYN+ACK" : "SYN") : rst ? "RST" : fin ? "FIN" : "ACK";
  }

  // The state after a packet of a connection, "invalid", or "again": it opens a new connection.
  static std::string next_of(ModelConnection& it, bool reply, const ModelPacket& packet) {
    using Reset = ModelConnection::Reset;
    const std::string kind = kind_of(packet.tcp_flags);
    const std::string& state = it.state;
    const Reset own_reset = reply ? Reset::kByReply : Reset::kByOriginal;
    if (kind == "impossible") {
      return "invalid";
    }
    if (it.is_only_answers) {
      if (kind == "SYN+ACK" || (kind == "SYN" && reply)) {
        return "invalid";
      }
      if (reply || kind == "RST") {
        return state;
      }
      it.is_only_answers = false;
      it.is_answered = true;
      return kind == "SYN" ? "again" : kind == "FIN" ? "fin_wait" : state;
    }
    if (kind == "RST") {
      // In the middle of a connection, or once more by who sent the one that nobody contradicted.
      const bool is_in_doubt = (state == "established" && it.is_answered) ||
                               (state == "closed" && it.reset == own_reset);
      it.reset = is_in_doubt ? own_reset : Reset::kFinal;
      return "closed";
    }
    if (state == "syn_sent" || state == "syn_sent_both") {
      if (kind == "SYN") {
        return reply ? "syn_sent_both" : state;
      }
      if (kind == "SYN+ACK" && (reply || state == "syn_sent_both")) {
        return "syn_received";
      }
      return kind == "ACK" && (reply || state == "syn_sent_both") ? state : "invalid";
    }
    if (state == "time_wait" || state == "closed") {
      if (kind == "SYN") {
        return "again";
      }
      if (state == "time_wait") {
        return state;
      }
      if (kind == "SYN+ACK") {
        it.is_answered = it.is_answered || reply;
        return reply ? "syn_received" : state;
      }
      // Who was sent the RST goes on: it did not believe it.
      const bool believed = it.reset == Reset::kFinal || it.reset == own_reset;
      it.ended_by_reply = reply;
      return believed ? "closed" : kind == "FIN" ? "fin_wait" : "established";
    }
    if (kind == "SYN") {
      return reply && state != "syn_received" ? "invalid" : state;
    }
    const bool was_answered = it.is_answered;
    it.is_answered = it.is_answered || reply || kind == "FIN";
    if (kind == "SYN+ACK") {
      return reply && !was_answered ? "syn_received" : state;
    }
    if (state == "syn_received" || state == "established") {
      if (kind == "FIN") {
        it.ended_by_reply = reply;
        return "fin_wait";
      }
      return reply ? state : "established";
    }
    if (it.ended_by_reply == reply) {
      return state;  // what it says behind its own FIN, or the FIN again
    }
    if (state == "last_ack") {
      return "time_wait";
    }
    if (kind == "FIN") {
      it.ended_by_reply = reply;
      return "last_ack";
    }
    return "close_wait";
  }
};

}  // namespace alkaid::test
