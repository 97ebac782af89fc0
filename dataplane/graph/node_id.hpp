// Every node of the packet graph.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace alkaid {

#define ALKAID_NODES(NODE)                           \
  NODE(kDrop, "drop")                                \
  NODE(kConsume, "consume")                          \
  NODE(kPortRx, "port-rx")                           \
  NODE(kVlanInput, "vlan-input")                     \
  NODE(kInject, "inject")                            \
  NODE(kReleaseWaiting, "release-waiting")           \
  NODE(kGuestFlow, "guest-flow")                     \
  NODE(kWireFlow, "wire-flow")                       \
  NODE(kGuestInput, "guest-input")                   \
  NODE(kUnderlayInput, "underlay-input")             \
  NODE(kUnderlayArp, "underlay-arp")                 \
  NODE(kUnderlayNd, "underlay-nd")                   \
  NODE(kReassemble, "reassemble")                    \
  NODE(kExceptionOutput, "exception-output")         \
  NODE(kExceptionInput, "exception-input")           \
  NODE(kDecapsulate, "decapsulate")                  \
  NODE(kFragmentTracking, "fragment-tracking")       \
  NODE(kArp, "arp")                                  \
  NODE(kNd, "nd")                                    \
  NODE(kDhcp, "dhcp")                                \
  NODE(kDhcpv6, "dhcpv6")                            \
  NODE(kRouterAdvertisement, "router-advertisement") \
  NODE(kGateway, "gateway")                          \
  NODE(kIcmpError, "icmp-error")                     \
  NODE(kBridge, "bridge")                            \
  NODE(kFlood, "flood")                              \
  NODE(kRoute, "route")                              \
  NODE(kAwaitNeighbor, "await-neighbor")             \
  NODE(kConnect, "connect")                          \
  NODE(kEncapsulate, "encapsulate")                  \
  NODE(kFragment, "fragment")                        \
  NODE(kDeliver, "deliver")                          \
  NODE(kPortTx, "port-tx")                           \
  NODE(kVlanOutput, "vlan-output")

enum class NodeId : std::uint16_t {
#define ALKAID_ENUMERATOR(id, name) id,
  ALKAID_NODES(ALKAID_ENUMERATOR)
#undef ALKAID_ENUMERATOR
      kCount
};

inline constexpr std::size_t kNodeCount = static_cast<std::size_t>(NodeId::kCount);

inline constexpr const char* kNodeNames[kNodeCount] = {
#define ALKAID_NAME(id, name) name,
    ALKAID_NODES(ALKAID_NAME)
#undef ALKAID_NAME
};

constexpr const char* name_of(NodeId id) {
  return kNodeNames[static_cast<std::size_t>(id)];
}

}  // namespace alkaid
