#include "dataplane/offload/rule_book.hpp"

#include <algorithm>
#include <cerrno>
#include <memory>

#include <rte_errno.h>

#include "dataplane/offload/rule_encoder.hpp"

namespace alkaid {
namespace {

// A driver may be busy for a moment.
constexpr int kTriesToRemove = 3;

// The first one is told.
void fail(RuleOutcome& outcome, const rte_flow_error& error) {
  if (outcome.error == 0) {
    outcome.error = rte_errno != 0 ? rte_errno : EIO;
    outcome.message = error.message != nullptr ? error.message : "";
  }
}

}  // namespace

RuleBook::Installed& RuleBook::installed_of(const RuleRequest& request) {
  auto& installed = installed_[static_cast<std::size_t>(request.owner)];
  if (installed.size() <= request.entry) {
    installed.resize(request.entry + std::size_t{1});
  }
  return installed[request.entry];
}

RuleOutcome RuleBook::execute(const RuleRequest& request, bool may_read) {
  RuleOutcome outcome{.kind = request.kind,
                      .owner = request.owner,
                      .is_urgent = request.is_urgent,
                      .entry = request.entry,
                      .epoch = request.epoch};
  if (request.kind == RuleRequest::Kind::kForget) {
    drop(static_cast<std::uint16_t>(request.entry));
    return outcome;
  }
  Installed& installed = installed_of(request);
  if (request.kind == RuleRequest::Kind::kRemove) {
    if (may_read) {
      query(installed, outcome);
      outcome.error = 0;  // what could not be read is not known
      outcome.message.clear();
    }
    if (request.epoch >= installed.epoch) {
      remove(installed, outcome);
      outcome.has_rules_left = installed.has_rules();
    }
    installed.removed = std::max(installed.removed, request.epoch);
    return outcome;
  }
  if (request.epoch <= installed.removed) {
    return outcome;
  }
  switch (request.kind) {
    case RuleRequest::Kind::kInstall:
      install(request, installed, outcome);
      outcome.has_rules_left = outcome.error != 0 && installed.has_rules();
      break;
    case RuleRequest::Kind::kProbe:
      outcome.answer = std::make_unique<PortAnswer>(ask_driver(*request.question));
      break;
    default:
      query(installed, outcome);
      break;
  }
  return outcome;
}

void RuleBook::install(const RuleRequest& request, Installed& installed, RuleOutcome& outcome) {
  installed.epoch = request.epoch;
  for (std::size_t i = 0; i < request.rules.size(); ++i) {
    const OffloadRule& rule = request.rules[i];
    const EncodedRule encoded(rule);
    rte_flow_error error{};
    rte_flow* flow = rte_flow_create(rule.proxy, encoded.attributes(), encoded.pattern(),
                                     encoded.actions(), &error);
    if (flow == nullptr) {
      fail(outcome, error);
      remove(installed, outcome);
      return;
    }
    installed.rules[i] = flow;
    installed.proxies[i] = rule.proxy;
  }
}

void RuleBook::remove(Installed& installed, RuleOutcome& outcome) {
  for (std::size_t i = kMostRulesOfConnection; i-- > 0;) {
    const std::uint16_t proxy = installed.proxies[i];
    const bool was_flushed =
        std::any_of(outcome.flushes.begin(), outcome.flushes.end(),
                    [proxy](const auto& flushed) { return flushed.proxy == proxy; });
    if (installed.rules[i] == nullptr || was_flushed) {
      continue;
    }
    rte_flow_error error{};
    int result = -1;
    for (int tries = 0; tries < kTriesToRemove && result != 0; ++tries) {
      error = {};
      result = rte_flow_destroy(proxy, installed.rules[i], &error);
    }
    if (result == 0) {
      installed.rules[i] = nullptr;
    } else {
      fail(outcome, error);
      outcome.flushes.push_back({.proxy = proxy, .is_empty = flush(proxy)});
    }
  }
}

bool RuleBook::flush(std::uint16_t proxy) {
  rte_flow_error error{};
  if (rte_flow_flush(proxy, &error) != 0) {
    return false;
  }
  drop(proxy);
  return true;
}

void RuleBook::drop(std::uint16_t proxy) {
  for (auto& owners : installed_) {
    for (Installed& installed : owners) {
      for (std::size_t i = 0; i < kMostRulesOfConnection; ++i) {
        if (installed.proxies[i] == proxy) {
          installed.rules[i] = nullptr;
        }
      }
    }
  }
}

void RuleBook::query(const Installed& installed, RuleOutcome& outcome) {
  for (std::size_t i = 0; i < kMostRulesOfConnection; ++i) {
    if (installed.rules[i] == nullptr) {
      continue;
    }
    rte_flow_query_count count{};
    rte_flow_error error{};
    if (rte_flow_query(installed.proxies[i], installed.rules[i], EncodedRule::count_action(),
                       &count, &error) != 0) {
      fail(outcome, error);
      continue;
    }
    outcome.counts[i] = {count.hits, count.bytes};
  }
}

}  // namespace alkaid
