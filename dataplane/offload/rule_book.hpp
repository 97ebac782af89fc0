// The rules that drivers have been given, by owner, and the calls to drivers. It knows of nothing
// but rules. One thread at a time.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include <rte_flow.h>

#include "dataplane/offload/rule_request.hpp"

namespace alkaid {

class RuleBook {
 public:
  // may_read: what is removed is read first, which takes as long again.
  RuleOutcome execute(const RuleRequest& request, bool may_read);

 private:
  struct Installed {
    std::uint64_t epoch = 0;                                // of what is installed
    std::uint64_t removed = 0;                              // the last one whose removal was done
    std::array<rte_flow*, kMostRulesOfConnection> rules{};  // nullptr: none
    std::array<std::uint16_t, kMostRulesOfConnection> proxies{};

    [[nodiscard]] bool has_rules() const { return rules != decltype(rules){}; }
  };

  Installed& installed_of(const RuleRequest& request);
  void install(const RuleRequest& request, Installed& installed, RuleOutcome& outcome);
  void remove(Installed& installed, RuleOutcome& outcome);
  static void query(const Installed& installed, RuleOutcome& outcome);
  // What can't be removed alone goes with all others of its switch. False: nothing went.
  bool flush(std::uint16_t proxy);
  // Rules that are managed through the device are void.
  void drop(std::uint16_t proxy);

  std::array<std::vector<Installed>, 2> installed_;  // by owner's kind, by entry
};

}  // namespace alkaid
