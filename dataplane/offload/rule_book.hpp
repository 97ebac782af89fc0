// The rules that drivers have been given, by owner, and the calls to drivers. It knows of nothing
// but rules. One thread at a time.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <rte_flow.h>

#include "dataplane/offload/rule_encoder.hpp"
#include "dataplane/offload/rule_request.hpp"
#include "dataplane/offload/rule_templates.hpp"

namespace alkaid {

struct RuleBookSettings {
  // Rules of one shape at most, where a driver takes them by templates.
  std::uint32_t table_size = 0;
  // Seconds without a packet, after which hardware is to tell; 0: never.
  std::uint32_t age = 0;
};

class RuleBook {
 public:
  explicit RuleBook(const RuleBookSettings& settings) : settings_(settings) {}

  // may_read: what is removed is read first, which takes as long again.
  RuleOutcome execute(const RuleRequest& request, bool may_read);

 private:
  struct Installed {
    std::uint64_t epoch = 0;                                // of what is installed
    std::uint64_t removed = 0;                              // the last one whose removal was done
    std::array<rte_flow*, kMostRulesOfConnection> rules{};  // nullptr: none
    std::array<std::uint16_t, kMostRulesOfConnection> proxies{};
    std::array<bool, kMostRulesOfConnection> by_template{};
    std::array<bool, kMostRulesOfConnection> has_age{};
    // Hardware told that it saw no packet of it, perhaps some time ago.
    std::array<bool, kMostRulesOfConnection> is_aged{};
    // Its removal was taken and failed: the handle is void, the rule can go with all others only.
    std::array<bool, kMostRulesOfConnection> is_void{};

    [[nodiscard]] bool has_rules() const { return rules != decltype(rules){}; }
  };

  Installed& installed_of(const RuleRequest& request);
  void install(const RuleRequest& request, Installed& installed, RuleOutcome& outcome);
  void create(const RuleRequest& request, std::size_t index, Installed& installed,
              RuleOutcome& outcome);
  void remove(Installed& installed, RuleOutcome& outcome);
  // What templates were asked for has been done; calls done(index, errno) for each.
  template <class Done>
  void complete(const Done& done);
  // What drivers say to a rule that isn't to be made yet; empty: they would.
  std::string try_rule(const OffloadRule& rule);
  std::string try_rule(const OffloadRule& rule, const RuleAge& age);
  [[nodiscard]] RuleAge age_of(const RuleRequest& request, std::size_t index) const;
  void collect_aged(RuleOutcome& outcome);
  void take_aged(const void* context, RuleOutcome& outcome);
  RuleTemplates& templates_of(std::uint16_t proxy);
  static void query(const Installed& installed, RuleOutcome& outcome);
  // What can't be removed alone goes with all others of its switch.
  void flush(std::uint16_t proxy, RuleOutcome& outcome);
  // Rules that are managed through the device are void.
  void drop(std::uint16_t proxy);

  const RuleBookSettings settings_;
  std::array<std::vector<Installed>, 2> installed_;   // by owner's kind, by entry
  std::map<std::uint16_t, RuleTemplates> templates_;  // by proxy
  std::set<std::uint16_t> without_age_;               // proxies that take no rules with an age
  std::set<std::uint16_t> tells_age_;                 // that were given such ones
  // What templates have been asked for of the present owner's rules, in order.
  std::map<std::uint16_t, std::vector<std::size_t>> asked_;
};

}  // namespace alkaid
