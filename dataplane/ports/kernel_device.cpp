#include "dataplane/ports/kernel_device.hpp"

#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <vector>

#include <fmt/format.h>
#include <unistd.h>

namespace alkaid {
namespace {

class Socket {
 public:
  Socket(int domain, int type, int protocol)
      : descriptor_(::socket(domain, type | SOCK_CLOEXEC, protocol)) {}
  ~Socket() {
    if (descriptor_ >= 0) {
      ::close(descriptor_);
    }
  }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  [[nodiscard]] int get() const { return descriptor_; }

 private:
  int descriptor_;
};

// An RTM_*LINK request under construction.
class LinkRequest {
 public:
  LinkRequest(std::uint16_t type, int index) {
    header().nlmsg_len = NLMSG_LENGTH(sizeof(ifinfomsg));
    header().nlmsg_type = type;
    header().nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
    header().nlmsg_seq = 1;
    auto* information = static_cast<ifinfomsg*>(NLMSG_DATA(&header()));
    information->ifi_family = AF_UNSPEC;
    information->ifi_index = index;
  }

  void add(std::uint16_t type, std::uint32_t value) {
    auto* attribute = reinterpret_cast<rtattr*>(buffer_.data() + NLMSG_ALIGN(header().nlmsg_len));
    attribute->rta_type = type;
    attribute->rta_len = RTA_LENGTH(sizeof(value));
    std::memcpy(RTA_DATA(attribute), &value, sizeof(value));
    header().nlmsg_len =
        NLMSG_ALIGN(header().nlmsg_len) + static_cast<std::uint32_t>(RTA_LENGTH(sizeof(value)));
  }

  [[nodiscard]] nlmsghdr& header() { return *reinterpret_cast<nlmsghdr*>(buffer_.data()); }

 private:
  alignas(nlmsghdr) std::array<char, 256> buffer_{};
};

// Sends a request and returns the answers up to its acknowledgement; 0 or an errno.
int exchange(const Socket& socket, LinkRequest& request, std::vector<char>& reply) {
  if (::send(socket.get(), &request.header(), request.header().nlmsg_len, 0) < 0) {
    return errno;
  }
  while (true) {
    reply.resize(65536);
    const ssize_t length = ::recv(socket.get(), reply.data(), reply.size(), 0);
    if (length < 0) {
      return errno;
    }
    reply.resize(static_cast<std::size_t>(length));
    const auto* message = reinterpret_cast<const nlmsghdr*>(reply.data());
    if (reply.size() < sizeof(nlmsghdr)) {
      return EPROTO;
    }
    if (message->nlmsg_type == NLMSG_ERROR) {
      return -static_cast<const nlmsgerr*>(NLMSG_DATA(message))->error;
    }
    if (message->nlmsg_type == RTM_NEWLINK) {
      return 0;
    }
  }
}

std::optional<std::uint32_t> attribute_of(const std::vector<char>& reply, std::uint16_t type) {
  const auto* message = reinterpret_cast<const nlmsghdr*>(reply.data());
  if (!NLMSG_OK(message, reply.size())) {
    return std::nullopt;
  }
  auto left = static_cast<int>(message->nlmsg_len - NLMSG_LENGTH(sizeof(ifinfomsg)));
  const auto* attribute = IFLA_RTA(static_cast<const ifinfomsg*>(NLMSG_DATA(message)));
  for (; RTA_OK(attribute, left); attribute = RTA_NEXT(attribute, left)) {
    if (attribute->rta_type == type && RTA_PAYLOAD(attribute) >= sizeof(std::uint32_t)) {
      std::uint32_t value = 0;
      std::memcpy(&value, RTA_DATA(attribute), sizeof(value));
      return value;
    }
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::uint16_t> kernel_device_mtu(const std::string& device) {
  const Socket socket(AF_INET, SOCK_DGRAM, 0);
  ifreq request{};
  std::strncpy(request.ifr_name, device.c_str(), sizeof(request.ifr_name) - 1);
  if (socket.get() < 0 || ::ioctl(socket.get(), SIOCGIFMTU, &request) != 0) {
    return std::nullopt;
  }
  return static_cast<std::uint16_t>(std::clamp(request.ifr_mtu, 0, 65535));
}

bool limit_peer_segmentation(const std::string& device, std::string& error) {
  const Socket socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
  std::vector<char> reply;
  LinkRequest query(RTM_GETLINK, static_cast<int>(::if_nametoindex(device.c_str())));
  if (const int failed = exchange(socket, query, reply); failed != 0) {
    error = fmt::format("can't look at it: {}", std::strerror(failed));
    return false;
  }
  const auto peer = attribute_of(reply, IFLA_LINK);
  if (!peer || *peer == 0) {
    return true;
  }
  LinkRequest limit(RTM_SETLINK, static_cast<int>(*peer));
  if (const auto peer_namespace = attribute_of(reply, IFLA_LINK_NETNSID)) {
    limit.add(IFLA_TARGET_NETNSID, *peer_namespace);
  }
  limit.add(IFLA_GSO_MAX_SEGS, 1);
  if (const int failed = exchange(socket, limit, reply); failed != 0) {
    error = fmt::format("can't set gso_max_segs of its peer: {}", std::strerror(failed));
    return false;
  }
  return true;
}

}  // namespace alkaid
