#include "dataplane/on_demand/admission.hpp"

#include "dataplane/flow/packet_key.hpp"
#include "dataplane/flow/policy_check.hpp"
#include "dataplane/flow/trackable.hpp"

namespace alkaid {
namespace {

template <class Key>
DropReason admit(Worker& worker, rte_mbuf* packet, const PacketContext& context) {
  const Trackable trackable = trackable_of(packet, context.headers);
  if (trackable.kind == Trackable::Kind::kIcmpError) {
    return DropReason::kNone;  // it may be about a connection; that is found out when it goes on
  }
  const Key key = key_of<Key>(packet, context, trackable.ports);
  if (trackable.kind == Trackable::Kind::kConnection) {
    auto& table = worker.flows().table<Key>();
    const FlowReference reference = table.find(key, key.hash());
    if (reference != kNoFlow && table.record(number_of(reference)).is_live()) {
      if (context.patience == Patience::kWaits) {
        table.half(reference).fields.leave_fast_path();
      }
      return DropReason::kNone;
    }
  }
  const OpeningPacket opening{.source = key.source(),
                              .destination = key.destination(),
                              .ipv6 = Key::kIsV6,
                              .protocol = context.headers.protocol,
                              .selector = trackable.selector};
  return check_policy(opening, context.ingress, nullptr).reason;
}

}  // namespace

DropReason admit_to_wait(Worker& worker, rte_mbuf* packet, const PacketContext& context) {
  const FrameHeaders& headers = context.headers;
  if (headers.kind == FrameHeaders::Kind::kArp || headers.is_nd) {
    return DropReason::kNone;  // no policy holds for address resolution
  }
  return headers.kind == FrameHeaders::Kind::kIpv6 ? admit<FlowKeyV6>(worker, packet, context)
                                                   : admit<FlowKeyV4>(worker, packet, context);
}

}  // namespace alkaid
