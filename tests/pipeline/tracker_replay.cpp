// Says what the data plane makes of packets between two guests whose groups allow everything, for
// comparison with another connection tracker.
//
// tracker-replay liberal|window-check never|always    (the window check; mid-stream pick-up)
//
// Reads lines from standard input and answers each with one that begins with "= " (others are the
// log's):
//   a HEX, b HEX   a packet from 10.1.0.11 or 2001:db8:1::b (a), or 10.1.0.13 or 2001:db8:1::d (b):
//                  its verdict, the state of the only connection and in how many seconds it is
//                  forgotten; "none 0" without one. Verdicts: new (no answer seen yet),
//                  established, related, invalid, or the name of another reason to drop.
//   flush          forgets all connections: "flushed"
#include <array>
#include <charconv>
#include <iostream>
#include <string>
#include <string_view>

#include "dataplane/flow/connection_keeper.hpp"
#include "tests/pipeline/ipv6_network.hpp"

namespace alkaid::test {
namespace {

using namespace net;

constexpr std::string_view kGroup = "everything";

class Replay {
 public:
  Replay(bool checks_windows, bool picks_up) : lab_(settings(checks_windows, picks_up)) {
    lab_.program_network();
    auto segment = PipelineLab::segment_config(kGreen);
    segment.prefixes.push_back(*IpPrefix::parse("2001:db8:1::/64"));
    must(lab_.programmer().set(segment));
    SecurityGroupChange group{.id = std::string{kGroup}};
    for (const bool ingress : {true, false}) {
      for (const bool ipv6 : {true, false}) {
        SecurityRuleConfig rule;
        rule.id = std::string{ingress ? "in" : "out"} + (ipv6 ? " v6" : " v4");
        rule.ingress = ingress;
        rule.ipv6 = ipv6;
        group.rules.push_back(rule);
      }
    }
    must(lab_.programmer().set(group));
    for (const auto& [name, station, ipv6] : kStations) {
      auto port = PipelineLab::port_config(name, kGreen, station);
      port.fixed_ips.push_back(ipv6);
      port.policy_enforced = true;
      port.security_groups = {std::string{kGroup}};
      must(lab_.programmer().set(port));
    }
  }

  std::string send(std::size_t from, const Bytes& packet) {
    const auto& [ingress, source, source_v6] = kStations[from];
    const auto& [egress, destination, destination_v6] = kStations[1 - from];
    Bytes frame(sizeof(EthernetHeader));
    *reinterpret_cast<EthernetHeader*>(frame.data()) = {destination.mac, source.mac,
                                                        BigEndian16{ether_type_of(packet)}};
    frame.insert(frame.end(), packet.begin(), packet.end());
    const auto before = lab_.all_drops();
    lab_.send(ingress, {frame});
    const bool came = !lab_.take(egress).empty();
    std::string verdict;
    if (!came) {
      verdict = reason(before);
    } else if (is_icmp_error(packet)) {
      verdict = "related";
    } else {
      verdict = replies() == 0 ? "new" : "established";
    }
    return verdict + " " + state();
  }

  void flush() {
    auto& keeper = lab_.dataplane().connections();
    visit_connections([&]<class Key>(ConnectionTable<Key>& table, ConnectionNumber number) {
      keeper.take_down<Key>(number, table.record(number).life.load());
    });
    lab_.walk();
  }

 private:
  struct Named {
    const char* name;
    Station station;
    IpAddress ipv6;
  };
  static constexpr std::array<Named, 2> kStations{
      {{"green-1", kGreen1, kGreen1v6.ip}, {"green-3", kGreen3, kGreen3v6.ip}}};

