// Which ports hardware can forward between, found out by having their drivers asked, and the rules
// that each such port has for itself. Control thread.
#pragma once

#include <bitset>
#include <cstdint>
#include <map>
#include <set>
#include <string>

#include "dataplane/offload/port_probe.hpp"
#include "dataplane/offload/rule_executor.hpp"
#include "dataplane/ports/port.hpp"
#include "dataplane/underlay/underlay.hpp"

namespace alkaid {

struct OffloadPort {
  bool is_hardware = false;
  bool is_uplink = false;
  bool is_asked = false;  // its driver has not answered yet
  std::string reason;     // why not, or what stays in software all the same
  std::uint16_t device = kNoEthdev;
  std::uint16_t proxy = kNoEthdev;  // through which rules about its packets are managed
  std::uint16_t domain = 0;         // ports of one switch have the same one
  RuleKinds refused;                // of its packets, and of those that go to it
  // Packets that have no hop left are kept from the rules that would take one.
  bool guards_hops = false;
  std::uint64_t epoch = 0;  // of what its driver is asked
};

class OffloadPorts {
 public:
  OffloadPorts(const PortTable& ports, const Underlay& underlay, RuleExecutor& executor)
      : ports_(ports), underlay_(underlay), executor_(executor) {}
  OffloadPorts(const OffloadPorts&) = delete;
  OffloadPorts& operator=(const OffloadPorts&) = delete;

  // Has the driver asked, if there is one to ask. False: it's too early, since the uplink's hasn't
  // answered. port: published, a guest's or the uplink.
  bool look_at(const Port& port);
  // The port has changed: if another device is behind it than before, or none, its own rules go,
  // and it is to be looked at again.
  void port_changed(PortIndex index);
  void forget_all();
  // What became of what was asked of a port's driver.
  void carry_out(const RuleOutcome& outcome);

  // nullptr: its packets are software's, or it hasn't been looked at.
  [[nodiscard]] const OffloadPort* hardware(PortIndex index) const {
    const auto found = known_.find(index);
    return found != known_.end() && found->second.is_hardware ? &found->second : nullptr;
  }
  // Why its packets are software's, or some of them; empty: they need not be.
  [[nodiscard]] std::string refusal_of(const Port& port) const;
  // Whether a guest's port can be offloaded.
  [[nodiscard]] bool has_hardware() const { return guests_ > 0; }
  // The drivers of these ports lost their rules, or don't give them back: they are software's until
  // the device goes, or until trust_again().
  void distrust(std::uint16_t proxy, const std::string& reason);
  void trust_again() { distrusted_.clear(); }

  // Whether its driver was told something since it was opened.
  [[nodiscard]] bool uses(std::uint16_t device) const { return used_.count(device) != 0; }
  // It is not used any more.
  void device_forgotten(std::uint16_t device);

 private:
  void ask(const Port& port, const Port* uplink, OffloadPort& known);
  void answered(PortIndex index, OffloadPort& known, const PortAnswer& answer);
  // families: those whose guards its driver takes, IPv4 and IPv6.
  void guard(const Port& port, OffloadPort& known, std::bitset<2> families);
  // known is about to go.
  void forget(PortIndex index, const OffloadPort& known);
  void set_hardware(OffloadPort& known, bool is_hardware);

  const PortTable& ports_;
  const Underlay& underlay_;
  RuleExecutor& executor_;
  std::map<PortIndex, OffloadPort> known_;           // that were looked at
  std::map<std::uint16_t, std::string> distrusted_;  // by proxy: why
  std::set<std::uint16_t> used_;                     // devices
  std::size_t guests_ = 0;
  std::uint64_t last_epoch_ = 0;
};

}  // namespace alkaid
