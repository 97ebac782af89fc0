// Underlay next hops and how their MAC addresses are found and kept (ARP, RFC 826).
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "control/common/net/ip_address.hpp"
#include "control/common/net/mac_address.hpp"
#include "dataplane/rcu/quiescence.hpp"
#include "dataplane/underlay/tunnel.hpp"
#include "dataplane/underlay/underlay.hpp"

namespace alkaid {

using Clock = std::chrono::steady_clock;

enum class NextHopState { kResolving, kReachable, kStatic, kUnreachable };

// For showing.
struct NextHopView {
  Ipv4Address address;
  MacAddress mac;
  NextHopState state = NextHopState::kResolving;
  std::chrono::microseconds age{0};
  std::uint32_t tunnels = 0;
};

// Control thread only. Workers read UnderlayNextHop::ethernet.
class NextHopTable {
 public:
  // Sends an ARP request for the address: broadcast, or to the MAC when it is being confirmed.
  using SendRequest = std::function<void(Ipv4Address, const MacAddress&)>;

  NextHopTable(QuiescenceDomain& quiescence, SendRequest send_request);
  ~NextHopTable();
  NextHopTable(const NextHopTable&) = delete;
  NextHopTable& operator=(const NextHopTable&) = delete;

  // A MAC given by configuration; never asked for and never aged.
  void add_static(Ipv4Address address, const MacAddress& mac);

  // Counts a tunnel in and starts resolving. The result lives until the last release.
  const UnderlayNextHop* acquire(Ipv4Address address, Clock::time_point now);
  void release(Ipv4Address address);

  // The uplink came (its MAC, to be the source of packets) or went (nullopt: all are unresolved).
  void set_uplink(std::optional<MacAddress> mac, Clock::time_point now);

  // What a worker saw. Only addresses that are in use are looked at.
  void observe(const UnderlayObservation& observation, Clock::time_point now);

  // Retries, confirmations, ageing; cheap when nothing is due.
  void tick(Clock::time_point now);

  [[nodiscard]] std::vector<NextHopView> view(Clock::time_point now) const;

  // Probing: fast at first, then slowly for as long as tunnels need the address. A reachable
  // address is confirmed by a unicast request every kConfirmAfter.
  static constexpr std::chrono::milliseconds kFirstRetry{50};
  static constexpr std::chrono::milliseconds kSlowestRetry{5000};
  static constexpr unsigned kProbesBeforeUnreachable = 6;
  static constexpr std::chrono::seconds kConfirmAfter{30};

 private:
  struct Entry {
    std::unique_ptr<UnderlayNextHop> published = std::make_unique<UnderlayNextHop>();
    MacAddress mac;
    NextHopState state = NextHopState::kResolving;
    unsigned probes = 0;  // since the last answer
    Clock::time_point confirmed;
    Clock::time_point next_action;  // in due_ unless static or without tunnels
    std::uint32_t tunnels = 0;
  };

  void publish(Entry& entry, const std::optional<MacAddress>& mac);
  void start_resolving(Ipv4Address address, Entry& entry, Clock::time_point now);
  void schedule(Ipv4Address address, Entry& entry, Clock::time_point when);
  void probe(Ipv4Address address, Entry& entry, Clock::time_point now);

  QuiescenceDomain& quiescence_;
  SendRequest send_request_;
  std::optional<MacAddress> uplink_mac_;
  std::map<Ipv4Address, Entry> entries_;
  std::set<std::pair<Clock::time_point, Ipv4Address>> due_;
};

}  // namespace alkaid
