// Packet sockets whose rings are there before a port needs them.
#pragma once

#include <linux/if_packet.h>

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

namespace alkaid {

// What a packet socket is before it is bound: options of one integer each, in the order in which
// they were set, and the rings of both directions.
struct PacketSocketShape {
  std::vector<std::pair<int, int>> options;  // of SOL_PACKET: name and value
  tpacket_req ring{};

  bool operator==(const PacketSocketShape& other) const;
  [[nodiscard]] std::size_t bytes() const;
};

// Of no protocol, so that it receives nothing before it is bound. -1 with errno.
int make_packet_socket();

// For each of its rings the kernel waits for who may be using the socket (packet(7):
// PACKET_RX_RING; synchronize_net(), some 10 ms each), also if nobody can. So whoever needs a
// socket says so, gets one that was made for it before, if there is any, and a thread makes another
// one for the next port.
class SparePacketSockets {
 public:
  // Of what stands ready, together: the rings of two devices.
  static constexpr std::size_t kMostBytes = std::size_t{16} << 20;

  SparePacketSockets() = default;
  ~SparePacketSockets();
  SparePacketSockets(const SparePacketSockets&) = delete;
  SparePacketSockets& operator=(const SparePacketSockets&) = delete;

  // The caller's; nullopt if none is ready. Any thread; doesn't wait for the kernel.
  std::optional<int> take(const PacketSocketShape& shape);

 private:
  struct Spare {
    PacketSocketShape shape;
    int socket = -1;
  };

  void run();
  // -1: the kernel refuses.
  static int make(const PacketSocketShape& shape);

  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  std::deque<PacketSocketShape> wanted_;
  std::deque<Spare> ready_;
  std::size_t bytes_ = 0;  // of wanted and ready ones
  std::thread thread_;     // started with the first one that is wanted
};

}  // namespace alkaid
