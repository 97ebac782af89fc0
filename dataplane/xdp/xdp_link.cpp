#include "dataplane/xdp/xdp_link.hpp"

#include <linux/ethtool.h>
#include <linux/if_packet.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include <unistd.h>

namespace alkaid {

std::optional<XdpLink> look_at_link(const std::string& device) {
  const int socket = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (socket < 0) {
    return std::nullopt;
  }
  XdpLink link;
  ifreq request{};
  std::strncpy(request.ifr_name, device.c_str(), sizeof(request.ifr_name) - 1);
  const bool is_there = ::ioctl(socket, SIOCGIFHWADDR, &request) == 0;
  if (is_there) {
    std::array<std::uint8_t, 6> bytes{};
    std::memcpy(bytes.data(), request.ifr_hwaddr.sa_data, bytes.size());
    link.mac = MacAddress{bytes};
  }
  // Drivers that can't tell have one.
  ethtool_channels channels{};
  channels.cmd = ETHTOOL_GCHANNELS;
  request.ifr_data = reinterpret_cast<char*>(&channels);
  if (is_there && ::ioctl(socket, SIOCETHTOOL, &request) == 0) {
    link.receive_queues = std::max(1U, channels.rx_count + channels.combined_count);
    link.transmit_queues = std::max(1U, channels.tx_count + channels.combined_count);
  }
  ::close(socket);
  return is_there ? std::optional{link} : std::nullopt;
}

PacketMembership::PacketMembership(unsigned device_index, Frames frames)
    // Protocol 0: it receives nothing itself.
    : socket_(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0)) {
  packet_mreq membership{};
  membership.mr_ifindex = static_cast<int>(device_index);
  membership.mr_type = frames == Frames::kAll ? PACKET_MR_PROMISC : PACKET_MR_ALLMULTI;
  if (socket_ >= 0 && ::setsockopt(socket_, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &membership,
                                   sizeof(membership)) != 0) {
    ::close(socket_);
    socket_ = -1;
  }
}

PacketMembership::PacketMembership(PacketMembership&& other) noexcept
    : socket_(std::exchange(other.socket_, -1)) {}

PacketMembership& PacketMembership::operator=(PacketMembership&& other) noexcept {
  std::swap(socket_, other.socket_);
  return *this;
}

PacketMembership::~PacketMembership() {
  if (socket_ >= 0) {
    ::close(socket_);
  }
}

}  // namespace alkaid
