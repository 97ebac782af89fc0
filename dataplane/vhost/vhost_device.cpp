#include "dataplane/vhost/vhost_device.hpp"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include <fmt/format.h>
#include <rte_log.h>
#include <unistd.h>

#include "dataplane/graph/packet_context.hpp"
#include "dataplane/packet/parse.hpp"
#include "dataplane/vhost/driver_offloads.hpp"
#include "dataplane/vhost/left_to_device.hpp"
#include "dataplane/vhost/merged_segments.hpp"
#include "dataplane/vhost/vhost_link.hpp"
#include "dataplane/vhost/vhost_numbers.hpp"
#include "dataplane/vhost/vhost_view.hpp"
#include "dataplane/vxlan/entropy.hpp"

namespace alkaid {
namespace {

// By number. librte_vhost's devices are the process's, and so are these.
std::array<std::atomic<VhostDevice*>, kMostVhosts> devices{};
std::array<std::atomic<const VhostLink*>, kMostVhosts> links{};

const VhostLink* find_link(std::uint16_t number) {
  return is_vhost(number) ? links[std::size_t{number} - kFirstVhost].load(std::memory_order_acquire)
                          : nullptr;
}

// Rings of a queue pair, named as the guest sees them (virtio 1.2, 5.1.2).
constexpr std::uint16_t receive_ring(unsigned pair) {
  return static_cast<std::uint16_t>(2 * pair);
}
constexpr std::uint16_t transmit_ring(unsigned pair) {
  return static_cast<std::uint16_t>(2 * pair + 1);
}

// Of one queue, polled in one visit.
constexpr unsigned kMostRingsAtOnce = 16;

constexpr std::uint64_t bit(unsigned feature) {
  return std::uint64_t{1} << feature;
}

// Features by their numbers in virtio 1.2, 5.1.3.
constexpr std::uint64_t kGuestChecksums = bit(1);
constexpr std::uint64_t kLargeV4ToGuest = bit(7);
constexpr std::uint64_t kLargeV6ToGuest = bit(8);
constexpr std::uint64_t kLargeWithCwrToGuest = bit(9);
constexpr std::uint64_t kUdpFragmentsToGuest = bit(10);
constexpr std::uint64_t kUdpFragmentsFromGuest = bit(14);
constexpr std::uint64_t kMergeableBuffers = bit(15);

// What librte_vhost can and we don't: UDP to be cut into fragments; and large TCP with CWR, of
// which it can't tell the guest.
constexpr std::uint64_t kDeclined =
    kLargeWithCwrToGuest | kUdpFragmentsToGuest | kUdpFragmentsFromGuest;

DriverOffloads offloads_of(const VhostPeer& peer) {
  const bool checksums = (peer.features & kGuestChecksums) != 0;
  return {checksums, checksums && (peer.features & kLargeV4ToGuest) != 0,
          checksums && (peer.features & kLargeV6ToGuest) != 0,
          (peer.features & kMergeableBuffers) != 0};
}

// Of `pairs`, those from `first` on in steps of `step`.
unsigned rings_of(unsigned first, unsigned pairs, unsigned step) {
  return (pairs - first + step - 1) / step;
}

// One for all packets of a flow.
std::uint32_t flow_number(rte_mbuf* packet) {
  FrameHeaders headers;
  return parse_frame(bytes_of(packet), packet->pkt_len, headers) == DropReason::kNone
             ? flow_entropy(bytes_of(packet), headers)
             : 0;
}

// The library takes no more at once (MAX_PKT_BURST in its virtio_net.c), whatever room there is.
constexpr std::uint16_t kLibraryBurst = 32;

// Of a packet that the guest's driver is to finish.
bool can_be_finished(rte_mbuf* packet, const VhostPeer& peer, rte_mempool* pool) {
  const DriverOffloads offloads = offloads_of(peer);
  if (!is_cut_by_driver(packet)) {
    return offloads.checksums;
  }
  const bool is_v6 = (packet->ol_flags & RTE_MBUF_F_TX_IPV6) != 0;
  return (is_v6 ? offloads.large_v6 : offloads.large_v4) && keep_pseudo_header_sum(packet, pool);
}

// How many of the packets, from the first one on, the guest can have. One that its driver was to
// finish and, being another one by now, doesn't, is not sent, nor what is behind it.
std::uint16_t prepare(const VhostPeer& peer, rte_mbuf** packets, std::uint16_t count,
                      rte_mempool* pool) {
  for (std::uint16_t i = 0; i < count; ++i) {
    if (is_left_to_driver(packets[i]) && !can_be_finished(packets[i], peer, pool)) [[unlikely]] {
      return i;
    }
  }
  return count;
}

VhostDevice::Sent enqueue(const VhostPeer& peer, unsigned pair, rte_mbuf** packets,
                          std::uint16_t count, rte_mempool* pool) {
  VhostDevice::Sent sent;
  std::uint16_t wanted = 0;
  std::uint16_t taken = 0;
  do {
    rte_mbuf** burst = packets + sent.packets;
    wanted = std::min<std::uint16_t>(kLibraryBurst, count - sent.packets);
    taken = rte_vhost_enqueue_burst(peer.device, receive_ring(pair), burst,
                                    prepare(peer, burst, wanted, pool));
    for (std::uint16_t i = 0; i < taken; ++i) {
      sent.bytes += burst[i]->pkt_len;
    }
    rte_pktmbuf_free_bulk(burst, taken);
    sent.packets = static_cast<std::uint16_t>(sent.packets + taken);
  } while (taken == wanted && sent.packets < count);
  return sent;
}

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

VhostDevice::VhostDevice(std::string path, const Sharing& sharing, rte_mempool* pool,
                         std::shared_ptr<VhostLink> link)
    : path_(std::move(path)),
      sharing_(sharing),
      pool_(pool),
      link_(std::move(link)),
      next_rings_(sharing.receive_queues) {}

std::unique_ptr<VhostDevice> VhostDevice::open(const std::string& path, bool is_server,
                                               const Sharing& sharing, rte_mempool* pool,
                                               QuiescenceDomain& quiescence, std::string& error) {
  auto link = std::make_shared<VhostLink>(quiescence);
  if (!add_vhost_link(path, link)) {
    error = fmt::format("the socket {} is another port's", path);
    return nullptr;
  }
  std::unique_ptr<VhostDevice> device{new VhostDevice{path, sharing, pool, std::move(link)}};
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
      begin_merged_counts(number_, sharing_.workers);
      links[i].store(link_.get(), std::memory_order_release);
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
    links[std::size_t{number_} - kFirstVhost].store(nullptr, std::memory_order_release);
    end_merged_counts(number_);
    devices[std::size_t{number_} - kFirstVhost].store(nullptr, std::memory_order_release);
  }
  remove_vhost_link(path_);
}

bool VhostDevice::is_connected() const {
  return link_->device() != VhostLink::kNone;
}

std::uint16_t VhostDevice::receive_queues() const {
  return std::min(link_->pairs().from_guest, sharing_.receive_queues);
}

bool VhostDevice::takes_from_all() const {
  return link_->pairs().to_guest > 1;
}

std::uint16_t VhostDevice::receive(std::uint16_t queue, rte_mbuf** packets, std::uint16_t count) {
  const int device = link_->device();
  const unsigned pairs = link_->pairs().from_guest;
  if (device == VhostLink::kNone || queue >= pairs) {
    return 0;
  }
  // Every so manieth pair is the queue's.
  const unsigned step = sharing_.receive_queues;
  const unsigned rings = rings_of(queue, pairs, step);
  if (rings == 1) {
    return rte_vhost_dequeue_burst(device, transmit_ring(queue), pool_, packets, count);
  }
  // Some of them in turns, so that none starves the others and many cost no more than some.
  const unsigned looks = std::min(rings, kMostRingsAtOnce);
  const auto share = static_cast<std::uint16_t>(std::max(1U, count / looks));
  unsigned ring = next_rings_[queue] < rings ? next_rings_[queue] : 0;
  std::uint16_t received = 0;
  for (unsigned look = 0; look < looks && received + share <= count; ++look) {
    received = static_cast<std::uint16_t>(
        received + rte_vhost_dequeue_burst(device, transmit_ring(queue + ring * step), pool_,
                                           packets + received, share));
    ring = ring + 1 < rings ? ring + 1 : 0;
  }
  next_rings_[queue] = static_cast<std::uint16_t>(ring);
  return received;
}

VhostDevice::Sent VhostDevice::send(unsigned worker, rte_mbuf** packets, std::uint16_t count) {
  const VhostPeer peer = link_->peer();
  if (peer.device == VhostLink::kNone) {
    return {};
  }
  const unsigned pairs = link_->pairs().to_guest;
  if (pairs <= sharing_.workers) {
    return enqueue(peer, worker % pairs, packets, count, pool_);
  }
  std::array<std::uint8_t, kMostSent> choices;
  const unsigned rings = rings_of(worker, pairs, sharing_.workers);
  for (std::uint16_t i = 0; i < count; ++i) {
    choices[i] = static_cast<std::uint8_t>(flow_number(packets[i]) % rings);
  }
  Sent sent;
  std::array<rte_mbuf*, kMostSent> left;
  std::uint16_t left_count = 0;
  for (unsigned ring = 0; ring < rings; ++ring) {
    std::array<rte_mbuf*, kMostSent> burst;
    std::uint16_t size = 0;
    for (std::uint16_t i = 0; i < count; ++i) {
      if (choices[i] == ring) {
        burst[size++] = packets[i];
      }
    }
    if (size == 0) {
      continue;  // to ask costs the ring's lock
    }
    const Sent more = enqueue(peer, worker + ring * sharing_.workers, burst.data(), size, pool_);
    sent.packets = static_cast<std::uint16_t>(sent.packets + more.packets);
    sent.bytes += more.bytes;
    for (std::uint16_t i = more.packets; i < size; ++i) {
      left[left_count++] = burst[i];
    }
  }
  std::copy_n(left.begin(), left_count, packets + sent.packets);
  return sent;
}

DriverOffloads driver_offloads(std::uint16_t number) {
  const VhostLink* link = find_link(number);
  return link != nullptr ? offloads_of(link->peer()) : DriverOffloads{};
}

std::optional<VhostView> view_vhost(std::uint16_t number) {
  const VhostLink* link = find_link(number);
  if (link == nullptr) {
    return std::nullopt;
  }
  const VhostPeer peer = link->peer();
  if (peer.device == VhostLink::kNone) {
    return VhostView{};
  }
  const QueuePairs pairs = link->pairs();
  return VhostView{true, pairs.to_guest, pairs.from_guest, offloads_of(peer)};
}

}  // namespace alkaid
