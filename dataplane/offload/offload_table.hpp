// Connections that hardware forwards, or has forwarded while they have lived: found by the
// connection, by the ports, the stations and the way into the tunnel that their rules depend on.
// Control thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "dataplane/flow/connection.hpp"
#include "dataplane/offload/connection_rules.hpp"
#include "dataplane/offload/rule_request.hpp"

namespace alkaid {

struct OffloadedConnection {
  enum class State : std::uint8_t {
    kFree,
    kInstalling,  // rules were asked for
    kActive,
    kRemoving,  // asked to be removed, or are about to be installed and then removed
    kSoftware,  // there are no rules; what they counted is kept
  };
  // What is needed of a rule that is installed.
  struct Rule {
    Direction direction = Direction::kOriginal;
    bool from_wire = false;
    bool into_tunnel = false;
    std::uint16_t proxy = 0;
    FlowPort ingress = kUnderlayPort;
    FlowPort egress = kUnderlayPort;
    // The port is still the one that it was.
    bool counts_ingress = true;
    bool counts_egress = true;
    RuleCounts seen;
  };

  State state = State::kFree;
  bool ipv6 = false;
  ConnectionNumber number = 0;
  std::uint32_t life = 0;
  std::uint64_t epoch = 0;  // of its rules, rising; 0: there are none
  // Of kRemoving: an answer waits for it; one has waited in vain; a driver has refused.
  bool is_awaited = false;
  bool is_late = false;
  bool is_stuck = false;
  std::size_t rule_count = 0;
  std::array<Rule, kMostRulesOfConnection> rules;
  std::uint64_t digest = 0;  // ConnectionRules'
  std::array<StationName, 2> stations{};
  const UnderlayPath* path = nullptr;
  std::array<RuleCounts, 2> counted{};  // by direction; bytes of the tenant's frames
  Milliseconds last_hit = 0;
  Milliseconds last_query = 0;
  Milliseconds not_before = 0;  // may not be tried again earlier

  [[nodiscard]] bool has_rules() const {
    return state == State::kInstalling || state == State::kActive;
  }
  [[nodiscard]] bool has_counted() const { return (counted[0].packets | counted[1].packets) != 0; }
  // It has a rule that is managed through the device.
  [[nodiscard]] bool is_managed_by(std::uint16_t proxy) const;
};

class OffloadTable {
 public:
  using Number = std::uint32_t;

  explicit OffloadTable(std::size_t capacity) : capacity_(capacity) {}

  // nullopt: all places are taken.
  std::optional<Number> add(bool ipv6, ConnectionNumber number, std::uint32_t life);
  // It has no rules.
  void remove(Number entry);
  [[nodiscard]] std::optional<Number> find(bool ipv6, ConnectionNumber number) const;

  OffloadedConnection& at(Number entry) { return entries_[entry]; }
  [[nodiscard]] const OffloadedConnection& at(Number entry) const { return entries_[entry]; }
  // Numbers below it have been in use.
  [[nodiscard]] Number end() const { return static_cast<Number>(entries_.size()); }

  // The entry's rules, with what they depend on, are those from now on.
  void set_rules(Number entry, const ConnectionRules& rules);
  // It has none any more.
  void clear_rules(Number entry);
  // Entries with rules that depend on it.
  [[nodiscard]] std::vector<Number> of_port(PortIndex port) const;
  [[nodiscard]] std::vector<Number> of_station(StationName station) const;
  [[nodiscard]] std::vector<Number> of_path(const UnderlayPath* path) const;
  [[nodiscard]] std::size_t count_of_port(PortIndex port) const;
  // The port goes: what rules count is not another's who gets its index.
  void port_gone(PortIndex port);

  [[nodiscard]] std::size_t used() const { return by_connection_.size(); }

 private:
  using Numbers = std::unordered_set<Number>;
  template <class Name>
  using Index = std::unordered_map<Name, Numbers>;

  static std::uint64_t name_of(bool ipv6, ConnectionNumber number) {
    return std::uint64_t{ipv6} << 32 | number;
  }
  template <class Visit>
  void for_each_dependence(const OffloadedConnection& connection, Visit&& visit);

  const std::size_t capacity_;
  std::vector<OffloadedConnection> entries_;
  std::vector<Number> free_;
  std::unordered_map<std::uint64_t, Number> by_connection_;
  Index<PortIndex> by_port_;
  Index<StationName> by_station_;
  Index<const UnderlayPath*> by_path_;
};

}  // namespace alkaid
