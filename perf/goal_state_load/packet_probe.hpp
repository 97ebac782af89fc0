// Sends packets of the probe port to neighbors and sees whether they leave in the right tunnels.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace alkaid::perf {

// Two packet sockets: one on the guest's end of its device, one behind the uplink. Throws
// std::system_error.
class PacketProbe {
 public:
  PacketProbe(const std::string& guest_device, const std::string& uplink_device);
  ~PacketProbe();
  PacketProbe(const PacketProbe&) = delete;
  PacketProbe& operator=(const PacketProbe&) = delete;

  // Sends one packet to each of these neighbors, once. Returns those whose packet left as it must:
  // to the neighbor's VTEP, with the subnet's VNI, the inner frame addressed to the neighbor.
  std::vector<std::uint32_t> carried(const std::vector<std::uint32_t>& neighbors);

  // When one packet to a neighbor was sent, and when it left as it must; unset: it did not.
  struct FirstPacket {
    std::chrono::steady_clock::time_point sent;
    std::chrono::steady_clock::time_point received;
  };
  // Sends one packet to each of the neighbors [first, first + count), as fast as the device takes
  // them, and waits until all have left or none did for a while.
  std::vector<FirstPacket> time_first_packets(std::uint32_t first, std::uint32_t count);

  // Sends to one neighbor every so often until a packet left; false if none did in time. Unless
  // `sends`, somebody else sends the packets of write_capture().
  bool wait_for(std::uint32_t neighbor, bool sends, std::chrono::milliseconds timeout);

  // A capture file of one packet to a neighbor.
  static void write_capture(const std::string& path, std::uint32_t neighbor);

 private:
  void send(std::uint32_t neighbor, std::uint16_t mark);
  // Calls seen(mark, outer destination, inner frame) for each packet of ours that leaves in that
  // time.
  template <class Seen>
  void receive(std::chrono::microseconds timeout, const Seen& seen);

  int guest_ = -1;
  int uplink_ = -1;
};

}  // namespace alkaid::perf
