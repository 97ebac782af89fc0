#include "dataplane/ports/packet_pools.hpp"

#include <algorithm>
#include <stdexcept>
#include <string>

#include <fmt/format.h>
#include <rte_errno.h>
#include <rte_mbuf.h>
#include <spdlog/spdlog.h>

#include "dataplane/graph/packet_context.hpp"

namespace alkaid {
namespace {

constexpr unsigned kPerLcoreCache = 256;

// The first node's have the name alone.
rte_mempool* make_pool(const char* name, bool is_first, int node, std::uint32_t buffers,
                       std::uint16_t frame_size) {
  const std::string whole = is_first ? name : fmt::format("{}-node{}", name, node);
  return rte_pktmbuf_pool_create(whole.c_str(), buffers, kPerLcoreCache, kPacketContextSize,
                                 static_cast<std::uint16_t>(RTE_PKTMBUF_HEADROOM + frame_size),
                                 node);
}
static_assert(RTE_PKTMBUF_HEADROOM + kStandardFrameSize == RTE_MBUF_DEFAULT_BUF_SIZE);

}  // namespace

PacketPools::PacketPools(std::uint32_t buffers, std::uint32_t jumbo_buffers,
                         std::span<const unsigned> nodes) {
  nodes_.resize(std::max<std::size_t>(nodes.size(), 1));
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    Node& made = nodes_[i];
    made.number = nodes.empty() ? SOCKET_ID_ANY : static_cast<int>(nodes[i]);
    made.jumbo_buffers = jumbo_buffers;
    made.standard.reset(make_pool("packets", i == 0, made.number, buffers, kStandardFrameSize));
    if (made.standard == nullptr) {
      throw std::runtime_error(
          fmt::format("can't allocate {} packet buffers{}: {} (more memory: --memory; fewer: "
                      "--packet-buffers)",
                      buffers, nodes.empty() ? "" : fmt::format(" on NUMA node {}", made.number),
                      rte_strerror(rte_errno)));
    }
  }
}

std::size_t PacketPools::index_of(int node) const {
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    if (nodes_[i].number == node) {
      return i;
    }
  }
  return 0;
}

rte_mempool* PacketPools::standard(int node) const {
  return nodes_[index_of(node)].standard.get();
}

rte_mempool* PacketPools::jumbo(int node) {
  const std::size_t index = index_of(node);
  Node& place = nodes_[index];
  if (place.jumbo == nullptr && place.jumbo_buffers > 0) {
    place.jumbo.reset(
        make_pool("jumbo-packets", index == 0, place.number, place.jumbo_buffers, kJumboFrameSize));
    if (place.jumbo == nullptr) {
      spdlog::warn(
          "can't allocate {} packet buffers for jumbo frames: {} (more memory: --memory; fewer: "
          "--jumbo-buffers); packets stay at {} bytes and less",
          place.jumbo_buffers, rte_strerror(rte_errno), kStandardPacket);
      place.jumbo_buffers = 0;
    }
  }
  return place.jumbo.get();
}

int PacketPools::memory_node(int node) const {
  return nodes_[index_of(node)].number == node ? node : SOCKET_ID_ANY;
}

std::vector<PacketPools::OfNode> PacketPools::all() const {
  std::vector<OfNode> all;
  all.reserve(nodes_.size());
  for (const Node& node : nodes_) {
    all.push_back({node.number, node.standard.get(), node.jumbo.get()});
  }
  return all;
}

}  // namespace alkaid
