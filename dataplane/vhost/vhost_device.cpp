#include "dataplane/vhost/vhost_device.hpp"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include <fmt/format.h>
#include <rte_log.h>
#include <unistd.h>

#include "dataplane/vhost/vhost_link.hpp"
#include "dataplane/vhost/vhost_numbers.hpp"

namespace alkaid {
namespace {

// By number. librte_vhost's devices are the process's, and so are these.
std::array<std::atomic<VhostDevice*>, kMostVhosts> devices{};

// Rings of the first queue pair, named as the guest sees them (virtio 1.2, 5.1.2).
constexpr std::uint16_t kReceiveRing = 0;
constexpr std::uint16_t kTransmitRing = 1;

constexpr std::uint64_t bit(unsigned feature) {
  return std::uint64_t{1} << feature;
}

// Features by their numbers in virtio 1.2, 5.1.3.
constexpr std::uint64_t kGuestChecksums = bit(1);
constexpr std::uint64_t kSegmentsToGuest = bit(7) | bit(8) | bit(9) | bit(10);  // TSO4, 6, ECN, UFO
constexpr std::uint64_t kUdpSegmentsFromGuest = bit(14);
constexpr std::uint64_t kSeveralQueues = bit(22);

// What librte_vhost can and we don't: frames larger than the MTU towards the guest, UDP left to be
// cut by us, checksums that the guest would have to trust, more than one queue pair.
constexpr std::uint64_t kDeclined =
    kGuestChecksums | kSegmentsToGuest | kUdpSegmentsFromGuest | kSeveralQueues;

// A guest decides how often the library would complain about its descriptors, on the worker's
// thread; and the control thread logs connections itself.
void quieten_library() {
  rte_log_set_level_pattern("lib.vhost.data", RTE_LOG_EMERG);
  rte_log_set_level_pattern("lib.vhost.config", RTE_LOG_ERR);
}

// Removes a socket that a predecessor left behind; nobody listens on it.
void remove_stale_socket(const std::string& path) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0 || !S_ISSOCK(status.st_mode)) {
    return;
  }
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof(address.sun_path) - 1);
  const int descriptor = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (descriptor < 0) {
    return;
  }
  const bool is_stale =
      ::connect(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0 &&
      errno == ECONNREFUSED;
  ::close(descriptor);
  if (is_stale) {
    ::unlink(path.c_str());
  }
}

bool can_listen_at(const std::string& path, std::string& error) {
  const std::string directory = std::filesystem::path{path}.parent_path();
  if (::access(directory.c_str(), W_OK | X_OK) != 0) {
    error = fmt::format("can't make a socket in {}: {}", directory, std::strerror(errno));
    return false;
  }
  remove_stale_socket(path);
  struct stat status {};
  if (::lstat(path.c_str(), &status) == 0) {
    error = fmt::format("{} exists and is {}", path,
                        S_ISSOCK(status.st_mode) ? "another program's socket" : "no socket");
    return false;
  }
  return true;
}

}  // namespace

VhostDevice::VhostDevice(std::string path, rte_mempool* pool, std::shared_ptr<VhostLink> link)
    : path_(std::move(path)), pool_(pool), link_(std::move(link)) {}

std::unique_ptr<VhostDevice> VhostDevice::open(const std::string& path, bool is_server,
                                               rte_mempool* pool, QuiescenceDomain& quiescence,
                                               std::string& error) {
  auto link = std::make_shared<VhostLink>(quiescence);
  if (!add_vhost_link(path, link)) {
    error = fmt::format("the socket {} is another port's", path);
    return nullptr;
  }
  std::unique_ptr<VhostDevice> device{new VhostDevice{path, pool, std::move(link)}};
  if (!device->start(is_server, error)) {
    return nullptr;
  }
  return device;
}

VhostDevice* VhostDevice::find(std::uint16_t number) {
  return is_vhost(number)
             ? devices[std::size_t{number} - kFirstVhost].load(std::memory_order_acquire)
             : nullptr;
}

bool VhostDevice::take_number() {
  for (std::uint16_t i = 0; i < kMostVhosts; ++i) {
    VhostDevice* nobody = nullptr;
    if (devices[i].compare_exchange_strong(nobody, this)) {
      number_ = static_cast<std::uint16_t>(kFirstVhost + i);
      return true;
    }
  }
  return false;
}

bool VhostDevice::start(bool is_server, std::string& error) {
  quieten_library();
  if (is_server && !can_listen_at(path_, error)) {
    return false;
  }
  const std::uint64_t flags =
      RTE_VHOST_USER_NET_COMPLIANT_OL_FLAGS | (is_server ? 0 : RTE_VHOST_USER_CLIENT);
  if (!take_number() || rte_vhost_driver_register(path_.c_str(), flags) != 0) {
    error = fmt::format("librte_vhost has no room for the socket {} (it has room for {})", path_,
                        kMostVhosts);
    return false;
  }
  is_registered_ = true;
  if (rte_vhost_driver_disable_features(path_.c_str(), kDeclined) != 0 ||
      rte_vhost_driver_callback_register(path_.c_str(), &vhost_callbacks()) != 0 ||
      rte_vhost_driver_start(path_.c_str()) != 0) {
    error = fmt::format("librte_vhost can't serve the socket {}: {}", path_, std::strerror(errno));
    return false;
  }
  return true;
}

VhostDevice::~VhostDevice() {
  if (is_registered_) {
    rte_vhost_driver_unregister(path_.c_str());
  }
  if (is_vhost(number_)) {
    devices[std::size_t{number_} - kFirstVhost].store(nullptr, std::memory_order_release);
  }
  remove_vhost_link(path_);
}

bool VhostDevice::is_connected() const {
  return link_->device() != VhostLink::kNone;
}

std::uint16_t VhostDevice::receive(rte_mbuf** packets, std::uint16_t count) {
  const int device = link_->device();
  return device == VhostLink::kNone
             ? std::uint16_t{0}
             : rte_vhost_dequeue_burst(device, kTransmitRing, pool_, packets, count);
}

std::uint16_t VhostDevice::send(rte_mbuf** packets, std::uint16_t count) {
  const int device = link_->device();
  if (device == VhostLink::kNone) {
    return 0;
  }
  const std::uint16_t sent = rte_vhost_enqueue_burst(device, kReceiveRing, packets, count);
  rte_pktmbuf_free_bulk(packets, sent);
  return sent;
}

}  // namespace alkaid
