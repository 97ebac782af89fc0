// The queue of the software network card's driver, for rules by templates: what is asked for is
// done when it is pushed, and told of when it is pulled.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <mutex>
#include <set>
#include <vector>

#include <rte_flow.h>

// The library only declares them: they are the driver's.
struct rte_flow_pattern_template {
  std::uint16_t port = 0;
  std::vector<std::uint8_t> storage;  // a copy of the items and of what they point to

  [[nodiscard]] const rte_flow_item* items() const {
    return reinterpret_cast<const rte_flow_item*>(storage.data());
  }
};
struct rte_flow_actions_template {
  std::uint16_t port = 0;
  std::vector<rte_flow_action_type> types;
};
struct rte_flow_template_table {
  std::uint16_t port = 0;
  rte_flow_attr attributes{};
  std::uint32_t size = 0;
  const rte_flow_pattern_template* pattern = nullptr;
  const rte_flow_actions_template* actions = nullptr;
};

namespace alkaid::test {

class SoftwareNic;

// Any thread.
class SoftwareRuleQueue {
 public:
  explicit SoftwareRuleQueue(SoftwareNic& nic) : nic_(nic) {}

  // Whether devices that are opened from now on can have one. All that there was is gone.
  void reset(bool is_available);
  // Such a device takes no rule in another way.
  [[nodiscard]] bool is_configured(std::uint16_t port);
  // Rules that were made by templates since then.
  [[nodiscard]] std::size_t made();
  // What has been done is not told any more.
  void fall_silent();
  void close(std::uint16_t port);

  // ---- the driver's functions
  int info(rte_flow_port_info* port, rte_flow_queue_info* queue, rte_flow_error* error);
  int configure(std::uint16_t port, std::uint16_t queues, rte_flow_error* error);
  rte_flow_pattern_template* make_pattern(std::uint16_t port, const rte_flow_item* pattern,
                                          rte_flow_error* error);
  int destroy(const rte_flow_pattern_template* pattern);
  rte_flow_actions_template* make_actions(std::uint16_t port, const rte_flow_action* actions,
                                          const rte_flow_action* masks, rte_flow_error* error);
  int destroy(const rte_flow_actions_template* actions);
  rte_flow_template_table* make_table(std::uint16_t port, const rte_flow_template_table_attr& attr,
                                      const rte_flow_pattern_template* pattern,
                                      const rte_flow_actions_template* actions,
                                      rte_flow_error* error);
  rte_flow* create(std::uint16_t port, const rte_flow_template_table& table,
                   const rte_flow_item* pattern, const rte_flow_action* actions, void* user_data,
                   rte_flow_error* error);
  int destroy(std::uint16_t port, rte_flow* flow, void* user_data, rte_flow_error* error);
  int push(std::uint16_t port);
  int pull(std::uint16_t port, rte_flow_op_result* results, std::uint16_t count);

 private:
  struct Operation {
    bool is_creation = false;
    rte_flow* flow = nullptr;
    void* user_data = nullptr;
  };
  struct Queue {
    std::vector<Operation> asked;
    std::vector<rte_flow_op_result> done;
  };

  SoftwareNic& nic_;
  std::mutex mutex_;
  bool is_available_ = false;
  bool is_silent_ = false;
  std::size_t made_ = 0;
  std::map<std::uint16_t, Queue> queues_;  // by port
  std::list<rte_flow_pattern_template> patterns_;
  std::list<rte_flow_actions_template> actions_;
  std::list<rte_flow_template_table> tables_;
};

}  // namespace alkaid::test
