#include "perf/goal_state_load/packet_probe.hpp"

#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <set>
#include <system_error>

#include <poll.h>
#include <unistd.h>

#include "perf/goal_state_load/workload.hpp"

namespace alkaid::perf {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::uint16_t kSourcePort = 4242;
constexpr std::uint16_t kFirstPacketMark = 9999;
constexpr std::size_t kEthernet = 14;
constexpr std::size_t kIpv4 = 20;
constexpr std::size_t kUdp = 8;
constexpr std::size_t kVxlan = 8;
constexpr std::size_t kInner = kEthernet + kIpv4 + kUdp + kVxlan;
constexpr std::size_t kFrame = 64;
constexpr int kReceiveBuffer = 8 << 20;

std::uint32_t read(const std::uint8_t* bytes, int width) {
  std::uint32_t value = 0;
  for (int i = 0; i < width; ++i) {
    value = value << 8 | bytes[i];
  }
  return value;
}

void write(std::uint8_t* bytes, int width, std::uint32_t value) {
  for (int i = width - 1; i >= 0; --i, value >>= 8) {
    bytes[i] = static_cast<std::uint8_t>(value);
  }
}

std::uint16_t ones_sum(const std::uint8_t* bytes, std::size_t size, std::uint32_t sum) {
  for (std::size_t i = 0; i + 1 < size; i += 2) {
    sum += read(bytes + i, 2);
  }
  while (sum > 0xffff) {
    sum = (sum & 0xffff) + (sum >> 16);
  }
  return static_cast<std::uint16_t>(~sum);
}

int open_socket(const std::string& device, int protocol) {
  const int descriptor = ::socket(AF_PACKET, SOCK_RAW, htons(static_cast<std::uint16_t>(protocol)));
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_protocol = htons(static_cast<std::uint16_t>(protocol));
  address.sll_ifindex = static_cast<int>(::if_nametoindex(device.c_str()));
  if (descriptor < 0 || address.sll_ifindex == 0 ||
      ::bind(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    throw std::system_error(errno, std::generic_category(), "packet socket on " + device);
  }
  ::setsockopt(descriptor, SOL_SOCKET, SO_RCVBUFFORCE, &kReceiveBuffer, sizeof(kReceiveBuffer));
  return descriptor;
}

// A UDP packet from the probe port to a neighbor; the mark is its destination port.
std::array<std::uint8_t, kFrame> frame_to(std::uint32_t number, std::uint16_t mark) {
  std::array<std::uint8_t, kFrame> frame{};
  const Station to = neighbor(number);
  const Station from = probe();
  std::memcpy(&frame[0], &to.mac, 6);
  std::memcpy(&frame[6], &from.mac, 6);
  write(&frame[12], 2, ETHERTYPE_IP);
  std::uint8_t* ip = &frame[kEthernet];
  constexpr auto kIpLength = static_cast<std::uint32_t>(kFrame - kEthernet);
  write(ip, 2, 0x4500);
  write(ip + 2, 2, kIpLength);
  ip[8] = 64;
  ip[9] = 17;
  write(ip + 12, 4, from.ip.host());
  write(ip + 16, 4, to.ip.host());
  write(ip + 10, 2, ones_sum(ip, kIpv4, 0));
  std::uint8_t* udp = ip + kIpv4;
  write(udp, 2, kSourcePort);
  write(udp + 2, 2, mark);
  write(udp + 4, 2, kIpLength - kIpv4);
  // The pseudo header: addresses, protocol, length.
  write(udp + 6, 2, ones_sum(ip + 12, kFrame - kEthernet - 12, 17 + kIpLength - kIpv4));
  return frame;
}

}  // namespace

PacketProbe::PacketProbe(const std::string& guest_device, const std::string& uplink_device)
    : guest_(open_socket(guest_device, 0)), uplink_(open_socket(uplink_device, ETHERTYPE_IP)) {}

PacketProbe::~PacketProbe() {
  ::close(guest_);
  ::close(uplink_);
}

void PacketProbe::send(std::uint32_t neighbor, std::uint16_t mark) {
  const auto frame = frame_to(neighbor, mark);
  if (::send(guest_, frame.data(), frame.size(), 0) < 0) {
    throw std::system_error(errno, std::generic_category(), "sending a packet");
  }
}

template <class Seen>
void PacketProbe::receive(std::chrono::microseconds timeout, const Seen& seen) {
  const auto deadline = Clock::now() + timeout;
  std::array<std::uint8_t, 2048> frame{};
  do {
    const auto left = std::max(deadline - Clock::now(), Clock::duration::zero());
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(left);
    const timespec wait{seconds.count(), (left - seconds).count()};
    pollfd ready{uplink_, POLLIN, 0};
    if (::ppoll(&ready, 1, &wait, nullptr) <= 0) {
      return;
    }
    const auto size = ::recv(uplink_, frame.data(), frame.size(), MSG_DONTWAIT);
    if (size < static_cast<ssize_t>(kInner + kFrame) || frame[kEthernet + 9] != 17) {
      continue;
    }
    const std::uint8_t* outer = &frame[kEthernet];
    const std::uint8_t* inner = &frame[kInner];
    const std::uint8_t* udp = inner + kEthernet + kIpv4;
    if (read(udp, 2) == kSourcePort && read(outer + kIpv4 + kUdp + 4, 3) == kVni) {
      seen(static_cast<std::uint16_t>(read(udp + 2, 2)), Ipv4Address{read(outer + 16, 4)}, inner);
    }
  } while (Clock::now() < deadline);
}

std::vector<std::uint32_t> PacketProbe::carried(const std::vector<std::uint32_t>& neighbors) {
  constexpr std::uint16_t kFirstMark = 10000;
  constexpr std::chrono::seconds kLongestWait{20};  // sent once; busy machines take their time
  constexpr std::chrono::milliseconds kStep{5};
  // Slices that fit into any device's ring.
  constexpr std::size_t kBurst = 32;
  std::set<std::uint32_t> arrived;
  std::size_t marked = 0;
  const auto note = [&](std::uint16_t mark, const Ipv4Address& outer, const std::uint8_t* inner) {
    const std::size_t which = static_cast<std::size_t>(mark) - kFirstMark;
    if (which >= neighbors.size()) {
      return;
    }
    const std::uint32_t number = neighbors[which];
    const auto expected = frame_to(number, mark);
    if (outer == vtep_of(number) && std::memcmp(inner, expected.data(), expected.size()) == 0) {
      arrived.insert(number);
    }
  };
  while (marked < neighbors.size()) {
    for (std::size_t i = 0; i < kBurst && marked < neighbors.size(); ++i, ++marked) {
      send(neighbors[marked], static_cast<std::uint16_t>(kFirstMark + marked));
    }
    receive(std::chrono::milliseconds{1}, note);
  }
  const auto deadline = Clock::now() + kLongestWait;
  while (arrived.size() < neighbors.size() && Clock::now() < deadline) {
    receive(kStep, note);
  }
  return {arrived.begin(), arrived.end()};
}

std::vector<PacketProbe::FirstPacket> PacketProbe::time_first_packets(std::uint32_t first,
                                                                      std::uint32_t count) {
  constexpr std::uint16_t kMark = 9998;
  constexpr std::chrono::seconds kLongestSilence{4};
  constexpr std::chrono::milliseconds kStep{5};
  // Slices that fit into any device's ring, and the pause between them.
  constexpr std::uint32_t kBurst = 32;
  constexpr std::chrono::microseconds kPause{200};
  std::vector<FirstPacket> packets(count);
  std::uint32_t arrived = 0;
  auto last = Clock::now();
  const std::uint32_t zero = neighbor(0).ip.host();
  const auto note = [&](std::uint16_t mark, const Ipv4Address& outer, const std::uint8_t* inner) {
    const std::uint32_t number = read(inner + kEthernet + 16, 4) - zero;
    if (mark != kMark || number < first || number - first >= count || outer != vtep_of(number)) {
      return;
    }
    FirstPacket& packet = packets[number - first];
    if (packet.received == Clock::time_point{}) {
      packet.received = last = Clock::now();
      ++arrived;
    }
  };
  for (std::uint32_t i = 0; i < count; ++i) {
    packets[i].sent = Clock::now();
    send(first + i, kMark);
    if (i % kBurst == kBurst - 1) {
      receive(kPause, note);
    }
  }
  last = Clock::now();
  while (arrived < count && Clock::now() - last < kLongestSilence) {
    receive(kStep, note);
  }
  return packets;
}

bool PacketProbe::wait_for(std::uint32_t neighbor, bool sends, std::chrono::milliseconds timeout) {
  constexpr std::chrono::microseconds kInterval{200};
  const auto deadline = Clock::now() + timeout;
  bool has_left = false;
  while (!has_left && Clock::now() < deadline) {
    if (sends) {
      send(neighbor, kFirstPacketMark);
    }
    receive(kInterval, [&](std::uint16_t mark, const Ipv4Address& outer, const std::uint8_t*) {
      has_left = has_left || (mark == kFirstPacketMark && outer == vtep_of(neighbor));
    });
  }
  return has_left;
}

void PacketProbe::write_capture(const std::string& path, std::uint32_t neighbor) {
  const auto frame = frame_to(neighbor, kFirstPacketMark);
  // https://www.tcpdump.org/manpages/pcap-savefile.5.txt, in this machine's byte order
  constexpr std::array<std::uint32_t, 6> kFile = {0xa1b2c3d4, 4U << 16 | 2, 0, 0, 65535, 1};
  constexpr std::array<std::uint32_t, 4> kPacket = {0, 0, kFrame, kFrame};
  std::ofstream file{path, std::ios::binary};
  file.write(reinterpret_cast<const char*>(kFile.data()), sizeof(kFile));
  file.write(reinterpret_cast<const char*>(kPacket.data()), sizeof(kPacket));
  file.write(reinterpret_cast<const char*>(frame.data()), frame.size());
  if (!file.flush()) {
    throw std::system_error(errno, std::generic_category(), "writing " + path);
  }
}

}  // namespace alkaid::perf
