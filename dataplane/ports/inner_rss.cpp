#include "dataplane/ports/inner_rss.hpp"

#include <array>
#include <numeric>
#include <vector>

#include <rte_byteorder.h>
#include <rte_errno.h>
#include <rte_flow.h>

namespace alkaid {
namespace {

// Of what an item's packet may be: 1 is the outermost headers, 2 those inside
// (rte_flow_action_rss).
constexpr std::uint32_t kInside = 2;

rte_flow* create(std::uint16_t ethdev, rte_flow_item_type family, std::uint16_t vxlan_port,
                 const rte_flow_action_rss& rss) {
  rte_flow_attr attributes{};
  attributes.ingress = 1;
  // The item VXLAN has no UDP port: without this one drivers take it for that of RFC 7348.
  rte_flow_item_udp udp{};
  rte_flow_item_udp udp_mask{};
  udp.hdr.dst_port = rte_cpu_to_be_16(vxlan_port);
  udp_mask.hdr.dst_port = UINT16_MAX;
  std::array<rte_flow_item, 5> pattern{};
  pattern[0].type = RTE_FLOW_ITEM_TYPE_ETH;
  pattern[1].type = family;
  pattern[2] = {.type = RTE_FLOW_ITEM_TYPE_UDP, .spec = &udp, .last = nullptr, .mask = &udp_mask};
  pattern[3].type = RTE_FLOW_ITEM_TYPE_VXLAN;
  pattern[4].type = RTE_FLOW_ITEM_TYPE_END;
  std::array<rte_flow_action, 2> actions{};
  actions[0] = {.type = RTE_FLOW_ACTION_TYPE_RSS, .conf = &rss};
  actions[1].type = RTE_FLOW_ACTION_TYPE_END;
  rte_flow_error error{};
  return rte_flow_create(ethdev, &attributes, pattern.data(), actions.data(), &error);
}

}  // namespace

int spread_tunnels_by_inner_headers(std::uint16_t ethdev, const InnerRss& wanted) {
  std::vector<std::uint16_t> numbers(wanted.queues);
  std::iota(numbers.begin(), numbers.end(), std::uint16_t{0});
  rte_flow_action_rss rss{};
  rss.func = RTE_ETH_HASH_FUNCTION_DEFAULT;
  rss.level = kInside;
  rss.types = wanted.fields;
  rss.queue_num = wanted.queues;
  rss.queue = numbers.data();
  rte_flow* over_ipv4 = create(ethdev, RTE_FLOW_ITEM_TYPE_IPV4, wanted.vxlan_port, rss);
  if (over_ipv4 == nullptr) {
    return rte_errno;
  }
  if (create(ethdev, RTE_FLOW_ITEM_TYPE_IPV6, wanted.vxlan_port, rss) == nullptr) {
    const int why = rte_errno;
    rte_flow_error error{};
    rte_flow_destroy(ethdev, over_ipv4, &error);
    return why;
  }
  return 0;
}

}  // namespace alkaid
