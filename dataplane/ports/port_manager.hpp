// Guest ports and the uplink: from configuration to attached devices, and back when a device goes.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "dataplane/ports/device.hpp"
#include "dataplane/ports/kernel_device.hpp"
#include "dataplane/ports/port.hpp"
#include "dataplane/rcu/quiescence.hpp"
#include "dataplane/tables/objects.hpp"
#include "dataplane/tables/segment_table.hpp"
#include "dataplane/vlan/vlan_ports.hpp"
#include "dataplane/worker/worker.hpp"

namespace alkaid {

enum class PortAttachState { kAttached, kWaiting, kFailed };

// Of the segments of a port's IPv4 and IPv6 addresses.
struct PortZones {
  Zone v4 = kNoZone;
  Zone v6 = kNoZone;
};

// For showing and for events.
struct PortView {
  const Port* port = nullptr;          // published
  const PortConfig* config = nullptr;  // nullptr: no guest
  std::string attachment;
  std::string driver;
  MacAddress device_mac;
  PortAttachState state = PortAttachState::kWaiting;
  std::string detail;
  std::uint64_t missed = 0;  // frames that never reached us: the device's receive ring was full
  // By receive queue of its device (of a VLAN's: of the trunk): who polls it.
  std::vector<unsigned> workers;
};

// Control thread only.
class PortManager {
 public:
  struct Listener {
    // A port's device came or went, or can't be opened.
    std::function<void(const PortView&)> state_changed;
    // A guest port was published (before: what was there until now) or removed (now is nullptr).
    std::function<void(const Port* before, const Port* now)> port_changed;
    // The uplink was attached (its port) or detached (nullptr).
    std::function<void(const Port*)> uplink_changed;
    // The exception TAP was attached.
    std::function<void(const Port*)> exception_attached;
    // No port has the device (its ethdev number) any more. False: it can't be closed yet.
    std::function<bool(std::uint16_t device)> device_leaves;
  };

  // What a guest port's security groups allow; nullptr: everything passes. Asked whenever the port
  // is published.
  using PolicySource = std::function<std::unique_ptr<const PortPolicy>(const PortConfig&)>;

  // offload_rules: as Device::Wishes has them.
  PortManager(PortTable& table, QuiescenceDomain& quiescence, std::vector<Worker*> workers,
              PacketPools& pools, std::uint32_t offload_rules, PolicySource policy_of,
              Listener listener);
  ~PortManager();
  PortManager(const PortManager&) = delete;
  PortManager& operator=(const PortManager&) = delete;

  // The uplink; attached now or as soon as its device exists.
  void add_uplink(const Attachment& attachment, const std::string& text);

  // The device to the host's kernel. It has the uplink's address and MTU and outlives it.
  void add_exception(const Attachment& attachment, const std::string& text);

  // Whether the uplink's card cuts guests' large TCP packets, if it can. Before it is added; it
  // does until then.
  void use_uplink_segmentation(bool is_used) { uses_segmentation_ = is_used; }

  // A device whose VLANs are guest ports, which name it in their attachments; before any of them.
  // Throws std::runtime_error if all indexes are taken.
  void add_trunk(const std::string& name, const Attachment& attachment, const std::string& text);
  // Names, in the order in which they were added.
  [[nodiscard]] const std::vector<std::string>& trunks() const { return trunks_; }

  // Adds or changes a guest port; its device may appear later. nullptr if all indexes are taken.
  // zones: the caller holds references on them. mtu: what the port shall have if config.mtu is
  // zero.
  const Port* put(const PortConfig& config, const Attachment& attachment, const PortZones& zones,
                  std::uint16_t mtu);
  // False if there is no such port. Its index is reused only after a grace period.
  bool remove(const std::string& id);
  [[nodiscard]] const PortConfig* find_config(const std::string& id) const;
  [[nodiscard]] const Port* find(const std::string& id) const;

  // A segment's MTU changed: asks `mtu_of` (a PortConfig) for those of its ports whose
  // configuration leaves it open.
  void update_mtus(Vni vni, const std::function<std::uint16_t(const PortConfig&)>& mtu_of);

