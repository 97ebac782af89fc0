// Rings of a guest by vhost-user say that they are polled, whenever its hypervisor sets them up.
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <span>
#include <stdexcept>
#include <vector>

#include <gtest/gtest.h>
#include <unistd.h>

#include "tests/pipeline/vhost_lab.hpp"

namespace alkaid::test {
namespace {

// A hypervisor's end of the socket with a guest's memory, in which each ring has a page. Messages:
// QEMU's docs/interop/vhost-user.rst.
class Hypervisor {
 public:
  static constexpr unsigned kRings = 4;
  static constexpr std::uint64_t kEventIndex = 1ULL << 29;
  static constexpr std::uint64_t kPacked = 1ULL << 34;

  explicit Hypervisor(const std::string& path)
      : socket_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)),
        file_(::memfd_create("guest", MFD_CLOEXEC)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path.c_str(), sizeof(address.sun_path) - 1);
    if (::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0 ||
        ::ftruncate(file_, kMemory) != 0) {
      throw std::runtime_error("hypervisor: no connection or no memory");
    }
    memory_ = static_cast<std::uint8_t*>(
        ::mmap(nullptr, kMemory, PROT_READ | PROT_WRITE, MAP_SHARED, file_, 0));
  }
  ~Hypervisor() {
    ::munmap(memory_, kMemory);
    ::close(file_);
    ::close(socket_);
  }
  Hypervisor(const Hypervisor&) = delete;
  Hypervisor& operator=(const Hypervisor&) = delete;

  // What the guest's driver agreed to beside version 1 and several pairs.
  void start(std::uint64_t features) {
    constexpr std::uint64_t kSeveralPairs = 1ULL << 22;
    constexpr std::uint64_t kProtocolFeatures = 1ULL << 30;
    constexpr std::uint64_t kVersion1 = 1ULL << 32;
    send(kSetOwner, std::span<const std::uint64_t>{});
    set(kSetFeatures, features | kSeveralPairs | kProtocolFeatures | kVersion1);
    // One region, and what is to be added to its beginning in the file.
    send(kSetMemoryTable, std::to_array<std::uint64_t>({1, 0, kMemory, kAddress, 0}), file_);
  }

  // Both rings of a pair.
  void start_pair(unsigned pair) {
    for (unsigned ring = 2 * pair; ring < 2 * pair + 2; ++ring) {
      const std::uint64_t page = kAddress + std::uint64_t{ring} * kPage;
      set(kSetRingSize, of_ring(ring, kDescriptors));
      set(kSetRingBase, of_ring(ring, 0));
      send(kSetRingAddresses,
           std::to_array<std::uint64_t>({ring, page, page + kUsed, page + kAvailable, 0}));
      send(kSetRingCall, std::to_array<std::uint64_t>({ring}), file_);
      send(kSetRingKick, std::to_array<std::uint64_t>({ring}), file_);
      set(kSetRingOn, of_ring(ring, 1));
    }
  }

  // All that was sent has been done.
  void wait() {
    send(kGetFeatures, std::span<const std::uint64_t>{});
    std::array<std::uint8_t, 20> answer;
    ASSERT_EQ(::recv(socket_, answer.data(), answer.size(), MSG_WAITALL),
              static_cast<ssize_t>(answer.size()));
  }

  // What the device says of kicks: of a split ring (virtio 1.2, 2.7.8) or a packed one (2.8.14).
  [[nodiscard]] std::uint16_t flags(unsigned ring, bool is_packed) const {
    std::uint16_t flags = 0;
    const std::size_t offset = is_packed ? 2 : 0;
    std::memcpy(&flags, memory_ + std::size_t{ring} * kPage + kUsed + offset, sizeof(flags));
    return flags;
  }

 private:
  enum Request : std::uint32_t {
    kGetFeatures = 1,
    kSetFeatures = 2,
    kSetOwner = 3,
    kSetMemoryTable = 5,
    kSetRingSize = 8,
    kSetRingAddresses = 9,
    kSetRingBase = 10,
    kSetRingKick = 12,
    kSetRingCall = 13,
    kSetRingOn = 18,
  };

  static constexpr std::size_t kPage = 4096;
  static constexpr std::size_t kMemory = kRings * kPage;
  static constexpr std::uint64_t kAddress = 0x10000;  // the guest's and the hypervisor's
  static constexpr std::uint64_t kDescriptors = 64;
  static constexpr std::size_t kAvailable = 1024;
  static constexpr std::size_t kUsed = 2048;

  static std::uint64_t of_ring(unsigned ring, std::uint64_t value) { return ring | value << 32; }
  void set(Request request, std::uint64_t value) { send(request, std::span{&value, 1}); }
  // Messages are in the machine's byte order; numbers of 32 bits stand in pairs here.
  void send(Request request, std::span<const std::uint64_t> body, int file = -1) {
    constexpr std::uint32_t kVersion = 1;
    std::vector<std::uint8_t> message(12 + body.size_bytes());
    const std::uint32_t header[3] = {request, kVersion,
                                     static_cast<std::uint32_t>(body.size_bytes())};
    std::memcpy(message.data(), header, sizeof(header));
    std::ranges::copy(std::as_bytes(body),
                      std::as_writable_bytes(std::span{message}).subspan(sizeof(header)).begin());
    iovec part{message.data(), message.size()};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
    msghdr whole{};
    whole.msg_iov = &part;
    whole.msg_iovlen = 1;
    if (file >= 0) {
      whole.msg_control = control.data();
      whole.msg_controllen = control.size();
      cmsghdr* entry = CMSG_FIRSTHDR(&whole);
      entry->cmsg_level = SOL_SOCKET;
      entry->cmsg_type = SCM_RIGHTS;
      entry->cmsg_len = CMSG_LEN(sizeof(int));
      std::memcpy(CMSG_DATA(entry), &file, sizeof(file));
    }
    ASSERT_EQ(::sendmsg(socket_, &whole, MSG_NOSIGNAL), static_cast<ssize_t>(message.size()));
  }

  int socket_;
  int file_;
  std::uint8_t* memory_ = nullptr;
};

