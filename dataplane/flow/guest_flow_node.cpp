#include "dataplane/flow/guest_flow_node.hpp"

#include "dataplane/flow/flow_node.hpp"
#include "dataplane/flow/hit_forwarding.hpp"
#include "dataplane/flow/quick_parse.hpp"

namespace alkaid {
namespace {

using BurstV4 = FlowBurst<FlowKeyV4, Side::kGuest>;
using BurstV6 = FlowBurst<FlowKeyV6, Side::kGuest>;

template <class Key>
void add(FlowBurst<Key, Side::kGuest>& burst, rte_mbuf* packet, std::uint16_t position,
         const Port& port) {
  const auto bytes = bytes_of(packet);
  Key key;
  if (port.admin_up && quick_parse({bytes.data(), bytes.size(), packet->pkt_len}, key)) [[likely]] {
    burst.add(packet, bytes.data(), position, key, Key::kIsV6 ? port.zone_v6 : port.zone);
  }
}

class GuestSteps {
 public:
  explicit GuestSteps(Worker& worker) : forwarding_(worker, worker.now()) {}

  static void prefetch(rte_mbuf* packet) { rte_prefetch0(rte_pktmbuf_mtod(packet, void*)); }

  static void add(BurstV4& v4, BurstV6& v6, rte_mbuf* packet, std::uint16_t position) {
    if (packet->data_len < sizeof(EthernetHeader)) [[unlikely]] {
      return;
    }
    const Port& port = *context_of(packet).ingress;
    const BigEndian16 type = header_at<EthernetHeader>(packet, 0).type;
    if (type == BigEndian16{ether_type::kIpv4}) [[likely]] {
      alkaid::add(v4, packet, position, port);
    } else if (type == BigEndian16{ether_type::kIpv6}) {
      alkaid::add(v6, packet, position, port);
    }
  }

  template <class Key>
  bool forward(FlowLane<Key>& lane) {
    return forwarding_.from_guest(lane);
  }

 private:
  HitForwarding forwarding_;
};

// What `ask` says of the packet's lane; false if no connection takes it.
template <class Ask>
bool ask_connection(Worker& worker, rte_mbuf* packet, Ask&& ask) {
  BurstV4 v4(worker.flows(), worker.tables().neighbors);
  BurstV6 v6(worker.flows(), worker.tables().neighbors);
  GuestSteps::add(v4, v6, packet, 0);
  const HitForwarding forwarding(worker, 0);
  bool answer = false;
  const auto look = [&](const auto& lane) { answer = ask(forwarding, lane); };
  v4.finish(look);
  v6.finish(look);
  return answer;
}

}  // namespace

bool GuestFlowNode::would_take(Worker& worker, rte_mbuf* packet) {
  return ask_connection(worker, packet, [](const HitForwarding& forwarding, const auto& lane) {
    return forwarding.would_take_from_guest(lane);
  });
}

bool GuestFlowNode::would_stay_large(Worker& worker, rte_mbuf* packet) {
  return ask_connection(worker, packet, [](const HitForwarding& forwarding, const auto& lane) {
    return forwarding.would_stay_large(lane);
  });
}

std::uint16_t GuestFlowNode::process(rte_graph* graph, rte_node* node, void** packets,
                                     std::uint16_t count) {
  GuestSteps steps(worker_of(node));
  return process_flows<Side::kGuest>(graph, node, packets, count,
                                     Next::to<NodeId::kGuestInput>().edge(),
                                     Next::to<NodeId::kPortTx>().edge(), steps);
}

}  // namespace alkaid
