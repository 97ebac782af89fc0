// Packets in buffers of exactly their size, for targets that work on mbufs.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <rte_eal.h>
#include <rte_mbuf.h>

#include "tests/fuzz/require.hpp"
#include "tests/support/exact_copy.hpp"

namespace alkaid::fuzz {

inline constexpr unsigned kBuffers = 511;

// The target's only one.
inline rte_mempool* pool() {
  static rte_mempool* const made = [] {
    std::vector<std::string> arguments{"fuzz", "--no-huge", "--no-shconf",    "--no-pci",
                                       "-m",   "64",        "--no-telemetry", "--log-level=1"};
    std::vector<char*> pointers;
    pointers.reserve(arguments.size());
    for (auto& argument : arguments) {
      pointers.push_back(argument.data());
    }
    ALKAID_REQUIRE(rte_eal_init(static_cast<int>(pointers.size()), pointers.data()) >= 0);
    return rte_pktmbuf_pool_create("fuzz", kBuffers, 0, 0, RTE_PKTMBUF_HEADROOM + 2048,
                                   SOCKET_ID_ANY);
  }();
  ALKAID_REQUIRE(made != nullptr);
  return made;
}

// A packet whose buffers are blocks of exactly their size, which it owns.
class ExactPacket {
 public:
  ExactPacket(std::span<const std::uint8_t> bytes, std::size_t piece_size) {
    for (std::size_t done = 0; done < bytes.size() || head_ == nullptr;) {
      const std::size_t size = std::min(piece_size, bytes.size() - done);
      blocks_.emplace_back(bytes.subspan(done, size));
      add(blocks_.back().bytes());
      done += size;
    }
  }
  ~ExactPacket() { rte_pktmbuf_free(head_); }
  ExactPacket(const ExactPacket&) = delete;
  ExactPacket& operator=(const ExactPacket&) = delete;

  [[nodiscard]] rte_mbuf* mbuf() const { return head_; }
  // The caller frees it, while this lives.
  [[nodiscard]] rte_mbuf* take() { return std::exchange(head_, nullptr); }

 private:
  void add(std::span<std::uint8_t> block) {
    rte_mbuf* piece = rte_pktmbuf_alloc(pool());
    ALKAID_REQUIRE(piece != nullptr);
    // More users than there are: the block stays ours.
    rte_mbuf_ext_refcnt_set(&shared_, kBuffers + 1);
    shared_.free_cb = [](void*, void*) {};
    rte_pktmbuf_attach_extbuf(piece, block.data(), 0, static_cast<std::uint16_t>(block.size()),
                              &shared_);
    piece->data_len = static_cast<std::uint16_t>(block.size());
    piece->pkt_len = piece->data_len;
    if (head_ == nullptr) {
      head_ = piece;
    } else {
      ALKAID_REQUIRE(rte_pktmbuf_chain(head_, piece) == 0);
    }
  }

  std::deque<test::ExactCopy> blocks_;
  rte_mbuf_ext_shared_info shared_{};
  rte_mbuf* head_ = nullptr;
};

}  // namespace alkaid::fuzz
