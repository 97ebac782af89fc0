// Merges goal states into the desired state and brings the data plane there.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "alkaid/agent/v1/agent.pb.h"
#include "control/agent/desired/revisions.hpp"
#include "control/agent/desired/store.hpp"
#include "control/agent/reconcile/apply_pipe.hpp"
#include "control/agent/reconcile/attendance.hpp"
#include "control/agent/reconcile/change_batch.hpp"
#include "control/agent/reconcile/dataplane_client.hpp"
#include "control/agent/reconcile/dirty_keys.hpp"
#include "control/agent/reconcile/failures.hpp"
#include "control/agent/reconcile/goal_state_task.hpp"
#include "control/agent/reconcile/mirror.hpp"
#include "control/agent/server/event_log.hpp"
#include "control/agent/vlan/vlan_assigner.hpp"

namespace alkaid::agent {

// Not thread-safe: ReconcilerThread runs it, and lends it to who looks while it waits.
//
// The life of a change: merge() stores it and marks the keys of the objects that depend on it;
// flush() compares what each marked key should be with what is programmed, writes the differences,
// and takes the data plane's answer over; conclude() then says what came of every resource of a
// message.
class Reconciler {
 public:
  // host: --host-ip, unset if the data plane's VTEPs are to be used alone.
  Reconciler(DataplaneClient& client, EventLog& events, IpAddress host, Policy policy = {});

  // ---- what outlives the process; before anything else

  // Fills the store by `load`, which says whether the data plane is to hold that and nothing else
  // and returns an error text. Then every change is told to the journal, which must live as long.
  std::string restore(const std::function<std::string(DesiredStore&, bool& is_complete)>& load,
                      Journal& journal);
  // What the data plane is to hold is known: what else was read back of it is stale.
  [[nodiscard]] bool is_complete() const { return is_complete_; }

  // ---- the data plane's connection

  // Connects, reads everything back and programs the difference. False if there is no data plane.
  bool connect();
  void connection_lost(std::string_view reason);
  [[nodiscard]] bool connected() const { return connected_; }
  void port_changed(const api::PortStatus& status);
  void table_changed(const api::TableStatus& status);

  // ---- goal states

  // merge(), merge_part() for each part that comes, end_merge().
  void merge(GoalStateTask& task);
  void end_merge(GoalStateTask& task);
  // All of a message between the parts of another one; of a slice, only a DELTA of another slice.
  void merge_between(GoalStateTask& task);
  // Some of its neighbors that were decoded meanwhile, in their order.
  void merge_part(GoalStateTask& task, NeighborPart part);
  // Starts to write the neighbors that are wanted by now and not programmed, unless others are on
  // their way and more should come together first. What has to go, and all else, is left to
  // flush(), so that nothing goes before what takes its place.
  void write_ahead();
  // Returns the time spent in the data plane.
  std::chrono::microseconds flush();
  void conclude(GoalStateTask& task);

  // These are there because they were asked for, and may be forgotten; with those of the ports that
  // are still there.
  [[nodiscard]] std::vector<LearntNeighbor> learnt_neighbors() const;
  void learn_neighbors(const std::vector<LearntNeighbor>& neighbors);
  // Takes those of them that are still there for that alone out of the desired state and the data
  // plane.
  void forget_neighbors(const std::vector<NeighborKey>& keys);

  // Tries again what failed for want of room or for another reason that may pass.
  void retry();
  // When to do so if nothing else asks for it: the longer the less came of it.
  [[nodiscard]] std::chrono::seconds retry_interval() const { return retry_interval_; }
  // Room was made for what found none.
  [[nodiscard]] bool wants_retry() const { return wants_retry_ && !failures_.empty(); }

  // ---- looking

  // Whose turn it is; the data plane is waited for in absence.
  [[nodiscard]] Attendance& attendance() { return attendance_; }
  // Without version, uptime and template.
  void report(v1::GetConfigResponse& response);
  [[nodiscard]] const std::vector<IpAddress>& own_addresses() const {
    return store_.own_addresses();
  }
  [[nodiscard]] const Mirror& programmed() const { return mirror_; }
  [[nodiscard]] const DesiredStore& wanted() const { return store_; }

 private:
  static constexpr std::size_t kMostDeferredDeletes = 65536;
  static constexpr std::size_t kMostRetries = 1024;  // per kind and round
  static constexpr std::chrono::seconds kFirstRetry{1};
  static constexpr std::chrono::seconds kLastRetry{30};
  static constexpr std::size_t kMostReported = 1024;  // pending resources in one report

