// Rules by templates: what they have in common is told to the driver once, their values when they
// are made; creations and removals are asked for together and told of when they are done.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include <rte_flow.h>

#include "dataplane/offload/rule.hpp"
#include "dataplane/offload/rule_encoder.hpp"

namespace alkaid {

// Of one device through which a switch's rules are managed. Its tables end with the device. The
// offload thread.
class RuleTemplates {
 public:
  // table_size: rules of one shape at most.
  RuleTemplates(std::uint16_t proxy, std::uint32_t table_size)
      : proxy_(proxy), table_size_(table_size) {}

  // Of rules of this shape. nullptr: the device has no queue for rules, or takes no such ones.
  rte_flow_template_table* table_of(const OffloadRule& rule, const EncodedRule& encoded);
  // Why not, if it has a queue; or empty.
  [[nodiscard]] const std::string& refusal() const { return refusal_; }

  // Asks for it. nullptr: it is not taken. The rule is there when complete() says so; if that says
  // that it failed, it is to be destroyed all the same.
  rte_flow* create(rte_flow_template_table* table, const EncodedRule& encoded,
                   rte_flow_error& error);
  // The same. False: it is not taken, and the rule is still there.
  bool destroy(rte_flow* rule, rte_flow_error& error);
  // Waits for what was asked for since the last call: an errno for each, in order; 0: done.
  std::vector<int> complete();

 private:
  rte_flow_template_table* make_table(const EncodedRule& encoded);
  void* next_operation();

  const std::uint16_t proxy_;
  const std::uint32_t table_size_;
  std::map<std::uint32_t, rte_flow_template_table*> tables_;  // by shape; nullptr: refused
  std::string refusal_;
  std::uintptr_t first_ = 1;  // of the operations that were asked for since complete()
  std::size_t asked_ = 0;
};

}  // namespace alkaid