  static DataplaneSettings settings(bool checks_windows, bool picks_up) {
    auto settings = PipelineLab::default_settings();
    settings.flows.tcp_window_check = checks_windows;
    settings.flows.mid_stream = picks_up ? MidStreamPickup::kAlways : MidStreamPickup::kNever;
    return settings;
  }
  static void must(const ObjectResult& result) {
    if (result) {
      throw std::runtime_error(result->field + ": " + result->message);
    }
  }
  static bool is_ipv6(const Bytes& packet) { return packet.at(0) >> 4 == 6; }
  static std::uint16_t ether_type_of(const Bytes& packet) {
    return is_ipv6(packet) ? ether_type::kIpv6 : ether_type::kIpv4;
  }
  static bool is_icmp_error(const Bytes& packet) {
    if (is_ipv6(packet)) {
      return packet.at(6) == ip_protocol::kIcmpv6 && packet.at(sizeof(Ipv6Header)) < 128;
    }
    constexpr std::size_t kProtocol = 9;
    const std::uint8_t type = packet.size() > sizeof(Ipv4Header) ? packet[sizeof(Ipv4Header)] : 0;
    return packet[kProtocol] == ip_protocol::kIcmp && (type == 3 || type == 11 || type == 12);
  }
  std::string reason(const std::map<std::string, std::uint64_t>& before) {
    for (const auto& [name, count] : lab_.all_drops()) {
      const auto old = before.find(name);
      if (old == before.end() || old->second != count) {
        const std::string reason = name.substr(name.find(' ') + 1);
        const bool is_invalid = reason == "connection_invalid" ||
                                reason == "icmp_error_unrelated" ||
                                reason == "connection_out_of_window";
        return is_invalid ? "invalid" : reason;
      }
    }
    return "lost";
  }
  template <class Visit>
  void visit_connections(Visit&& visit) {
    lab_.dataplane().connections().for_each<FlowKeyV4>(visit);
    lab_.dataplane().connections().for_each<FlowKeyV6>(visit);
  }
  std::uint64_t replies() {
    std::uint64_t count = 0;
    visit_connections([&](auto& table, ConnectionNumber number) {
      count +=
          table.half(number, Direction::kReply).fields.packets.load() & FlowFields::kCounterMask;
    });
    return count;
  }
  std::string state() {
    std::string state = "none 0";
    visit_connections([&]<class Key>(ConnectionTable<Key>& table, ConnectionNumber number) {
      const auto left = lab_.dataplane().connections().time_left<Key>(number);
      state = std::string{name_of(table.record(number).word().state())} + " " +
              std::to_string((left + 500) / 1000);
    });
    return state;
  }

  PipelineLab lab_;
};

Bytes bytes_of_hex(std::string_view hex) {
  Bytes bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    std::uint8_t byte = 0;
    const char* end = hex.data() + i + 2;
    if (std::from_chars(hex.data() + i, end, byte, 16).ptr != end) {
      throw std::runtime_error("not hexadecimal: " + std::string{hex});
    }
    bytes.push_back(byte);
  }
  return bytes;
}

int run(std::string_view window, std::string_view mid_stream) {
  Replay replay{window == "window-check", mid_stream == "always"};
  for (std::string line; std::getline(std::cin, line);) {
    if (line == "flush") {
      replay.flush();
      std::cout << "= flushed" << std::endl;
    } else if (line.size() > 2 && (line[0] == 'a' || line[0] == 'b')) {
      std::cout << "= "
                << replay.send(line[0] == 'a' ? 0 : 1,
                               bytes_of_hex(std::string_view{line}.substr(2)))
                << std::endl;
    } else {
      throw std::runtime_error("not a line of a script: " + line);
    }
  }
  return 0;
}

}  // namespace
}  // namespace alkaid::test

int main(int count, char** words) {
  if (count != 3) {
    std::cerr << "usage: tracker-replay liberal|window-check never|always < SCRIPT\n";
    return 2;
  }
  try {
    return alkaid::test::run(words[1], words[2]);
  } catch (const std::exception& error) {
    std::cerr << "tracker-replay: " << error.what() << '\n';
    return 1;
  }
}
