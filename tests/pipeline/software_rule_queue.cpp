#include "tests/pipeline/software_rule_queue.hpp"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "tests/pipeline/software_nic.hpp"

namespace alkaid::test {
namespace {

int refuse(rte_flow_error* error, int number, const char* message) {
  return rte_flow_error_set(error, number, RTE_FLOW_ERROR_TYPE_UNSPECIFIED, nullptr, message);
}

}  // namespace

void SoftwareRuleQueue::reset(bool is_available) {
  const std::lock_guard lock{mutex_};
  is_available_ = is_available;
  is_silent_ = false;
  made_ = 0;
  queues_.clear();
  tables_.clear();
  patterns_.clear();
  actions_.clear();
}

bool SoftwareRuleQueue::is_configured(std::uint16_t port) {
  const std::lock_guard lock{mutex_};
  return queues_.count(port) != 0;
}

std::size_t SoftwareRuleQueue::made() {
  const std::lock_guard lock{mutex_};
  return made_;
}

void SoftwareRuleQueue::fall_silent() {
  const std::lock_guard lock{mutex_};
  is_silent_ = true;
}

void SoftwareRuleQueue::close(std::uint16_t port) {
  const std::lock_guard lock{mutex_};
  const auto is_its = [port](const auto& made) { return made.port == port; };
  queues_.erase(port);
  tables_.remove_if(is_its);
  patterns_.remove_if(is_its);
  actions_.remove_if(is_its);
}

int SoftwareRuleQueue::info(rte_flow_port_info* port, rte_flow_queue_info* queue,
                            rte_flow_error* error) {
  const std::lock_guard lock{mutex_};
  if (!is_available_) {
    return refuse(error, ENOTSUP, "no templates");
  }
  *port = {};
  *queue = {};
  port->max_nb_queues = 1;
  queue->max_size = 1024;
  return 0;
}

int SoftwareRuleQueue::configure(std::uint16_t port, std::uint16_t queues, rte_flow_error* error) {
  const std::lock_guard lock{mutex_};
  if (!is_available_ || queues != 1) {
    return refuse(error, EINVAL, "no such queues");
  }
  queues_[port] = {};
  return 0;
}

rte_flow_pattern_template* SoftwareRuleQueue::make_pattern(std::uint16_t port,
                                                           const rte_flow_item* pattern,
                                                           rte_flow_error* error) {
  const std::lock_guard lock{mutex_};
  if (queues_.count(port) == 0) {
    rte_flow_error_set(error, EINVAL, RTE_FLOW_ERROR_TYPE_STATE, nullptr, "not configured");
    return nullptr;
  }
  rte_flow_pattern_template made{.port = port, .storage = {}};
  const int size = rte_flow_conv(RTE_FLOW_CONV_OP_PATTERN, nullptr, 0, pattern, error);
  made.storage.resize(static_cast<std::size_t>(std::max(size, 0)));
  rte_flow_conv(RTE_FLOW_CONV_OP_PATTERN, made.storage.data(), made.storage.size(), pattern, error);
  return &patterns_.emplace_back(std::move(made));
}

int SoftwareRuleQueue::destroy(const rte_flow_pattern_template* pattern) {
  const std::lock_guard lock{mutex_};
  patterns_.remove_if([pattern](const auto& other) { return &other == pattern; });
  return 0;
}

rte_flow_actions_template* SoftwareRuleQueue::make_actions(std::uint16_t port,
                                                           const rte_flow_action* actions,
                                                           const rte_flow_action* masks,
                                                           rte_flow_error* error) {
  const std::lock_guard lock{mutex_};
  rte_flow_actions_template made{.port = port, .types = {}};
  for (; actions->type != RTE_FLOW_ACTION_TYPE_END; ++actions, ++masks) {
    if (masks->type != actions->type || masks->conf != nullptr) {
      refuse(error, EINVAL, "masks are of other actions, or say that values are the same");
      return nullptr;
    }
    made.types.push_back(actions->type);
  }
  if (masks->type != RTE_FLOW_ACTION_TYPE_END) {
    refuse(error, EINVAL, "masks don't end with the actions");
    return nullptr;
  }
  return &actions_.emplace_back(std::move(made));
}

int SoftwareRuleQueue::destroy(const rte_flow_actions_template* actions) {
  const std::lock_guard lock{mutex_};
  actions_.remove_if([actions](const auto& other) { return &other == actions; });
  return 0;
}

rte_flow_template_table* SoftwareRuleQueue::make_table(std::uint16_t port,
                                                       const rte_flow_template_table_attr& attr,
                                                       const rte_flow_pattern_template* pattern,
                                                       const rte_flow_actions_template* actions,
                                                       rte_flow_error* error) {
  if (const int result = nic_.validate_templates(*pattern, *actions, error); result != 0) {
    return nullptr;
  }
  const std::lock_guard lock{mutex_};
  return &tables_.emplace_back(rte_flow_template_table{.port = port,
                                                       .attributes = attr.flow_attr,
                                                       .size = attr.nb_flows,
                                                       .pattern = pattern,
                                                       .actions = actions});
}

rte_flow* SoftwareRuleQueue::create(std::uint16_t port, const rte_flow_template_table& table,
                                    const rte_flow_item* pattern, const rte_flow_action* actions,
                                    void* user_data, rte_flow_error* error) {
  // Values are the rule's, masks the template's.
  std::vector<rte_flow_item> items;
  const rte_flow_item* of_template = table.pattern->items();
  for (; of_template->type != RTE_FLOW_ITEM_TYPE_END; ++of_template, ++pattern) {
    if (pattern->type != of_template->type) {
      refuse(error, EINVAL, "not the template's pattern");
      return nullptr;
    }
    items.push_back({pattern->type, pattern->spec, nullptr, of_template->mask});
  }
  items.push_back({});
  const bool has_same_actions = std::all_of(
      table.actions->types.begin(), table.actions->types.end(),
      [action = actions](rte_flow_action_type type) mutable { return action++->type == type; });
  if (!has_same_actions || table.port != port) {
    refuse(error, EINVAL, "not the template's actions");
    return nullptr;
  }
  rte_flow* flow = nic_.add_pending(port, table.attributes, items.data(), actions, error);
  if (flow != nullptr) {
    const std::lock_guard lock{mutex_};
    queues_[port].asked.push_back({true, flow, user_data});
    ++made_;
  }
  return flow;
}

int SoftwareRuleQueue::destroy(std::uint16_t port, rte_flow* flow, void* user_data,
                               rte_flow_error* error) {
  if (const int result = nic_.begin_removal(port, flow, error); result != 0) {
    return result;
  }
  const std::lock_guard lock{mutex_};
  queues_[port].asked.push_back({false, flow, user_data});
  return 0;
}

int SoftwareRuleQueue::push(std::uint16_t port) {
  std::vector<Operation> asked;
  {
    const std::lock_guard lock{mutex_};
    asked = std::exchange(queues_[port].asked, {});
  }
  for (const Operation& operation : asked) {
    const bool is_done = operation.is_creation ? nic_.finish_creation(port, operation.flow)
                                               : nic_.finish_removal(port, operation.flow);
    const std::lock_guard lock{mutex_};
    queues_[port].done.push_back(
        {is_done ? RTE_FLOW_OP_SUCCESS : RTE_FLOW_OP_ERROR, operation.user_data});
  }
  return 0;
}

int SoftwareRuleQueue::pull(std::uint16_t port, rte_flow_op_result* results, std::uint16_t count) {
  const std::lock_guard lock{mutex_};
  auto& done = queues_[port].done;
  if (is_silent_) {
    return 0;
  }
  const std::size_t taken = std::min<std::size_t>(count, done.size());
  std::copy_n(done.begin(), taken, results);
  done.erase(done.begin(), done.begin() + static_cast<std::ptrdiff_t>(taken));
  return static_cast<int>(taken);
}

}  // namespace alkaid::test

