// Reconciler: VLANs for ports whose attachment leaves them open.
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "control/agent/reconcile/reconciler.hpp"
#include "control/common/logging.hpp"

namespace alkaid::agent {

void Reconciler::merge_port(DecodedGoalState& decoded, Change<PortSpec>& change) {
  const std::string id{change.id};
  if (change.intent != Intent::kSet) {
    vlans_.release(id);
    store_.delete_port(id);
  } else if (settle_vlan(id, change.spec)) {
    store_.set_port(id, change.spec);
  } else {
    decoded.refuse(change.result,
                   {"attachment", printable(change.spec.attachment),
                    "no VLAN of these trunks is free: delete a port, or give --port-attach "
                    "another trunk; then push the port again"},
                   Status::kFailure);
  }
}

bool Reconciler::settle_vlan(const std::string& id, PortSpec& spec) {
  const auto open = OpenVlan::parse(spec.attachment);
  if (!open) {
    return true;
  }
  const PortSpec* known = store_.find_port(id);
  const auto own = known != nullptr ? VlanAttachment::parse(known->attachment) : std::nullopt;
  if (own && open->allows(*own)) {
    spec.attachment = known->attachment;
    return true;
  }
  if (!connected_) {
    return true;
  }
  auto attachment = vlans_.assign(id, *open);
  if (attachment) {
    spec.attachment = std::move(*attachment);
  }
  return attachment.has_value();
}

void Reconciler::settle_vlans() {
  vlans_ = {};
  std::vector<std::pair<std::string, PortSpec>> open;
  for (const auto& [id, spec] : store_.ports()) {
    vlans_.hold(id, spec.attachment);
    if (OpenVlan::parse(spec.attachment)) {
      open.emplace_back(id, spec);
    }
  }
  for (const auto& [id, port] : mirror_.ports) {
    // What is known to be unwanted is about to go.
    if (!is_complete_ || store_.find_port(id) != nullptr) {
      vlans_.hold(id, port.object.attachment);
    }
  }
  for (auto& [id, spec] : open) {
    if (settle_vlan(id, spec)) {
      store_.set_port(id, std::move(spec));
    } else {
      events_.add(v1::Event::WARNING, "no_vlan_free",
                  fmt::format("port {} gets no VLAN: none of {} is free", printable(id),
                              printable(spec.attachment)));
    }
  }
}

}  // namespace alkaid::agent
