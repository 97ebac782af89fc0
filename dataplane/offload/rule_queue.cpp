#include "dataplane/offload/rule_queue.hpp"

#include <algorithm>

#include <rte_errno.h>
#include <rte_flow.h>
#include <spdlog/spdlog.h>

#include "control/common/logging.hpp"

namespace alkaid {

bool configure_rule_queue(std::uint16_t device, std::uint32_t rules) {
  rte_flow_port_info port{};
  rte_flow_queue_info queue{};
  rte_flow_error error{};
  if (rte_flow_info_get(device, &port, &queue, &error) != 0 || port.max_nb_queues == 0) {
    return false;
  }
  rte_flow_port_attr port_wishes{};
  // Some drivers don't say how many.
  port_wishes.nb_counters =
      port.max_nb_counters == 0 ? rules : std::min(port.max_nb_counters, rules);
  port_wishes.nb_aging_objects = std::min(port.max_nb_aging_objects, rules);
  rte_flow_queue_attr queue_wishes{};
  queue_wishes.size =
      queue.max_size == 0 ? kRuleQueueSize : std::min(queue.max_size, kRuleQueueSize);
  const rte_flow_queue_attr* queues[] = {&queue_wishes};
  if (rte_flow_configure(device, &port_wishes, 1, queues, &error) != 0) {
    spdlog::warn("offload: device {} has no queue for rules: {} ({})", device,
                 error.message != nullptr ? printable(error.message) : "no message",
                 rte_strerror(rte_errno));
    return false;
  }
  return true;
}

}  // namespace alkaid
