#include "dataplane/offload/offload_ports.hpp"

#include <cstring>
#include <iterator>
#include <memory>
#include <utility>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "control/common/logging.hpp"
#include "dataplane/vhost/vhost_numbers.hpp"
#include "dataplane/xdp/xdp_numbers.hpp"

namespace alkaid {
namespace {

// Why no driver has to be asked; empty: one has to.
std::string reason_of(const Port& port) {
  if (!port.attached) {
    return "it has no device";
  }
  if (port.device.vlan != 0) {
    return "it is a VLAN of a trunk";
  }
  if (port.device.ethdev == kNoEthdev) {
    return "its device is a sink";
  }
  if (is_vhost(port.device.ethdev)) {
    return "vhost-user has no hardware behind it";
  }
  if (is_xdp(port.device.ethdev)) {
    return "its device is the kernel's (AF_XDP)";
  }
  if (port.device.partial_checksums) {
    return "its sender leaves checksums open";
  }
  return {};
}

}  // namespace

void OffloadPorts::set_hardware(OffloadPort& known, bool is_hardware) {
  if (known.is_hardware != is_hardware && !known.is_uplink) {
    guests_ += is_hardware ? 1 : -1;
  }
  known.is_hardware = is_hardware;
}

// Whatever was asked of the driver is left undone, and the port's own rules go.
void OffloadPorts::forget(PortIndex index, const OffloadPort& known) {
  guests_ -= known.is_hardware && !known.is_uplink ? 1 : 0;
  if (known.epoch != 0) {
    executor_.submit({.kind = RuleRequest::Kind::kRemove,
                      .owner = RuleRequest::Owner::kPort,
                      .is_urgent = true,
                      .entry = index,
                      .epoch = known.epoch});
  }
}

void OffloadPorts::port_changed(PortIndex index) {
  const auto found = known_.find(index);
  if (found == known_.end()) {
    return;
  }
  const Port* port = ports_.find(index);
  const bool is_same = port != nullptr && port->attached &&
                       (found->second.is_hardware || found->second.is_asked) &&
                       port->device.ethdev == found->second.device;
  if (!is_same) {
    forget(index, found->second);
    known_.erase(found);
  }
}

void OffloadPorts::forget_all() {
  for (const auto& [index, known] : known_) {
    forget(index, known);
  }
  known_.clear();
}

bool OffloadPorts::look_at(const Port& port) {
  if (known_.count(port.index) != 0 || !reason_of(port).empty()) {
    return true;
  }
  OffloadPort known{.is_uplink = port.is_uplink, .reason = {}, .device = port.device.ethdev};
  const Port* uplink = ports_.find(underlay_.uplink.load(std::memory_order_relaxed));
  if (!port.is_uplink) {
    const auto to = uplink != nullptr ? known_.find(uplink->index) : known_.end();
    if (uplink == nullptr || !uplink->attached) {
      known.reason = "there is no uplink";
    } else if (!reason_of(*uplink).empty()) {
      known.reason = fmt::format("the uplink is software's: {}", reason_of(*uplink));
    } else if (to == known_.end() || to->second.is_asked) {
      return false;
    } else if (!to->second.is_hardware) {
      known.reason = fmt::format("the uplink is software's: {}", to->second.reason);
    }
  } else if (underlay_.format.vlan != 0) {
    known.reason = "the underlay is in a VLAN";
  } else if (underlay_.vtep_v4.is_zero()) {
    known.reason = "there is no IPv4 tunnel endpoint";
  }
  if (known.reason.empty()) {
    ask(port, uplink, known);
  }
  known_.emplace(port.index, std::move(known));
  return true;
}

void OffloadPorts::ask(const Port& port, const Port* uplink, OffloadPort& known) {
  known.is_asked = true;
  known.reason = "its driver has not answered yet";
  known.epoch = ++last_epoch_;
  used_.insert(known.device);
  auto question = std::make_unique<PortQuestion>();
  question->device = known.device;
  question->is_uplink = known.is_uplink;
  question->mac = port.mac;
  question->vtep = underlay_.vtep_v4;
  question->vxlan_port = BigEndian16{underlay_.format.vxlan_port};
  if (!known.is_uplink) {
    const OffloadPort& to = known_.at(uplink->index);
    question->uplink = to.device;
    question->uplink_proxy = to.proxy;
    question->uplink_domain = to.domain;
    question->uplink_mac = uplink->mac;
  }
  executor_.submit({.kind = RuleRequest::Kind::kProbe,
                    .owner = RuleRequest::Owner::kPort,
                    .entry = port.index,
                    .epoch = known.epoch,
                    .question = std::move(question)});
}

void OffloadPorts::carry_out(const RuleOutcome& outcome) {
  const auto found = known_.find(outcome.entry);
  const bool is_known = found != known_.end() && found->second.epoch == outcome.epoch;
  if (outcome.kind == RuleRequest::Kind::kRemove && outcome.has_rules_left) {
    spdlog::error("offload: the rules of port number {} itself stay in its switch: {} ({})",
                  outcome.entry, printable(outcome.message), std::strerror(outcome.error));
  } else if (is_known && outcome.answer != nullptr) {
    answered(outcome.entry, found->second, *outcome.answer);
  } else if (is_known && outcome.kind == RuleRequest::Kind::kInstall) {
    found->second.guards_hops = outcome.error == 0 && found->second.is_hardware;
    if (outcome.error != 0) {
      spdlog::info("offload: routed connections of port number {} stay in software: {} ({})",
                   outcome.entry, printable(outcome.message), std::strerror(outcome.error));
    }
  }
}

void OffloadPorts::answered(PortIndex index, OffloadPort& known, const PortAnswer& answer) {
  known.is_asked = false;
  known.reason = answer.refusal;
  known.proxy = answer.proxy;
  known.domain = answer.domain;
  known.refused = answer.refused;
  if (const auto distrusted = distrusted_.find(answer.proxy);
      known.reason.empty() && distrusted != distrusted_.end()) {
    known.reason = distrusted->second;
  }
  const Port* port = ports_.find(index);
  if (!known.reason.empty() || port == nullptr) {
    return;
  }
  set_hardware(known, true);
  known.reason = printable(answer.limits);
  spdlog::info("offload: hardware can forward for port {}{}{}", printable(port->id),
               known.reason.empty() ? "" : "; ", known.reason);
  guard(*port, known, answer.guards);
}

void OffloadPorts::guard(const Port& port, OffloadPort& known, std::bitset<2> families) {
  used_.insert(known.proxy);
  if (families.none()) {
    return;
  }
  RuleRequest request{.kind = RuleRequest::Kind::kInstall,
                      .owner = RuleRequest::Owner::kPort,
                      .entry = port.index,
                      .epoch = known.epoch};
  for (const bool v6 : {false, true}) {
    if (!families.test(v6 ? 1 : 0)) {
      continue;
    }
    OffloadRule rule;
    rule.kind = OffloadRule::Kind::kHopGuard;
    rule.proxy = known.proxy;
    rule.ingress = known.device;
    rule.egress = known.device;
    rule.is_v6 = v6;
    rule.from_wire = port.is_uplink;
    rule.uplink_mac = port.mac;
    rule.vtep = underlay_.vtep_v4;
    rule.vxlan_port = BigEndian16{underlay_.format.vxlan_port};
    request.rules.push_back(rule);
  }
  executor_.submit(std::move(request));
}

std::string OffloadPorts::refusal_of(const Port& port) const {
  if (std::string reason = reason_of(port); !reason.empty()) {
    return reason;
  }
  const auto found = known_.find(port.index);
  return found != known_.end() ? found->second.reason : "its driver has not been asked yet";
}

void OffloadPorts::distrust(std::uint16_t proxy, const std::string& reason) {
  distrusted_[proxy] = reason;
  for (auto& [index, known] : known_) {
    if (known.is_hardware && known.proxy == proxy) {
      set_hardware(known, false);
      known.reason = reason;
      known.guards_hops = false;
    }
  }
}

void OffloadPorts::device_forgotten(std::uint16_t device) {
  // Others may manage now what it has managed.
  for (auto known = known_.begin(); known != known_.end();) {
    known = known->second.proxy == device && !known->second.is_asked ? known_.erase(known)
                                                                     : std::next(known);
  }
  used_.erase(device);
  distrusted_.erase(device);
}

}  // namespace alkaid
