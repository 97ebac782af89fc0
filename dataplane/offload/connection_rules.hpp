// The rules by which hardware does to a connection's packets what the fast path would do.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "dataplane/flow/flow_state.hpp"
#include "dataplane/offload/offload_ports.hpp"
#include "dataplane/offload/rule.hpp"
#include "dataplane/offload/rule_request.hpp"
#include "dataplane/tables/tables.hpp"
#include "dataplane/underlay/underlay.hpp"

namespace alkaid {

// A station by which hardware's packets leave: its neighbor record's VNI and MAC. Two may share a
// name.
using StationName = std::uint64_t;
inline constexpr StationName kNoStation = 0;
inline StationName station_name(const Neighbor& neighbor) {
  return (neighbor.mac().number() << 16 ^
          std::uint64_t{neighbor.vni.number()} * 0x9e3779b97f4a7c15ULL) |
         1;
}

struct ConnectionRules {
  struct Directed {
    OffloadRule rule;
    Direction direction = Direction::kOriginal;
    PortIndex ingress = kNoPort;
    PortIndex egress = kNoPort;
  };

  std::array<Directed, kMostRulesOfConnection> rules;
  std::size_t count = 0;
  // What they were made of: by direction, and the way into the tunnel, if there is one.
  std::array<StationName, 2> stations{};
  const UnderlayPath* path = nullptr;

  [[nodiscard]] std::uint64_t digest() const;
};

// Control thread.
class ConnectionRuleSource {
 public:
  ConnectionRuleSource(FlowState& flows, const Tables& tables, const PortTable& ports,
                       const Underlay& underlay, const OffloadPorts& offload_ports)
      : flows_(flows),
        tables_(tables),
        ports_(ports),
        underlay_(underlay),
        offload_ports_(offload_ports) {}

  // Rules for the directions that the fast path would take, as software has decided them last: none
  // if hardware can't do what is to be done, or if the decision is outdated, or is being replaced
  // by another one. The connection is one that may end meanwhile; what is found then is of no use.
  template <class Key>
  [[nodiscard]] ConnectionRules rules_of(ConnectionNumber number) const;

 private:
  template <class Key>
  [[nodiscard]] ConnectionRules read(ConnectionNumber number) const;
  template <class Key>
  void add_direction(ConnectionNumber number, Direction direction, ConnectionRules& rules) const;
  template <class Key>
  bool add_way_out(const FlowFields& fields, std::uint16_t flags, const Neighbor& neighbor,
                   const Key& key, ConnectionRules::Directed& into, ConnectionRules& rules) const;

  FlowState& flows_;
  const Tables& tables_;
  const PortTable& ports_;
  const Underlay& underlay_;
  const OffloadPorts& offload_ports_;
};

}  // namespace alkaid