  // ---- which worker polls which queue; ids are those of the views
  // Of a device that says nothing else, at most. Before any port is added; until then as many as
  // there are workers.
  void limit_queues(std::uint16_t most) { most_queues_ = most; }
  // By queue, of those that are on when the port's device is attached; one stands for all.
  // Otherwise a port's queues are spread over the workers, those with the fewest queues first.
  // Before the port is added.
  void prefer_workers(const std::string& id, std::vector<unsigned> workers);
  // Moves a port's queues, or one of them, to another worker, which keeps them, and loses no
  // packet. Waits for the workers to finish their bursts. Returns why it can't be done; empty: it
  // is done.
  std::string move(const std::string& id, unsigned worker,
                   std::optional<std::uint16_t> queue = std::nullopt);
  // A worker that is not active has no ports, so it sleeps; what it had is moved, and some of it
  // back when it is active again. Waits and returns as move().
  std::string set_active(unsigned worker, bool active);
  [[nodiscard]] bool is_active(unsigned worker) const { return !resting_[worker]; }

  // Looks for devices that came or went.
  void tick();
  // All rules of the device (its ethdev number) were removed: those that are no connection's are
  // made again.
  void rules_flushed(std::uint16_t device);

  [[nodiscard]] PortView view(const std::string& id) const;
  // Uplink first, then the exception TAP, then trunks by name, then guests by id.
  [[nodiscard]] std::vector<PortView> views() const;
  // The same one by one, until `visitor` returns false; returns where to go on (`after` of the next
  // call), empty if nothing follows.
  std::string visit(const std::string& after,
                    const std::function<bool(const PortView&)>& visitor) const;
  // Asks the devices what they missed, so that the views say it.
  void refresh_missed();

  // Ports with an index, the uplink among them.
  [[nodiscard]] std::size_t size() const { return records_.size(); }
  [[nodiscard]] std::size_t high_water() const { return high_water_; }
  [[nodiscard]] std::uint64_t full_events() const { return full_events_; }

 private:
  // One of a device's receive queues.
  struct ReceiveQueue {
    unsigned worker = 0;     // polls it
    bool is_moving = false;  // nobody polls it
  };

  struct Record {
    PortConfig config;  // of others than guests only id
    bool is_uplink = false;
    bool is_exception = false;
    Attachment attachment;
    std::string attachment_text;
    PortIndex index = kNoPort;
    PortZones zones;
    std::uint16_t mtu = 0;
    std::unique_ptr<PortCounters[]> counters;
    std::unique_ptr<Device> device;
    PortAttachState state = PortAttachState::kWaiting;
    std::string detail;
    std::uint64_t missed = 0;
    std::uint32_t generation = 0;
    std::chrono::steady_clock::time_point next_attempt;  // to open a device that was refused
    std::chrono::seconds retry_delay{1};
    std::unique_ptr<VlanPorts> vlans;  // nullptr: no trunk
    Record* trunk = nullptr;           // a VLAN of which the guest port is; trunks stay
    bool has_vlan = false;             // and nobody else has
    bool has_guest = true;             // false: of a vhost-user port without a connection
    std::vector<ReceiveQueue> queues;  // of its device; one where there is none
    // What an operator has said, of all queues and of single ones.
    std::optional<unsigned> wanted_worker;
    std::map<std::size_t, unsigned> wanted_by_queue;

    [[nodiscard]] bool is_trunk() const { return vlans != nullptr; }
    [[nodiscard]] bool is_guest() const { return !is_uplink && !is_exception && !is_trunk(); }
    // There are thousands of sinks, which have no queue.
    [[nodiscard]] bool is_polled() const { return device && device->ethdev() != kNoEthdev; }
    // Those of its device, or of its trunk's.
    [[nodiscard]] const std::vector<ReceiveQueue>& attached_queues() const {
      return has_vlan ? trunk->queues : queues;
    }
    // Its own or its trunk's; nullptr: not opened.
    [[nodiscard]] const Device* attached_device() const {
      return has_vlan ? trunk->device.get() : device.get();
    }
  };

