// Gives established connections to hardware and takes them back. Design: docs/design/offload.md.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "dataplane/flow/connection_search.hpp"
#include "dataplane/flow/flow_state.hpp"
#include "dataplane/flow/offload_watch.hpp"
#include "dataplane/offload/connection_rules.hpp"
#include "dataplane/offload/offload_ports.hpp"
#include "dataplane/offload/offload_settings.hpp"
#include "dataplane/offload/offload_table.hpp"
#include "dataplane/offload/rule_executor.hpp"
#include "dataplane/tables/tables.hpp"
#include "dataplane/underlay/underlay.hpp"

namespace alkaid {

// Why a connection's rules were removed.
#define ALKAID_OFFLOAD_ENDS(END)                                                     \
  END(port_changed, "what its ports may send or where they are has changed")         \
  END(neighbor_moved, "its destination is elsewhere")                                \
  END(next_hop_changed, "the way to its tunnel's end has changed")                   \
  END(state_changed, "software saw it open, close or end")                           \
  END(decided_anew, "software forwards it in another way, or in one direction more") \
  END(idle, "hardware saw no packet for a while")                                    \
  END(made_room, "the connection table was full, and it may have to make room")      \
  END(rules_lost, "its switch had to be emptied, or could not be read")              \
  END(switched_off, "an operator said so, or the process ends")

enum class OffloadEnd : std::uint8_t {
#define ALKAID_ENUMERATOR(name, description) name,
  ALKAID_OFFLOAD_ENDS(ALKAID_ENUMERATOR)
#undef ALKAID_ENUMERATOR
      kCount
};
struct OffloadEndText {
  std::string_view name;
  std::string_view description;
};
const OffloadEndText& text_of(OffloadEnd end);

// What hardware forwarded by a port.
struct HardwareCounts {
  std::uint64_t rx_packets = 0;
  std::uint64_t rx_bytes = 0;
  std::uint64_t tx_packets = 0;
  std::uint64_t tx_bytes = 0;
};

// Control thread. Who changes what rules depend on asks for their removal; before it says that
// something has changed, it waits (wait_until_removed()).
class Offloader final : public OffloadWatch {
 public:
  Offloader(const OffloadSettings& settings, FlowState& flows, const Tables& tables,
            const PortTable& ports, const Underlay& underlay);
  // No worker runs any more.
  ~Offloader() override;
  // Nothing is left in hardware, as far as drivers do what they are told within two times the
  // longest wait, and nothing comes to it any more.
  void shut_down();

  // Drivers are talked to by a thread of their own, as soon as there is one to talk to. Otherwise
  // it is done by tick() and by who waits, for tests that step by hand.
  void allow_thread() { executor_.allow_thread(); }

  // `flushed` is called when all rules of a device were removed, whosever they were.
  void on_flushed(std::function<void(std::uint16_t device)> flushed) {
    flushed_ = std::move(flushed);
  }

  // What workers have told since: before connections are looked at.
  void take_notices();
  // Looks at ports that are new, at what was done and at what hardware counted: bounded work.
  void tick();

  // ---- OffloadWatch
  [[nodiscard]] bool is_watching() const override { return is_on_ && ports_.has_hardware(); }
  void look_at(bool ipv6, ConnectionNumber number, std::uint32_t life) override;
  void bring_back(bool ipv6, ConnectionNumber number) override;

  // ---- what connections depend on. It has been published, the port's stamp bumped. Constant time
  // where no connection that depends on it is in hardware.
  void policy_changed(PortIndex index);
  void port_changed(PortIndex index);
  void uplink_changed();
  void station_superseded(const Neighbor& neighbor);
  void path_changed(const UnderlayPath& path);
  // Connections were ended.
  void connections_ended();
  // Returns when what all these have asked for is done, or after the longest wait, which is then
  // logged and counted. What is late is not waited for again. False: something was.
  bool wait_until_removed();

  // No port has the device any more. True: nobody uses its driver, it may be closed; false: ask
  // again later.
  bool release(std::uint16_t device);

  // Off: returns when hardware forwards nothing, or as wait_until_removed().
  void set_on(bool on);

  // ---- views
  // Adds what hardware forwarded, and tells whether it does.
  bool add_counts(ConnectionSnapshot& connection) const;
  [[nodiscard]] HardwareCounts counts_of(PortIndex port) const { return hardware_counts_[port]; }

  struct PortView {
    PortIndex port = kNoPort;
    bool is_hardware = false;
    std::string reason;  // why not
    std::size_t connections = 0;
  };
  struct Counts {
    std::uint64_t installed = 0;  // connections
    std::uint64_t refused_full = 0;
    std::uint64_t late_removals = 0;      // that were waited for in vain, or refused
    std::map<int, std::uint64_t> errors;  // by errno
    std::array<std::uint64_t, static_cast<std::size_t>(OffloadEnd::kCount)> ends{};
  };
  [[nodiscard]] std::vector<PortView> port_views() const;
  [[nodiscard]] const Counts& counts() const { return counts_; }
  [[nodiscard]] const OffloadSettings& settings() const { return settings_; }
  [[nodiscard]] bool is_on() const { return is_on_; }
  [[nodiscard]] std::size_t connections() const { return connections_; }
  [[nodiscard]] std::size_t rules() const { return rules_; }
  // Whose rules a driver doesn't remove; it is asked again each second.
  [[nodiscard]] std::size_t stuck() const { return stuck_; }

