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

constexpr std::uint8_t kGet = 3;  // of alcor.schema.OperationType

// Before anything is programmed: the change was not taken.
bool is_refused(const ResourceResult& result) {
  return result.status == Status::kInvalidArgument || result.status == Status::kOutOfOrder ||
         result.status == Status::kFailure;
}

std::string first_reason(const DecodedGoalState& decoded) {
  const auto first = std::find_if(
      decoded.refused.begin(), decoded.refused.end(),
      [&](const RefusedResource& refused) { return is_refused(decoded.results[refused.result]); });
  if (first == decoded.refused.end()) {
    return {};
  }
  return fmt::format(". The first, {}: {} {}", printable(decoded.results[first->result].id),
                     first->refusal.field, first->refusal.message);
}

}  // namespace

void Reconciler::refuse_gets(DecodedGoalState& decoded, std::size_t first) {
  if (!decoded.slice || decoded.slice->operation != SliceOperation::kReplace) {
    return;
  }
  for (std::size_t i = first; i < decoded.results.size(); ++i) {
    const ResourceResult& result = decoded.results[i];
    if (result.operation == kGet && result.status == Status::kSuccess) {
      decoded.refuse(static_cast<std::uint32_t>(i),
                     {"operation_type", "GET",
                      "says nothing of the resource, and a slice's REPLACE takes out what it "
                      "doesn't say: send the resource's state, or leave it out"});
    }
  }
}

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
    refuse_gets(decoded, 0);
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
    remove_orphaned_pairs();
    return;
  }
  const SliceChange& change = *decoded.slice;
  Slices& slices = store_.slices();
  if (change.operation == SliceOperation::kAsk && change.name.empty()) {
    task.slices = slices.report_all();
    return;
  }
  const auto refused = std::count_if(decoded.results.begin(), decoded.results.end(), is_refused);
  const bool is_complete = refused == 0;
  const std::size_t kept =
      is_complete && change.operation != SliceOperation::kDelta ? remove_unsaid() : 0;
  remove_orphaned_pairs();
  if (is_complete && kept == 0) {
    slices.finish(change);
  } else {
    slices.abandon(change);
  }
  SliceReport report = slices.report(change.name);
  if (!is_complete) {
    report.problem = fmt::format(
        "{} resources of the message were refused: the slice stays at version {} and "
        "nothing was "
        "taken out of it{}",
        refused, report.version, first_reason(decoded));
  } else if (kept > 0) {
    report.problem = fmt::format(
        "{} routers were not taken out, since too many deletes wait for the data "
        "plane: the slice "
        "stays at version {}; send the message again when it is connected",
        kept, report.version);
  }
  task.slices.push_back(std::move(report));
}

void Reconciler::merge_between(GoalStateTask& task) {
  const Slices::Interrupted interrupted = store_.slices().interrupt();
  // The other message's neighbors may still come back to their address pairs.
  auto orphans = std::exchange(maybe_orphans_, {});
  merge(task);
  end_merge(task);
  maybe_orphans_ = std::move(orphans);
  store_.slices().resume(interrupted);
}

std::size_t Reconciler::remove_unsaid() {
  std::size_t kept = 0;
  auto gone = store_.slices().take_unsaid([&](const SliceItemRecord& record) {
    const bool may_go =
        record.type != ResourceType::kRouter || settle_router(router_key(record.scope), true);
    kept += may_go ? 0 : 1;
    return may_go;
  });
  std::stable_sort(gone.begin(), gone.end(), [](const auto& one, const auto& other) {
    const auto order = [](const SliceItemRecord& record) {
      return kRemovalOrder.at(static_cast<std::size_t>(record.type));
    };
    return order(one) < order(other);
  });
  for (const SliceItemRecord& record : gone) {
    if (record.type == ResourceType::kPort) {
      vlans_.release(record.scope);
    } else if (record.type == ResourceType::kNeighbor && !record.name.empty()) {
      maybe_orphans_.push_back({record.scope, record.vni, record.name});
    }
    if (record.type != ResourceType::kNeighbor) {
      remove_orphaned_pairs();  // these come first: before their subnet goes
    }
    remove_from(store_, record);
  }
  return kept;
}

void Reconciler::remove_orphaned_pairs() {
  if (!maybe_orphans_.empty()) {
    store_.delete_orphaned_pairs(std::exchange(maybe_orphans_, {}));
  }
}

Change<NeighborSpec> Reconciler::without_held(const Change<NeighborSpec>& change) {
  Change<NeighborSpec> gone = change;
  gone.spec.addresses.clear();
  for (const NeighborAddress& address : change.spec.addresses) {
    const SliceItem item = slice_item(change, address);
    // What isn't known may be in the data plane all the same.
    if (store_.slices().let_go(item) || !is_known(store_, item)) {
      gone.spec.addresses.push_back(address);
    }
    const Subnet* subnet = store_.find_subnet(address);
    if (subnet != nullptr && subnet->pairs_of.contains(change.id)) {
      maybe_orphans_.push_back({std::string{item.scope}, item.vni, std::string{change.id}});
    }
  }
  if (gone.spec.addresses.empty()) {
    gone.spec.pairs.clear();
  }
  return gone;
}

}  // namespace alkaid::agent
