// PortManager: guest ports by vhost-user. Design: docs/design/vhost.md.
#include <fmt/format.h>

#include "control/common/logging.hpp"
#include "dataplane/ports/port_manager.hpp"

namespace alkaid {

bool PortManager::wait_for_guest(Record& record) {
  record.has_guest = false;
  publish(record);
  set_state(record, PortAttachState::kWaiting,
            fmt::format("waits for a guest to connect by {}", printable(record.attachment.device)));
  follow_guest(record);
  return record.has_guest;
}

void PortManager::follow_guest(Record& record) {
  const bool has_guest = record.device->is_connected();
  const bool has_come_or_gone = has_guest != record.has_guest;
  const std::size_t queues = record.device->receive_queues();
  const PortDevice& published = table_.find(record.index)->device;
  if (!has_come_or_gone && queues == record.queues.size() &&
      record.device->has_queue_per_worker() == published.queue_per_worker) {
    return;
  }
  const unsigned owner = record.queues.empty() ? published.worker : record.queues.front().worker;
  record.has_guest = has_guest;
  place_queues(record, queues);
  // What is published makes the port's connections be decided anew: more queues alone don't.
  if (has_come_or_gone || record.device->has_queue_per_worker() != published.queue_per_worker ||
      record.attached_queues().front().worker != owner) {
    publish(record);
  }
  publish_poll_lists();
  if (!has_come_or_gone) {
    return;
  }
  if (has_guest) {
    set_state(record, PortAttachState::kAttached, {});
  } else {
    set_state(record, PortAttachState::kWaiting,
              fmt::format("its guest left; waits for a guest to connect by {}",
                          printable(record.attachment.device)));
  }
}

}  // namespace alkaid