  // Of polled ports.
  struct Move {
    Record* record = nullptr;
    std::size_t queue = 0;
    unsigned worker = 0;  // who shall have it
  };
  using Moves = std::vector<Move>;
  using QueueCounts = std::vector<std::size_t>;  // by worker

  Record* create(const std::string& id);
  void add_own(const std::string& key, const Attachment& attachment, const std::string& text,
               bool Record::*kind);
  void align_exception();
  [[nodiscard]] std::uint16_t default_queues(const Record& record) const;
  bool try_attach(Record& record);
  void detach(Record& record);
  // Devices that somebody uses yet are closed later.
  void close(std::unique_ptr<Device> device);
  // Follows the device's MTU, and by AF_XDP its queues.
  void follow_link(Record& record);
  // Its device has a carrier, or has none any more.
  void carrier_changed(Record& record);
  void publish(Record& record);
  void publish_poll_lists();
  Record* find_trunk(const std::string& name);
  template <class Visitor>
  void for_each_guest_of(const Record& trunk, Visitor&& visitor);
  // Attaches a guest port that is a VLAN of a trunk, if the trunk is there and the VLAN is free.
  bool take_vlan(Record& record);
  // Workers no longer find the port; it has yet to be published.
  void leave_vlan(Record& record);
  // A VLAN may have become free that other ports wait for.
  void settle_vlan_conflicts();
  void trunk_attached(Record& trunk);
  // Its device is about to go.
  void trunk_detached(Record& trunk);
  // What its guests have of it.
  void trunk_changed(Record& trunk);
  // Its virtio device is open: attached while a guest is there, until then it waits.
  bool wait_for_guest(Record& record);
  void follow_guest(Record& record);
  [[nodiscard]] std::optional<unsigned> wanted_worker(const Record& record,
                                                      std::size_t queue) const;
  // Of one port, and of all.
  [[nodiscard]] QueueCounts count_queues(const Record& record) const;
  [[nodiscard]] QueueCounts count_queues() const;
  // own: the port's other queues; all: everybody's.
  [[nodiscard]] unsigned choose_worker(const Record& record, std::size_t queue,
                                       const QueueCounts& own, const QueueCounts& all) const;
  // The port's device, or the one that is about to be it, has so many queues: those without a
  // worker get one.
  void place_queues(Record& record, std::size_t count);
  // Why it can't be done; empty: it can. id: to be shown.
  [[nodiscard]] std::string refuse_move(const Record* record, const std::string& id,
                                        unsigned worker, std::optional<std::uint16_t> queue) const;
  Record* find_shown(const std::string& id);
  Moves moves_from(unsigned worker);
  Moves moves_to(unsigned worker);
  void move_queues(const Moves& moves);
  void wait_for_workers();
  void set_state(Record& record, PortAttachState state, std::string detail);
  // The same with what there is to say of the link.
  void set_attached(Record& record);
  [[nodiscard]] PortView view_of(const Record& record) const;

  PortTable& table_;
  QuiescenceDomain& quiescence_;
  const std::vector<Worker*> workers_;
  PacketPools& pools_;
  const std::uint32_t offload_rules_;
  const PolicySource policy_of_;
  const Listener listener_;
  std::map<std::string, Record> records_;  // by id; the uplink under a key that no id can be
  std::vector<PortIndex> free_;
  std::uint32_t last_generation_ = 0;
  std::vector<std::string> trunks_;
  std::vector<bool> resting_;  // by worker
  std::map<std::string, std::vector<unsigned>> preferred_workers_;
  std::uint16_t most_queues_;
  bool uses_segmentation_ = true;
  bool vlan_conflicts_ = false;      // a port waits for a VLAN that another one has
  std::uint64_t vhost_changes_ = 0;  // that were looked at
  LinkWatcher links_;
  std::chrono::steady_clock::time_point next_retry_;
  std::vector<std::unique_ptr<Device>> leaving_;  // to be closed
  std::size_t high_water_ = 0;
  std::uint64_t full_events_ = 0;
};

}  // namespace alkaid
