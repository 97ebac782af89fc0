// Reconciler: what a message is to its slice. See docs/design/slices.md.
#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "control/agent/desired/slice_resources.hpp"
#include "control/agent/goal_state/decoder.hpp"
#include "control/agent/reconcile/reconciler.hpp"
#include "control/common/logging.hpp"

namespace alkaid::agent {
namespace {

// By ResourceType, what others lie in last.
constexpr std::array<int, kResourceTypes> kRemovalOrder = {7, 6, 2, 0, 4, 1, 3, 5};

// Before anything is programmed: the change was not taken.
bool is_refused(const ResourceResult& result) {
  return result.status == Status::kInvalidArgument || result.status == Status::kOutOfOrder ||
         result.status == Status::kFailure;
}

}  // namespace

void Reconciler::refuse_changes(DecodedGoalState& decoded) {
  drop_changes(decoded);
  for (ResourceResult& result : decoded.results) {
    result.status = Status::kOutOfOrder;
  }
}

bool Reconciler::begin_slice(GoalStateTask& task) {
  DecodedGoalState& decoded = task.decoded;
  Slices& slices = store_.slices();
  slices.begin_nameless();
  if (!decoded.slice) {
    return true;
  }
  const SliceChange& change = *decoded.slice;
  const bool takes_resources =
      change.operation != SliceOperation::kDrop && change.operation != SliceOperation::kAsk;
  std::string problem;
  if (decoded.postponed) {
    problem = "this host's own address isn't known yet: send the message again";
  } else if (!takes_resources && (!decoded.results.empty() || task.neighbors_coming > 0)) {
    problem = "a message that drops a slice or asks for it must have no resources";
  } else {
    problem = slices.begin(change);
  }
  if (problem.empty()) {
    return true;
  }
  task.is_refused = !decoded.postponed;
  if (task.is_refused) {
    refuse_changes(decoded);
  }
  const std::string name = printable(change.name);
  spdlog::warn("a message for slice {} was not applied: {}", name, problem);
  events_.add(v1::Event::WARNING, "slice_refused",
              fmt::format("a message for slice {} was not applied: {}", name, problem));
  SliceReport report = slices.report(change.name);
  report.problem = std::move(problem);
  task.slices.push_back(std::move(report));
  return false;
}

void Reconciler::end_merge(GoalStateTask& task) {
  DecodedGoalState& decoded = task.decoded;
  if (!decoded.slice || !task.slices.empty()) {
    return;
  }
  const SliceChange& change = *decoded.slice;
  Slices& slices = store_.slices();
  if (change.operation == SliceOperation::kAsk && change.name.empty()) {
    task.slices = slices.report_all();
    return;
  }
  const auto refused = std::count_if(decoded.results.begin(), decoded.results.end(), is_refused);
  if (refused == 0) {
    if (change.operation != SliceOperation::kDelta) {
      remove_unsaid();
    }
    slices.finish(change);
  }
  SliceReport report = slices.report(change.name);
  if (refused > 0) {
    report.problem = fmt::format(
        "{} resources of the message were refused: the slice stays at version {} and nothing was "
        "taken out of it",
        refused, report.version);
  }
  task.slices.push_back(std::move(report));
}

void Reconciler::remove_unsaid() {
  auto gone = store_.slices().take_unsaid();
  std::stable_sort(gone.begin(), gone.end(), [](const auto& one, const auto& other) {
    const auto order = [](const SliceItemRecord& record) {
      return kRemovalOrder.at(static_cast<std::size_t>(record.type));
    };
    return order(one) < order(other);
  });
  for (const SliceItemRecord& record : gone) {
    if (record.type == ResourceType::kRouter) {
      settle_router(router_key(record.scope), true);
    } else if (record.type == ResourceType::kPort) {
      vlans_.release(record.scope);
    }
    remove_from(store_, record);
  }
}

Change<NeighborSpec> Reconciler::without_held(const Change<NeighborSpec>& change) {
  Change<NeighborSpec> gone = change;
  gone.spec.addresses.clear();
  for (const NeighborAddress& address : change.spec.addresses) {
    if (store_.slices().let_go(slice_item(change, address))) {
      gone.spec.addresses.push_back(address);
    }
  }
  if (gone.spec.addresses.empty()) {
    gone.spec.pairs.clear();
  }
  return gone;
}

}  // namespace alkaid::agent