  // Of a row whose subnet isn't known: it goes if all of this fits.
  struct DeferredDelete {
    bool is_dhcp = false;  // else a neighbor
    IpAddress address;
    MacAddress mac;
  };
  enum class DeleteOutcome { kDone, kUnclear, kNoRoom };

  // With --strict-revisions: takes out what is older than what was applied before.
  void drop_out_of_order(DecodedGoalState& decoded);
  void merge_neighbors(DecodedGoalState& decoded,
                       const std::vector<Change<NeighborSpec>>& neighbors);
  void merge_port(DecodedGoalState& decoded, Change<PortSpec>& change);
  // Chooses the VLAN of a port that may have any. False: none is free. Only while it is known what
  // the data plane's ports have; before, it is left open.
  bool settle_vlan(const std::string& id, PortSpec& spec);
  // The same of all that were left open, when the data plane has been read back.
  void settle_vlans();
  // False: the message is refused because of its slice.
  bool begin_slice(GoalStateTask& task);
  static void refuse_changes(DecodedGoalState& decoded);
  // A slice's REPLACE says what there is, which a GET doesn't. From this result on.
  static void refuse_gets(DecodedGoalState& decoded, std::size_t first);
  // What the message's slice had and the message doesn't name goes, unless others have it. Returns
  // how many routers must stay for want of room.
  std::size_t remove_unsaid();
  // Address pairs of neighbors that the message left without an address.
  void remove_orphaned_pairs();
  void set_neighbor(DecodedGoalState& decoded, const Change<NeighborSpec>& change);
  // False: refused.
  bool merge_router(DecodedGoalState& decoded, const Change<RouterSpec>& change);
  void merge_remote_ports(const std::vector<RemotePortSpec>& ports);
  void merge_neighbor_delete(DecodedGoalState& decoded, const Change<NeighborSpec>& change);
  // A DELETE where there are slices. What of it goes: addresses that others have stay.
  [[nodiscard]] Change<NeighborSpec> without_held(const Change<NeighborSpec>& change);
  // The router's DELTA takes a rule away of which nothing is known, not even its destination.
  [[nodiscard]] bool deletes_unknown_rule(const Change<RouterSpec>& change) const;
  // A router's whole state is known now (FULL, DELETE): what else the data plane holds of it goes.
  // False: no room to remember that.
  bool settle_router(std::uint64_t key, bool known);
  // Marks what the data plane holds of routers whose state is known and whose subnets are.
  void mark_settled_routers();
  // Finds the row that a DELETE without a known VNI means.
  DeleteOutcome delete_in_mirror(const DeferredDelete& deleted);
  DeleteOutcome delete_dhcp_in_mirror(const DhcpSpec& spec);
  void conclude_delete(DecodedGoalState& decoded, std::uint32_t result, DeleteOutcome outcome);

  void read_back_done();
  void compare_everything();
  void note_completeness();
  void forget_resolvable_marks();
  void forget_resolvable_group_marks();
  void plan(ChangeBatch& batch);
  void plan_segments(std::vector<std::pair<Vni, SegmentObject>>& sets, std::vector<Vni>& deletes);
  void plan_routes(ChangeBatch& batch, std::vector<RouteKey>& deletes);
  // Marks what the data plane holds of a route table.
  void mark_programmed_routes(std::uint64_t table);
  bool apply(api::ApplyRequest& request);
  // Takes over what came of a write; false if the connection is lost.
  bool take_answer(const api::ApplyRequest& request, api::ApplyResponse& response,
                   const grpc::Status& status);
  void finish_oldest_write();
  // All that write_ahead() began, and what it left.
  void finish_writing_ahead();
  void commit_sets(const api::ApplyRequest& request, const api::ApplyResponse& response);
  void commit_security_group_sets(const api::ApplyRequest& request,
                                  const api::ApplyResponse& response);
  void commit_deletes(const api::ApplyRequest& request, const api::ApplyResponse& response);
  // What a group loses.
  struct GroupRemovals {
    std::vector<std::string> rules;
    std::vector<IpAddress> members;
  };
  class GroupPlan;
  void plan_security_groups(ChangeBatch& batch, std::map<std::string, GroupRemovals>& removals,
                            std::vector<std::string>& deletes);
  void claim_port(ProgrammedPort& port);
  void claim_rule(ProgrammedGroup& group, Programmed<SecurityRuleObject>& rule);
  void claim_member(ProgrammedGroup& group, bool& claimed);
  // What was read back uses groups, whatever goal states have said so far.
  void hold_security_groups();
  void release_security_groups();
  void release_groups_of(const ProgrammedPort& port);
  void commit_security_group(const api::SecurityGroup& change);
  void commit_security_group_delete(const std::string& id);
  void mark_deletes(const api::ApplyRequest& request);
  void restore_neighbors_of(const ProgrammedPort& port);
  void note_port_state(const std::string& id, api::PortState state, const std::string& detail);

