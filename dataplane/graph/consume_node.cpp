#include "dataplane/graph/consume_node.hpp"

namespace alkaid {

std::uint16_t ConsumeNode::process(rte_graph* /*graph*/, rte_node* /*node*/, void** packets,
                                   std::uint16_t count) {
  rte_pktmbuf_free_bulk(reinterpret_cast<rte_mbuf**>(packets), count);
  return count;
}

}  // namespace alkaid
