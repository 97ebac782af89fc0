#include "dataplane/offload/rule_templates.hpp"

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>

#include <fmt/format.h>
#include <rte_errno.h>

#include "dataplane/offload/rule_queue.hpp"

namespace alkaid {
namespace {

// A driver that has not told by then what became of an operation has failed.
constexpr std::chrono::milliseconds kLongestOperation{500};

// All that decides which items and actions a rule has, and what of them counts.
std::uint32_t shape_of(const OffloadRule& rule, bool has_age) {
  std::uint32_t shape = rule.protocol;
  for (const bool property : {rule.kind == OffloadRule::Kind::kHopGuard, rule.is_v6, rule.from_wire,
                              rule.into_tunnel, rule.ecn != kAnyEcn, rule.outer_ecn != kAnyEcn,
                              rule.write_source, rule.write_destination, rule.take_hop, has_age}) {
    shape = shape << 1U | (property ? 1U : 0U);
  }
  return shape;
}

}  // namespace

rte_flow_template_table* RuleTemplates::table_of(const OffloadRule& rule,
                                                 const EncodedRule& encoded) {
  const auto [table, is_new] = tables_.try_emplace(shape_of(rule, encoded.has_age()), nullptr);
  if (is_new) {
    table->second = make_table(encoded);
  }
  return table->second;
}

rte_flow_template_table* RuleTemplates::make_table(const EncodedRule& encoded) {
  rte_flow_error error{};
  const auto refuse = [&](const char* what) -> rte_flow_template_table* {
    // Without a queue, or without rules at all, the driver is not what is told about.
    if (rte_errno != ENOSYS && error.type != RTE_FLOW_ERROR_TYPE_STATE) {
      refusal_ =
          fmt::format("{}: {} ({})", what, error.message != nullptr ? error.message : "no message",
                      std::strerror(rte_errno));
    }
    return nullptr;
  };
  rte_flow_pattern_template_attr pattern_attributes{};
  pattern_attributes.transfer = 1;
  auto* pattern =
      rte_flow_pattern_template_create(proxy_, &pattern_attributes, encoded.pattern(), &error);
  if (pattern == nullptr) {
    return refuse("no pattern template");
  }
  // Nothing of an action is the same in all rules.
  std::array<rte_flow_action, EncodedRule::kMostActions> masks{};
  for (std::size_t i = 0; encoded.actions()[i].type != RTE_FLOW_ACTION_TYPE_END; ++i) {
    masks[i].type = encoded.actions()[i].type;
  }
  rte_flow_actions_template_attr actions_attributes{};
  actions_attributes.transfer = 1;
  auto* actions = rte_flow_actions_template_create(proxy_, &actions_attributes, encoded.actions(),
                                                   masks.data(), &error);
  if (actions == nullptr) {
    refuse("no actions template");
    rte_flow_pattern_template_destroy(proxy_, pattern, &error);
    return nullptr;
  }
  rte_flow_template_table_attr attributes{};
  attributes.flow_attr = *encoded.attributes();
  attributes.nb_flows = table_size_;
  auto* table =
      rte_flow_template_table_create(proxy_, &attributes, &pattern, 1, &actions, 1, &error);
  if (table == nullptr) {
    refuse("no table");
    rte_flow_actions_template_destroy(proxy_, actions, &error);
    rte_flow_pattern_template_destroy(proxy_, pattern, &error);
  }
  return table;
}

void* RuleTemplates::next_operation() {
  // NOLINTNEXTLINE(performance-no-int-to-ptr): nobody follows it, the driver hands it back.
  return reinterpret_cast<void*>(first_ + asked_);
}

rte_flow* RuleTemplates::create(rte_flow_template_table* table, const EncodedRule& encoded,
                                rte_flow_error& error) {
  rte_flow_op_attr attributes{};
  attributes.postpone = 1;
  rte_flow* rule = rte_flow_async_create(proxy_, kRuleQueue, &attributes, table, encoded.pattern(),
                                         0, encoded.actions(), 0, next_operation(), &error);
  asked_ += rule != nullptr ? 1 : 0;
  return rule;
}

bool RuleTemplates::destroy(rte_flow* rule, rte_flow_error& error) {
  rte_flow_op_attr attributes{};
  attributes.postpone = 1;
  const bool is_taken =
      rte_flow_async_destroy(proxy_, kRuleQueue, &attributes, rule, next_operation(), &error) == 0;
  asked_ += is_taken ? 1 : 0;
  return is_taken;
}

std::vector<int> RuleTemplates::complete() {
  std::vector<int> errors(asked_, ETIMEDOUT);
  std::size_t missing = asked_;
  const auto deadline = std::chrono::steady_clock::now() + kLongestOperation;
  rte_flow_error error{};
  // What is not pushed is told of by the time-out.
  rte_flow_push(proxy_, kRuleQueue, &error);
  while (missing > 0 && std::chrono::steady_clock::now() < deadline) {
    std::array<rte_flow_op_result, kRuleQueueSize> results{};
    const int count = rte_flow_pull(proxy_, kRuleQueue, results.data(), results.size(), &error);
    for (int i = 0; i < count; ++i) {
      const rte_flow_op_result& result = results[static_cast<std::size_t>(i)];
      // One that is too late was told of before.
      const auto operation = reinterpret_cast<std::uintptr_t>(result.user_data) - first_;
      if (operation < errors.size()) {
        errors[operation] = result.status == RTE_FLOW_OP_SUCCESS ? 0 : EIO;
        --missing;
      }
    }
    if (count <= 0) {
      std::this_thread::yield();
    }
  }
  first_ += asked_;
  asked_ = 0;
  return errors;
}

}  // namespace alkaid
