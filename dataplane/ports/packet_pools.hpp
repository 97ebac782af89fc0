// Where packets live: buffers of 2 KiB, and larger ones for devices whose MTU needs them.
#pragma once

#include <cstdint>
#include <memory>

#include <rte_mempool.h>

namespace alkaid {

// Largest IP packets that drivers can hand over in one buffer of each pool: of the frames that they
// share with the kernel, its header and alignment take 66 bytes and Ethernet with a VLAN tag 18.
inline constexpr std::uint16_t kStandardFrameSize = 2048;
inline constexpr std::uint16_t kStandardPacket = kStandardFrameSize - 66 - 18;  // 1,964
inline constexpr std::uint16_t kJumboFrameSize = 10240;
inline constexpr std::uint16_t kJumboPacket = kJumboFrameSize - 66 - 18;  // 10,156

// Control thread; buffers may be freed by any thread while the pools live.
class PacketPools {
 public:
  // Throws std::runtime_error with a text that names the flag. jumbo_buffers: how many jumbo() has.
  PacketPools(std::uint32_t buffers, std::uint32_t jumbo_buffers);

  [[nodiscard]] rte_mempool* standard() const { return standard_.get(); }
  // Made when it is first asked for: hosts without jumbo frames don't pay for it. nullptr if there
  // is no memory for it or it has no buffers.
  rte_mempool* jumbo();
  // nullptr unless jumbo() has made it.
  [[nodiscard]] rte_mempool* existing_jumbo() const { return jumbo_.get(); }

 private:
  struct Deleter {
    void operator()(rte_mempool* pool) const { rte_mempool_free(pool); }
  };

  std::unique_ptr<rte_mempool, Deleter> standard_;
  std::unique_ptr<rte_mempool, Deleter> jumbo_;
  std::uint32_t jumbo_buffers_;  // 0: none, or it has been tried in vain
};

}  // namespace alkaid