  // ---- conditions (conditions.cpp)
  template <class Map, class Key>
  [[nodiscard]] Condition object_condition(const Map& failures, const Key& key) const;
  [[nodiscard]] Condition disconnected() const;
  [[nodiscard]] Condition subnet_unresolved(std::string_view id);
  [[nodiscard]] Condition vpc_condition(std::string_view id);
  [[nodiscard]] Condition subnet_condition(std::string_view id);
  [[nodiscard]] Condition port_condition(const std::string& id);
  // Of the groups that a port has.
  [[nodiscard]] Condition port_groups_condition(const PortSpec& spec) const;
  [[nodiscard]] Condition security_group_condition(const std::string& id) const;
  [[nodiscard]] Condition neighbor_condition(const NeighborAddress& address);
  // Of an address pair in the subnet of one of the neighbor's addresses.
  [[nodiscard]] Condition pair_condition(const NeighborAddress& address, const IpAddress& pair);
  [[nodiscard]] Condition dhcp_condition(std::string_view subnet_id, const MacAddress& mac);
  [[nodiscard]] Condition router_condition(std::string_view id);
  [[nodiscard]] Condition rules_condition(std::string_view id, const Router& router) const;
  [[nodiscard]] Condition rule_condition(std::string_view router, std::string_view subnet_id,
                                         const RoutingRuleSpec& rule) const;
  [[nodiscard]] Condition gateway_unresolved(const Subnet& subnet,
                                             const RoutingRuleSpec& rule) const;
  [[nodiscard]] Condition next_hop_condition(std::string_view router,
                                             const RoutingRuleSpec& rule) const;
  // What is told of one message's conditions; what goes beyond is only counted.
  struct Reported {
    std::vector<std::pair<std::uint32_t, Condition>> conditions;
    std::size_t pending = 0;  // of them
    std::size_t more = 0;
  };
  void report_events(const GoalStateTask& task, const Reported& reported);
  void announce_resolved();
  void announce_room();

  DataplaneClient& client_;
  EventLog& events_;
  Attendance attendance_;
  IpAddress host_;
  Journal* journal_ = nullptr;  // nullptr: nothing is kept
  bool is_complete_ = false;
  bool connected_ = false;
  bool is_writing_ = false;  // of a flush: dirty_ doesn't say any more what is missing
  std::uint64_t instance_ = 0;
  DirtyKeys dirty_;
  DesiredStore store_;
  Mirror mirror_;
  Failures failures_;
  // Keys of routers that were read back and of which not all is known: the segments they join stay
  // so.
  std::set<std::uint64_t> unclaimed_routers_;
  std::set<std::uint64_t> settled_routers_;   // all is known since this agent's start
  std::set<std::uint64_t> settling_routers_;  // of them, still to be compared with what there is
  std::vector<DeferredDelete> deferred_deletes_;
  ApplyPipe pipe_;
  std::chrono::microseconds spent_ahead_{0};
  FlatSet<NeighborKey> left_for_flush_;  // by write_ahead()
  bool wants_retry_ = false;
  std::chrono::seconds retry_interval_{kFirstRetry};
  // Groups that claimed objects held, until their marks can be set.
  std::vector<std::string> released_names_;
  std::vector<std::string> released_ports_;
  VlanAssigner vlans_;
  std::array<bool, 6> is_full_{};  // tables that were said to be full
  Revisions revisions_;            // used only if the policy is strict
  std::uint64_t operations_ = 0;
  std::uint64_t goal_states_ = 0;
  // Of the present message, who may have no address any more: where there are slices.
  std::vector<NeighborPlace> maybe_orphans_;
};

}  // namespace alkaid::agent
