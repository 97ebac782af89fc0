// Underlay next hops: how their MAC addresses are found and kept (ARP, RFC 826; neighbor discovery,
// RFC 4861), and the paths that tunnels take through one or several of them.
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
#include "dataplane/underlay/link_choice.hpp"
#include "dataplane/underlay/underlay.hpp"

namespace alkaid {

using Clock = std::chrono::steady_clock;

enum class NextHopState { kResolving, kReachable, kStatic, kUnreachable };

// For showing.
struct NextHopView {
  IpAddress address;
  MacAddress mac;
  NextHopState state = NextHopState::kResolving;
  std::chrono::microseconds age{0};
  std::uint32_t tunnels = 0;
};

// Next hops that share flows, for showing.
struct EcmpGroupView {
  struct Member {
    IpAddress address;
    std::uint32_t slots = 0;  // of kEcmpSlots that it has now
  };
  std::vector<Member> members;
  std::uint32_t tunnels = 0;
};

// Control thread only. Workers read UnderlayPath::choice.
class NextHopTable {
 public:
  // Asks for the address's MAC: everybody (ARP broadcast, the solicited-node group), or the known
  // MAC when it is being confirmed.
  using SendRequest = std::function<void(const IpAddress&, const std::optional<MacAddress>& known)>;
  // 1 to kMostNextHops addresses of one family, no two alike.
  using Addresses = std::vector<IpAddress>;

  // vlan: of the uplink; 0: none.
  NextHopTable(QuiescenceDomain& quiescence, std::uint16_t vlan, SendRequest send_request);
  ~NextHopTable();
  NextHopTable(const NextHopTable&) = delete;
  NextHopTable& operator=(const NextHopTable&) = delete;

  // Called when another choice of next hops was published for a path's tunnels. One listener.
  using PathListener = std::function<void(const UnderlayPath&)>;
  void on_path(PathListener listener) { path_listener_ = std::move(listener); }

  // A MAC given by configuration; never asked for and never aged.
  void add_static(const IpAddress& address, const MacAddress& mac);

  // Counts a tunnel in and starts resolving. The result lives until the last release.
  const UnderlayPath* acquire(const Addresses& addresses, Clock::time_point now);
  void release(const Addresses& addresses);

  // The uplink came (its MAC, to be the source of packets) or went (nullopt: all are unresolved).
  void set_uplink(std::optional<MacAddress> mac, Clock::time_point now);

  // What a worker saw. Only addresses that are in use are looked at.
  void observe(const UnderlayObservation& observation, Clock::time_point now);

  // Retries, confirmations, ageing; cheap when nothing is due.
  void tick(Clock::time_point now);

  [[nodiscard]] std::vector<NextHopView> view(Clock::time_point now) const;
  [[nodiscard]] std::vector<EcmpGroupView> groups() const;

  // Probing: fast at first, then slowly for as long as tunnels need the address. A reachable
  // address is confirmed by a unicast request every kConfirmAfter; one that shares its flows with
  // others more often, as these can take over.
  static constexpr std::chrono::milliseconds kFirstRetry{50};
  static constexpr std::chrono::milliseconds kSlowestRetry{5000};
  static constexpr unsigned kProbesBeforeUnreachable = 6;
  static constexpr std::chrono::seconds kConfirmAfter{30};
  static constexpr std::chrono::seconds kConfirmSharedAfter{1};

 private:
  // One or several next hops of the same tunnels.
  struct Path {
    std::unique_ptr<UnderlayPath> published = std::make_unique<UnderlayPath>();
    std::uint32_t tunnels = 0;
  };
  using Paths = std::map<Addresses, Path>;

  struct Entry {
    MacAddress mac;
    NextHopState state = NextHopState::kResolving;
    unsigned probes = 0;  // since the last answer
    Clock::time_point confirmed;
    Clock::time_point next_action;          // in due_ unless static or unused
    std::vector<Paths::value_type*> paths;  // that lead through it
    bool is_shared = false;                 // by a path of several

    [[nodiscard]] bool is_usable() const {
      return state == NextHopState::kReachable || state == NextHopState::kStatic;
    }
  };

  [[nodiscard]] static std::chrono::seconds confirm_after(const Entry& entry) {
    return entry.is_shared ? kConfirmSharedAfter : kConfirmAfter;
  }
  void publish(Paths::value_type& path);
  void publish_paths(const Entry& entry);
  [[nodiscard]] LinkHeader link_header(const IpAddress& address, const MacAddress& mac) const;
  void start_resolving(const IpAddress& address, Entry& entry, Clock::time_point now);
  void schedule(const IpAddress& address, Entry& entry, Clock::time_point when);
  void probe(const IpAddress& address, Entry& entry, Clock::time_point now);
  void leave(const IpAddress& address, Paths::value_type& path);

  QuiescenceDomain& quiescence_;
  const std::uint16_t vlan_;
  SendRequest send_request_;
  PathListener path_listener_ = [](const UnderlayPath&) {};
  std::optional<MacAddress> uplink_mac_;
  Paths paths_;
  std::map<IpAddress, Entry> entries_;
  std::set<std::pair<Clock::time_point, IpAddress>> due_;
};

}  // namespace alkaid
