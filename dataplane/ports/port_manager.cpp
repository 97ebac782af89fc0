#include "dataplane/ports/port_manager.hpp"

#include <net/if.h>

#include <algorithm>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "control/common/logging.hpp"
#include "dataplane/vhost/vhost_link.hpp"
#include "dataplane/vhost/vhost_polls.hpp"

namespace alkaid {
namespace {

constexpr std::chrono::seconds kRetryRefusedDevice{1};
constexpr std::chrono::seconds kSlowestRetry{64};

// Port ids are never empty, so the uplink sorts first and meets none.
const std::string kUplinkKey;
// Longer than any id, and before those that begin with a visible character.
const std::string kExceptionKey(256, '\0');

}  // namespace

PortManager::PortManager(PortTable& table, QuiescenceDomain& quiescence,
                         std::vector<Worker*> workers, PacketPools& pools,
                         std::uint32_t offload_rules, PolicySource policy_of, Listener listener)
    : table_(table),
      quiescence_(quiescence),
      workers_(std::move(workers)),
      pools_(pools),
      offload_rules_(offload_rules),
      policy_of_(std::move(policy_of)),
      listener_(std::move(listener)),
      resting_(workers_.size(), false),
      most_queues_(static_cast<std::uint16_t>(workers_.size())) {
  for (auto index = static_cast<PortIndex>(table.capacity()); index > 0; --index) {
    free_.push_back(index - 1);
  }
}

PortManager::~PortManager() {
  for (auto& [id, record] : records_) {
    delete table_.publish(record.index, nullptr);
  }
  for (const Worker* worker : workers_) {
    publish_vhost_polls(worker->settings().index, nullptr, quiescence_);
  }
  quiescence_.drain();
}

PortManager::Record* PortManager::create(const std::string& id) {
  if (free_.empty()) {
    quiescence_.drain();
  }
  if (free_.empty()) {
    ++full_events_;
    return nullptr;
  }
  Record& record = records_[id];
  record.config.id = id;
  record.index = free_.back();
  record.generation = ++last_generation_;
  record.queues.assign(1, {.worker = static_cast<unsigned>(record.index % workers_.size())});
  free_.pop_back();
  record.counters = std::make_unique<PortCounters[]>(workers_.size());
  high_water_ = std::max(high_water_, records_.size());
  return &record;
}

void PortManager::add_uplink(const Attachment& attachment, const std::string& text) {
  add_own(kUplinkKey, attachment, text, &Record::is_uplink);
}

void PortManager::add_exception(const Attachment& attachment, const std::string& text) {
  add_own(kExceptionKey, attachment, text, &Record::is_exception);
}

void PortManager::add_own(const std::string& key, const Attachment& attachment,
                          const std::string& text, bool Record::*kind) {
  Record* record = create(key);
  if (record == nullptr) {
    throw std::runtime_error("--max-ports: the uplink and the exception device take one each");
  }
  record->*kind = true;
  record->config.id = text;
  record->config.admin_up = true;
  record->attachment = attachment;
  record->attachment_text = text;
  publish(*record);
  try_attach(*record);
}

const Port* PortManager::put(const PortConfig& config, const Attachment& attachment,
                             const PortZones& zones, std::uint16_t mtu) {
  const auto found = records_.find(config.id);
  Record* record = found != records_.end() ? &found->second : create(config.id);
  if (record == nullptr) {
    return nullptr;
  }
  const bool moved = record->attachment_text != config.attachment;
  if (moved && record->attached_device() != nullptr) {
    detach(*record);
  }
  record->config = config;
  record->attachment = attachment;
  record->attachment_text = config.attachment;
  record->trunk =
      attachment.kind == AttachmentKind::kVlan ? find_trunk(attachment.device) : nullptr;
  record->zones = zones;
  record->mtu = mtu;
  publish(*record);
  if (record->attached_device() == nullptr) {
    try_attach(*record);
  }
  settle_vlan_conflicts();
  return table_.find(record->index);
}

bool PortManager::remove(const std::string& id) {
  const auto found = records_.find(id);
  if (found == records_.end() || !found->second.is_guest()) {
    return false;
  }
  Record& record = found->second;
  if (record.attached_device() != nullptr) {
    detach(record);
  }
  const PortIndex index = record.index;
  const Port* old = table_.publish(index, nullptr);
  listener_.port_changed(old, nullptr);
  quiescence_.retire_object(old);
  // The counters go, and the index comes back, when no worker can hold the port any more.
  quiescence_.retire([this, index, counters = record.counters.release()] {
    delete[] counters;
    free_.push_back(index);
  });
  records_.erase(found);
  settle_vlan_conflicts();
  return true;
}

const PortConfig* PortManager::find_config(const std::string& id) const {
  const auto found = records_.find(id);
  return found == records_.end() || !found->second.is_guest() ? nullptr : &found->second.config;
}

const Port* PortManager::find(const std::string& id) const {
  const auto found = records_.find(id);
  return found == records_.end() ? nullptr : table_.find(found->second.index);
}

// Guests' own devices of a card take buffers for each queue, and there may be many.
std::uint16_t PortManager::default_queues(const Record& record) const {
  return record.is_guest() && record.attachment.kind == AttachmentKind::kDevice ? 1 : most_queues_;
}

bool PortManager::try_attach(Record& record) {
  if (record.trunk != nullptr) {
    return take_vlan(record);
  }
  // One look-up of one name: a list of all devices for each of many ports would be quadratic.
  if (record.attachment.binds_kernel_device() &&
      ::if_nametoindex(record.attachment.device.c_str()) == 0) {
    set_state(record, PortAttachState::kWaiting,
              fmt::format("waits for the device {}", record.attachment.device));
    return false;
  }
  std::string error;
  const bool is_for_vhost = record.attachment.kind == AttachmentKind::kVhost;
  const std::uint16_t said = record.attachment.queues;
  const Device::Wishes wishes{
      .workers = static_cast<std::uint16_t>(workers_.size()),
      .receive_queues = said != 0 ? said : default_queues(record),
      .tags = record.is_trunk() ? Device::Tags::kStripped : Device::Tags::kKept,
      .vxlan_port = record.attachment.uplink_filter ? record.attachment.uplink_filter->vxlan_port
                                                    : std::uint16_t{0},
      .leaves_segmentation = record.is_uplink && uses_segmentation_,
      .offload_rules = offload_rules_};
  auto device = is_for_vhost
                    ? Device::open_vhost(record.attachment, pools_, wishes, quiescence_, error)
                    : Device::open(record.attachment, pools_, wishes, error);
  if (!device) {
    record.next_attempt = std::chrono::steady_clock::now() + record.retry_delay;
    record.retry_delay = std::min(record.retry_delay * 2, kSlowestRetry);
    set_state(record, PortAttachState::kFailed, error);
    return false;
  }
  if (device->ethdev() != kNoEthdev) {
    record.queues.clear();
    place_queues(record, device->receive_queues());
  }
  record.device = std::move(device);
  if (is_for_vhost) {
    return wait_for_guest(record);
  }
  if (record.is_uplink) {
    record.device->accept_groups();
  }
  // A network card's frames are to guests' addresses, not to its own.
  if (record.is_guest() && record.attachment.kind == AttachmentKind::kDevice) {
    record.device->accept_everything();
  }
  record.retry_delay = kRetryRefusedDevice;
  record.device->refresh_carrier();
  publish(record);
  if (record.is_polled()) {
    publish_poll_lists();
  }
  set_attached(record);
  if (record.is_uplink) {
    listener_.uplink_changed(table_.find(record.index));
  }
  if (record.is_exception) {
    listener_.exception_attached(table_.find(record.index));
  }
  if (record.is_trunk()) {
    trunk_attached(record);
  }
  align_exception();
  return true;
}

void PortManager::align_exception() {
  const auto uplink = records_.find(kUplinkKey);
  const auto exception = records_.find(kExceptionKey);
  if (uplink == records_.end() || exception == records_.end() || !uplink->second.device ||
      !exception->second.device) {
    return;
  }
  const Device& model = *uplink->second.device;
  Device& device = *exception->second.device;
  if (device.mac() != model.mac() || device.mtu() != model.mtu()) {
    device.impersonate(model.mac(), model.mtu());
    publish(exception->second);
  }
}

void PortManager::detach(Record& record) {
  if (record.has_vlan) {
    leave_vlan(record);
    publish(record);
    return;
  }
  record.missed += record.device->take_missed();
  const bool was_polled = record.is_polled();
  auto device = std::move(record.device);
  record.has_guest = true;
  if (record.is_trunk()) {
    trunk_detached(record);
  }
  publish(record);
  if (was_polled) {
    publish_poll_lists();
  }
  if (record.is_uplink) {
    listener_.uplink_changed(nullptr);
  }
  // Removing a device is rare and its name may be wanted again at once, so here we wait for the
  // workers to let go of it.
  if (was_polled) {
    wait_for_workers();
  }
  close(std::move(device));
}

void PortManager::close(std::unique_ptr<Device> device) {
  if (!listener_.device_leaves(device->ethdev())) {
    leaving_.push_back(std::move(device));
  }
}

void PortManager::publish(Record& record) {
  auto port = std::make_unique<Port>();
  port->index = record.index;
  port->generation = record.generation;
  port->is_uplink = record.is_uplink;
  port->is_exception = record.is_exception;
  port->admin_up = record.config.admin_up;
  const Device* device = record.attached_device();
  port->attached = device != nullptr && record.has_guest;
  port->id = record.config.id;
  port->vni = record.config.vni;
  port->vni_v6 = record.config.segment_v6();
  port->zone = record.zones.v4;
  port->zone_v6 = record.zones.v6;
  port->mac = record.config.mac;
  port->counters = record.counters.get();
  port->device.worker = static_cast<std::uint16_t>(record.attached_queues().front().worker);
  port->vlans = record.vlans.get();
  port->mtu = record.config.mtu != 0 ? static_cast<std::uint16_t>(record.config.mtu) : record.mtu;
  if (device != nullptr) {
    port->device.ethdev = device->ethdev();
    port->device.partial_checksums = device->partial_checksums();
    port->device.queue_per_worker = device->has_queue_per_worker();
    port->tunnel_segmentation = device->tunnel_segmentation();
    if (!record.is_guest()) {
      port->mac = device->mac();
      port->mtu = device->mtu();
    }
    // Whatever was configured, larger packets would not come through.
    port->mtu = std::min(port->mtu, device->mtu());
  }
  if (record.has_vlan) {
    port->trunk = record.trunk->index;
    port->device.vlan = record.attachment.vlan;
    port->inserts_vlan = device->inserts_vlan();
  }
  if (record.is_guest() && !record.config.source_guard_off) {
    port->source_guard = std::make_unique<const SourceGuard>(record.config);
    const auto first = std::find_if(record.config.fixed_ips.begin(), record.config.fixed_ips.end(),
                                    [](const IpAddress& ip) { return ip.is_v4(); });
    if (first != record.config.fixed_ips.end()) {
      port->guarded_v4 = first->v4();
    }
  }
  if (record.is_guest()) {
    port->policy = policy_of_(record.config);
  }
  const Port* now = port.release();
  const Port* old = table_.publish(record.index, now);
  if (record.is_guest()) {
    listener_.port_changed(old, now);
  }
  if (old != nullptr) {
    quiescence_.retire_object(old);
  }
}

void PortManager::publish_poll_lists() {
  std::vector<std::unique_ptr<PollList>> lists;
  std::vector<std::unique_ptr<VhostPollSet>> guests(workers_.size());  // nullptr: none
  for (std::size_t i = 0; i < workers_.size(); ++i) {
    lists.push_back(std::make_unique<PollList>());
  }
  const auto add = [&](const Record& record, std::size_t queue) {
    const ReceiveQueue& of = record.queues[queue];
    if (of.is_moving) {
      return;
    }
    if (!record.device->is_vhost()) {
      lists[of.worker]->queues.push_back({record.index, static_cast<std::uint16_t>(queue)});
      return;
    }
    auto& set = guests[of.worker];
    if (!set) {
      set = std::make_unique<VhostPollSet>();
    }
    set->add(record.index, static_cast<std::uint16_t>(queue));
  };
  for (const auto& [id, record] : records_) {
    for (std::size_t queue = 0;
         record.is_polled() && record.has_guest && queue < record.queues.size(); ++queue) {
      add(record, queue);
    }
  }
  for (std::size_t i = 0; i < workers_.size(); ++i) {
    workers_[i]->publish_poll_list(std::move(lists[i]));
    publish_vhost_polls(workers_[i]->settings().index, std::move(guests[i]), quiescence_);
  }
}

void PortManager::set_state(Record& record, PortAttachState state, std::string detail) {
  if (record.state == state && record.detail == detail) {
    return;
  }
  const bool was_attached = record.state == PortAttachState::kAttached;
  record.state = state;
  record.detail = std::move(detail);
  const std::string id = printable(record.config.id);
  switch (state) {
    case PortAttachState::kAttached:
      if (!was_attached) {
        spdlog::info("port {} is attached by {}{}{}", id, printable(record.attachment_text),
                     record.detail.empty() ? "" : ": ", record.detail);
      } else if (record.detail.empty()) {
        spdlog::info("port {} has a carrier again", id);
      } else {
        spdlog::warn("port {}: {}", id, record.detail);
      }
      break;
    case PortAttachState::kWaiting:
      spdlog::info("port {} {}", id, record.detail);
      break;
    case PortAttachState::kFailed:
      spdlog::warn("port {} can't be attached by {}: {}", id, printable(record.attachment_text),
                   record.detail);
      break;
  }
  listener_.state_changed(view_of(record));
}

void PortManager::set_attached(Record& record) {
  set_state(record, PortAttachState::kAttached,
            record.attached_device()->has_carrier() ? "" : "no carrier");
}

void PortManager::update_mtus(Vni vni,
                              const std::function<std::uint16_t(const PortConfig&)>& mtu_of) {
  for (auto& [id, record] : records_) {
    if (record.is_guest() && (record.config.vni == vni || record.config.segment_v6() == vni)) {
      record.mtu = mtu_of(record.config);
      publish(record);
    }
  }
}

void PortManager::rules_flushed(std::uint16_t device) {
  for (auto& [id, record] : records_) {
    if (record.device && record.device->ethdev() == device) {
      record.device->rules_flushed();
    }
  }
}

void PortManager::tick() {
  const auto now = std::chrono::steady_clock::now();
  const bool links_changed = links_.have_changed();
  const std::uint64_t changes = vhost_changes();
  if (std::exchange(vhost_changes_, changes) != changes) {
    // A guest may do that as often as it likes: the kernel's devices are not listed for it.
    for (auto& [id, record] : records_) {
      if (record.device && record.device->is_vhost()) {
        follow_guest(record);
      }
    }
  }
  if (!links_changed && now < next_retry_) {
    return;
  }
  next_retry_ = now + kRetryRefusedDevice;
  for (auto& device : std::exchange(leaving_, {})) {
    close(std::move(device));
  }
  const KernelDevices devices = list_kernel_devices();
  for (auto& [id, record] : records_) {
    if (record.device && !record.device->is_present(devices)) {
      detach(record);
      set_state(record, PortAttachState::kWaiting,
                fmt::format("its device {} went away", record.attachment.device));
    } else if (record.device && record.device->is_vhost()) {
      follow_guest(record);
    } else if (record.device) {
      if (links_changed || record.device->is_outdated()) {
        follow_link(record);
      }
      if (record.device && record.device->refresh_carrier()) {
        carrier_changed(record);
      }
    } else if (record.trunk == nullptr && now >= record.next_attempt &&
               Device::is_available(record.attachment, devices)) {
      try_attach(record);
    }
  }
}

void PortManager::follow_link(Record& record) {
  if (record.device->is_outgrown(pools_) || record.device->is_outdated()) {
    // Its rings have frames of the old size, or are those of the old queues.
    detach(record);
    try_attach(record);
    return;
  }
  if (!record.device->refresh_mtu()) {
    return;
  }
  publish(record);
  if (record.is_trunk()) {
    trunk_changed(record);
  }
  if (record.is_uplink) {
    listener_.uplink_changed(table_.find(record.index));
    align_exception();
  }
}

}  // namespace alkaid