// In place of the library's, for the whole program: linked with --wrap.
extern "C" {

int __real_rte_flow_info_get(std::uint16_t port, rte_flow_port_info* port_info,
                             rte_flow_queue_info* queue_info, rte_flow_error* error);
int __real_rte_flow_configure(std::uint16_t port, const rte_flow_port_attr* port_attr,
                              std::uint16_t queues, const rte_flow_queue_attr* queue_attr[],
                              rte_flow_error* error);
rte_flow_pattern_template* __real_rte_flow_pattern_template_create(
    std::uint16_t port, const rte_flow_pattern_template_attr* attr, const rte_flow_item pattern[],
    rte_flow_error* error);

int __wrap_rte_flow_info_get(std::uint16_t port, rte_flow_port_info* port_info,
                             rte_flow_queue_info* queue_info, rte_flow_error* error) {
  auto& nic = alkaid::test::SoftwareNic::instance();
  return nic.is_plugged() ? nic.queue().info(port_info, queue_info, error)
                          : __real_rte_flow_info_get(port, port_info, queue_info, error);
}

int __wrap_rte_flow_configure(std::uint16_t port, const rte_flow_port_attr* port_attr,
                              std::uint16_t queues, const rte_flow_queue_attr* queue_attr[],
                              rte_flow_error* error) {
  auto& nic = alkaid::test::SoftwareNic::instance();
  return nic.is_plugged() ? nic.queue().configure(port, queues, error)
                          : __real_rte_flow_configure(port, port_attr, queues, queue_attr, error);
}

rte_flow_pattern_template* __wrap_rte_flow_pattern_template_create(
    std::uint16_t port, const rte_flow_pattern_template_attr* attr, const rte_flow_item pattern[],
    rte_flow_error* error) {
  auto& nic = alkaid::test::SoftwareNic::instance();
  return nic.is_plugged() ? nic.queue().make_pattern(port, pattern, error)
                          : __real_rte_flow_pattern_template_create(port, attr, pattern, error);
}

// Only what was made here comes here.
int __wrap_rte_flow_pattern_template_destroy(std::uint16_t /*port*/,
                                             rte_flow_pattern_template* pattern,
                                             rte_flow_error* /*error*/) {
  return alkaid::test::SoftwareNic::instance().queue().destroy(pattern);
}

rte_flow_actions_template* __wrap_rte_flow_actions_template_create(
    std::uint16_t port, const rte_flow_actions_template_attr* /*attr*/,
    const rte_flow_action actions[], const rte_flow_action masks[], rte_flow_error* error) {
  return alkaid::test::SoftwareNic::instance().queue().make_actions(port, actions, masks, error);
}

int __wrap_rte_flow_actions_template_destroy(std::uint16_t /*port*/,
                                             rte_flow_actions_template* actions,
                                             rte_flow_error* /*error*/) {
  return alkaid::test::SoftwareNic::instance().queue().destroy(actions);
}

rte_flow_template_table* __wrap_rte_flow_template_table_create(
    std::uint16_t port, const rte_flow_template_table_attr* attr,
    rte_flow_pattern_template* patterns[], std::uint8_t /*patterns_count*/,
    rte_flow_actions_template* actions[], std::uint8_t /*actions_count*/, rte_flow_error* error) {
  return alkaid::test::SoftwareNic::instance().queue().make_table(port, *attr, patterns[0],
                                                                  actions[0], error);
}

rte_flow* __wrap_rte_flow_async_create(std::uint16_t port, std::uint32_t /*queue*/,
                                       const rte_flow_op_attr* /*attr*/,
                                       rte_flow_template_table* table,
                                       const rte_flow_item pattern[], std::uint8_t /*index*/,
                                       const rte_flow_action actions[],
                                       std::uint8_t /*actions_index*/, void* user_data,
                                       rte_flow_error* error) {
  return alkaid::test::SoftwareNic::instance().queue().create(port, *table, pattern, actions,
                                                              user_data, error);
}

int __wrap_rte_flow_async_destroy(std::uint16_t port, std::uint32_t /*queue*/,
                                  const rte_flow_op_attr* /*attr*/, rte_flow* flow, void* user_data,
                                  rte_flow_error* error) {
  return alkaid::test::SoftwareNic::instance().queue().destroy(port, flow, user_data, error);
}

int __wrap_rte_flow_push(std::uint16_t port, std::uint32_t /*queue*/, rte_flow_error* /*error*/) {
  return alkaid::test::SoftwareNic::instance().queue().push(port);
}

int __wrap_rte_flow_pull(std::uint16_t port, std::uint32_t /*queue*/, rte_flow_op_result results[],
                         std::uint16_t count, rte_flow_error* /*error*/) {
  return alkaid::test::SoftwareNic::instance().queue().pull(port, results, count);
}
}
