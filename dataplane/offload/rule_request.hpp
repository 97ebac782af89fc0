// What the control thread asks the offload thread to do with drivers, and what came of it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "dataplane/offload/port_probe.hpp"
#include "dataplane/offload/rule.hpp"

namespace alkaid {

// A direction into or out of a tunnel has one for each congestion mark that hardware may see.
inline constexpr std::size_t kMostRulesOfConnection = 4;

struct RuleCounts {
  std::uint64_t packets = 0;
  std::uint64_t bytes = 0;  // of frames as they came in
};

// About all rules of one owner, which are installed together or not at all.
struct RuleRequest {
  enum class Owner : std::uint8_t { kConnection, kPort };
  enum class Kind : std::uint8_t {
    kInstall,
    kRemove,
    kQuery,
    kAged,    // which connections hardware saw no packet of, whatever device tells it
    kProbe,   // asks a port's driver what it can do
    kForget,  // the device is about to be closed: its handles are void, and nobody uses it
  };

  Kind kind = Kind::kQuery;
  Owner owner = Owner::kConnection;
  // Somebody waits for it: goes before all that is not. Of removals and kForget.
  bool is_urgent = false;
  // Names the owner: a number of the OffloadTable, or of a port. Of kForget: the device.
  std::uint32_t entry = 0;
  // Of one owner rising: what is asked with an epoch whose removal was done is left undone.
  std::uint64_t epoch = 0;
  std::vector<OffloadRule> rules;          // to install; at most kMostRulesOfConnection
  std::unique_ptr<PortQuestion> question;  // of kProbe
};

struct RuleOutcome {
  // A switch that was to be emptied, since a rule could not be removed alone.
  struct Flush {
    std::uint16_t proxy = 0;
    bool is_empty = false;
  };

  RuleRequest::Kind kind = RuleRequest::Kind::kQuery;
  RuleRequest::Owner owner = RuleRequest::Owner::kConnection;
  bool is_urgent = false;
  std::uint32_t entry = 0;
  std::uint64_t epoch = 0;
  int error = 0;        // errno; 0: done, or left undone
  std::string message;  // the driver's
  // There are rules that could not be removed.
  bool has_rules_left = false;
  std::vector<Flush> flushes;
  // By the rules' order: what was forwarded since they were installed; 0 is not known. Of kRemove
  // the last that is known.
  std::array<RuleCounts, kMostRulesOfConnection> counts{};
  // The same: seconds since the last packet; 0 is not known.
  std::array<std::uint32_t, kMostRulesOfConnection> idle{};
  struct Aged {
    std::uint32_t entry = 0;
    std::uint64_t epoch = 0;
  };
  std::vector<Aged> aged;              // of kAged
  std::unique_ptr<PortAnswer> answer;  // of kProbe; nullptr: left undone
};

}  // namespace alkaid
