#include <fmt/format.h>

#include "dataplane/explain/facts.hpp"
#include "dataplane/flow/connection_judge.hpp"

namespace alkaid {
namespace {

std::string rule_text(const RuleTable& rules, RuleNumber rule) {
  const RuleName* name = rules.name(rule);
  return name != nullptr ? fmt::format("{}/{}", name->group, name->rule) : "a rule that is gone";
}

// The rules at the ends of a connection; an end without a policy needs none.
void add_policy(const RuleTable& rules, const PolicyVerdict& verdict, const char* when,
                std::vector<std::string>& facts) {
  switch (verdict.reason) {
    case DropReason::policy_egress:
      facts.push_back(fmt::format("{}no egress rule allows it", when));
      return;
    case DropReason::policy_ingress:
      facts.push_back(fmt::format("{}no ingress rule allows it", when));
      break;
    default:
      break;
  }
  if (verdict.egress_rule != kNoRule) {
    facts.push_back(fmt::format("{}egress: {}", when, rule_text(rules, verdict.egress_rule)));
  }
  if (verdict.ingress_rule != kNoRule) {
    facts.push_back(fmt::format("{}ingress: {}", when, rule_text(rules, verdict.ingress_rule)));
  }
  if (verdict.reason == DropReason::kNone && verdict.egress_rule == kNoRule &&
      verdict.ingress_rule == kNoRule) {
    facts.push_back(fmt::format("{}no policy is enforced at either end here", when));
  }
}

template <class Key>
void add_known(FlowState& state, const RuleTable& rules, FlowReference reference,
               const PassFinding& pass, std::vector<std::string>& facts) {
  const ConnectionRecord& record = state.table<Key>().record(number_of(reference));
  if (pass.has_moved && !pass.goes_on) {
    facts.emplace_back("its connection was another port's: that one ends");
    return;
  }
  const bool is_original = direction_of(reference) == Direction::kOriginal;
  facts.push_back(fmt::format("{} of a known connection, state {}",
                              is_original ? "original direction" : "reply",
                              name_of(pass.before.state())));
  if (pass.has_moved) {
    facts.emplace_back("one end has moved here or to another host: the connection goes on there");
  }
  if (pass.policy) {
    add_policy(rules, *pass.policy, "asked again, ", facts);
    if (pass.policy->reason != DropReason::kNone) {
      facts.emplace_back("the connection ends");
      return;
    }
  } else {
    add_policy(rules,
               {.egress_rule = record.egress_rule.load(std::memory_order_relaxed),
                .ingress_rule = record.ingress_rule.load(std::memory_order_relaxed)},
               "admitted, ", facts);
  }
  switch (pass.tracked.verdict) {
    case TrackVerdict::kPass:
      if (!(pass.tracked.next == pass.before)) {
        facts.push_back(fmt::format("next state {}", name_of(pass.tracked.next.state())));
      }
      break;
    case TrackVerdict::kInvalid:
      facts.emplace_back("invalid in this state");
      break;
    case TrackVerdict::kReopen:
      facts.emplace_back("it is over, the packet may open another one");
      break;
  }
}

void add_opening(const RuleTable& rules, const OpenFinding& open, std::vector<std::string>& facts) {
  if (!open.word) {
    facts.emplace_back("it belongs to no connection and can't open one");
  } else {
    add_policy(rules, open.policy, "", facts);
    if (open.is_over_quota) {
      facts.emplace_back("the port's quota of connections is used up");
    }
    if (open.opens) {
      facts.push_back(fmt::format(
          "{}, state {}",
          open.direction == Direction::kOriginal
              ? "opens a connection"
              : "picks up a connection as the answer of its responder, which may not open one",
          name_of(open.word->state())));
      return;
    }
  }
  if (open.reason == DropReason::kNone) {
    facts.emplace_back("passes untracked, as no policy is enforced here");
  }
}

template <class Key>
ConnectionView judge_as(Worker& worker, rte_mbuf* packet, const PacketContext& context) {
  FlowState& state = worker.flows();
  const RuleTable& rules = worker.tables().rules;
  const ConnectionFinding finding = ConnectionJudge<Key>(state, worker.ports(), packet, context,
                                                         state.clock.now(), state.stamps.newest())
                                        .judge();
  ConnectionView view{.reason = finding.reason, .is_known = finding.reference != kNoFlow};
  if (finding.kind == Trackable::Kind::kIcmpError) {
    view.facts.emplace_back("an ICMP error; what a described one quotes belongs to no connection");
  }
  if (finding.stateless) {
    view.facts.emplace_back("belongs to no connection, each packet is asked for");
    add_policy(rules, *finding.stateless, "", view.facts);
  }
  if (finding.pass) {
    add_known<Key>(state, rules, finding.reference, *finding.pass, view.facts);
  }
  if (finding.open) {
    add_opening(rules, *finding.open, view.facts);
  }
  return view;
}

}  // namespace

ConnectionView judge_connection(Worker& worker, rte_mbuf* packet, const PacketContext& context) {
  return context.headers.kind == FrameHeaders::Kind::kIpv6
             ? judge_as<FlowKeyV6>(worker, packet, context)
             : judge_as<FlowKeyV4>(worker, packet, context);
}

}  // namespace alkaid