class VhostKicks : public ::testing::TestWithParam<bool> {};

TEST_P(VhostKicks, AreRefusedByRingsThatAreSetUpLate) {
  VhostLab vhost;
  Hypervisor hypervisor(vhost.path());
  hypervisor.start(GetParam() ? Hypervisor::kPacked : 0);
  hypervisor.start_pair(0);
  hypervisor.wait();
  vhost.wait_for(PortAttachState::kAttached);
  EXPECT_EQ(hypervisor.flags(0, GetParam()), 1);
  EXPECT_EQ(hypervisor.flags(1, GetParam()), 1);
  EXPECT_EQ(hypervisor.flags(2, GetParam()), 0) << "nobody's yet";
  hypervisor.start_pair(1);
  hypervisor.wait();
  EXPECT_EQ(hypervisor.flags(2, GetParam()), 1);
  EXPECT_EQ(hypervisor.flags(3, GetParam()), 1);
}

INSTANTIATE_TEST_SUITE_P(All, VhostKicks, ::testing::Bool(),
                         [](const auto& info) { return info.param ? "Packed" : "Split"; });

// A driver that asks by index of the next kick doesn't look at the flag (virtio 1.2, 2.7.10.2).
TEST(VhostKicks, TheFlagStaysWhereAnIndexIsAgreedUpon) {
  VhostLab vhost;
  Hypervisor hypervisor(vhost.path());
  hypervisor.start(Hypervisor::kEventIndex);
  hypervisor.start_pair(0);
  hypervisor.wait();
  vhost.wait_for(PortAttachState::kAttached);
  EXPECT_EQ(hypervisor.flags(1, false), 0);
}

}  // namespace
}  // namespace alkaid::test
