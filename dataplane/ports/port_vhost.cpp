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
  if (has_guest == record.has_guest) {
    return;
  }
  record.has_guest = has_guest;
  publish(record);
  publish_poll_lists();
  if (has_guest) {
    set_state(record, PortAttachState::kAttached, {});
  } else {
    set_state(record, PortAttachState::kWaiting,
              fmt::format("its guest left; waits for a guest to connect by {}",
                          printable(record.attachment.device)));
  }
}

}  // namespace alkaid
