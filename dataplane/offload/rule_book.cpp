#include "dataplane/offload/rule_book.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <iterator>
#include <memory>
#include <utility>

#include <fmt/format.h>
#include <rte_errno.h>

#include "dataplane/offload/rule_encoder.hpp"

namespace alkaid {
namespace {

// A driver may be busy for a moment.
constexpr int kTriesToRemove = 3;
// Of what has aged: asked for with one call, and calls in a row.
constexpr std::size_t kAgedAtOnce = 64;
constexpr int kMostCalls = 64;
constexpr const char* kNotRemoved = "a rule that was made by a template was not removed";

// The first one is told.
void fail(RuleOutcome& outcome, int number, const char* message) {
  if (outcome.error == 0) {
    outcome.error = number;
    outcome.message = message != nullptr ? message : "";
  }
}

void fail(RuleOutcome& outcome, const rte_flow_error& error) {
  fail(outcome, rte_errno != 0 ? rte_errno : EIO, error.message);
}

bool is_flushed(const RuleOutcome& outcome, std::uint16_t proxy) {
  return std::any_of(outcome.flushes.begin(), outcome.flushes.end(),
                     [proxy](const auto& flushed) { return flushed.proxy == proxy; });
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
    const auto device = static_cast<std::uint16_t>(request.entry);
    drop(device);
    templates_.erase(device);
    without_age_.erase(device);
    tells_age_.erase(device);
    return outcome;
  }
  if (request.kind == RuleRequest::Kind::kAged) {
    collect_aged(outcome);
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
      outcome.answer = std::make_unique<PortAnswer>(ask_driver(
          *request.question, [this](const OffloadRule& rule) { return try_rule(rule); }));
      break;
    default:
      query(installed, outcome);
      break;
  }
  return outcome;
}

RuleTemplates& RuleBook::templates_of(std::uint16_t proxy) {
  return templates_.try_emplace(proxy, proxy, settings_.table_size).first->second;
}

std::string RuleBook::try_rule(const OffloadRule& rule) {
  const bool may_have_age = settings_.age != 0 && without_age_.count(rule.proxy) == 0;
  if (may_have_age && try_rule(rule, {.seconds = settings_.age}).empty()) {
    return {};
  }
  std::string refusal = try_rule(rule, {});
  if (may_have_age && refusal.empty()) {
    without_age_.insert(rule.proxy);
  }
  return refusal;
}

std::string RuleBook::try_rule(const OffloadRule& rule, const RuleAge& age) {
  const EncodedRule encoded(rule, age);
  RuleTemplates& templates = templates_of(rule.proxy);
  if (templates.table_of(rule, encoded) != nullptr) {
    return {};
  }
  rte_flow_error error{};
  const int result = rte_flow_validate(rule.proxy, encoded.attributes(), encoded.pattern(),
                                       encoded.actions(), &error);
  if (result == 0) {
    return {};
  }
  std::string refusal =
      fmt::format("{} ({})", error.message != nullptr ? error.message : "no message",
                  std::strerror(result < 0 ? -result : rte_errno));
  return templates.refusal().empty()
             ? refusal
             : fmt::format("{}; by templates {}", refusal, templates.refusal());
}

void RuleBook::install(const RuleRequest& request, Installed& installed, RuleOutcome& outcome) {
  installed.epoch = request.epoch;
  for (std::size_t i = 0; i < request.rules.size() && outcome.error == 0; ++i) {
    create(request, i, installed, outcome);
  }
  // One that has failed is removed with the others.
  complete([&](std::size_t, int error) {
    if (error != 0) {
      fail(outcome, error, "a rule that was made by a template was not taken");
    }
  });
  if (outcome.error != 0) {
    remove(installed, outcome);
  }
}

// Names the rule, when hardware tells of it.
RuleAge RuleBook::age_of(const RuleRequest& request, std::size_t index) const {
  if (settings_.age == 0 || request.owner != RuleRequest::Owner::kConnection ||
      without_age_.count(request.rules[index].proxy) != 0) {
    return {};
  }
  const std::uintptr_t name = std::uintptr_t{request.entry} * kMostRulesOfConnection + index + 1;
  // NOLINTNEXTLINE(performance-no-int-to-ptr): nobody follows it, the driver hands it back.
  return {.seconds = settings_.age, .context = reinterpret_cast<void*>(name)};
}

void RuleBook::create(const RuleRequest& request, std::size_t index, Installed& installed,
                      RuleOutcome& outcome) {
  const OffloadRule& rule = request.rules[index];
  const EncodedRule encoded(rule, age_of(request, index));
  RuleTemplates& templates = templates_of(rule.proxy);
  rte_flow_template_table* table = templates.table_of(rule, encoded);
  rte_flow_error error{};
  rte_flow* flow = table != nullptr ? templates.create(table, encoded, error)
                                    : rte_flow_create(rule.proxy, encoded.attributes(),
                                                      encoded.pattern(), encoded.actions(), &error);
  if (flow == nullptr) {
    fail(outcome, error);
    return;
  }
  if (table != nullptr) {
    asked_[rule.proxy].push_back(index);
  }
  installed.rules[index] = flow;
  installed.proxies[index] = rule.proxy;
  installed.by_template[index] = table != nullptr;
  installed.is_void[index] = false;
  installed.is_aged[index] = false;
  installed.has_age[index] = encoded.has_age();
  if (encoded.has_age()) {
    tells_age_.insert(rule.proxy);
  }
}

void RuleBook::remove(Installed& installed, RuleOutcome& outcome) {
  for (std::size_t i = kMostRulesOfConnection; i-- > 0;) {
    const std::uint16_t proxy = installed.proxies[i];
    if (installed.rules[i] == nullptr || is_flushed(outcome, proxy)) {
      continue;
    }
    rte_flow_error error{};
    bool is_taken = false;
    for (int tries = 0; tries < kTriesToRemove && !is_taken && !installed.is_void[i]; ++tries) {
      error = {};
      is_taken = installed.by_template[i]
                     ? templates_of(proxy).destroy(installed.rules[i], error)
                     : rte_flow_destroy(proxy, installed.rules[i], &error) == 0;
    }
    if (installed.is_void[i]) {
      fail(outcome, EIO, kNotRemoved);
      flush(proxy, outcome);
    } else if (!is_taken) {
      fail(outcome, error);
      flush(proxy, outcome);
    } else if (installed.by_template[i]) {
      asked_[proxy].push_back(i);
    } else {
      installed.rules[i] = nullptr;
    }
  }
  // A handle is void as soon as its removal has been taken, so there is no second try.
  complete([&](std::size_t index, int error) {
    const std::uint16_t proxy = installed.proxies[index];
    if (error == 0) {
      installed.rules[index] = nullptr;
      return;
    }
    installed.is_void[index] = true;
    if (!is_flushed(outcome, proxy)) {
      fail(outcome, error, kNotRemoved);
      flush(proxy, outcome);
    }
  });
}

template <class Done>
void RuleBook::complete(const Done& done) {
  for (const auto& [proxy, rules] : std::exchange(asked_, {})) {
    const std::vector<int> errors = templates_of(proxy).complete();
    for (std::size_t i = 0; i < rules.size(); ++i) {
      done(rules[i], errors[i]);
    }
  }
}

void RuleBook::flush(std::uint16_t proxy, RuleOutcome& outcome) {
  rte_flow_error error{};
  const bool is_empty = rte_flow_flush(proxy, &error) == 0;
  if (is_empty) {
    drop(proxy);
  }
  outcome.flushes.push_back({.proxy = proxy, .is_empty = is_empty});
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

// Told again when a rule has seen packets and none again; those of connections whose other rules
// still see some wait until these do not.
void RuleBook::collect_aged(RuleOutcome& outcome) {
  std::array<void*, kAgedAtOnce> contexts{};
  for (auto proxy = tells_age_.begin(); proxy != tells_age_.end();) {
    int count = static_cast<int>(kAgedAtOnce);
    for (int calls = 0; calls < kMostCalls && count == static_cast<int>(kAgedAtOnce); ++calls) {
      rte_flow_error error{};
      count = rte_flow_get_aged_flows(*proxy, contexts.data(), kAgedAtOnce, &error);
      if (count < 0) {
        fail(outcome, -count, error.message);
      }
      for (int i = 0; i < count; ++i) {
        take_aged(contexts[static_cast<std::size_t>(i)], outcome);
      }
    }
    // What is read each second tells, too.
    proxy = count < 0 ? tells_age_.erase(proxy) : std::next(proxy);
  }
}

void RuleBook::take_aged(const void* context, RuleOutcome& outcome) {
  const std::uintptr_t name = reinterpret_cast<std::uintptr_t>(context) - 1;
  auto& connections = installed_[static_cast<std::size_t>(RuleRequest::Owner::kConnection)];
  const std::size_t entry = name / kMostRulesOfConnection;
  if (entry >= connections.size()) {
    return;
  }
  Installed& installed = connections[entry];
  installed.is_aged[name % kMostRulesOfConnection] = true;
  for (std::size_t i = 0; i < kMostRulesOfConnection; ++i) {
    if (installed.rules[i] != nullptr && !installed.is_aged[i]) {
      return;
    }
  }
  if (installed.has_rules()) {
    outcome.aged.push_back({static_cast<std::uint32_t>(entry), installed.epoch});
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
    rte_flow_query_age age{};
    if (installed.has_age[i] &&
        rte_flow_query(installed.proxies[i], installed.rules[i], EncodedRule::age_action(), &age,
                       &error) == 0 &&
        age.sec_since_last_hit_valid != 0) {
      outcome.idle[i] = age.sec_since_last_hit;
    }
  }
}

}  // namespace alkaid
