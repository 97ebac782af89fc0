// What slices need to know of each kind of resource: what identifies it, whether it is known, and
// the hash of what is in effect of it. For the reconciler's thread.
#pragma once

#include <cstdint>

#include "control/agent/desired/journal.hpp"
#include "control/agent/desired/slices.hpp"
#include "control/agent/desired/store.hpp"
#include "control/agent/goal_state/decoded_goal_state.hpp"

namespace alkaid::agent {

SliceItem slice_item(const Change<VpcSpec>& change);
SliceItem slice_item(const Change<SubnetSpec>& change);
SliceItem slice_item(const Change<PortSpec>& change);
SliceItem slice_item(const Change<DhcpSpec>& change);
SliceItem slice_item(const Change<RouterSpec>& change);
SliceItem slice_item(const Change<SecurityGroupSpec>& change);
SliceItem slice_item(const Change<VpcGatewaySpec>& change);
// Of one address of a neighbor.
SliceItem slice_item(const Change<NeighborSpec>& change, const NeighborAddress& address);

// Some message has said it, and none has deleted it since.
bool is_known(const DesiredStore& store, const SliceItem& item);

// 64 bits of hash of the resource and all that messages have made of it; the same on every host, so
// that a port's attachment, which the host chooses, doesn't count.
std::uint64_t content_of(const DesiredStore& store, const SliceItem& item);
// Of an address of a neighbor, by its state: the same without a look at the store.
std::uint64_t content_of(const Change<NeighborSpec>& change, const SliceItem& item);

// Takes out what nobody has any more; address pairs of neighbors are the caller's
// (DesiredStore::delete_orphaned_pairs()).
void remove_from(DesiredStore& store, const SliceItemRecord& gone);

// True if the message's slice may have it too; else it was refused.
bool admit_to_slice(DesiredStore& store, DecodedGoalState& decoded, std::uint32_t result,
                    const SliceItem& item);

// A change of a message that says all of one resource: `apply` puts it into the store, unless it is
// a DELETE of what others have. It returns false if it refused the change.
template <class Spec, class Apply>
void merge_in_slices(DesiredStore& store, DecodedGoalState& decoded, const Change<Spec>& change,
                     const Apply& apply) {
  Slices& slices = store.slices();
  if (!slices.is_used()) {
    apply();
    return;
  }
  const SliceItem item = slice_item(change);
  const bool was_known = is_known(store, item);
  if (change.intent == Intent::kDelete) {
    // What isn't known may be in the data plane all the same.
    if ((was_known && !slices.is_alone_with(item)) || apply()) {
      slices.let_go(item);
    }
    return;
  }
  if (admit_to_slice(store, decoded, change.result, item) && apply() && is_known(store, item)) {
    slices.say(item, content_of(store, item), was_known);
  }
}

}  // namespace alkaid::agent
