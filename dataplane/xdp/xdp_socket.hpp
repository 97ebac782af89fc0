// One AF_XDP socket: one receive queue of a kernel device, and one way to send by it.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include <rte_mbuf.h>
#include <xdp/xsk.h>

#include "dataplane/worker/counter.hpp"

namespace alkaid {

// Frames that are shared with the kernel, a page each: of one, 256 bytes are the kernel's.
inline constexpr std::uint32_t kXdpFrameSize = 4096;
inline constexpr std::uint32_t kXdpReceiveFrames = 1024;
inline constexpr std::uint32_t kXdpSendFrames = 512;
// Ethernet frames, at most.
inline constexpr std::uint32_t kXdpLongestFrame = kXdpFrameSize - 256;

// Opened and closed by the control thread; one worker receives by it, one (it may be another)
// sends. The kernel copies (XDP_COPY): works with every driver, needs nothing of it.
class XdpSocket {
 public:
  // nullptr with a text if the kernel refuses.
  static std::unique_ptr<XdpSocket> open(const std::string& device, std::uint32_t queue,
                                         rte_mempool* pool, std::string& error);
  ~XdpSocket();
  XdpSocket(const XdpSocket&) = delete;
  XdpSocket& operator=(const XdpSocket&) = delete;

  [[nodiscard]] int descriptor() const { return xsk_socket__fd(socket_); }

  // ---- the worker that receives, the worker that sends
  std::uint16_t receive(rte_mbuf** packets, std::uint16_t count);
  // Returns how many were taken; these are freed, the others stay the caller's. Longer frames than
  // fit are taken too, and counted as lost.
  std::uint16_t send(rte_mbuf** packets, std::uint16_t count);

  // ---- control thread
  // Frames that never reached us since it was opened: no room in the rings, or too long.
  [[nodiscard]] std::uint64_t lost() const;

 private:
  explicit XdpSocket(rte_mempool* pool) : pool_(pool) {}
  // 0, or an error number with a text.
  int start(const std::string& device, std::uint32_t queue, std::string& error);
  void reap_sent();
  // Has the kernel look at what is to be sent: 32 frames at a call, up to `most` calls.
  void kick(int most = 4);
  // The same once, unless it was tried a moment ago.
  void kick_again();

  rte_mempool* const pool_;
  std::uint8_t* memory_ = nullptr;
  xsk_umem* umem_ = nullptr;
  xsk_socket* socket_ = nullptr;
  xsk_ring_prod fill_{};
  xsk_ring_cons completion_{};
  xsk_ring_cons receive_{};
  xsk_ring_prod send_{};
  std::array<std::uint64_t, kXdpSendFrames> free_{};  // where frames to be sent can be
  std::uint32_t free_count_ = 0;
  // The kernel has not yet taken all that is to be sent.
  std::atomic<bool> is_stalled_{false};
  std::uint64_t last_kick_ = 0;  // TSC; the receiving worker's
  Counter too_long_received_;
  Counter too_long_sent_;
};

}  // namespace alkaid
