// PortManager: what is shown of ports.
#include "dataplane/ports/port_manager.hpp"

namespace alkaid {

void PortManager::refresh_missed() {
  for (auto& [id, record] : records_) {
    if (record.device) {
      record.missed += record.device->take_missed();
    }
  }
}

PortView PortManager::view_of(const Record& record) const {
  PortView view;
  view.port = table_.find(record.index);
  view.config = !record.is_guest() ? nullptr : &record.config;
  view.attachment = record.attachment_text;
  if (const Device* device = record.attached_device()) {
    view.driver = device->driver();
    view.device_mac = device->mac();
    if (device->ethdev() != kNoEthdev) {
      for (const ReceiveQueue& queue : record.attached_queues()) {
        view.workers.push_back(queue.worker);
      }
    }
  }
  view.state = record.state;
  view.detail = record.detail;
  view.missed = record.missed;
  return view;
}

PortView PortManager::view(const std::string& id) const {
  const auto found = records_.find(id);
  return found == records_.end() ? PortView{} : view_of(found->second);
}

std::vector<PortView> PortManager::views() const {
  std::vector<PortView> views;
  visit({}, [&views](const PortView& view) {
    views.push_back(view);
    return true;
  });
  return views;
}

std::string PortManager::visit(const std::string& after,
                               const std::function<bool(const PortView&)>& visitor) const {
  // The uplink's key is empty, but nothing goes on behind it alone.
  auto next = after.empty() ? records_.begin() : records_.upper_bound(after);
  while (next != records_.end()) {
    const auto& [key, record] = *next++;
    if (!visitor(view_of(record)) && next != records_.end()) {
      return key;
    }
  }
  return {};
}

}  // namespace alkaid
