#include "dataplane/xdp/xdp_socket.hpp"

#include <sys/mman.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>

#include <fmt/format.h>
#include <rte_cycles.h>
#include <rte_memcpy.h>

namespace alkaid {
namespace {

constexpr std::size_t kMemorySize =
    std::size_t{kXdpFrameSize} * (kXdpReceiveFrames + kXdpSendFrames);
// 50 us: a device that takes nothing must not cost its worker a system call in every walk.
constexpr std::uint64_t kKicksPerSecond = 20'000;
// The kernel lets go of a queue a moment after the last socket on it was closed.
constexpr int kMostAttempts = 40;
constexpr std::chrono::milliseconds kRetryBusyQueue{5};

void copy_out(const rte_mbuf* packet, std::uint8_t* to) {
  for (; packet != nullptr; packet = packet->next) {
    rte_memcpy(to, rte_pktmbuf_mtod(packet, const void*), packet->data_len);
    to += packet->data_len;
  }
}

}  // namespace

std::unique_ptr<XdpSocket> XdpSocket::open(const std::string& device, std::uint32_t queue,
                                           rte_mempool* pool, std::string& error) {
  for (int attempt = 1;; ++attempt) {
    std::unique_ptr<XdpSocket> socket{new XdpSocket{pool}};
    const int failure = socket->start(device, queue, error);
    if (failure == 0) {
      return socket;
    }
    if (failure != EBUSY || attempt == kMostAttempts) {
      return nullptr;
    }
    std::this_thread::sleep_for(kRetryBusyQueue);
  }
}

int XdpSocket::start(const std::string& device, std::uint32_t queue, std::string& error) {
  void* memory = ::mmap(nullptr, kMemorySize, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  if (memory == MAP_FAILED) {
    error = fmt::format("no memory for AF_XDP's frames: {}", std::strerror(errno));
    return ENOMEM;
  }
  memory_ = static_cast<std::uint8_t*>(memory);
  // Twice as many places as frames: the kernel publishes a frame before it lets go of the frame's
  // place here, so that as many frames as there are may seem to be here still.
  const xsk_umem_config memory_settings{.fill_size = 2 * kXdpReceiveFrames,
                                        .comp_size = kXdpSendFrames,
                                        .frame_size = kXdpFrameSize,
                                        .frame_headroom = 0,
                                        .flags = 0};
  int failure =
      xsk_umem__create(&umem_, memory_, kMemorySize, &fill_, &completion_, &memory_settings);
  if (failure != 0) {
    error =
        fmt::format("can't share memory with the kernel for AF_XDP: {}", std::strerror(-failure));
    return -failure;
  }
  xsk_socket_config settings{};
  settings.rx_size = kXdpReceiveFrames;
  settings.tx_size = kXdpSendFrames;
  settings.libxdp_flags = XSK_LIBXDP_FLAGS__INHIBIT_PROG_LOAD;
  settings.bind_flags = XDP_COPY;
  failure =
      xsk_socket__create(&socket_, device.c_str(), queue, umem_, &receive_, &send_, &settings);
  if (failure != 0) {
    error = fmt::format("can't open an AF_XDP socket on receive queue {}: {}", queue,
                        std::strerror(-failure));
    return -failure;
  }
  std::uint32_t first = 0;
  xsk_ring_prod__reserve(&fill_, kXdpReceiveFrames, &first);
  for (std::uint32_t i = 0; i < kXdpReceiveFrames; ++i) {
    *xsk_ring_prod__fill_addr(&fill_, first + i) = std::uint64_t{i} * kXdpFrameSize;
  }
  xsk_ring_prod__submit(&fill_, kXdpReceiveFrames);
  for (std::uint32_t i = 0; i < kXdpSendFrames; ++i) {
    free_[i] = std::uint64_t{kXdpReceiveFrames + i} * kXdpFrameSize;
  }
  free_count_ = kXdpSendFrames;
  return 0;
}

XdpSocket::~XdpSocket() {
  if (socket_ != nullptr) {
    xsk_socket__delete(socket_);
  }
  if (umem_ != nullptr) {
    xsk_umem__delete(umem_);
  }
  if (memory_ != nullptr) {
    ::munmap(memory_, kMemorySize);
  }
}

std::uint16_t XdpSocket::receive(rte_mbuf** packets, std::uint16_t count) {
  if (is_stalled_.load(std::memory_order_relaxed)) [[unlikely]] {
    kick_again();
  }
  std::uint32_t from = 0;
  const std::uint32_t waiting = xsk_ring_cons__peek(&receive_, count, &from);
  if (waiting == 0) {
    return 0;
  }
  std::uint32_t to = 0;
  if (xsk_prod_nb_free(&fill_, waiting) < waiting ||
      rte_pktmbuf_alloc_bulk(pool_, packets, waiting) != 0) [[unlikely]] {
    // They wait in the ring; what finds it full the kernel counts.
    xsk_ring_cons__cancel(&receive_, waiting);
    return 0;
  }
  xsk_ring_prod__reserve(&fill_, waiting, &to);
  std::uint16_t received = 0;
  for (std::uint32_t i = 0; i < waiting; ++i) {
    const xdp_desc* frame = xsk_ring_cons__rx_desc(&receive_, from + i);
    rte_mbuf* packet = packets[i];
    if (frame->len > rte_pktmbuf_tailroom(packet)) [[unlikely]] {
      rte_pktmbuf_free(packet);
      too_long_received_.add(1);
    } else {
      rte_memcpy(rte_pktmbuf_mtod(packet, void*), memory_ + frame->addr, frame->len);
      packet->data_len = static_cast<std::uint16_t>(frame->len);
      packet->pkt_len = frame->len;
      packets[received++] = packet;
    }
    *xsk_ring_prod__fill_addr(&fill_, to + i) = frame->addr & ~std::uint64_t{kXdpFrameSize - 1};
  }
  xsk_ring_prod__submit(&fill_, waiting);
  xsk_ring_cons__release(&receive_, waiting);
  return received;
}

void XdpSocket::reap_sent() {
  std::uint32_t from = 0;
  const std::uint32_t sent = xsk_ring_cons__peek(&completion_, kXdpSendFrames, &from);
  for (std::uint32_t i = 0; i < sent; ++i) {
    free_[free_count_++] = *xsk_ring_cons__comp_addr(&completion_, from + i);
  }
  xsk_ring_cons__release(&completion_, sent);
}

void XdpSocket::kick_again() {
  const std::uint64_t now = rte_rdtsc();
  if (now - last_kick_ >= rte_get_tsc_hz() / kKicksPerSecond) {
    last_kick_ = now;
    kick(1);
  }
}

void XdpSocket::kick(int most) {
  for (int i = 0; i < most; ++i) {
    // Before the call: another worker may be kicking, and what it finds out must stand.
    is_stalled_.store(false, std::memory_order_relaxed);
    if (::sendto(descriptor(), nullptr, 0, MSG_DONTWAIT, nullptr, 0) >= 0) {
      return;
    }
    // Otherwise the link is down, and what waits goes with the first packet after that.
    if (errno != EAGAIN && errno != EBUSY && errno != ENOBUFS) {
      return;
    }
    is_stalled_.store(true, std::memory_order_relaxed);
  }
}

std::uint16_t XdpSocket::send(rte_mbuf** packets, std::uint16_t count) {
  reap_sent();
  std::uint32_t taken = std::min<std::uint32_t>(count, free_count_);
  std::uint32_t fitting = 0;
  for (std::uint32_t i = 0; i < taken; ++i) {
    fitting += packets[i]->pkt_len <= kXdpLongestFrame ? 1 : 0;
  }
  std::uint32_t to = 0;
  if (xsk_ring_prod__reserve(&send_, fitting, &to) != fitting) [[unlikely]] {
    kick();  // the kernel hasn't let go of the places: it may have stopped in the middle
    return 0;
  }
  for (std::uint32_t i = 0; i < taken; ++i) {
    if (packets[i]->pkt_len > kXdpLongestFrame) [[unlikely]] {
      too_long_sent_.add(1);
      continue;
    }
    xdp_desc* frame = xsk_ring_prod__tx_desc(&send_, to++);
    *frame = {.addr = free_[--free_count_], .len = packets[i]->pkt_len, .options = 0};
    copy_out(packets[i], memory_ + frame->addr);
  }
  xsk_ring_prod__submit(&send_, fitting);
  rte_pktmbuf_free_bulk(packets, taken);
  kick();
  return static_cast<std::uint16_t>(taken);
}

std::uint64_t XdpSocket::lost() const {
  std::uint64_t lost = too_long_received_.read() + too_long_sent_.read();
  xdp_statistics statistics{};
  socklen_t length = sizeof(statistics);
  if (::getsockopt(descriptor(), SOL_XDP, XDP_STATISTICS, &statistics, &length) == 0) {
    lost += statistics.rx_dropped + statistics.rx_ring_full;
  }
  return lost;
}

}  // namespace alkaid
