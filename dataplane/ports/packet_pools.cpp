#include "dataplane/ports/packet_pools.hpp"

#include <stdexcept>

#include <fmt/format.h>
#include <rte_errno.h>
#include <rte_mbuf.h>
#include <spdlog/spdlog.h>

#include "dataplane/graph/packet_context.hpp"

namespace alkaid {
namespace {

constexpr unsigned kPerLcoreCache = 256;

rte_mempool* make_pool(const char* name, std::uint32_t buffers, std::uint16_t frame_size) {
  return rte_pktmbuf_pool_create(name, buffers, kPerLcoreCache, kPacketContextSize,
                                 static_cast<std::uint16_t>(RTE_PKTMBUF_HEADROOM + frame_size),
                                 SOCKET_ID_ANY);
}
static_assert(RTE_PKTMBUF_HEADROOM + kStandardFrameSize == RTE_MBUF_DEFAULT_BUF_SIZE);

}  // namespace

PacketPools::PacketPools(std::uint32_t buffers, std::uint32_t jumbo_buffers)
    : standard_(make_pool("packets", buffers, kStandardFrameSize)), jumbo_buffers_(jumbo_buffers) {
  if (standard_ == nullptr) {
    throw std::runtime_error(
        fmt::format("can't allocate {} packet buffers: {} (more memory: --memory; fewer: "
                    "--packet-buffers)",
                    buffers, rte_strerror(rte_errno)));
  }
}

rte_mempool* PacketPools::jumbo() {
  if (jumbo_ == nullptr && jumbo_buffers_ > 0) {
    jumbo_.reset(make_pool("jumbo-packets", jumbo_buffers_, kJumboFrameSize));
    if (jumbo_ == nullptr) {
      spdlog::warn(
          "can't allocate {} packet buffers for jumbo frames: {} (more memory: --memory; fewer: "
          "--jumbo-buffers); packets stay at {} bytes and less",
          jumbo_buffers_, rte_strerror(rte_errno), kStandardPacket);
      jumbo_buffers_ = 0;
    }
  }
  return jumbo_.get();
}

}  // namespace alkaid
