// Where packets live: buffers of 2 KiB, and larger ones for devices whose MTU needs them.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include <rte_memory.h>
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
  // The pools of a NUMA node.
  struct OfNode {
    int node = SOCKET_ID_ANY;
    rte_mempool* standard = nullptr;
    rte_mempool* jumbo = nullptr;  // unless jumbo() has made it
  };

  // nodes: which NUMA nodes have pools of their own, with as many buffers each; those of the first
  // one also serve devices elsewhere. None: there is one pool, wherever EAL finds memory for it.
  // jumbo_buffers: how many a jumbo() has.
  // Throws std::runtime_error with a text that names the flag.
  PacketPools(std::uint32_t buffers, std::uint32_t jumbo_buffers, std::span<const unsigned> nodes);

  // Of a device on this node, or of whoever knows none.
  [[nodiscard]] rte_mempool* standard(int node = SOCKET_ID_ANY) const;
  // Made when it is first asked for: hosts without jumbo frames don't pay for it. nullptr if there
  // is no memory for it or it has no buffers.
  rte_mempool* jumbo(int node = SOCKET_ID_ANY);
  // Where the rings of a device on this node are to be: SOCKET_ID_ANY unless the node has pools.
  [[nodiscard]] int memory_node(int node) const;
  // In the order of the nodes; at least one.
  [[nodiscard]] std::vector<OfNode> all() const;

 private:
  struct Deleter {
    void operator()(rte_mempool* pool) const { rte_mempool_free(pool); }
  };
  using Pool = std::unique_ptr<rte_mempool, Deleter>;
  struct Node {
    int number = SOCKET_ID_ANY;
    Pool standard;
    Pool jumbo;
    std::uint32_t jumbo_buffers = 0;  // 0: none, or it has been tried in vain
  };

  [[nodiscard]] std::size_t index_of(int node) const;

  std::vector<Node> nodes_;
};

}  // namespace alkaid
