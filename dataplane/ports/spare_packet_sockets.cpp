#include "dataplane/ports/spare_packet_sockets.hpp"

#include <sys/socket.h>
#include <sys/syscall.h>

#include <algorithm>
#include <chrono>

#include <unistd.h>

namespace alkaid {
namespace {

// The port that asked goes first: to make rings is to clear megabytes.
constexpr std::chrono::milliseconds kAfterPort{100};

// Past the C library's functions, which are ours (packet_driver_calls.cpp).
bool set_option(int socket, int name, const void* value, socklen_t length) {
  return ::syscall(SYS_setsockopt, socket, SOL_PACKET, name, value, length) == 0;
}

}  // namespace

bool PacketSocketShape::operator==(const PacketSocketShape& other) const {
  return options == other.options && ring.tp_block_size == other.ring.tp_block_size &&
         ring.tp_block_nr == other.ring.tp_block_nr &&
         ring.tp_frame_size == other.ring.tp_frame_size &&
         ring.tp_frame_nr == other.ring.tp_frame_nr;
}

std::size_t PacketSocketShape::bytes() const {
  return std::size_t{2} * ring.tp_block_size * ring.tp_block_nr;
}

int make_packet_socket() {
  return static_cast<int>(::syscall(SYS_socket, AF_PACKET, SOCK_RAW, 0));
}

SparePacketSockets::~SparePacketSockets() {
  {
    const std::lock_guard lock{mutex_};
    stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) {
    thread_.join();
  }
  for (const Spare& spare : ready_) {
    ::close(spare.socket);
  }
}

std::optional<int> SparePacketSockets::take(const PacketSocketShape& shape) {
  const std::lock_guard lock{mutex_};
  std::optional<int> taken;
  const auto found = std::find_if(ready_.begin(), ready_.end(),
                                  [&](const Spare& spare) { return spare.shape == shape; });
  if (found != ready_.end()) {
    taken = found->socket;
    bytes_ -= shape.bytes();
    ready_.erase(found);
  }
  if (bytes_ + shape.bytes() <= kMostBytes) {
    bytes_ += shape.bytes();
    wanted_.push_back(shape);
    if (!thread_.joinable()) {
      thread_ = std::thread{[this] { run(); }};
    }
    wake_.notify_one();
  }
  return taken;
}

void SparePacketSockets::run() {
  std::unique_lock lock{mutex_};
  while (true) {
    wake_.wait(lock, [this] { return stopping_ || !wanted_.empty(); });
    if (wake_.wait_for(lock, kAfterPort, [this] { return stopping_; })) {
      return;
    }
    PacketSocketShape shape = std::move(wanted_.front());
    wanted_.pop_front();
    lock.unlock();
    const int made = make(shape);
    lock.lock();
    if (made >= 0) {
      ready_.push_back({std::move(shape), made});
    } else {
      bytes_ -= shape.bytes();  // the next port's own attempt says what is wrong
    }
  }
}

int SparePacketSockets::make(const PacketSocketShape& shape) {
  const int made = make_packet_socket();
  if (made < 0) {
    return -1;
  }
  bool is_made = true;
  for (const auto& [name, value] : shape.options) {
    is_made = is_made && set_option(made, name, &value, sizeof(value));
  }
  for (const int ring : {PACKET_RX_RING, PACKET_TX_RING}) {
    is_made = is_made && set_option(made, ring, &shape.ring, sizeof(shape.ring));
  }
  if (!is_made) {
    ::close(made);
    return -1;
  }
  return made;
}

}  // namespace alkaid
