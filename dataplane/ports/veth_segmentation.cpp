#include "dataplane/ports/veth_segmentation.hpp"

#include <linux/bpf.h>
#include <linux/ethtool.h>
#include <linux/if_link.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <mutex>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <unistd.h>

namespace alkaid {
namespace {

int bpf(bpf_cmd command, bpf_attr& attributes) {
  return static_cast<int>(::syscall(SYS_bpf, command, &attributes, sizeof(attributes)));
}

// "return XDP_PASS"; a descriptor, or -1 with errno.
int load_passing_program() {
  const std::array<bpf_insn, 2> program{{
      {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = XDP_PASS},
      {.code = BPF_JMP | BPF_EXIT},
  }};
  static constexpr char kLicense[] = "BSD";
  bpf_attr attributes{};
  attributes.prog_type = BPF_PROG_TYPE_XDP;
  attributes.expected_attach_type = BPF_XDP;
  // Otherwise an MTU above a page would be refused.
  attributes.prog_flags = BPF_F_XDP_HAS_FRAGS;
  attributes.insn_cnt = program.size();
  attributes.insns = reinterpret_cast<std::uintptr_t>(program.data());
  attributes.license = reinterpret_cast<std::uintptr_t>(kLicense);
  return bpf(BPF_PROG_LOAD, attributes);
}

// One for all devices, as long as the process lives: when a device's program is a new one the
// kernel waits until nobody runs its list of them (bpf_dispatcher_change_prog(), 7 to 20 ms); of
// one that another device has already it only counts the users. -1 with errno.
int passing_program() {
  static std::mutex mutex;
  static int program = -1;
  const std::lock_guard lock{mutex};
  if (program < 0) {
    program = load_passing_program();
  }
  return program;
}

}  // namespace

bool VethSegmentation::concerns(const std::string& device) {
  const int socket = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (socket < 0) {
    return false;
  }
  ethtool_drvinfo information{};
  information.cmd = ETHTOOL_GDRVINFO;
  ifreq request{};
  std::strncpy(request.ifr_name, device.c_str(), sizeof(request.ifr_name) - 1);
  request.ifr_data = reinterpret_cast<char*>(&information);
  const bool known = ::ioctl(socket, SIOCETHTOOL, &request) == 0;
  ::close(socket);
  return known && std::string_view{information.driver} == "veth";
}

std::optional<VethSegmentation> VethSegmentation::switch_off(const std::string& device,
                                                             std::string& error) {
  const int program = passing_program();
  if (program < 0) {
    error = fmt::format("can't load an XDP program: {}", std::strerror(errno));
    return std::nullopt;
  }
  bpf_attr attributes{};
  attributes.link_create.prog_fd = static_cast<std::uint32_t>(program);
  attributes.link_create.target_ifindex = ::if_nametoindex(device.c_str());
  attributes.link_create.attach_type = BPF_XDP;
  attributes.link_create.flags = XDP_FLAGS_DRV_MODE;
  const int link = bpf(BPF_LINK_CREATE, attributes);
  if (link < 0) {
    error = fmt::format("can't attach an XDP program: {}", std::strerror(errno));
    return std::nullopt;
  }
  return VethSegmentation{link};
}

VethSegmentation::VethSegmentation(VethSegmentation&& other) noexcept
    : link_(std::exchange(other.link_, -1)) {}

VethSegmentation& VethSegmentation::operator=(VethSegmentation&& other) noexcept {
  std::swap(link_, other.link_);
  return *this;
}

VethSegmentation::~VethSegmentation() {
  if (link_ >= 0) {
    ::close(link_);
  }
}

}  // namespace alkaid