 private:
  using Number = OffloadTable::Number;
  using State = OffloadedConnection::State;

  template <class Key>
  void consider(ConnectionNumber number, std::uint32_t life);
  template <class Key>
  [[nodiscard]] bool has_earned_it(ConnectionNumber number) const;
  [[nodiscard]] bool is_between_hardware(const ConnectionRecord& record) const;
  std::optional<Number> place_for(bool ipv6, ConnectionNumber number, std::uint32_t life);
  // word: the state that the rules are good for.
  void install(Number entry, StateWord word, const ConnectionRules& rules);

  // kNow: an answer will wait for it.
  enum class Haste : std::uint8_t { kNone, kNow };
  void withdraw(Number entry, OffloadEnd end, Haste haste);
  void withdraw_all(const std::vector<Number>& entries, OffloadEnd end);
  void withdraw_everything(OffloadEnd end);
  void take_notices(Haste haste);
  void ask_to_remove(Number entry, Haste haste);
  void give_up_waiting();

  void carry_out(const std::vector<RuleOutcome>& outcomes);
  void carry_out_of_connection(const RuleOutcome& outcome);
  void installed(Number entry, const RuleOutcome& outcome);
  void removed(Number entry, const RuleOutcome& outcome);
  // A driver refused to remove its rules.
  void keep_trying(Number entry);
  void ask_for_counts(Number entry);
  void queried(Number entry, const RuleOutcome& outcome);
  // Of connections that hardware saw no packet of; what its counters say decides.
  void ask_for_aged();
  void take_aged(const RuleOutcome& outcome);
  void count(OffloadedConnection& connection, const RuleOutcome& outcome);
  void fail(const RuleOutcome& outcome);
  void switch_flushed(const RuleOutcome::Flush& flush);
  [[nodiscard]] bool is_as_installed(const OffloadedConnection& connection) const;

  [[nodiscard]] Milliseconds not_past(Milliseconds time) const;
  // All are to be looked at.
  void look_at_all_ports();
  void look_at_ports();
  void look_at_entries();
  void look_at_entry(Number entry);
  [[nodiscard]] bool is_done_with(OffloadedConnection& connection);
  // The entry is free. What hardware counted goes where the connection goes on, if it does.
  void give_up(Number entry);
  // The counts of a connection that is quiet go into its own, and the entry is free.
  template <class Key>
  bool fold(const OffloadedConnection& connection);

  [[nodiscard]] ConnectionRecord& record_of(const OffloadedConnection& connection) const {
    return connection.ipv6 ? flows_.v6.record(connection.number)
                           : flows_.v4.record(connection.number);
  }
  [[nodiscard]] FlowFields& fields_of(const OffloadedConnection& connection,
                                      Direction direction) const {
    return connection.ipv6 ? flows_.v6.half(connection.number, direction).fields
                           : flows_.v4.half(connection.number, direction).fields;
  }
  [[nodiscard]] bool lives(const OffloadedConnection& connection) const {
    return record_of(connection).life.load(std::memory_order_seq_cst) == connection.life;
  }
  // It does, and nobody has taken the mark away.
  [[nodiscard]] bool is_marked(const OffloadedConnection& connection) const {
    return lives(connection) && (record_of(connection).state.load(std::memory_order_seq_cst) &
                                 ConnectionRecord::kOffloaded) != 0;
  }

  [[nodiscard]] bool is_nearly_full() const {
    return connections_ >= settings_.connections - settings_.connections / 10;
  }

  const OffloadSettings settings_;
  FlowState& flows_;
  std::function<void(std::uint16_t device)> flushed_;
  const PortTable& port_table_;
  RuleExecutor executor_;
  OffloadPorts ports_;
  ConnectionRuleSource source_;
  OffloadTable table_;
  bool is_on_;
  std::deque<PortIndex> new_ports_;              // to be looked at
  std::vector<HardwareCounts> hardware_counts_;  // by port
  std::set<std::uint16_t> leaving_;              // devices that the executor is to forget
  // Under way.
  std::size_t installing_ = 0;
  std::size_t removing_ = 0;  // not urgently
  std::size_t querying_ = 0;
  bool is_asking_for_aged_ = false;
  Milliseconds last_aged_;   // when it was asked for
  std::size_t awaited_ = 0;  // connections
  std::size_t stuck_ = 0;
  std::size_t connections_ = 0;  // with rules
  std::size_t rules_ = 0;
  std::uint64_t last_epoch_ = 0;
  Milliseconds not_before_;  // nothing is installed earlier
  std::size_t tried_ = 0;    // in this tick
  Number next_entry_ = 0;
  Counts counts_;
};

}  // namespace alkaid
