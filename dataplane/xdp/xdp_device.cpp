#include "dataplane/xdp/xdp_device.hpp"

#include <net/if.h>

#include <array>
#include <atomic>
#include <utility>

#include <fmt/format.h>

namespace alkaid {
namespace {

// By number, which is one of the whole process.
std::array<std::atomic<XdpDevice*>, kMostXdps> devices{};

}  // namespace

std::unique_ptr<XdpDevice> XdpDevice::open(const std::string& device, XdpMode mode,
                                           const std::optional<UplinkFilter>& filter,
                                           rte_mempool* pool, std::string& error) {
  std::unique_ptr<XdpDevice> opened{new XdpDevice{device}};
  opened->program_ = XdpProgram::load(filter, error);
  return opened->program_ && opened->start(mode, pool, error) ? std::move(opened) : nullptr;
}

bool XdpDevice::start(XdpMode mode, rte_mempool* pool, std::string& error) {
  const auto link = look_at_link(device_);
  index_ = ::if_nametoindex(device_.c_str());
  if (!link || index_ == 0) {
    error = fmt::format("{} went away", device_);
    return false;
  }
  if (link->receive_queues > kXdpMostQueues) {
    error = fmt::format("{0} has {1} receive queues, {2} at most can be served: ethtool -L {0} ...",
                        device_, link->receive_queues, static_cast<int>(kXdpMostQueues));
    return false;
  }
  mac_ = link->mac;
  transmit_queues_ = link->transmit_queues;
  // Sockets first: whatever the program hands over finds one.
  for (std::uint32_t queue = 0; queue < link->receive_queues; ++queue) {
    auto socket = XdpSocket::open(device_, queue, pool, error);
    if (!socket || !program_->set_socket(queue, socket->descriptor(), error)) {
      return false;
    }
    sockets_.push_back(std::move(socket));
  }
  if (!program_->attach(index_, mode, error)) {
    return false;
  }
  if (!take_number()) {
    error = fmt::format("{} devices are attached by AF_XDP already", kMostXdps);
    return false;
  }
  return true;
}

bool XdpDevice::take_number() {
  for (std::uint16_t i = 0; i < kMostXdps; ++i) {
    if (devices[i].load(std::memory_order_relaxed) == nullptr) {
      number_ = static_cast<std::uint16_t>(kFirstXdp + i);
      devices[i].store(this, std::memory_order_release);
      return true;
    }
  }
  return false;
}

XdpDevice* XdpDevice::find(std::uint16_t number) {
  return is_xdp(number) ? devices[number - kFirstXdp].load(std::memory_order_acquire) : nullptr;
}

XdpDevice::~XdpDevice() {
  if (number_ != UINT16_MAX) {
    devices[number_ - kFirstXdp].store(nullptr, std::memory_order_release);
  }
}

std::uint64_t XdpDevice::lost() const {
  std::uint64_t sum = 0;
  for (const auto& socket : sockets_) {
    sum += socket->lost();
  }
  return sum;
}

bool XdpDevice::is_outdated() const {
  const auto link = look_at_link(device_);
  return link && (link->receive_queues != sockets_.size() ||
                  link->transmit_queues != transmit_queues_ || link->mac != mac_);
}

bool XdpDevice::accept(PacketMembership::Frames frames) {
  membership_ = PacketMembership{index_, frames};
  return membership_.is_valid();
}

}  // namespace alkaid
