// PortManager: trunks, and guest ports that are a VLAN of one. Design: docs/design/vlan-trunk.md.
#include <stdexcept>
#include <utility>

#include <fmt/format.h>

#include "control/common/logging.hpp"
#include "dataplane/ports/port_manager.hpp"

namespace alkaid {
namespace {

// Longer than any port's id; after the exception TAP and before guests.
std::string key_of(const std::string& trunk) {
  return std::string(257, '\0') + trunk;
}

}  // namespace

void PortManager::add_trunk(const std::string& name, const Attachment& attachment,
                            const std::string& text) {
  Record* record = create(key_of(name));
  if (record == nullptr) {
    throw std::runtime_error("--trunk: every trunk takes one of --max-ports, and there are more");
  }
  record->vlans = std::make_unique<VlanPorts>();
  record->config.id = "trunk:" + name;
  record->config.admin_up = true;
  record->attachment = attachment;
  record->attachment_text = text;
  trunks_.push_back(name);
  publish(*record);
  try_attach(*record);
}

PortManager::Record* PortManager::find_trunk(const std::string& name) {
  const auto found = records_.find(key_of(name));
  return found == records_.end() ? nullptr : &found->second;
}

template <class Visitor>
void PortManager::for_each_guest_of(const Record& trunk, Visitor&& visitor) {
  for (auto& [id, record] : records_) {
    if (record.trunk == &trunk) {
      visitor(record);
    }
  }
}

bool PortManager::take_vlan(Record& record) {
  Record& trunk = *record.trunk;
  if (!trunk.device) {
    set_state(record, PortAttachState::kWaiting,
              fmt::format("waits for the trunk {}", record.attachment.device));
    return false;
  }
  const PortIndex holder = trunk.vlans->find(record.attachment.vlan);
  if (const Port* other = table_.find(holder)) {
    vlan_conflicts_ = true;
    set_state(record, PortAttachState::kFailed,
              fmt::format("VLAN {} of {} is port {}'s", record.attachment.vlan,
                          record.attachment.device, printable(other->id)));
    return false;
  }
  record.has_vlan = true;
  publish(record);
  trunk.vlans->set(record.attachment.vlan, record.index);
  set_attached(record);
  return true;
}

void PortManager::leave_vlan(Record& record) {
  record.trunk->vlans->set(record.attachment.vlan, VlanPorts::kNobody);
  record.has_vlan = false;
}

void PortManager::settle_vlan_conflicts() {
  if (!std::exchange(vlan_conflicts_, false)) {
    return;
  }
  for (auto& [id, record] : records_) {
    if (record.trunk != nullptr && record.state == PortAttachState::kFailed) {
      take_vlan(record);
    }
  }
}

void PortManager::trunk_attached(Record& trunk) {
  // Its guests have addresses of their own.
  trunk.device->accept_everything();
  for_each_guest_of(trunk, [this](Record& record) { take_vlan(record); });
}

void PortManager::trunk_detached(Record& trunk) {
  for_each_guest_of(trunk, [this](Record& record) {
    if (record.has_vlan) {
      leave_vlan(record);
      publish(record);
    }
    take_vlan(record);
  });
}

void PortManager::carrier_changed(Record& record) {
  set_attached(record);
  if (record.is_trunk()) {
    for_each_guest_of(record, [this](Record& guest) {
      if (guest.has_vlan) {
        set_attached(guest);
      }
    });
  }
}

void PortManager::trunk_changed(Record& trunk) {
  for_each_guest_of(trunk, [this](Record& record) { publish(record); });
}

}  // namespace alkaid
